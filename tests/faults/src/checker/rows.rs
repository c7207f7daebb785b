//! Reading the ledger's text.

use keybell_tests::ledgers::Raw;

/// The rows of a statement with `N` columns.
pub(super) async fn rows<const N: usize>(ledger: &Raw, sql: &str) -> Vec<[String; N]> {
    // A statement with another number of columns is a mistake of this crate; its rows read as empty and fail every check.
    ledger.rows(sql).await.into_iter().map(|row| row.try_into().unwrap_or([const { String::new() }; N])).collect()
}

/// A column that may be NULL.
pub(super) fn maybe(text: &str) -> Option<String> {
    (text != "NULL").then(|| text.to_owned())
}

/// A number; `None` for NULL.
pub(super) fn number(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// A number of things, or of a version: NULL counts as none.
pub(super) fn count(text: &str) -> i64 {
    number(text).unwrap_or_default()
}
