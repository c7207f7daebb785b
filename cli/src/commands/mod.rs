//! One file per command.

mod apikey;
mod demo;
mod doctor;
mod keys;
mod migrate;
mod producer;
mod reset;
mod roster;
mod serve;
mod task;

use anyhow::{Context as _, Result};
use keybell_shared::actor::{Actor, Role};
use keybell_shared::ports::ledger::{District, KeyLedger as _};

use crate::args::{Cli, Command};
use crate::configuration;
use crate::context::Context;
use crate::outcome::Exit;
use crate::output::say;
use crate::wiring::Backends;

/// Runs the command.
pub(crate) async fn run(cli: Cli) -> Result<Exit> {
    if let Command::Config = cli.command {
        say(configuration::DEFAULTS.trim_end());
        return Ok(Exit::Done);
    }
    if let Command::Demo(arguments) = cli.command {
        return demo::run(arguments, cli.config.as_deref(), cli.folder, cli.output).await;
    }
    let mut config = configuration::load(cli.config.as_deref()).context(Exit::Configuration)?;
    if let Some(folder) = cli.folder {
        config.folder = folder;
    }
    // Services tell what they do; commands only what goes wrong.
    let service = matches!(cli.command, Command::Serve | Command::Api | Command::Scheduler | Command::Worker(_));
    crate::logging::begin(&config, !service);
    let context = Context { config, output: cli.output };
    match cli.command {
        Command::Serve => serve::all(context).await,
        Command::Api => serve::api(context).await,
        Command::Scheduler => serve::scheduler(context).await,
        Command::Worker(arguments) => serve::worker(context, arguments).await,
        Command::Roster(arguments) => roster::run(context, arguments).await,
        Command::Reset(arguments) => reset::run(context, *arguments).await,
        Command::Task(arguments) => task::run(context, arguments).await,
        Command::Apikey(arguments) => apikey::run(context, arguments).await,
        Command::Producer(arguments) => producer::run(context, arguments).await,
        Command::Keys(arguments) => keys::run(&context, &arguments),
        Command::Migrate => migrate::run(context).await,
        Command::Doctor { quiet } => doctor::run(context, quiet).await,
        Command::Demo(_) | Command::Config => Ok(Exit::Done),
    }
}

/// The district that is meant: the named one, or the only one.
pub(crate) async fn district(backends: &Backends, named: Option<&str>) -> Result<District> {
    let districts = backends.ledger.districts().await?;
    let slugs = || districts.iter().map(|district| district.slug.as_str()).collect::<Vec<_>>().join(", ");
    match (named, districts.as_slice()) {
        (Some(slug), all) => all
            .iter()
            .find(|district| district.slug == slug)
            .cloned()
            .with_context(|| format!("there is no district `{slug}`; there are: {}", slugs())),
        (None, [only]) => Ok(only.clone()),
        (None, []) => anyhow::bail!("there is no district yet; `keybell roster import PATH` brings one in"),
        (None, _) => anyhow::bail!("name the district with --district; there are: {}", slugs()),
    }
}

/// Whoever sits at this machine's console is the district's administrator.
pub(crate) fn console(district: &District) -> Actor {
    Actor { district: district.id, role: Role::DistrictAdmin, name: "console".to_owned(), key: None, person: None }
}
