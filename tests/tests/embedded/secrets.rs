//! No password in clear in what Keybell leaves on disk or says, but for the messages themselves.

use std::time::Duration;

use keybell_shared::clock::Stopwatch;
use keybell_tests::outbox;
use keybell_tests::program::{Ended, PATIENCE, Program};

use crate::school::School;
use crate::search::Search;

/// Where passwords are meant to be.
const MESSAGES: &str = "outbox";

#[tokio::test]
async fn nothing_but_the_messages_holds_a_password_even_after_a_crash_and_with_everything_logged() {
    let school = School::empty();
    let folder = school.folder();
    let demo = || Program::on(&folder, ["demo"]).env("KEYBELL_LOG", "trace").env("RUST_LOG", "trace");

    // Killed in the middle, so that the write-ahead log stays as it is.
    let running = demo().start();
    let watch = Stopwatch::start();
    while std::fs::read_dir(folder.join(MESSAGES)).map_or(0, Iterator::count) < 300 {
        assert!(watch.elapsed() < PATIENCE, "no 300 messages: {}", running.stderr());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let killed = running.kill().await;
    assert_eq!(killed.signal, Some(9), "it ended before it was killed");
    assert!(folder.join("keybell.sqlite-wal").exists(), "a killed process leaves its write-ahead log");
    let told: Vec<String> = outbox::read(&folder.join(MESSAGES)).into_iter().map(|message| message.password).collect();
    assert!(told.len() >= 290, "{}", told.len());
    nothing_leaks(&school, &told, &killed);

    let ended = demo().run_to(0).await;
    let told: Vec<String> = outbox::read(&folder.join(MESSAGES)).into_iter().map(|message| message.password).collect();
    assert!(told.len() >= 857, "{}", told.len());
    nothing_leaks(&school, &told, &ended);
}

fn nothing_leaks(school: &School, told: &[String], said: &Ended) {
    let search = Search::new(told.iter().map(String::as_str));
    // The search itself works: the messages are full of passwords.
    let some = std::fs::read_dir(school.folder().join(MESSAGES)).expect("messages").flatten().take(20);
    assert!(some.into_iter().any(|file| !search.found_in(&std::fs::read(file.path()).expect("a message")).is_empty()));

    let read = search.none_in(&school.folder(), &[MESSAGES]);
    assert!(read > 500_000, "only {read} bytes of database and keys");
    assert!(said.stderr.contains("DEBUG"), "everything was to be logged: {}", said.stderr);
    let logged = search.found_in(said.stderr.as_bytes());
    assert!(logged.is_empty(), "the log holds {} passwords, such as {:?}", logged.len(), logged.first());
    // The demo shows one mail on purpose, as text; nothing else.
    let shown = search.found_in(said.stdout.as_bytes());
    assert!(shown.len() <= 1, "standard output holds {shown:?}");
}
