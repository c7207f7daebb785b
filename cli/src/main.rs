//! `keybell`: the only place where the rooms are wired together.
//!
//! Exit codes: 0 done; 1 it did not work, or some accounts failed or could not be told; 2 the command line is wrong;
//! 3 the answer to the question was no; 78 the configuration is wrong.

mod args;
mod commands;
mod configuration;
mod context;
mod keys;
mod live;
mod lock;
mod logging;
mod outcome;
mod output;
mod running;
mod stop;
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
            error.downcast_ref::<Exit>().copied().unwrap_or(Exit::Failed)
        }
    };
    // Threads that a hard stop left behind must not keep the process.
    runtime.shutdown_background();
    exit.into()
}
