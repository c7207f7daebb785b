//! x

pub mod fleet;
pub mod http;
pub mod ledgers;
pub mod outbox;
pub mod program;
pub mod relay;

pub mod sms;
pub mod smtp;
