//! The words and the contracts of Keybell.
//!
//! Every other room speaks in these words: a **request** is accepted as a **task**, a task is expanded into one
//! **item** per **account**, an item changes one password and leads to **notifications**. The [`ports`] are what the
//! rooms need from the outside world (ledger, queue, board); their implementations live in `keybell-backends`.
//! Nothing in this crate talks to a network, a disk or a database.

pub mod actor;
pub mod asyncapi;
pub mod clock;
pub mod codes;
pub mod config;
pub mod eligibility;
pub mod error;
pub mod events;
pub mod fault;
pub mod fold;
pub mod grade;
pub mod hashed;
pub mod ids;
pub mod link;
pub mod message;
pub mod metrics;
pub mod notice;
pub mod password;
pub mod ports;
pub mod precautions;
pub mod problem;
pub mod progress;
pub mod request;
pub mod retry;
pub mod seal;
pub mod stage;
pub mod standing;
pub mod states;
pub mod tls;
pub mod trace;
pub mod unseen;
pub mod upload;
pub mod verdict;
pub mod webhook;
