//! Journeys of the embedded mode through its real doors: the program, HTTP, mail.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "what fails here fails the test, with its reason")]

mod accounts;
mod bench;
mod check;
mod claim;
mod commands;
mod configuration;
mod demo;
mod doctor;
mod exits;
mod guardians;
mod hashes;
mod http;
mod interrupted;
mod keys;
mod names;
mod pages;
mod plans;
mod refusals;
mod remote;
mod retries;
mod roles;
mod schedule;
mod school;
mod search;
mod secrets;
mod unreachable;
mod uploads;
mod webhooks;
