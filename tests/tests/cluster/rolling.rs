//! A rolling restart of every worker while they work.

use keybell_tests::fleet::{EMAIL, Person, RESET, SCHEDULER, SMS, World};
use keybell_tests::smtp::SmtpServer;
use serde_json::json;

use crate::checks::{accepted, changed_at_most, no_duplicates, number, passwords_are_right, settled};
use crate::{PATIENCE, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_process_can_be_replaced_during_a_run() {
    let smtp = SmtpServer::start().await;
    let mut world = World::new().await;
    world.tell_by(&smtp.url(), None);
    world.import(&Person::pupils(150)).await;
    let mut fleet = world.fleet().await;
    let request = json!({"selection": {"scope": "all"}, "channel": "email", "reason": "lost"});
    let task = fleet.caller.start("one", &request).await.with_status(202).task();
    let mut part = 0;
    for (running, arguments) in [
        (fleet.resets.remove(0), RESET),
        (fleet.resets.remove(0), RESET),
        (std::mem::replace(&mut fleet.email, world.start(EMAIL)), EMAIL),
        (std::mem::replace(&mut fleet.sms, world.start(SMS)), SMS),
        (std::mem::replace(&mut fleet.scheduler, world.start(SCHEDULER)), SCHEDULER),
    ] {
        part += 15;
        until("it goes on", || async { world.changed(task).await >= part }).await;
        if arguments == RESET {
            fleet.resets.push(world.start(RESET));
        }
        running.terminate();
        let _ended = running.wait(PATIENCE).await.with_code(0);
    }
    let ended = fleet.caller.ended(task).await;
    assert_eq!(ended["state"], "completed", "{ended}");
    assert_eq!(number(&ended, "notify/notified"), 150);
    assert_eq!(number(&ended, "notify/retries"), 0, "nobody was interrupted: {ended}");
    changed_at_most(&world, 1).await;
    let told = accepted(&smtp.received());
    no_duplicates(&told);
    assert_eq!(passwords_are_right(&world, &told).await, 150);
    settled(&world, fleet, &[task]).await;
}
