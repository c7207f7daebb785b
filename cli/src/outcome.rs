//! How a command ends.

use std::process::ExitCode;

/// The exit codes of `keybell`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Exit {
    /// Done.
    #[error("done")]
    Done,
    /// It did not work, or some accounts failed or could not be told.
    #[error("failed")]
    Failed,
    /// The answer to the question was no.
    #[error("declined")]
    Declined,
    /// The configuration is wrong.
    #[error("the configuration is wrong")]
    Configuration,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Declined => 3,
            Exit::Configuration => 78,
        })
    }
}
