//! Asking for resets: the same request under the same key until somebody answers, whichever process that is.

use std::sync::Arc;
use std::time::Duration;

use keybell_shared::clock::wall;
use serde_json::Value;

use super::bodies::{self, Order};
use super::doors::{Ask, Heard};
use super::ground::{Ground, is_final};
use super::{controls, uploads, watch};
use crate::evidence::{Answer, Door, Request, Try};

/// How long the next request of a slot waits for the end of the former one; a task that stands still for longer is left
/// to itself, so that a world in trouble gets more to do and not less.
const SLOT_WAITS: Duration = Duration::from_secs(45);

/// A request under one key.
#[derive(Clone, Debug)]
struct Errand {
    district: usize,
    door: Door,
    key: String,
    body: Value,
    /// The file, where it is an upload.
    upload: Option<String>,
}

/// Asks in an unruly district, one request after the other, until nothing new is asked. Several slots make tasks that
/// overlap.
pub(super) async fn slot(ground: Arc<Ground>, district: usize, slot: usize) {
    for n in 0_u32.. {
        let Some(town) = ground.towns.get(district) else { return };
        let key = format!("{}-{slot}-{n}", town.district.slug);
        let mut dice = ground.dice(&format!("request {key}"));
        let Order { body, accounts, secrets, upload } =
            bodies::unruly(&mut dice, town, ground.plan.accounts_per_task, &key);
        let by_amqp = dice.percent(ground.plan.amqp_percent) && ground.producer_of(district).is_some();
        let door = if by_amqp && secrets.is_empty() { Door::Amqp } else { Door::Http };
        let pause = dice.millis(0, ground.plan.pause_millis * 2);
        if !ground.rest(ground.pace.wait(accounts) + pause).await {
            return;
        }
        for secret in secrets {
            ground.book.secret(secret);
        }
        let errand = Errand { district, door, key, body, upload };
        let answer = run(&ground, &errand).await;
        if let Answer::Accepted(task) = answer {
            if ground.book.begins(district, task) {
                controls::look_after(&ground, district, task, &errand.key);
                watch::follow(&ground, district, task, &errand.key);
            } else {
                ground.book.odd(format!("the request {} was answered with a task that was there before", errand.key));
            }
        }
        if answer != Answer::Unknown && dice.percent(ground.plan.again_percent) {
            let (beside, answer, pause) = (Arc::clone(&ground), answer.clone(), dice.millis(500, 8_000));
            ground.beside(async move { again(&beside, &errand, &answer, pause).await });
        }
        if let Answer::Accepted(task) = answer {
            ground.await_end(task, SLOT_WAITS).await;
        }
    }
}

/// Asks once more on purpose, after a while: the answer must be the same.
async fn again(ground: &Ground, errand: &Errand, first: &Answer, pause: Duration) {
    if !ground.rest(pause).await {
        return;
    }
    let second = run(ground, errand).await;
    if second != Answer::Unknown && matches!(first, Answer::Accepted(_)) && second != *first {
        ground
            .book
            .odd(format!("the request {} was answered with {first:?}, and repeated with {second:?}", errand.key));
    }
}

/// The tasks of the orderly district, each after the end of the former one. All of them are asked, also when nothing
/// else is any more, so that both modes did the same.
pub(super) async fn orderly(ground: Arc<Ground>, district: usize) {
    let watcher = ground.book.watcher();
    for n in 0..ground.plan.orderly_tasks {
        let Some(town) = ground.towns.get(district) else { return };
        let key = format!("{}-{n}", town.district.slug);
        let Order { body, .. } =
            bodies::orderly(&mut ground.dice(&format!("orderly {key}")), town, ground.plan.accounts_per_task);
        let errand = Errand { district, door: Door::Http, key, body, upload: None };
        let Answer::Accepted(task) = run(&ground, &errand).await else {
            ground.book.odd(format!("the orderly request {} was not accepted", errand.key));
            continue;
        };
        ground.book.begins(district, task);
        watch::follow(&ground, district, task, &errand.key);
        while !ground.book.has_ended(task) {
            if ground.gives_up() {
                return ground
                    .book
                    .odd(format!("the orderly task {task} did not end, and those after it were not asked"));
            }
            watch::look(&ground, district, task, watcher).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        // At leisure while the others work, so that faults meet these tasks, too.
        ground.rest(Duration::from_millis(u64::try_from(ground.plan.orderly_pause_millis).unwrap_or_default())).await;
    }
}

/// Asks until there is an answer, and writes down what came of it.
async fn run(ground: &Ground, errand: &Errand) -> Answer {
    let asked_at = wall().0;
    let (answer, tries) = match (errand.door, ground.producer_of(errand.district)) {
        (Door::Amqp, Some(producer)) => (producer.ask(ground, &errand.key, &errand.body).await, Vec::new()),
        (Door::Amqp, None) | (Door::Http, _) => by_http(ground, errand).await,
    };
    ground.book.request(Request {
        district: errand.district,
        door: errand.door,
        key: errand.key.clone(),
        body: errand.body.clone(),
        asked_at,
        answer: answer.clone(),
        tries,
    });
    answer
}

async fn by_http(ground: &Ground, errand: &Errand) -> (Answer, Vec<Try>) {
    let mut tries = Vec::new();
    let Some(town) = ground.towns.get(errand.district) else { return (Answer::Unknown, tries) };
    while !ground.gives_up() {
        let heard = if let Some(file) = &errand.upload {
            uploads::ask(ground, &town.district, &errand.key, &errand.body, file).await
        } else {
            let ask = Ask::post("/v1/tasks").under(&errand.key).with(&errand.body);
            ground.doors.ask(&town.district, ask).await
        };
        tries.push(heard.as_try());
        if heard.status == 202 {
            match heard.json().get("task").and_then(Value::as_str).and_then(|task| task.parse().ok()) {
                Some(task) => return (Answer::Accepted(task), tries),
                None => ground.book.odd(format!("the acceptance of {} names no task", errand.key)),
            }
        } else if !heard.is_passing() && !uploads::is_overtaken(&heard) {
            return (Answer::Refused(heard.code()), tries);
        }
        pause(ground, &heard, tries.len()).await;
    }
    (Answer::Unknown, tries)
}

/// Waits before the same question is asked again: longer each time, at most a second. A defect is written down.
pub(super) async fn pause(ground: &Ground, heard: &Heard, tries: usize) {
    if heard.status == 500 {
        ground.book.odd(format!("an answer was 500: {}", heard.code()));
    }
    let steps = u64::try_from(tries.clamp(1, 10)).unwrap_or(10);
    tokio::time::sleep(Duration::from_millis(100 * steps)).await;
}

/// Whether a state in an answer is final.
pub(super) fn ended(answer: &Value) -> bool {
    answer.get("state").and_then(Value::as_str).is_some_and(is_final)
}
