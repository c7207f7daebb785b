//! Keys are rotated while a fleet works: those who open find the new key by themselves, those who seal are restarted.

use keybell_tests::fleet::{Person, RESET, World};
use keybell_tests::smtp::SmtpServer;
use serde_json::{Value, json};

use crate::checks::{accepted, changed_at_most, no_duplicates, number, passwords_are_right, settled};
use crate::{PATIENCE, until};

const PUPILS: i64 = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_during_a_run_loses_no_password() {
    let smtp = SmtpServer::start().await;
    let mut world = World::new().await;
    world.tell_by(&smtp.url(), None);
    world.import(&Person::pupils(300)).await;
    let mut fleet = world.fleet().await;
    let request =
        json!({"selection": {"scope": "all"}, "channel": "email", "reason": "lost", "acknowledgement": "2026-11"});
    let task = fleet.caller.start("one", &request).await.with_status(202).task();
    until("it goes on", || async { world.changed(task).await >= 20 }).await;

    let done: Value = world.program(["keys", "rotate", "notifier"]).json().await;
    let (old, new) = (done[0]["old"].as_str().expect("a key"), done[0]["new"].as_str().expect("a key"));
    for _ in 0..2 {
        fleet.resets.push(world.start(RESET));
        let sealing = fleet.resets.remove(0);
        sealing.terminate();
        let _ended = sealing.wait(PATIENCE).await.with_code(0);
    }
    assert!(world.changed(task).await < PUPILS, "it was in the middle");
    let ended = fleet.caller.ended(task).await;
    assert_eq!(ended["state"], "completed", "{ended}");
    assert_eq!(number(&ended, "notify/notified"), PUPILS);

    // The next passwords are sealed to the new key, and the old one is not needed any more.
    let listed: Vec<Value> = world.program(["keys", "list"]).json().await;
    let of = |id: &str| listed.iter().find(|key| key["key"] == id).cloned().unwrap_or_default();
    assert_eq!((of(old)["sealed"].clone(), of(new)["use"].clone()), (json!(0), json!("seals and opens")));
    world.program(["keys", "retire", old]).run_to(3).await;
    world.program(["keys", "retire", old, "--yes"]).run_to(0).await;
    let second = fleet.caller.start("two", &request).await.with_status(202).task();
    let ended = fleet.caller.ended(second).await;
    assert_eq!(ended["state"], "completed", "{ended}");
    changed_at_most(&world, 2).await;
    let told = accepted(&smtp.received());
    no_duplicates(&told);
    assert_eq!(passwords_are_right(&world, &told).await, 300);
    settled(&world, fleet, &[task, second]).await;
}
