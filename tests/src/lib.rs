//! x

pub mod ledgers;
pub mod relay;

pub mod sms;
pub mod smtp;
