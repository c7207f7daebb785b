//! The ports' implementations, pair by pair: one for the cluster, one for the embedded mode.
//!
//! Each pair passes the same conformance suite (`tests/tests/conformance`).

pub mod board;
pub mod events;
pub mod examine;
pub mod ledger;
pub mod queue;
pub mod webhooks;
