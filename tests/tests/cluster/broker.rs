//! A broker that loses connections and queues.

use keybell_tests::fleet::{Person, World};
use keybell_tests::relay::Relay;
use keybell_tests::smtp::SmtpServer;
use serde_json::json;

use crate::checks::{accepted, changed_at_most, no_duplicates, number, passwords_are_right, settled};
use crate::until;

const PUPILS: i64 = 120;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_connections_and_a_deleted_queue_lose_nothing() {
    let smtp = SmtpServer::start().await;
    let mut world = World::new().await;
    let (relay, through) = Relay::before(world.broker.url()).await;
    world.set("KEYBELL_AMQP_URL", &through);
    world.tell_by(&smtp.url(), None);
    world.import(&Person::pupils(120)).await;
    let fleet = world.fleet().await;
    let request =
        json!({"selection": {"scope": "all"}, "channel": "email", "reason": "lost", "acknowledgement": "2026-11"});

    let first = fleet.caller.start("one", &request).await.with_status(202).task();
    for part in [20, 50, 80] {
        until("it goes on", || async { world.changed(first).await >= part }).await;
        relay.cut();
    }
    let ended = fleet.caller.ended(first).await;
    assert_eq!(ended["state"], "completed", "{ended}");
    assert_eq!(number(&ended, "notify/notified"), PUPILS);
    changed_at_most(&world, 1).await;

    let second = fleet.caller.start("two", &request).await.with_status(202).task();
    for part in [10, 35, 60] {
        until("it goes on", || async { world.changed(second).await >= part }).await;
        world.broker.delete_queue("reset").await;
        world.broker.delete_queue("email").await;
    }
    assert!(world.changed(second).await < PUPILS, "it was in the middle");
    let ended = fleet.caller.ended(second).await;
    assert_eq!(ended["state"], "completed", "{ended}");
    assert_eq!(number(&ended, "notify/notified"), PUPILS);
    changed_at_most(&world, 2).await;

    let told = accepted(&smtp.received());
    // No worker crashed, so that no message may come twice.
    no_duplicates(&told);
    assert_eq!(told.len(), 240);
    assert_eq!(passwords_are_right(&world, &told).await, 120);
    settled(&world, fleet, &[first, second]).await;
}
