//! The e-mail worker, its retries, and a mail server that is away.

use std::time::Duration;

use keybell_tests::fleet::{Person, World};
use keybell_tests::smtp::{Behaviour, SmtpServer};
use serde_json::json;

use crate::checks::{accepted, no_duplicates, number, passwords_are_right, settled};
use crate::until;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_costs_no_attempt_and_a_recipient_is_tried_four_times() {
    let mut smtp = SmtpServer::start().await;
    let busy = Behaviour::AfterData(451, "4.2.1 mailbox busy");
    smtp.script("p1@example.org", vec![busy.clone(); 9]);
    smtp.script("p2@example.org", vec![busy; 3]);
    smtp.script("p3@example.org", vec![Behaviour::AfterData(550, "5.7.1 not wanted"); 9]);
    smtp.stop().await;
    let mut world = World::new().await;
    world.tell_by(&smtp.url(), None);
    world.set("KEYBELL_TIMING__RETRY_INITIAL_SECONDS", "0.8");
    world.import(&Person::pupils(6)).await;
    let mut fleet = world.fleet().await;
    let request =
        json!({"selection": {"scope": "all"}, "channel": "email", "reason": "lost", "acknowledgement": "2026-11"});
    let task = fleet.caller.start("one", &request).await.with_status(202).task();

    // Several probes find nobody.
    until("it was tried again and again", || async {
        world.sql().number("SELECT coalesce(max(fence), 0) FROM notifications").await >= 3
    })
    .await;
    // A claim counts its attempt when it begins, and gives it back when the server turns out to be away: what is
    // being tried at this very moment shows nothing yet.
    assert_eq!(
        world.sql().number("SELECT coalesce(max(attempts), 0) FROM notifications WHERE state <> 'sending'").await,
        0,
        "an attempt was consumed"
    );
    let waiting = fleet.caller.get(&format!("/v1/tasks/{task}")).await.with_status(200).body;
    assert_eq!(number(&waiting, "notify/waiting"), 6, "{waiting}");
    // Nor does it matter when the worker goes away as well.
    fleet.email.terminate();
    let stopped = std::mem::replace(&mut fleet.email, world.start(keybell_tests::fleet::EMAIL));
    let _ended = stopped.wait(crate::PATIENCE).await.with_code(0);

    smtp.resume().await;
    let ended = fleet.caller.ended(task).await;
    assert_eq!(number(&ended, "notify/notified"), 4, "{ended}");
    assert_eq!(number(&ended, "notify/undelivered"), 2, "{ended}");
    assert_eq!(number(&ended, "notify/retries"), 6, "{ended}");

    let mails = smtp.received();
    let at = |to: &str| -> Vec<Duration> { mails.iter().filter(|mail| mail.to == to).map(|mail| mail.at).collect() };
    let gaps: Vec<Duration> = at("p1@example.org").windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
    assert_eq!(gaps.len(), 3, "one attempt and three retries");
    // On a busy machine a gap may be longer than it should, but never shorter: 0.8 s, doubled, with a jitter of 10 %.
    for (gap, least) in gaps.iter().zip([0.72, 1.44, 2.88]) {
        assert!(gap.as_secs_f64() > least, "the gaps grow: {gaps:?}");
    }
    assert_eq!(at("p2@example.org").len(), 4, "the last of four attempts succeeds");
    assert_eq!(at("p3@example.org").len(), 1, "nothing is tried after a permanent answer");
    assert_eq!(codes_of(&world, task).await, ["p1 N04", "p2 N00", "p3 N05", "p4 N00", "p5 N00", "p6 N00"]);
    let told = accepted(&mails);
    no_duplicates(&told);
    assert_eq!(passwords_are_right(&world, &told).await, 4);
    settled(&world, fleet, &[task]).await;
}

async fn codes_of(world: &World, task: keybell_shared::ids::TaskId) -> Vec<String> {
    let sql = format!(
        "SELECT a.username || ' ' || i.code FROM items i JOIN accounts a ON a.id = i.account_id \
         WHERE i.task_id = '{task}' ORDER BY 1"
    );
    world.sql().column(&sql).await
}
