//! A rolling restart of every process while they work and while somebody asks the API all the time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use keybell_tests::fleet::{EMAIL, Person, Process, RESET, SCHEDULER, SMS, World};
use keybell_tests::sms::SmsServer;
use keybell_tests::smtp::SmtpServer;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::checks::{accepted, changed_at_most, no_duplicates, number, passwords_are_right, settled};
use crate::{PATIENCE, until};

const PUPILS: i64 = 300;

/// Asks for the task, and starts it again under its key, until it is told to stop. A door that refuses the connection
/// is passed by; any other failure counts. Answers how many requests were answered, and how many doors were closed.
async fn ask(
    doors: Arc<Mutex<Vec<String>>>,
    key: String,
    task: String,
    request: Value,
    stop: CancellationToken,
) -> (u32, u32) {
    let client = Client::builder().timeout(PATIENCE).no_proxy().pool_max_idle_per_host(0).build().expect("a client");
    let (mut answered, mut refused) = (0, 0);
    while !stop.is_cancelled() {
        // The doors that are gone come first, so that they are tried.
        let now = doors.lock().expect("the doors").clone();
        let mut done = false;
        for door in &now {
            let asked = if answered % 5 == 0 {
                client.post(format!("{door}/v1/tasks")).header("idempotency-key", "one").json(&request)
            } else {
                client.get(format!("{door}/v1/tasks/{task}"))
            };
            match asked.bearer_auth(&key).send().await {
                Ok(answer) => {
                    let expected = if answered % 5 == 0 { StatusCode::ACCEPTED } else { StatusCode::OK };
                    let (status, body) = (answer.status(), answer.text().await.expect("a whole answer"));
                    assert_eq!(status, expected, "{body}");
                    assert!(body.contains(&task), "{body}");
                    answered += 1;
                    done = true;
                    break;
                }
                Err(error) if error.is_connect() => refused += 1,
                Err(error) => panic!("a request failed at {door}: {error:?}"),
            }
        }
        assert!(done, "no door is open: {now:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    (answered, refused)
}

async fn replaced(old: Process) {
    old.terminate();
    let _ended = old.wait(PATIENCE).await.with_code(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_process_can_be_replaced_during_a_run() {
    let (smtp, sms) = (SmtpServer::start().await, SmsServer::start());
    let mut world = World::new().await;
    world.tell_by(&smtp.url(), Some(&sms));
    world.set("KEYBELL_HTTP__REQUESTS_PER_SECOND", "10000");
    world.set("KEYBELL_HTTP__BURST", "10000");
    let people: Vec<Person> =
        (1..=300).map(|n| Person::pupil(n).with_sms(&format!("+1555{:07}", 1_000_000 + n))).collect();
    world.import(&people).await;
    let mut fleet = world.fleet().await;
    let mut standby = world.start(SCHEDULER);
    let (mut other_api, other_url) = world.start_api().await;
    let request =
        json!({"selection": {"scope": "all"}, "channel": "both", "reason": "lost", "acknowledgement": "2026-11"});
    let task = fleet.caller.start("one", &request).await.with_status(202).task();

    let doors = Arc::new(Mutex::new(vec![fleet.caller.base().to_owned(), other_url]));
    let stop = CancellationToken::new();
    let key = fleet.caller.key().to_owned();
    let asking = tokio::spawn(ask(Arc::clone(&doors), key, task.to_string(), request, stop.clone()));

    let on = async |part: i64| until("it goes on", || async { world.changed(task).await >= part }).await;
    for (turn, reset) in (0..2).zip([10, 25]) {
        on(reset).await;
        fleet.resets.push(world.start(RESET));
        replaced(fleet.resets.remove(0)).await;
        // A new door is open before an old one closes, as with any service that is replaced.
        let (api, url) = world.start_api().await;
        doors.lock().expect("the doors").push(url);
        let old =
            if turn == 0 { std::mem::replace(&mut fleet.api, api) } else { std::mem::replace(&mut other_api, api) };
        replaced(old).await;
    }
    on(90).await;
    replaced(std::mem::replace(&mut fleet.email, world.start(EMAIL))).await;
    on(120).await;
    replaced(std::mem::replace(&mut fleet.sms, world.start(SMS))).await;
    on(160).await;
    replaced(std::mem::replace(&mut fleet.scheduler, world.start(SCHEDULER))).await;
    on(200).await;
    replaced(std::mem::replace(&mut standby, world.start(SCHEDULER))).await;
    assert!(world.changed(task).await < PUPILS, "all were replaced while there was work");

    // That of `fleet.api`: the first of the new ones.
    let fresh = doors.lock().expect("the doors").get(2).cloned().expect("a door");
    fleet.caller = fleet.caller.at(&fresh);
    let ended = fleet.caller.ended(task).await;
    stop.cancel();
    let (answered, refused) = asking.await.expect("no request failed");
    assert!(answered > 50 && refused > 0, "{answered} answered, {refused} refused");
    assert_eq!(ended["state"], "completed", "{ended}");
    assert_eq!(number(&ended, "notify/notified"), PUPILS);
    assert_eq!(number(&ended, "notify/retries"), 0, "nobody was interrupted: {ended}");
    changed_at_most(&world, 1).await;
    let told = accepted(&smtp.received());
    no_duplicates(&told);
    assert_eq!(passwords_are_right(&world, &told).await, 300);
    let texts = sms.received();
    let mut numbers: Vec<&str> = texts.iter().map(|text| text.to.as_str()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!((texts.len(), numbers.len()), (300, 300), "one SMS each");
    for process in [standby, other_api] {
        replaced(process).await;
    }
    settled(&world, fleet, &[task]).await;
}
