//! What every command gets besides its own arguments.

use std::path::PathBuf;

use keybell_shared::config::Config;

use crate::args::Output;

/// The configuration, and how results are written.
pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) output: Output,
    /// The server to ask, instead of what the configuration names.
    pub(crate) server: Option<Server>,
}

/// A server, as the command line names it.
pub(crate) struct Server {
    /// Its address.
    pub(crate) url: String,
    /// Where its key lies; else the environment has it.
    pub(crate) key_file: Option<PathBuf>,
}
