//! What must be so after each table: nothing changed by what was refused, nothing broken, nothing told.

use keybell_tests::ledgers::Raw;
use keybell_tests::program::Running;

use crate::wire::Reply;

/// Stands for a password wherever one stands in an input; it must never come back.
pub(crate) const CANARY: &str = "Otter-lamp-47";

/// The tables that a request could change. The audit is not among them: a refusal may be noted there.
const TABLES: [&str; 11] = [
    "tasks",
    "task_accounts",
    "items",
    "accounts",
    "notifications",
    "sealed_passwords",
    "idempotency",
    "api_keys",
    "webhooks",
    "webhook_deliveries",
    "districts",
];

/// How many rows each table has, and how often passwords have changed.
pub(crate) async fn counts(raw: &Raw) -> Vec<(String, i64)> {
    let mut counts = Vec::new();
    for table in TABLES {
        counts.push((table.to_owned(), raw.number(&format!("SELECT count(*) FROM {table}")).await));
    }
    let versions = "SELECT CAST(coalesce(sum(credential_version), 0) AS BIGINT) FROM accounts";
    counts.push(("credential versions".to_owned(), raw.number(versions).await));
    counts
}

/// The process lives, and its log knows of no panic, no 5xx, no canary and none of these secrets.
pub(crate) fn is_well(running: &mut Running, secrets: &[&str]) {
    assert!(running.runs(), "the process has ended: {}", running.stderr());
    let log = running.stderr();
    for line in log.lines() {
        assert!(!line.contains("panicked"), "{line}");
        assert!(!line.contains("status=5") && !line.contains("\"status\":5"), "{line}");
        assert!(!line.contains(CANARY), "the log repeats a password: {line}");
        assert!(!secrets.iter().any(|secret| line.contains(secret)), "the log holds a secret: {line}");
    }
}

/// An answer tells nothing of what is inside: no state of the database, no path, no place in the code, no secret.
pub(crate) fn tells_nothing(what: &str, reply: &Reply, secrets: &[&str]) {
    let told = reply.all.to_lowercase();
    let inner =
        ["sqlstate", "sqlx", "sqlite", "postgres", "panicked", "/src/", ".rs:", "/tmp/", "select ", "backtrace"];
    for word in inner {
        assert!(!told.contains(word), "{what}: the answer tells of `{word}`: {}", reply.all);
    }
    assert!(!reply.all.contains(CANARY), "{what}: a password comes back: {}", reply.all);
    assert!(!secrets.iter().any(|secret| reply.all.contains(secret)), "{what}: a secret comes back: {}", reply.all);
}
