//! What a handler says about a delivery. One loop, the harness, acts on it.

/// The end of handling one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The ledger knows everything: acknowledge.
    Done,
    /// The message can never be handled: hand it to the dead letters, with the reason for the log.
    GiveUp(String),
    /// The ledger could not be reached or its answer is unknown: leave the delivery unacknowledged, so that the broker
    /// brings it again, and stop taking new ones for a moment.
    Unsettled(String),
}
