//! `keybell completions`, `man` and `openapi`: what is made of the program itself.

use std::path::Path;

use anyhow::{Context as _, Result};
use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::args::Cli;
use crate::outcome::Exit;
use crate::output::{complain, say};

/// The completions of a shell.
pub(crate) fn completions(shell: Shell) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "keybell", &mut script);
    say(String::from_utf8_lossy(&script).trim_end());
    Exit::Done
}

/// The manual page of the program, or one for each command in this folder.
pub(crate) fn man(out: Option<&Path>) -> Result<Exit> {
    let command = Cli::command().disable_help_subcommand(true);
    let Some(folder) = out else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page).context("the manual page cannot be made")?;
        say(String::from_utf8_lossy(&page).trim_end());
        return Ok(Exit::Done);
    };
    let written = std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder));
    written.with_context(|| format!("the pages cannot be written into {}", folder.display()))?;
    complain(&format!(
        "the manual pages are in {}; man -l {}/keybell.1 shows the first",
        folder.display(),
        folder.display()
    ));
    Ok(Exit::Done)
}

/// The description of the API.
pub(crate) fn openapi() -> Result<Exit> {
    say(&serde_json::to_string_pretty(&keybell_api::description())?);
    Ok(Exit::Done)
}
