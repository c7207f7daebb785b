//! What every ledger does, on PostgreSQL and on SQLite: each test is written once and named in `on_both!`.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "what fails here fails the test, with its reason")]

mod accounts;
mod approval;
mod cancel;
mod control;
mod directory;
mod expansion;
mod flow;
mod grades;
mod intake;
mod keys;
mod large_batches;
mod leader;
mod links;
mod measured;
mod notices;
mod outbox;
mod passwords;
mod planned;
mod plans;
mod producers;
mod reissue;
mod repair;
mod report;
mod resend;
mod resets;
mod retention;
mod role_rows;
mod roster;
mod schedule;
mod searches;
mod tasks;
mod unreachable;
mod uploads;
mod waves;
mod webhooks;
