//! The HTTP door of Keybell, version 1: tasks, their live progress, and sign-in checks for upstream applications.
//!
//! [`router`] is the list of routes, and `openapi` describes them. A request passes the [edge](edge) (request id, limits, access log, problem bodies),
//! is authenticated by the extractor in `auth::caller`, and ends in one file per use case.
//! Every wrong request is answered with `application/problem+json` (RFC 9457), never with a 500.
//!
//! Request bodies are never logged, because they hold passwords. TLS is the work of a proxy in front.

mod accounts;
mod apikeys;
mod auth;
mod before;
mod body;
mod claim;
mod docs;
mod edge;
mod etag;
mod files;
mod fleet;
mod health;
mod hex;
pub mod keys;
mod limit;
mod links;
mod monitor;
mod openapi;
mod page;
mod parts;
mod path;
mod plans;
mod query;
mod refusal;
mod router;
mod serve;
mod tasks;
mod unasked;
mod uploads;
mod waits;
mod webhooks;

pub use monitor::{MetricsFormat, Monitored, monitor};
pub use parts::ApiParts;
pub use router::{description, router};
pub use serve::serve;

#[cfg(test)]
mod tests;
