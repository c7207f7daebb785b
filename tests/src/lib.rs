//! Support of the tests: real services, real processes, scripted mail and SMS servers, and ledgers of their own.

pub mod fleet;
pub mod hooks;
pub mod http;
pub mod ledgers;
pub mod outbox;
pub mod program;
pub mod relay;
pub mod sms;
pub mod smtp;
pub mod tries;
