//! One suite for every implementation of a port.

mod board;
mod events;
mod ledger;
mod queue;
