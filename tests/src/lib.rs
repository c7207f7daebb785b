//! x

pub mod ledgers;
pub mod relay;
