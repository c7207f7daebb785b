//! Every command that can ask a server: what it answers is what it answers on the machine itself.

use keybell_shared::clock::{Millis, wall};
use keybell_tests::program::{Ended, PATIENCE, Program};
use serde_json::Value;

use crate::check::rows;
use crate::school::{Person, School, number, pupils, text};

/// The version of the precautions that these scripts have read.
pub(crate) const READ: &str = keybell_shared::precautions::VERSION;

/// Five pupils, of whom one cannot be told.
fn five() -> Vec<Person> {
    let mut people = pupils(4);
    people.push(Person::pupil("lonely").unreachable());
    people
}

/// `keybell --server URL ARGUMENTS…`.
fn at<'a>(url: &str, key: &str, arguments: impl IntoIterator<Item = &'a str>) -> Program {
    Program::new(["--server", url]).args(arguments).env("KEYBELL_API_KEY", key)
}

async fn stopped(running: keybell_tests::program::Running) {
    running.terminate();
    running.wait(PATIENCE).await.with_code(0);
}

/// A task that has ended, with one account undelivered.
async fn ended(school: &School) -> String {
    let arguments = ["reset", "--scope", "all", "--reason", "lost", "--yes", "--acknowledge", READ, "--output", "json"];
    let done: Value = school.program(arguments).run_to(1).await.json();
    assert_eq!(text(&done, "/task/state"), "completed_with_errors", "{done}");
    text(&done, "/task/id").to_owned()
}

#[tokio::test]
async fn what_is_looked_at_is_the_same_both_ways() {
    let school = School::with(&five()).await;
    let key = school.key("office", "district_admin").await;
    let task = ended(&school).await;
    let looks: &[&[&str]] = &[
        &["task", "list"],
        &["task", "list", "--limit", "1"],
        &["task", "show", &task],
        &["task", "show", &task, "--items", "undelivered"],
        &["task", "items", &task, "--all"],
        &["task", "items", &task, "--limit", "2"],
        &["task", "items", &task, "--state", "undelivered"],
        &["task", "watch", &task],
        &["task", "report", &task],
        &["task", "report", &task, "--state", "notified"],
        &["task", "report", &task, "--unreachable"],
        &["account", "search", "--all"],
        &["account", "search", "pupil", "--family-name", "fam", "--limit", "2"],
        &["apikey", "list"],
        &["webhook", "list"],
        &["precautions"],
        &["codes"],
    ];
    let mut here: Vec<(Ended, Ended)> = Vec::new();
    for look in looks {
        let program = || school.program(look.iter().copied());
        here.push((program().run().await, program().args(["--output", "json"]).run().await));
    }
    let (running, caller) = school.serve(&key).await;
    for (look, (plain, json)) in looks.iter().zip(&here) {
        let program = || at(caller.base(), &key, look.iter().copied());
        // The people who could not be told make watching end with 1.
        let code = i32::from(look.contains(&"watch"));
        let there = program().run_to(code).await;
        assert_eq!((plain.code, &plain.stdout), (there.code, &there.stdout), "{look:?}");
        assert!(code == 1 || !there.stdout.trim().is_empty(), "{look:?} says nothing");
        let there = program().args(["--output", "json"]).run_to(code).await;
        if look.contains(&"watch") {
            // When it was counted is not the same.
            let state = |ended: &Ended| ended.json::<Value>().pointer("/progress").cloned();
            assert_eq!(state(json), state(&there), "{look:?}");
        } else {
            assert_eq!(json.stdout, there.stdout, "{look:?}");
        }
    }
    let fleet: Value = at(caller.base(), &key, ["fleet"]).json().await;
    let stages: Vec<&str> = (0..3).map(|n| text(&fleet, &format!("/stages/{n}/stage"))).collect();
    assert_eq!(stages, ["reset", "email", "sms"]);
    assert!(number(&fleet, "/stages/0/workers") > 0, "{fleet}");
    stopped(running).await;
    let alone: Value = school.program(["fleet"]).json().await;
    assert_eq!(number(&alone, "/stages/0/workers"), 0, "nobody works in this folder: {alone}");
}

/// Makes, uses and takes away everything that there is to make; the same way here and there.
async fn everything_is_done(program: impl Fn(&[&str]) -> Program, kind: &str) {
    let json = async |arguments: &[&str]| -> Value { program(arguments).json().await };
    let name = format!("made {kind}");
    let made = json(&["apikey", "create", "--name", &name, "--role", "operator"]).await;
    assert!(text(&made, "/key").starts_with("kb_") && text(&made, "/role") == "operator", "{made}");
    program(&["apikey", "create", "--name", &name, "--role", "operator"]).run_to(1).await;
    let id = text(&made, "/id").to_owned();
    json(&["apikey", "revoke", &id]).await;
    let gone = program(&["apikey", "revoke", &id]).run_to(4).await;
    assert!(gone.stderr.contains("no such key"), "{}", gone.stderr);

    // One undelivered, so 1; a request file's own acknowledgement counts.
    let reset = ["reset", "--scope", "all", "--reason", "other", "--yes", "--acknowledge", READ, "--key", &name];
    let done: Value = program(&reset).args(["--output", "json"]).run_to(1).await.json();
    let task = text(&done, "/task/id").to_owned();
    assert_eq!(text(&done, "/task/state"), "completed_with_errors", "{done}");
    assert_eq!(number(&done, "/codes/0/accounts") + number(&done, "/codes/1/accounts"), 6, "{done}");
    let repeated: Value = program(&reset).args(["--output", "json"]).run_to(1).await.json();
    assert_eq!(text(&repeated, "/task/id"), task, "the same key starts nothing");
    for action in ["pause", "resume", "cancel"] {
        let refused = program(&["task", action, &task]).run_to(1).await;
        assert!(refused.stderr.contains("completed_with_errors"), "{action}: {}", refused.stderr);
    }

    // Still nobody to tell, so nothing is sent again.
    let told = json(&["task", "resend", &task]).await;
    assert_eq!((number(&told, "/again"), text(&told, "/left/0/code")), (0, "N02"), "{told}");
    let unread = program(&["task", "reissue", &task, "--yes"]).run_to(2).await;
    assert!(unread.stderr.contains("--acknowledge"), "{}", unread.stderr);
    let reissue = ["task", "reissue", &task, "--yes", "--acknowledge", READ, "--output", "json"];
    let child: Value = program(&reissue).run_to(1).await.json();
    assert_eq!(text(&child, "/task/parent"), task, "{child}");
    assert_eq!(number(&child, "/task/progress/total"), 1, "{child}");
    // It begins later, so that nothing of it is done before it is cancelled.
    let later = Millis(wall().0 + 3_600_000).rfc3339();
    let again = ["task", "reissue", &task, "--account", "pupil1", "--yes", "--acknowledge", READ, "--detach"];
    let detached = json(&[&again[..], &["--start-at", &later, "--wave-by", "school"]].concat()).await;
    let cancelled = json(&["task", "cancel", text(&detached, "/task")]).await;
    assert!(text(&cancelled, "/state").starts_with("cancel"), "{cancelled}");

    let kept = json(&["account", "protect", "pupil2"]).await;
    assert_eq!(kept.pointer("/protected"), Some(&Value::Bool(true)), "{kept}");
    let free = json(&["account", "unprotect", "pupil2"]).await;
    assert_eq!(free.pointer("/protected"), Some(&Value::Bool(false)), "{free}");

    let hook = json(&["webhook", "add", "https://example.org/hook", "--event", "task.*"]).await;
    assert!(text(&hook, "/secret").starts_with("whsec_"), "{hook}");
    let id = text(&hook, "/id").to_owned();
    let shown = json(&["webhook", "show", &id]).await;
    assert_eq!((text(&shown, "/state"), text(&shown, "/events/0")), ("active", "task.*"), "{shown}");
    let rotated = json(&["webhook", "rotate", &id]).await;
    assert_ne!(text(&rotated, "/secret"), text(&hook, "/secret"));
    assert_eq!(text(&json(&["webhook", "enable", &id]).await, "/state"), "active");
    program(&["webhook", "test", &id]).run_to(0).await;
    json(&["webhook", "remove", &id]).await;
    program(&["webhook", "show", &id]).run_to(4).await;
}

#[tokio::test]
async fn everything_is_done_directly() {
    let mut people = five();
    people.push(Person::pupil("sixth"));
    let school = School::with(&people).await;
    everything_is_done(|arguments| school.program(arguments.iter().copied()), "directly").await;
}

#[tokio::test]
async fn everything_is_done_by_a_server() {
    let mut people = five();
    people.push(Person::pupil("sixth"));
    let school = School::with(&people).await;
    let key = school.key("office", "district_admin").await;
    let (running, caller) = school.serve(&key).await;
    everything_is_done(|arguments| at(caller.base(), &key, arguments.iter().copied()), "remotely").await;
    stopped(running).await;
}

#[tokio::test]
async fn a_problem_has_the_same_words_both_ways() {
    let school = School::with(&five()).await;
    let key = school.key("office", "district_admin").await;
    let selected = ["reset", "--scope", "selected", "--reason", "lost", "--yes", "--acknowledge", READ];
    let nobody = "0198f2f0-0000-7000-8000-000000000000";
    let wrong: &[(&[&str], i32)] = &[
        (&[&selected[..], &["--account", "ghost", "--account", "id-phantom"]].concat(), 2),
        (&selected, 2),
        (&["reset", "--scope", "all", "--reason", "lost", "--yes", "--acknowledge", "1999-01"], 2),
        (&["task", "show", nobody], 4),
        (&["task", "watch", nobody], 4),
        (&["task", "cancel", nobody], 4),
        (&["task", "report", nobody], 4),
        (&["webhook", "show", nobody], 4),
        (&["account", "protect", "ghost"], 4),
        (&["account", "search", "--grade", "99"], 2),
        (&["webhook", "add", "http://example.org/"], 2),
        (&["apikey", "create", "--name", "x", "--role", "teacher", "--person", "ghost"], 2),
    ];
    let mut here = Vec::new();
    for (arguments, code) in wrong {
        here.push(school.program(arguments.iter().copied()).run_to(*code).await.stderr);
    }
    let (running, caller) = school.serve(&key).await;
    for ((arguments, code), here) in wrong.iter().zip(&here) {
        let there = at(caller.base(), &key, arguments.iter().copied()).run_to(*code).await;
        // From afar the place is named by its address.
        let words = there.stderr.replace("127.0.0.1: ", "Rivermoor Schools: ");
        assert_eq!(here, &words, "{arguments:?}");
        assert!(there.stdout.is_empty() && there.stderr.contains('('), "{arguments:?}: {}", there.stderr);
    }
    stopped(running).await;
    assert!(rows(&school, "SELECT id, state FROM tasks").await.is_empty(), "a wrong request started something");
}

#[tokio::test]
async fn a_key_comes_from_a_file_or_the_environment_and_never_from_a_flag() {
    let school = School::with(&pupils(1)).await;
    let key = school.key("office", "district_admin").await;
    let operator = school.key("screen", "operator").await;
    let (running, caller) = school.serve(&key).await;
    let bare = || Program::new(["--server", caller.base(), "task", "list"]);
    let without = bare().run_to(2).await;
    assert!(without.stderr.contains("KEYBELL_API_KEY") && without.stderr.contains("--key-file"), "{}", without.stderr);
    let file = school.beside("key");
    std::fs::write(&file, format!("{key}\n")).expect("a file");
    bare().arg("--key-file").arg(&file).run_to(0).await;
    let missing = bare().args(["--key-file", "/no/such/key"]).run_to(2).await;
    assert!(missing.stderr.contains("/no/such/key"), "{}", missing.stderr);
    let wrong = at(caller.base(), "kb_nonsense", ["task", "list"]).run_to(77).await;
    assert!(wrong.stderr.contains("key.invalid") && !wrong.stderr.contains("nonsense"), "{}", wrong.stderr);
    at(caller.base(), &operator, ["task", "list"]).run_to(0).await;
    let reset = ["reset", "--scope", "all", "--reason", "other", "--yes", "--acknowledge", READ];
    let forbidden = at(caller.base(), &operator, reset).run_to(77).await;
    assert!(forbidden.stderr.contains("may not"), "{}", forbidden.stderr);
    let district = at(caller.base(), &key, ["task", "list", "--district", "x"]).run_to(2).await;
    assert!(district.stderr.contains("--district"), "{}", district.stderr);
    stopped(running).await;
    // Nobody is there any more.
    let away = at(caller.base(), &key, ["task", "list"]).run_to(69).await;
    assert!(away.stderr.contains("cannot be reached"), "{}", away.stderr);
}

#[tokio::test]
async fn a_watch_survives_a_restart_of_the_server() {
    let school = School::with(&pupils(150)).await;
    let key = school.key("office", "district_admin").await;
    let (running, caller) = school.serve(&key).await;
    let reset = ["reset", "--scope", "all", "--reason", "other", "--yes", "--acknowledge", READ, "--output", "json"];
    let mut watching = at(caller.base(), &key, reset).start();
    // The first line of the live view: the task has hardly begun.
    watching.line_with(" told").await;
    running.kill().await;
    let port = caller.base().rsplit(':').next().expect("a port").to_owned();
    let again = school.program(["serve"]).env("KEYBELL_HTTP__LISTEN", format!("127.0.0.1:{port}"));
    let (running, _caller) = crate::school::serve(again, &key).await;
    let ended = watching.wait(PATIENCE).await.with_code(0);
    assert_eq!(number(&ended.json(), "/task/progress/notify/notified"), 150);
    assert!(ended.stderr.bytes().all(|byte| byte != 0x1b && byte != b'\r'), "control characters in a pipe");
    stopped(running).await;
}

#[tokio::test]
async fn who_asks_too_fast_waits_as_long_as_the_server_says() {
    let school = School::with(&pupils(1)).await;
    let key = school.key("office", "district_admin").await;
    let slow = [("KEYBELL_HTTP__REQUESTS_PER_SECOND", "1"), ("KEYBELL_HTTP__BURST", "1")];
    let (running, caller) = crate::school::serve(school.program(["serve"]).envs(slow), &key).await;
    for _ in 0..3 {
        at(caller.base(), &key, ["task", "list"]).run_to(0).await;
    }
    stopped(running).await;
}
