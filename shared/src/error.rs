//! What a port can answer instead of a result.

/// The ledger did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// It cannot be reached, or is too busy, or its answer to a commit was lost and could not be found out. Trying the
    /// same call again later is right.
    #[error("the database cannot be reached: {0}")]
    Unavailable(String),
    /// It refused a statement, or a row makes no sense: a defect, which no repetition cures.
    #[error("the database refused: {0}")]
    Defect(String),
}

impl LedgerError {
    /// Whether a later repetition may succeed.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// The queue did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// The broker cannot be reached, or does not answer in time. What was asked may or may not have happened.
    #[error("the broker cannot be reached: {0}")]
    Unavailable(String),
    /// The broker has a queue of this name with other arguments, or refuses our permissions.
    #[error("the broker refused: {0}")]
    Refused(String),
}

/// The board did not do what was asked. Nothing depends on it but the live view.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the board cannot be reached: {0}")]
pub struct BoardError(pub String);
