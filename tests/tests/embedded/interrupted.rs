//! Stopped and killed in the middle of a reset, and started again.

use std::collections::HashMap;
use std::time::Duration;

use keybell_shared::clock::Stopwatch;
use keybell_shared::ids::TaskId;
use keybell_tests::http::Caller;
use keybell_tests::outbox::{self, Message};
use keybell_tests::program::{PATIENCE, Running};
use keybell_tests::smtp::SmtpServer;
use serde_json::{Value, json};

use crate::check;
use crate::retries::by_mail;
use crate::school::{School, number, pupils, serve, text};

/// More than a stopping process has in hand and finishes.
const PEOPLE: usize = 600;

/// How many messages may be on their way without their results being stored. A crash can repeat so many, and no more.
const SLOTS: usize = 4;

/// How long a stopping process may take: what a service manager grants.
const GRANTED: Duration = Duration::from_secs(30);

async fn begin(caller: &Caller) -> TaskId {
    let request =
        json!({"selection": {"scope": "all"}, "reason": "suspected_compromise", "acknowledgement": "2026-11"});
    caller.start("all", &request).await.with_status(202).task()
}

/// Waits until this many messages lie in the outbox.
async fn until_told(school: &School, messages: usize) {
    let watch = Stopwatch::start();
    while school.outbox().len() < messages {
        assert!(watch.elapsed() < PATIENCE, "only {} messages", school.outbox().len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Goes on with the task by `task watch`; answers how it ended.
async fn go_on(school: &School, task: TaskId) {
    let last: Value = school.program(["task", "watch"]).arg(task.to_string()).json().await;
    assert_eq!(text(&last, "/state"), "completed", "{last}");
    assert_eq!(number(&last, "/progress/notify/notified"), i64::try_from(PEOPLE).expect("a number"), "{last}");
}

/// Every account has its last told password, and none was told two for one reset.
async fn all_is_well(school: &School, key: &str, task: TaskId, seen: &[Message]) {
    let (running, caller) = school.serve(key).await;
    let usernames = caller.usernames(task).await;
    assert_eq!(usernames.len(), PEOPLE);
    let messages: Vec<Message> = seen.iter().cloned().chain(school.outbox()).collect();
    check::one_password_each(&messages, &usernames);
    let last = outbox::newest(&messages, |message| message.username.clone());
    assert_eq!(last.len(), PEOPLE);
    assert!(last.values().all(|message| message.issue == 1), "a password was changed twice by one task");
    check::all_open(&caller, last.into_iter().map(|(who, message)| (who, message.password))).await;
    stop(running).await;
}

async fn stop(running: Running) {
    running.terminate();
    running.wait(GRANTED).await.with_code(0);
}

#[tokio::test]
async fn a_server_that_is_stopped_finishes_what_is_in_hand() {
    let school = School::with(&pupils(PEOPLE)).await;
    let key = school.key("office", "district_admin").await;
    let (running, caller) = school.serve(&key).await;
    let task = begin(&caller).await;
    until_told(&school, 60).await;
    stop(running).await;
    let seen = school.outbox();
    assert!(seen.len() < PEOPLE, "it was already done");
    // Nothing is left half sent: what was claimed has its result.
    let sending = check::rows(&school, "SELECT state, message_id FROM notifications WHERE state = 'sending'").await;
    assert!(sending.is_empty(), "{sending:?}");
    go_on(&school, task).await;
    all_is_well(&school, &key, task, &seen).await;
}

#[tokio::test]
async fn a_command_that_is_stopped_says_how_to_go_on() {
    let school = School::with(&pupils(PEOPLE)).await;
    let key = school.key("office", "district_admin").await;
    let running =
        school.program(["reset", "--scope", "all", "--reason", "other", "--yes", "--acknowledge", "2026-11"]).start();
    until_told(&school, 60).await;
    running.terminate();
    let ended = running.wait(GRANTED).await.with_code(1);
    assert!(ended.stderr.contains("`keybell task watch ") && ended.stderr.contains("` goes on"), "{}", ended.stderr);
    let seen = school.outbox();
    let tasks: Value = school.program(["task", "list"]).json().await;
    let task: TaskId = text(&tasks, "/tasks/0/id").parse().expect("the task's id");
    assert_eq!(text(&tasks, "/tasks/0/state"), "running", "{tasks}");
    go_on(&school, task).await;
    all_is_well(&school, &key, task, &seen).await;
}

#[tokio::test]
async fn a_server_that_is_killed_in_the_middle_loses_nothing() {
    let school = School::with(&pupils(PEOPLE)).await;
    let key = school.key("office", "district_admin").await;
    let (running, caller) = school.serve(&key).await;
    let task = begin(&caller).await;
    until_told(&school, 60).await;
    let killed = running.kill().await;
    assert_eq!(killed.signal, Some(9));
    let seen = school.outbox();
    assert!(seen.len() < PEOPLE, "it was already done");
    go_on(&school, task).await;
    all_is_well(&school, &key, task, &seen).await;
}

#[tokio::test]
async fn killed_while_mails_leave_nobody_is_told_two_passwords() {
    let server = SmtpServer::start().await;
    let school = School::with(&pupils(PEOPLE)).await;
    let key = school.key("office", "district_admin").await;
    let program = || by_mail(school.program(["serve"]), &server).env("KEYBELL_EMAIL__SLOTS", SLOTS.to_string());
    let serving = || async { serve(program(), &key).await };
    let (running, caller) = serving().await;
    let task = begin(&caller).await;
    let crashes = [40, 120];
    let mut now = Some(running);
    for messages in crashes {
        let running = match now.take() {
            Some(running) => running,
            None => serving().await.0,
        };
        server.wait_for(messages).await;
        running.kill().await;
    }
    let (running, caller) = serving().await;
    let ended = caller.ended(task).await;
    assert_eq!(text(&ended, "/state"), "completed", "{ended}");

    let mut passwords: HashMap<String, (String, usize)> = HashMap::new();
    for mail in server.received() {
        let told = mail.password().expect("a password").to_owned();
        let known = passwords.entry(mail.message_id.clone()).or_insert_with(|| (told.clone(), 0));
        assert_eq!(known.0, told, "{} came with two passwords", mail.message_id);
        known.1 += 1;
    }
    assert_eq!(passwords.len(), PEOPLE, "one message for each person, however often it came");
    let twice = passwords.values().map(|(_, times)| times - 1).sum::<usize>();
    assert!(twice <= crashes.len() * SLOTS, "{twice} duplicates of {} crashes", crashes.len());
    let told = server.received().into_iter().map(|mail| {
        let username = mail.to.split('@').next().expect("an address").to_owned();
        (username, mail.password().expect("a password").to_owned())
    });
    let told: HashMap<String, String> = told.collect();
    assert_eq!(told.len(), PEOPLE);
    check::all_open(&caller, told).await;
    stop(running).await;
}
