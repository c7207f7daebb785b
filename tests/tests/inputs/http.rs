//! HTTP requests that are wrong, one after the other, at a server on SQLite and at one on PostgreSQL.

mod bodies;
mod heads;
mod others;
mod requests;

use crate::Listed;
use crate::bench::{Bench, Door, Server};
use crate::evidence::{counts, is_well, tells_nothing};
use crate::wire::{Ask, exchange};

/// One case.
pub(crate) struct Row {
    number: &'static str,
    what: &'static str,
    ask: Ask,
    wanted: Wanted,
}

/// What is answered: status, code, and the field that is named. Empty: none.
pub(crate) struct Wanted {
    status: u16,
    code: &'static str,
    field: &'static str,
}

/// A row whose answer names no field.
fn row(number: &'static str, what: &'static str, ask: Ask, wanted: (u16, &'static str)) -> Row {
    at(number, what, ask, (wanted.0, wanted.1, ""))
}

/// A row whose answer names a field.
fn at(number: &'static str, what: &'static str, ask: Ask, wanted: (u16, &'static str, &'static str)) -> Row {
    Row { number, what, ask, wanted: Wanted { status: wanted.0, code: wanted.1, field: wanted.2 } }
}

impl Door {
    /// `GET`, by the administrator.
    fn get(&self, path: &str) -> Ask {
        Ask::new("GET", path).by(&self.key)
    }

    /// `POST` of a body, by the administrator.
    fn post(&self, path: &str, body: impl Into<Vec<u8>>) -> Ask {
        Ask::new("POST", path).by(&self.key).json(body)
    }

    /// A request for a bulk reset.
    fn start(&self, body: impl Into<Vec<u8>>) -> Ask {
        self.post("/v1/tasks", body).with("idempotency-key", "a-bad-one")
    }
}

/// The rows that are refused.
fn refused(door: &Door) -> Vec<Row> {
    let tables = [bodies::rows, requests::rows, heads::rows, others::rows];
    tables.into_iter().flat_map(|rows| rows(door)).collect()
}

/// The rows that are taken, because nothing is wrong with them here.
fn taken(door: &Door) -> Vec<Row> {
    [requests::taken, heads::taken, others::taken].into_iter().flat_map(|rows| rows(door)).collect()
}

pub(crate) fn listed() -> Listed {
    let door = Door::default();
    refused(&door).into_iter().chain(taken(&door)).map(|row| (row.number, row.what.to_owned())).collect()
}

async fn check(server: &Server, row: &Row, wrong: &mut Vec<String>) {
    let Row { number, what, ask, wanted } = row;
    let reply = exchange(server.address, &ask.bytes()).await;
    let found = (reply.status, reply.text("code"), reply.text("field"));
    if found != (wanted.status, wanted.code.to_owned(), wanted.field.to_owned()) {
        wrong.push(format!("{number} {what}: {found:?}, and wanted is {}: {}", wanted_of(wanted), reply.body));
    }
    let after = reply.all.matches("HTTP/1.1 ").count();
    assert!(after <= 1, "{number} {what}: one request has {after} answers: {}", reply.all);
    tells_nothing(&format!("{number} {what}"), &reply, &[&server.door.other, &server.door.operator]);
}

fn wanted_of(Wanted { status, code, field }: &Wanted) -> String {
    format!("{status} {code} {field}")
}

async fn all_rows(bench: Bench) {
    let mut server = Server::start(bench).await;
    let before = counts(&server.raw).await;
    let mut wrong = Vec::new();
    for row in refused(&server.door) {
        check(&server, &row, &mut wrong).await;
    }
    assert_eq!(counts(&server.raw).await, before, "what was refused has changed something");
    for row in taken(&server.door) {
        check(&server, &row, &mut wrong).await;
    }
    assert!(wrong.is_empty(), "{} rows are not as they should be:\n{}", wrong.len(), wrong.join("\n"));
    let Door { key, operator, other, .. } = server.door.clone();
    is_well(&mut server.running, &[&key, &operator, &other]);
    let twins = requests::twins(&server).await;
    assert_eq!(twins, 1, "two requests under one key at the same time are one task");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_is_answered_as_it_says_on_sqlite() {
    all_rows(Bench::embedded()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_is_answered_as_it_says_on_postgresql() {
    all_rows(Bench::cluster().await).await;
}
