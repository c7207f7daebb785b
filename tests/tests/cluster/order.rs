//! Processes that are started before the database is there.

use keybell_tests::fleet::{API, EMAIL, Fleet, Person, RESET, SCHEDULER, SMS, World, listening};
use keybell_tests::http::Caller;
use keybell_tests::program::PATIENCE;
use keybell_tests::relay::Relay;
use serde_json::json;

use crate::checks::{number, settled};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_wait_for_the_database_and_say_so() {
    let mut world = World::new().await;
    world.import(&Person::pupils(3)).await;
    let key = world.key().await;
    let direct = world.database_url();
    let (relay, through) = Relay::before(&direct).await;
    relay.down();
    world.set("KEYBELL_DATABASE_URL", &through);

    let doctor = world.program(["doctor"]).run_to(1).await;
    let wrong: Vec<&str> = doctor.stdout.lines().filter(|line| line.starts_with("WRONG")).collect();
    assert!(wrong.len() == 1 && wrong[0].contains("database.url"), "{}", doctor.stdout);

    let mut processes = Vec::new();
    for arguments in [SCHEDULER, EMAIL, SMS, RESET, API] {
        let mut process = world.start(arguments);
        process.line_with("waiting for the database (database.url)").await;
        assert!(process.runs(), "{arguments:?} goes on waiting");
        processes.push(process);
    }
    // Told to stop while it waits, a process stops well.
    let mut impatient = world.start(EMAIL);
    impatient.line_with("waiting for the database (database.url)").await;
    impatient.terminate();
    let _ended = impatient.wait(PATIENCE).await.with_code(0);
    relay.resume();
    let mut processes = processes.into_iter();
    let mut next = || processes.next().expect("a process");
    let (scheduler, email, sms, reset, mut api) = (next(), next(), next(), next(), next());
    let url = listening(&mut api).await;
    let fleet = Fleet { caller: Caller::new(&url, &key), api, scheduler, resets: vec![reset], email, sms };
    let ready = fleet.caller.get("/readyz").await.with_status(200);
    assert_eq!(ready.text("/status"), "ready", "{}", ready.body);
    let _fine = world.program(["doctor"]).run_to(0).await;

    let request =
        json!({"selection": {"scope": "all"}, "channel": "email", "reason": "lost", "acknowledgement": "2026-11"});
    let task = fleet.caller.start("one", &request).await.with_status(202).task();
    assert_eq!(number(&fleet.caller.ended(task).await, "notify/notified"), 3);

    // And while it is away again, the API says so.
    relay.down();
    assert_eq!(fleet.caller.get("/healthz").await.with_status(200).text("/status"), "alive");
    assert_eq!(fleet.caller.get("/readyz").await.with_status(503).text("/status"), "unavailable");
    relay.resume();
    settled(&world, fleet, &[task]).await;
}
