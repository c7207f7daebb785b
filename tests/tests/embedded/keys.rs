//! Key pairs are changed without anybody losing a password.

use keybell_shared::clock::Stopwatch;
use keybell_tests::outbox;
use keybell_tests::program::PATIENCE;
use keybell_tests::smtp::SmtpServer;
use serde_json::{Value, json};

use crate::check;
use crate::retries::by_mail;
use crate::school::{School, pupils, serve, text};

/// Rotates one owner's pair; answers the old and the new key's names.
async fn rotate(school: &School, owner: &str) -> (String, String) {
    let done: Value = school.program(["keys", "rotate", owner]).json().await;
    (text(&done, "/0/old").to_owned(), text(&done, "/0/new").to_owned())
}

async fn listed(school: &School, key: &str) -> Value {
    let all: Vec<Value> = school.program(["keys", "list"]).json().await;
    all.into_iter().find(|listed| text(listed, "/key") == key).unwrap_or_default()
}

#[tokio::test]
async fn a_password_sealed_before_a_rotation_is_told_after_it_and_then_the_old_key_can_go() {
    let mut server = SmtpServer::start().await;
    let school = School::with(&pupils(5)).await;
    let key = school.key("office", "district_admin").await;
    server.stop().await;
    let (running, caller) = serve(by_mail(school.program(["serve"]), &server), &key).await;
    let request = json!({"selection": {"scope": "all"}, "reason": "lost", "acknowledgement": "2026-11"});
    let task = caller.start("one", &request).await.with_status(202).task();
    caller.task_when(task, "has reset all", |task| task.pointer("/progress/reset/reset") == Some(&5.into())).await;
    running.terminate();
    running.wait(PATIENCE).await.with_code(0);

    let (old, new) = rotate(&school, "notifier").await;
    assert_eq!(listed(&school, &old).await.pointer("/sealed"), Some(&5.into()));
    assert_eq!(text(&listed(&school, &new).await, "/use"), "seals and opens");
    let refused = school.program(["keys", "retire", &old]).run_to(1).await;
    assert!(refused.stderr.contains("still needed: 5 sealed passwords"), "{}", refused.stderr);
    assert!(refused.stderr.contains("expires at 20"), "{}", refused.stderr);
    let webhooks = school.program(["keys", "rotate", "webhooks"]).run_to(2).await;
    assert!(webhooks.stderr.contains("keybell webhook rotate"), "{}", webhooks.stderr);
    let all: Vec<Value> = school.program(["keys", "list"]).json().await;
    let signs = all.iter().find(|listed| text(listed, "/owner") == "webhooks").expect("the key of webhooks");
    assert_eq!((text(signs, "/use"), &signs["sealed"]), ("signs webhooks", &Value::Null));
    let signing = school.program(["keys", "retire", text(signs, "/key")]).run_to(1).await;
    assert!(signing.stderr.contains("signs webhooks"), "{}", signing.stderr);
    let current = school.program(["keys", "retire", &new]).run_to(1).await;
    assert!(current.stderr.contains("is the notifier key in use"), "{}", current.stderr);
    school.program(["keys", "retire", "0123456789abcdef"]).run_to(4).await;

    server.resume().await;
    let (running, caller) = serve(by_mail(school.program(["serve"]), &server), &key).await;
    let ended = caller.ended(task).await;
    assert_eq!(text(&ended, "/state"), "completed", "{ended}");
    let told = server.received().into_iter().map(|mail| {
        let username = mail.to.trim_end_matches("@example.org").to_owned();
        (username, mail.password().expect("a password").to_owned())
    });
    check::all_open(&caller, told).await;
    running.terminate();
    running.wait(PATIENCE).await.with_code(0);

    let file = school.folder().join("keys").join(format!("notifier.{old}.key"));
    assert!(file.exists());
    let gone: Value = school.program(["keys", "retire", &old]).json().await;
    assert_eq!((text(&gone, "/retired"), file.exists()), (old.as_str(), false));
    school.program(["doctor", "--quiet"]).run_to(0).await;

    let (running, caller) = serve(by_mail(school.program(["serve"]), &server), &key).await;
    let next = caller.start("two", &request).await.with_status(202).task();
    assert_eq!(text(&caller.ended(next).await, "/state"), "completed");
    running.terminate();
    running.wait(PATIENCE).await.with_code(0);
}

#[tokio::test]
async fn pairs_are_rotated_in_the_middle_of_a_task_with_a_shared_password() {
    const PEOPLE: usize = 80;
    let school = School::with(&pupils(PEOPLE)).await;
    let key = school.key("office", "district_admin").await;
    let (running, caller) = school.serve(&key).await;
    let password = "Sommerwiese-4711-blau";
    let request = json!({"selection": {"scope": "all"}, "reason": "lost", "acknowledgement": "2026-11",
        "password": {"source": "shared", "value": password, "acknowledged": true}, "notify": "always"});
    let task = caller.start("one", &request).await.with_status(202).task();
    let watch = Stopwatch::start();
    while school.outbox().len() < 10 {
        assert!(watch.elapsed() < PATIENCE, "only {} messages", school.outbox().len());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    // While the server runs, and with what is in hand sealed to either key.
    let (old_reset, _) = rotate(&school, "reset").await;
    let (old_notifier, _) = rotate(&school, "notifier").await;
    let locked = school.program(["keys", "retire", &old_reset]).run().await;
    assert_ne!(locked.code, Some(0), "a running server may still seal with it: {}", locked.stderr);
    running.terminate();
    running.wait(PATIENCE).await.with_code(0);
    let (running, caller) = school.serve(&key).await;
    let ended = caller.ended(task).await;
    assert_eq!(text(&ended, "/state"), "completed", "{ended}");
    running.terminate();
    running.wait(PATIENCE).await.with_code(0);
    let told = outbox::read(&school.folder().join("outbox"));
    assert!(told.len() >= PEOPLE && told.iter().all(|message| message.password == password));
    for old in [old_reset, old_notifier] {
        school.program(["keys", "retire", &old]).run_to(0).await;
    }
}
