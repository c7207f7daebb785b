//! Invariant 1: no accepted request is lost, and none becomes two tasks.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::rows::rows;
use super::{Case, Finding};
use crate::evidence::{Answer, Door, Request};

/// Whose request it is: the district's id, the door, the idempotency key.
type Key = (String, &'static str, String);

pub(crate) async fn check(case: &Case<'_>) -> Finding {
    let mut finding = Finding::new(1, "no accepted request is lost, none becomes two tasks");
    let tasks: HashMap<String, String> =
        rows(case.ledger, "SELECT id, district_id FROM tasks").await.into_iter().map(|[id, of]| (id, of)).collect();
    let stored: Vec<[String; 4]> =
        rows(case.ledger, "SELECT district_id, producer, key, task_id FROM idempotency WHERE producer <> '(trial)'")
            .await;
    let (mut by_key, mut by_task) = (BTreeMap::<Key, Vec<String>>::new(), HashMap::<String, Vec<Key>>::new());
    for [district, producer, key, task] in stored {
        let key = (district, door_of(&producer), key);
        by_key.entry(key.clone()).or_default().push(task.clone());
        by_task.entry(task).or_default().push(key);
    }
    let asked = asked(case, &mut finding);
    for (key, requests) in &asked {
        let found = by_key.get(key).map_or(&[][..], Vec::as_slice);
        judge_request(&mut finding, key, requests, found, &tasks);
    }
    for (task, district) in &tasks {
        let keys = by_task.get(task).map_or(&[][..], Vec::as_slice);
        finding.expect(keys.len() == 1, || {
            format!("task {task} has {} idempotency keys; exactly one request asked for it", keys.len())
        });
        for key in keys {
            finding.expect(key.0 == *district, || format!("task {task} and its idempotency key are of two districts"));
            let wanted = asked.get(key).is_some_and(|requests| {
                requests.iter().any(|request| match &request.answer {
                    Answer::Accepted(id) => id.to_string() == *task,
                    Answer::Unknown => true,
                    Answer::Refused(_) => false,
                })
            });
            finding.expect(wanted, || format!("task {task} was asked for by nobody (key `{}`)", key.2));
        }
    }
    finding
}

/// A published request is its broker user's; an HTTP request is its API key's, which has a UUID.
fn door_of(producer: &str) -> &'static str {
    if uuid::Uuid::parse_str(producer).is_ok() { "http" } else { "amqp" }
}

/// What was asked, by key: whoever repeats a key repeats the request.
fn asked<'a>(case: &Case<'a>, finding: &mut Finding) -> BTreeMap<Key, Vec<&'a Request>> {
    let mut asked = BTreeMap::<Key, Vec<&Request>>::new();
    for request in &case.evidence.requests {
        let Some(district) = case.evidence.districts.get(request.district) else {
            finding.expect(false, || {
                format!("the request `{}` is of a district that is not in the evidence", request.key)
            });
            continue;
        };
        let door = match request.door {
            Door::Http => "http",
            Door::Amqp => "amqp",
        };
        asked.entry((district.id.to_string(), door, request.key.clone())).or_default().push(request);
    }
    asked
}

fn judge_request(
    finding: &mut Finding,
    (district, door, key): &Key,
    requests: &[&Request],
    found: &[String],
    tasks: &HashMap<String, String>,
) {
    let accepted: BTreeSet<String> = requests
        .iter()
        .filter_map(|request| match &request.answer {
            Answer::Accepted(id) => Some(id.to_string()),
            Answer::Refused(_) | Answer::Unknown => None,
        })
        .collect();
    let unknown = requests.iter().any(|request| request.answer == Answer::Unknown);
    if let Some(id) = accepted.first() {
        finding.expect(accepted.len() == 1, || {
            format!("the {door} request `{key}` was answered with {} different tasks", accepted.len())
        });
        finding.expect(tasks.get(id) == Some(district), || {
            format!("the {door} request `{key}` was accepted as task {id}, which its district does not have")
        });
        finding.expect(found.len() == 1 && found.first() == Some(id), || {
            format!("the {door} request `{key}` was accepted as task {id}, but its key leads to {found:?}")
        });
    } else if unknown {
        finding.expect(found.len() <= 1, || format!("the {door} request `{key}`, never answered, became {found:?}"));
    } else {
        finding.expect(found.is_empty(), || format!("the {door} request `{key}` was refused, but became {found:?}"));
    }
}

#[cfg(test)]
mod tests {
    use keybell_shared::ids::TaskId;
    use keybell_tests::ledgers::TestLedger;
    use keybell_tests::on_both;

    use super::*;
    use crate::checker::world::{World, caught, sound};

    on_both!(a_lost_a_doubled_and_an_invented_task_are_found);

    async fn a_lost_a_doubled_and_an_invented_task_are_found(on: &TestLedger) {
        let mut world = World::new(on).await;
        let whole = check(&world.case()).await;
        sound(&whole);
        let request = world.evidence.requests[0].clone();

        world.evidence.requests[0].answer = Answer::Unknown;
        sound(&check(&world.case()).await);

        world.evidence.requests[0].answer = Answer::Refused("quota.requests".to_owned());
        caught(&whole, &check(&world.case()).await, "was refused, but became");

        world.evidence.requests[0].answer = Answer::Accepted(TaskId::fresh());
        caught(&whole, &check(&world.case()).await, "which its district does not have");

        world.evidence.requests[0] = request.clone();
        world.evidence.requests.push(Request { answer: Answer::Accepted(world.tasks[1]), ..request });
        caught(&whole, &check(&world.case()).await, "was answered with 2 different tasks");

        world.evidence.requests.pop();
        let gone = world.evidence.requests.remove(0);
        caught(&whole, &check(&world.case()).await, "was asked for by nobody");

        world.evidence.requests.insert(0, gone);
        world.tamper(&format!("DELETE FROM idempotency WHERE task_id = '{}'", world.tasks[0])).await;
        caught(&whole, &check(&world.case()).await, "has 0 idempotency keys");
    }
}
