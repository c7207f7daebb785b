//! What the rooms need from outside: the ledger (the truth), the queue (it only distributes) and the board (it only
//! shows). Each is cut at the size of a use case, so that no transaction crosses a port.
//!
//! An implementation is right when it passes the conformance suite in `tests/`; both pairs (cluster and embedded) do.

pub mod board;
pub mod events;
pub mod ledger;
pub mod queue;
pub mod requests;
pub mod webhooks;
