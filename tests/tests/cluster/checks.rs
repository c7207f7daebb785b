//! What must be true after every journey, whatever happened in it.

use std::collections::{BTreeMap, HashMap, HashSet};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordVerifier as _};
use keybell_shared::ids::TaskId;
use keybell_tests::fleet::{Fleet, World};
use keybell_tests::smtp::Received;
use serde_json::{Value, json};

use crate::until;

/// One number of a task's progress.
pub(crate) fn number(task: &Value, pointer: &str) -> i64 {
    task.pointer(&format!("/progress/{pointer}")).and_then(Value::as_i64).unwrap_or_else(|| panic!("{pointer}: {task}"))
}

/// Nothing is open, the board equals the ledger, the queues are empty, and every process ends well. Ends the fleet.
pub(crate) async fn settled(world: &World, fleet: Fleet, tasks: &[TaskId]) {
    for &task in tasks {
        let view = fleet.caller.ended(task).await;
        the_board_equals_the_ledger(world, task, &view).await;
    }
    let open = "SELECT count(*) FROM items WHERE state IN ('pending', 'queued', 'reset')";
    assert_eq!(world.sql().number(open).await, 0, "items are open");
    let open = "SELECT count(*) FROM notifications WHERE state IN ('waiting', 'sending')";
    assert_eq!(world.sql().number(open).await, 0, "notifications are open");
    until("all events have left", || async {
        world.sql().number("SELECT count(*) FROM events WHERE NOT sent").await == 0
    })
    .await;
    // What is redelivered is known as done, and acknowledged.
    until("the queues are empty", || async { world.broker.ready().await.iter().all(|(_, ready)| *ready == 0) }).await;
    fleet.stop().await;
    // Nobody holds a message any more: what was handed out and not acknowledged would be back.
    let ready = world.broker.ready().await;
    assert!(ready.iter().all(|(_, ready)| *ready == 0), "messages were left behind: {ready:?}");
}

/// The API's view of a task, the snapshot on Redis and the rows say the same.
pub(crate) async fn the_board_equals_the_ledger(world: &World, task: TaskId, view: &Value) {
    let rows = world
        .sql()
        .rows(&format!("SELECT state, count(*)::TEXT FROM items WHERE task_id = '{task}' GROUP BY state"))
        .await;
    let rows: HashMap<String, i64> =
        rows.into_iter().map(|row| (row[0].clone(), row[1].parse().expect("a number"))).collect();
    let of = |states: &[&str]| states.iter().filter_map(|state| rows.get(*state)).sum::<i64>();
    let changed = of(&["reset", "notified", "silent", "undelivered"]);
    assert_eq!(number(view, "total"), rows.values().sum::<i64>(), "total: {view}");
    for (pointer, expected) in [
        ("reset/pending", of(&["pending", "queued"])),
        ("reset/reset", changed),
        ("reset/skipped", of(&["skipped"])),
        ("reset/cancelled", of(&["cancelled"])),
        ("reset/superseded", of(&["superseded"])),
        ("reset/failed", of(&["failed"])),
        ("notify/total", changed),
        ("notify/waiting", of(&["reset"])),
        ("notify/notified", of(&["notified"])),
        ("notify/silent", of(&["silent"])),
        ("notify/undelivered", of(&["undelivered"])),
    ] {
        assert_eq!(number(view, pointer), expected, "{pointer}: {view}");
    }
    let counts = json!({
        "open": of(&["pending", "queued"]), "telling": of(&["reset"]), "notified": of(&["notified"]),
        "silent": of(&["silent"]), "undelivered": of(&["undelivered"]), "skipped": of(&["skipped"]),
        "cancelled": of(&["cancelled"]), "superseded": of(&["superseded"]), "failed": of(&["failed"]),
        "retries": number(view, "notify/retries"),
    });
    until("Redis shows what the ledger says", || async {
        let shown = world.live.snapshot(task).await;
        shown.is_some_and(|shown| shown["counts"] == counts && shown["state"] == view["state"])
    })
    .await;
}

/// No account's password was changed more often than this.
pub(crate) async fn changed_at_most(world: &World, times: i64) {
    let most = world.sql().number("SELECT coalesce(max(credential_version), 0) FROM accounts").await;
    assert!(most <= times, "a password was changed {most} times");
}

/// What somebody was told: the message's id and the password.
pub(crate) type Told = (String, String);

/// The accepted mails.
pub(crate) fn accepted(mails: &[Received]) -> Vec<Told> {
    let accepted = mails.iter().filter(|mail| mail.reply == Some(250));
    accepted.map(|mail| (bare(&mail.message_id), mail.password().expect("a password").to_owned())).collect()
}

/// A message's id without brackets.
pub(crate) fn bare(id: &str) -> String {
    id.trim().trim_matches(['<', '>']).to_owned()
}

/// No message came twice.
pub(crate) fn no_duplicates(told: &[Told]) {
    let mut seen = HashSet::new();
    let twice: Vec<_> = told.iter().filter(|(id, _)| !seen.insert(id)).collect();
    assert!(twice.is_empty(), "messages came twice: {twice:?}");
}

/// Nobody was told two different passwords of one reset, and the last password that was told of each account opens it.
/// Answers how many accounts were told.
pub(crate) async fn passwords_are_right(world: &World, told: &[Told]) -> usize {
    let rows = world
        .sql()
        .rows(
            "SELECT n.message_id, n.account_id::TEXT, n.credential_version::TEXT, a.credential_version::TEXT, \
             a.password_hash FROM notifications n JOIN accounts a ON a.id = n.account_id",
        )
        .await;
    let known: HashMap<String, &Vec<String>> = rows.iter().map(|row| (bare(&row[0]), row)).collect();
    let mut passwords: BTreeMap<(&str, i64), &str> = BTreeMap::new();
    let mut now: HashMap<&str, (i64, &str)> = HashMap::new();
    for (id, password) in told {
        let row = known.get(id).unwrap_or_else(|| panic!("the message {id} is of nobody's notification"));
        let issue: i64 = row[2].parse().expect("a version");
        let before = passwords.insert((&row[1], issue), password);
        assert!(before.is_none_or(|before| before == password), "{id}: two passwords of one reset were told");
        now.insert(&row[1], (row[3].parse().expect("a version"), &row[4]));
    }
    let last: HashMap<&str, (i64, &str)> =
        passwords.iter().map(|((account, issue), password)| (*account, (*issue, *password))).collect();
    let checks: Vec<(String, String)> = last
        .iter()
        .map(|(account, (issue, password))| {
            let (version, hash) = now[account];
            assert_eq!(*issue, version, "the account {account} was told of an older reset only");
            (hash.to_owned(), (*password).to_owned())
        })
        .collect();
    let count = checks.len();
    let lanes: Vec<Vec<_>> = (0..2).map(|lane| checks.iter().skip(lane).step_by(2).cloned().collect()).collect();
    for lane in lanes.into_iter().map(|lane| tokio::task::spawn_blocking(move || open_all(&lane))).collect::<Vec<_>>() {
        lane.await.expect("every password opens its account");
    }
    count
}

fn open_all(lane: &[(String, String)]) {
    for (hash, password) in lane {
        let hash = PasswordHash::new(hash).expect("a PHC string");
        let opened = Argon2::default().verify_password(password.as_bytes(), &hash);
        opened.expect("the password that was told last opens the account");
    }
}
