//! Starting later, and blackout windows, by the program and its HTTP door.

use keybell_shared::clock::{Millis, wall};
use keybell_tests::program::PATIENCE;
use serde_json::{Value, json};

use crate::school::{Person, School, number, pupils, serve, text};

/// A time that lies so many seconds ahead.
fn ahead(seconds: i64) -> String {
    Millis(wall().0 + seconds * 1_000).rfc3339()
}

fn everybody(more: &[(&str, Value)]) -> Value {
    let mut request = json!({"selection": {"scope": "all"}, "reason": "lost", "acknowledgement": "2026-11"});
    let members = request.as_object_mut().expect("an object");
    members.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    request
}

#[tokio::test]
async fn a_task_begins_when_it_was_asked_to_and_waits_until_then() {
    let school = School::with(&pupils(5)).await;
    let key = school.key("office", "district_admin").await;
    let (_running, caller) = school.serve(&key).await;
    let at = ahead(4);
    let start = json!({"at": at.replace('Z', "+00:00"), "zone": "Etc/UTC"});
    let asked = everybody(&[("start", start.clone())]);
    let plan = caller.post("/v1/plans", &asked).await.with_status(201);
    assert_eq!((plan.text("/waits/why"), plan.text("/waits/until")), ("start", at.as_str()));

    let task = caller.start("one", &asked).await.with_status(202).task();
    let frozen = caller.task_when(task, "is written down", |task| text(task, "/state") == "running").await;
    assert_eq!((text(&frozen, "/starts_at"), text(&frozen, "/waits/until")), (at.as_str(), at.as_str()));
    assert_eq!((text(&frozen, "/waits/why"), number(&frozen, "/progress/reset/pending")), ("start", 5), "{frozen}");
    assert_eq!(frozen.pointer("/request/start"), Some(&start));
    let ended = caller.ended(task).await;
    assert_eq!((text(&ended, "/state"), ended.pointer("/waits")), ("completed", Some(&Value::Null)), "{ended}");
    for item in caller.items(task, None).await {
        assert!(text(&item, "/changed_at") >= at.as_str(), "before {at}: {item}");
    }

    for (start, code) in [
        (json!({"at": ahead(-3_600)}), "start.past"),
        (json!({"at": ahead(400 * 86_400)}), "start.too_far"),
        (json!({"at": "2027-06-01T05:00:00", "zone": "America/Chicago"}), "start.no_instant"),
        (json!({"at": ahead(60), "zone": "<b>"}), "start.zone"),
    ] {
        let refused = caller.start("two", &everybody(&[("start", start)])).await.with_status(422);
        assert_eq!(refused.text("/code"), code);
    }
}

#[tokio::test]
async fn on_a_terminal_nobody_waits_for_a_start_that_lies_ahead() {
    let school = School::with(&pupils(2)).await;
    let at = ahead(3_600);
    let reset = |at: &str| {
        let arguments = ["reset", "--scope", "all", "--reason", "other", "--yes", "--acknowledge", "2026-11"];
        school.program(arguments).args(["--zone", "America/Chicago", "--start-at"]).arg(at)
    };
    let refused = reset(&ahead(-3_600)).run_to(2).await;
    assert!(refused.stderr.contains("start.past"), "{}", refused.stderr);
    let started = reset(&at).run_to(0).await;
    assert!(started.stderr.contains("it waits for its start"), "{}", started.stderr);
    let tasks: Value = school.program(["task", "list"]).json().await;
    let task = text(&tasks, "/tasks/0/id").to_owned();
    let shown = school.program(["task", "show", &task]).run_to(0).await;
    assert!(shown.stdout.contains(&format!("{at} (America/Chicago)")), "{}", shown.stdout);
    school.program(["task", "cancel", &task]).run_to(0).await;
}

#[tokio::test]
async fn a_blackout_puts_off_and_skips_nobody() {
    let school = School::with(&pupils(3)).await;
    let key = school.key("office", "district_admin").await;
    let file = school.beside("exams.toml");
    let window = "[[blackout.windows]]\nfrom = \"2020-01-01T00:00:00-06:00\"\nuntil = 2199-01-01T00:00:00Z\nreason = \"Exams\"\n";
    std::fs::write(&file, window).expect("a file");
    let config = file.to_str().expect("a path");
    let (running, caller) = serve(school.program(["--config", config, "serve"]), &key).await;
    let task = caller.start("one", &everybody(&[])).await.with_status(202).task();
    let urgent = everybody(&[("reason", json!("suspected_compromise"))]);
    let urgent = caller.start("two", &urgent).await.with_status(202).task();
    // What is urgent comes later and is through, so the other one had its turn as well.
    assert_eq!(text(&caller.ended(urgent).await, "/state"), "completed");
    let waits = caller.get(&format!("/v1/tasks/{task}")).await.with_status(200);
    assert_eq!((waits.text("/state"), waits.text("/waits/why")), ("running", "blackout"), "{}", waits.body);
    assert_eq!((waits.text("/waits/until"), waits.text("/waits/reason")), ("2199-01-01T00:00:00Z", "Exams"));
    assert_eq!(number(&waits.body, "/progress/reset/pending"), 3);
    let plan = caller.post("/v1/plans", &everybody(&[])).await.with_status(201);
    assert_eq!(plan.text("/waits/reason"), "Exams");
    running.terminate();
    running.wait(PATIENCE).await.with_code(0);

    // The window is taken back.
    let (_running, caller) = school.serve(&key).await;
    let ended = caller.ended(task).await;
    assert_eq!(number(&ended, "/progress/reset/skipped"), 0, "{ended}");
    // The urgent one was newer, and its passwords stay.
    assert_eq!(number(&ended, "/progress/reset/superseded"), 3, "{ended}");
}

#[tokio::test]
async fn a_canary_that_fails_halts_the_task_until_a_person_goes_on() {
    let people: Vec<Person> = (1..=4).map(|n| Person::pupil(&format!("pupil{n}")).unreachable()).collect();
    let school = School::with(&people).await;
    let key = school.key("office", "district_admin").await;
    let waves = ["--wave-by", "grade", "--canary", "2", "--halt-above", "10"];
    let asked = ["--scope", "all", "--reason", "other"];
    let planned = school.program(["plan"]).args(asked).args(waves).run_to(0).await;
    assert!(planned.stdout.contains("first a canary of 2, then one grade after the other"), "{}", planned.stdout);
    let (_running, caller) = school.serve(&key).await;
    let waves = json!({"by": "grade", "canary": 2, "halt_above_percent": 10});
    let task = caller.start("one", &everybody(&[("waves", waves)])).await.with_status(202).task();
    let halted = caller.task_when(task, "is halted", |task| text(task, "/state") == "paused").await;
    assert_eq!(
        text(&halted, "/halted").split(',').next(),
        Some("of wave 1 (canary) 2 of 2 accounts failed or could not be told")
    );
    assert_eq!((number(&halted, "/progress/notify/undelivered"), number(&halted, "/progress/reset/pending")), (2, 2));
    assert_eq!(
        (number(&halted, "/wave/current"), number(&halted, "/wave/of"), text(&halted, "/wave/label")),
        (2, 2, "05")
    );
    caller.act(&format!("/v1/tasks/{task}/resume")).await.with_status(200);
    let ended = caller.ended(task).await;
    assert_eq!((text(&ended, "/state"), number(&ended, "/progress/notify/undelivered")), ("completed_with_errors", 4));

    for (waves, code) in [
        (json!({"by": "school", "canary": 10_001}), "waves.canary_too_large"),
        (json!({"by": "school", "halt_above_percent": 100}), "waves.percent_out_of_range"),
    ] {
        let refused = caller.start("two", &everybody(&[("waves", waves)])).await.with_status(422);
        assert_eq!(refused.text("/code"), code);
    }
}
