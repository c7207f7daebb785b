//! `keybell demo`, as somebody sees it who tries Keybell for the first time, and for the second.

use std::time::Duration;

use keybell_shared::ids::TaskId;
use keybell_tests::outbox;
use keybell_tests::program::Program;
use serde_json::Value;

use crate::check;
use crate::school::{School, number, text};

/// What the sample district comes to: 600 pupils of whom 25 are managed elsewhere and 20 inactive, and 360 guardians.
const NUMBERS: [(&str, i64); 6] =
    [("/total", 960), ("/reset", 915), ("/notified", 857), ("/unreachable", 58), ("/skipped", 45), ("/failed", 0)];

async fn demo(school: &School) -> TaskId {
    let summary: Value = Program::on(&school.folder(), ["demo"]).json().await;
    for (pointer, expected) in NUMBERS {
        assert_eq!(number(&summary, pointer), expected, "{pointer}: {summary}");
    }
    assert!(summary.pointer("/seconds").and_then(Value::as_f64).is_some_and(|seconds| seconds > 0.0), "{summary}");
    text(&summary, "/task").parse().expect("the task's id")
}

#[tokio::test]
async fn twice_in_the_same_folder_and_every_told_password_opens_its_account() {
    let school = School::empty();
    let first = demo(&school).await;
    let earlier = school.outbox();
    assert_eq!(earlier.len(), 857);
    assert!(earlier.iter().all(|message| message.issue == 1 && message.task == first));
    let second = demo(&school).await;
    assert_ne!(first, second);
    let messages = school.outbox();
    assert_eq!(messages.len(), 2 * 857);

    let key = school.key("portal", "district_admin").await;
    let (running, caller) = school.serve(&key).await;
    let mut usernames = caller.usernames(first).await;
    usernames.extend(caller.usernames(second).await);
    check::one_password_each(&messages, &usernames);
    let whose = |message: &outbox::Message| usernames.get(&message.item).cloned();
    for message in messages.iter().filter(|message| message.is_email()) {
        assert_eq!(message.username, whose(message), "{}", message.message_id);
    }
    let last = outbox::newest(&messages, whose);
    assert_eq!(last.len(), 857);
    assert!(last.values().all(|message| message.issue == 2 && message.task == second));

    let told = last.iter().map(|(username, message)| (username.clone(), message.password.clone()));
    check::all_open(&caller, told).await;

    // What an earlier message told, and what nobody told, opens nothing. A few: each refusal takes its time.
    for message in earlier.iter().take(5) {
        let username = whose(message).expect("an item of the first task");
        let now = last.get(&username).map(|message| message.password.as_str());
        assert_ne!(now, Some(message.password.as_str()), "the same password again");
        assert_eq!(caller.verify(&username, &message.password).await.0, 401, "{username}: void");
        assert_eq!(caller.verify(&username, "Otter-lamp-47-not").await.0, 401, "{username}: wrong");
    }
    assert_eq!(caller.verify("nobody.at.all", "Otter-lamp-47").await.0, 401);
    running.terminate();
    running.wait(Duration::from_secs(30)).await.with_code(0);
}
