//! Checks that several journeys make.

use std::collections::HashMap;

use futures_util::{StreamExt as _, stream};
use keybell_tests::http::Caller;
use keybell_tests::outbox::Message;
use sqlx::AssertSqlSafe;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use crate::school::School;

/// Every told password opens its account, which then has to choose another one.
pub(crate) async fn all_open(caller: &Caller, told: impl IntoIterator<Item = (String, String)>) {
    let wrong: Vec<String> = stream::iter(told)
        .map(|(username, password)| async move {
            let verdict = caller.verify(&username, &password).await;
            (verdict != (200, "must_change".to_owned())).then(|| format!("{username}: {verdict:?}"))
        })
        .buffer_unordered(2)
        .filter_map(|wrong| async { wrong })
        .collect()
        .await;
    assert!(wrong.is_empty(), "the last told password does not open the account: {wrong:?}");
}

/// A message is sent with one password only, however often; and one reset of one account has one password.
pub(crate) fn one_password_each(messages: &[Message], usernames: &HashMap<u64, String>) {
    let mut by_message: HashMap<&str, &str> = HashMap::new();
    let mut by_issue: HashMap<(&str, u64), &str> = HashMap::new();
    for message in messages {
        let told = message.password.as_str();
        let first = *by_message.entry(&message.message_id).or_insert(told);
        assert_eq!(first, told, "{} was told twice, with different passwords", message.message_id);
        let username = usernames.get(&message.item).unwrap_or_else(|| panic!("whose is {}?", message.message_id));
        let first = *by_issue.entry((username, message.issue)).or_insert(told);
        assert_eq!(first, told, "reset no. {} of {username} has two passwords", message.issue);
    }
}

/// The rows of a statement, as texts, from the database of a school whose program has ended.
pub(crate) async fn rows(school: &School, sql: &str) -> Vec<(String, String)> {
    let options = SqliteConnectOptions::new().filename(school.folder().join("keybell.sqlite")).read_only(true);
    let pool = SqlitePool::connect_with(options).await.expect("the database opens");
    let rows = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&pool).await;
    pool.close().await;
    rows.unwrap_or_else(|error| panic!("{sql}: {error}"))
}
