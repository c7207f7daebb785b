//! What every ledger does, on PostgreSQL and on SQLite: each test is written once and named in `on_both!`.

mod accounts;
mod keys;
mod leader;
mod outbox;
mod roster;
