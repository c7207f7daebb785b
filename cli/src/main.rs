//! `keybell`: the only place where the rooms are wired together.
//!
//! The exit codes are in [`outcome`].

mod args;
mod beforehand;
mod commands;
mod configuration;
mod context;
mod desk;
mod keys;
mod live;
mod lock;
mod logging;
mod metrics;
mod outcome;
mod output;
mod running;
mod stop;
mod telemetry;
mod wiring;

use clap::Parser as _;

use args::Cli;
use outcome::Exit;

fn main() -> std::process::ExitCode {
    keybell_shared::tls::init();
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::complain(&format!("keybell cannot start: {error}"));
            return Exit::Failed.into();
        }
    };
    let exit = match runtime.block_on(commands::run(cli)) {
        Ok(exit) => exit,
        Err(error) => {
            output::complain(&format!("{error:#}"));
            Exit::of(&error)
        }
    };
    // Threads that a hard stop left behind must not keep the process.
    runtime.shutdown_background();
    telemetry::finish();
    if let Some(reason) = output::lost() {
        output::complain(&format!("the result could not be written to standard output: {reason}"));
        return Exit::Failed.into();
    }
    exit.into()
}
