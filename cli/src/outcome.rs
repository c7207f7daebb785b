//! How a command ends.

use std::process::ExitCode;

use keybell_shared::error::{BoardError, LedgerError, QueueError};
use keybell_shared::problem::{Problem, ProblemKind};

/// The exit codes of `keybell`. They are a promise to scripts: codes are added, never given another meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Exit {
    /// Done.
    #[error("done")]
    Done,
    /// It did not work, or some accounts failed or could not be told.
    #[error("failed")]
    Failed,
    /// The command line or the request is wrong; nothing was changed.
    #[error("the command line is wrong")]
    Usage,
    /// The answer to the question was no.
    #[error("declined")]
    Declined,
    /// There is no such thing.
    #[error("there is no such thing")]
    NotFound,
    /// Something that is needed cannot be reached, or is in use; the same command may work later.
    #[error("not available right now")]
    Unavailable,
    /// The key is not valid, or its role may not do this.
    #[error("not permitted")]
    NotPermitted,
    /// The configuration is wrong.
    #[error("the configuration is wrong")]
    Configuration,
}

/// The table of exit codes, as the help and the handbook show it.
pub(crate) const TABLE: &str = "\
Exit codes:
   0  done
   1  it did not work, or some accounts failed or could not be told
   2  the command line or the request is wrong; nothing was changed
   3  the answer to the question was no; nothing was changed
   4  there is no such task, key, webhook or district
  69  something cannot be reached or is in use; try again later
  77  the API key is not valid, or its role may not do this
  78  the configuration is wrong";

/// An error that says its exit code.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Fault {
    exit: Exit,
    text: String,
}

impl Exit {
    /// The number.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Declined => 3,
            Self::NotFound => 4,
            Self::Unavailable => 69,
            Self::NotPermitted => 77,
            Self::Configuration => 78,
        }
    }

    /// An error with this exit code, in these words.
    pub(crate) fn because(self, text: impl Into<String>) -> anyhow::Error {
        Fault { exit: self, text: text.into() }.into()
    }

    /// What an HTTP status means for the exit code.
    pub(crate) const fn of_status(status: u16) -> Self {
        match status {
            400 | 405 | 413 | 415 | 422 | 431 => Self::Usage,
            401 | 403 => Self::NotPermitted,
            404 => Self::NotFound,
            408 | 429 | 502..=504 => Self::Unavailable,
            _ => Self::Failed,
        }
    }

    /// The exit code of an error that ended the program.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        if let Some(exit) = error.downcast_ref::<Self>() {
            return *exit;
        }
        if let Some(fault) = error.downcast_ref::<Fault>() {
            return fault.exit;
        }
        if let Some(problem) = error.downcast_ref::<Problem>() {
            return Self::of_kind(problem.kind);
        }
        let away = matches!(error.downcast_ref(), Some(LedgerError::Unavailable(_)))
            || matches!(error.downcast_ref(), Some(QueueError::Unavailable(_)))
            || error.downcast_ref::<BoardError>().is_some();
        if away { Self::Unavailable } else { Self::Failed }
    }

    /// What a problem of a door means for the exit code.
    const fn of_kind(kind: ProblemKind) -> Self {
        match kind {
            ProblemKind::Malformed | ProblemKind::Invalid | ProblemKind::TooLarge => Self::Usage,
            ProblemKind::Unauthenticated | ProblemKind::Forbidden => Self::NotPermitted,
            ProblemKind::NotFound => Self::NotFound,
            ProblemKind::Throttled | ProblemKind::Unavailable => Self::Unavailable,
            ProblemKind::Conflict | ProblemKind::Internal => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn an_error_keeps_its_code_through_every_context() {
        let deep: anyhow::Result<()> =
            Err(Exit::NotFound.because("there is no task")).context("the first").context("the second");
        assert_eq!(Exit::of(&deep.unwrap_err()), Exit::NotFound);
        let wrapped: anyhow::Result<()> = Err(anyhow::anyhow!("mode")).context(Exit::Configuration);
        assert_eq!(Exit::of(&wrapped.unwrap_err()), Exit::Configuration);
        let away: anyhow::Error = LedgerError::Unavailable("refused".to_owned()).into();
        assert_eq!(Exit::of(&away.context("the ledger")), Exit::Unavailable);
        assert_eq!(Exit::of(&anyhow::anyhow!("something else")), Exit::Failed);
    }

    #[test]
    fn the_table_has_every_code() {
        for exit in [
            Exit::Done,
            Exit::Failed,
            Exit::Usage,
            Exit::Declined,
            Exit::NotFound,
            Exit::Unavailable,
            Exit::NotPermitted,
            Exit::Configuration,
        ] {
            let code = exit.code();
            assert!(TABLE.lines().any(|line| line.trim_start().starts_with(&format!("{code}  "))), "{code}");
        }
    }
}
