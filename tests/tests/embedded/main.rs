//! Journeys of the embedded mode through its real doors: the program, HTTP, mail.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "what fails here fails the test, with its reason")]

mod check;
mod commands;
mod configuration;
mod demo;
mod doctor;
mod hashes;
mod http;
mod interrupted;
mod refusals;
mod retries;
mod school;
mod search;
mod secrets;
