//! One file per command.

mod account;
mod apikey;
mod asyncapi;
mod bench;
mod children;
mod confirm;
mod demo;
mod doctor;
mod download;
mod fleet;
mod formats;
mod keys;
mod legend;
mod migrate;
mod pages;
mod plan;
mod print;
mod producer;
mod purge;
mod request;
mod reset;
mod roster;
mod serve;
mod task;
mod upload;
mod webhook;

use anyhow::{Context as _, Result};
use keybell_shared::actor::{Actor, CONSOLE, Role};
use keybell_shared::config::Config;
use keybell_shared::ports::ledger::{District, KeyLedger as _};

use crate::args::{Cli, Command};
use crate::configuration;
use crate::context::{Context, Server};
use crate::outcome::Exit;
use crate::output::{colour, say};
use crate::wiring::Backends;

/// Runs the command.
#[expect(clippy::wildcard_enum_match_arm, reason = "every other command needs a configuration or a server")]
pub(crate) async fn run(cli: Cli) -> Result<Exit> {
    colour::wish(cli.color);
    let server = cli.server.map(|url| Server { url, key_file: cli.key_file.clone() });
    refuse_server(server.as_ref(), cli.key_file.is_some(), &cli.command)?;
    match cli.command {
        Command::Config => {
            say(configuration::DEFAULTS.trim_end());
            Ok(Exit::Done)
        }
        Command::Completions { shell } => Ok(print::completions(shell)),
        Command::Man { out } => print::man(out.as_deref()),
        Command::Openapi => print::openapi(),
        Command::Asyncapi { schema } => asyncapi::run(schema),
        Command::Bench(arguments) => {
            Box::pin(bench::run(arguments, cli.config.as_deref(), cli.folder, cli.output)).await
        }
        Command::Demo(arguments) => Box::pin(demo::run(arguments, cli.config.as_deref(), cli.folder, cli.output)).await,
        command => {
            let mut config = match &server {
                // Whoever asks a server needs no configuration of their own.
                Some(_) => Config::default(),
                None => configuration::load(cli.config.as_deref()).context(Exit::Configuration)?,
            };
            if let Some(folder) = cli.folder {
                config.folder = folder;
            }
            // Services tell what they do; commands only what goes wrong.
            let service = matches!(
                command,
                Command::Serve | Command::Api | Command::Scheduler | Command::Worker(_) | Command::BenchProcess(_)
            );
            crate::logging::begin(&config, !service)?;
            Box::pin(dispatch(Context { config, output: cli.output, server }, command)).await
        }
    }
}

async fn dispatch(context: Context, command: Command) -> Result<Exit> {
    match command {
        Command::BenchProcess(arguments) => bench::process(context, arguments).await,
        Command::Serve => serve::all(context).await,
        Command::Api => serve::api(context).await,
        Command::Scheduler => serve::scheduler(context).await,
        Command::Worker(arguments) => serve::worker(context, arguments).await,
        Command::Roster(arguments) => roster::run(context, arguments).await,
        Command::Plan(arguments) => Box::pin(plan::run(context, *arguments)).await,
        Command::Reset(arguments) => Box::pin(reset::run(context, *arguments)).await,
        Command::Upload(arguments) => Box::pin(upload::run(context, arguments)).await,
        Command::Task(arguments) => Box::pin(task::run(context, arguments)).await,
        Command::Account(arguments) => account::run(context, arguments).await,
        Command::Fleet => fleet::run(context).await,
        Command::Precautions => legend::precautions(context).await,
        Command::Codes => legend::codes(context).await,
        Command::Formats(asked) => formats::run(context, asked).await,
        Command::Apikey(arguments) => apikey::run(context, arguments).await,
        Command::Webhook(arguments) => webhook::run(context, arguments).await,
        Command::Producer(arguments) => producer::run(context, arguments).await,
        Command::Keys(arguments) => keys::run(context, arguments).await,
        Command::Migrate => migrate::run(context).await,
        Command::Doctor { quiet } => Box::pin(doctor::run(context, quiet)).await,
        Command::Purge(arguments) => purge::run(context, arguments).await,
        Command::Bench(_)
        | Command::Demo(_)
        | Command::Config
        | Command::Completions { .. }
        | Command::Man { .. }
        | Command::Openapi
        | Command::Asyncapi { .. } => Ok(Exit::Done),
    }
}

/// Refuses a server for what only the machine itself can do.
fn refuse_server(server: Option<&Server>, key_file: bool, command: &Command) -> Result<()> {
    let name = match command {
        Command::Plan(_)
        | Command::Reset(_)
        | Command::Upload(_)
        | Command::Task(_)
        | Command::Account(_)
        | Command::Apikey(_)
        | Command::Webhook(_)
        | Command::Fleet
        | Command::Precautions
        | Command::Codes
        | Command::Formats(_) => None,
        Command::Bench(_) => Some("bench"),
        Command::BenchProcess(_) => Some("bench-process"),
        Command::Demo(_) => Some("demo"),
        Command::Serve => Some("serve"),
        Command::Api => Some("api"),
        Command::Scheduler => Some("scheduler"),
        Command::Worker(_) => Some("worker"),
        Command::Roster(_) => Some("roster"),
        Command::Producer(_) => Some("producer"),
        Command::Keys(_) => Some("keys"),
        Command::Migrate => Some("migrate"),
        Command::Doctor { .. } => Some("doctor"),
        Command::Purge(_) => Some("purge"),
        Command::Config => Some("config"),
        Command::Openapi => Some("openapi"),
        Command::Asyncapi { .. } => Some("asyncapi"),
        Command::Completions { .. } => Some("completions"),
        Command::Man { .. } => Some("man"),
    };
    match (name, server) {
        (Some(name), Some(_)) => Err(Exit::Usage.because(format!(
            "`keybell {name}` does not take --server: it is done on the machine itself; run it there"
        ))),
        (_, None) if key_file => {
            Err(Exit::Usage.because("--key-file goes with --server, and without it no key is needed"))
        }
        _ => Ok(()),
    }
}

/// The district that is meant: the named one, or the only one.
pub(crate) async fn district(backends: &Backends, named: Option<&str>) -> Result<District> {
    let districts = backends.ledger.districts().await?;
    let slugs = || districts.iter().map(|district| district.slug.as_str()).collect::<Vec<_>>().join(", ");
    match (named, districts.as_slice()) {
        (_, []) => Err(Exit::NotFound.because("there is no district yet; `keybell roster import PATH` brings one in")),
        (Some(slug), all) => all
            .iter()
            .find(|district| district.slug == slug)
            .cloned()
            .ok_or_else(|| Exit::NotFound.because(format!("there is no district `{slug}`; there are: {}", slugs()))),
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(Exit::Usage.because(format!("name the district with --district; there are: {}", slugs()))),
    }
}

/// Whoever sits at this machine's console is the district's administrator.
pub(crate) fn console(district: &District) -> Actor {
    Actor { district: district.id, role: Role::DistrictAdmin, name: CONSOLE.to_owned(), key: None, person: None }
}
