//! What every command gets besides its own arguments.

use keybell_shared::config::Config;

use crate::args::Output;

/// The configuration, and how results are written.
pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) output: Output,
}
