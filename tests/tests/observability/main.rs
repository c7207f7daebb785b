//! What whoever watches Keybell sees: metrics of every kind of process, alert rules, the dashboard, traces.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "what fails here fails the test, with its reason")]

mod collector;
mod files;
mod scrape;
mod traces;
mod watched;

#[path = "../embedded/school.rs"]
#[expect(dead_code, reason = "the journeys of the embedded suite use the rest")]
mod school;
