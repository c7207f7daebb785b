//! A database that loses all its connections.

use keybell_tests::fleet::{Person, World};
use keybell_tests::smtp::SmtpServer;
use serde_json::json;

use crate::checks::{accepted, changed_at_most, number, passwords_are_right, settled};
use crate::until;

const PUPILS: i64 = 150;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terminated_database_sessions_change_nothing_twice() {
    let smtp = SmtpServer::start().await;
    let mut world = World::new().await;
    world.tell_by(&smtp.url(), None);
    world.import(&Person::pupils(150)).await;
    let fleet = world.fleet().await;
    let request =
        json!({"selection": {"scope": "all"}, "channel": "email", "reason": "lost", "acknowledgement": "2026-11"});
    let task = fleet.caller.start("one", &request).await.with_status(202).task();
    for part in [10, 40, 70, 100] {
        until("it goes on", || async { world.changed(task).await >= part }).await;
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name <> 'test'";
        assert!(world.sql().number(sql).await > 0, "sessions were there to be terminated");
    }
    let ended = fleet.caller.ended(task).await;
    assert_eq!(ended["state"], "completed", "{ended}");
    assert_eq!(number(&ended, "total"), PUPILS);
    assert_eq!(number(&ended, "notify/notified"), PUPILS);
    changed_at_most(&world, 1).await;
    // A result that could not be stored is sent again, with the same password.
    let told = accepted(&smtp.received());
    assert_eq!(passwords_are_right(&world, &told).await, 150);
    settled(&world, fleet, &[task]).await;
}
