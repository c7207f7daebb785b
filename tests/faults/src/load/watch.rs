//! Watching tasks: some are polled all the time, some are followed as streams.

use std::sync::Arc;
use std::time::Duration;

use keybell_shared::ids::TaskId;
use reqwest::Response;
use serde_json::Value;

use super::doors::Ask;
use super::ground::Ground;
use super::requests::ended;
use crate::evidence::{District, Sample};

/// A stream is silent for no longer than the API's keep-alive and a fault.
const SILENCE: Duration = Duration::from_secs(40);

/// Looks at open tasks of a district, one after the other, until nothing new is asked. All answers come from the ledger,
/// so that they never run backwards, whichever process gives them.
pub(super) async fn poll(ground: Arc<Ground>, district: usize) {
    let watcher = ground.book.watcher();
    let mut dice = ground.dice(&format!("poll {district}"));
    while ground.rest(dice.millis(100, 250)).await {
        if let Some(task) = dice.pick(&ground.book.tasks(district, true)).copied() {
            look(&ground, district, task, watcher).await;
        }
    }
}

/// One look at a task.
pub(super) async fn look(ground: &Ground, district: usize, task: TaskId, watcher: u32) {
    let Some(town) = ground.towns.get(district) else { return };
    let heard = ground.doors.ask(&town.district, Ask::get(&format!("/v1/tasks/{task}"))).await;
    match heard.status {
        200 => note(ground, task, watcher, &heard.json()),
        404 => ground.book.odd(format!("the task {task} was accepted, and its district is told that there is none")),
        _ => {}
    }
}

/// Follows a task as a stream, for some of them.
pub(super) fn follow(ground: &Arc<Ground>, district: usize, task: TaskId, key: &str) {
    if ground.dice(&format!("follow {key}")).percent(ground.plan.follow_percent) {
        let beside = Arc::clone(ground);
        ground.beside(async move {
            tokio::select! {
                () = beside.until_stop() => {}
                () = stream(&beside, district, task) => {}
            }
        });
    }
}

/// Comes back with the last id, as a browser does, until the task has ended.
async fn stream(ground: &Ground, district: usize, task: TaskId) {
    let Some(town) = ground.towns.get(district) else { return };
    let path = format!("/v1/tasks/{task}/events");
    let mut last: Option<String> = None;
    while !ground.book.has_ended(task) {
        if let Some(response) = ground.doors.events(&town.district, &path, last.as_deref()).await {
            match response.status().as_u16() {
                200 => listen(ground, &town.district, task, &path, response, &mut last).await,
                204 => return ground.book.ends(task),
                404 => ground.book.odd(format!("the task {task} was accepted, and its events are refused")),
                _ => {}
            }
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// One connection. It ends with the task, or with the process that serves it.
async fn listen(
    ground: &Ground,
    who: &District,
    task: TaskId,
    path: &str,
    mut response: Response,
    last: &mut Option<String>,
) {
    let watcher = ground.book.watcher();
    let (mut text, mut first) = (String::new(), true);
    while let Ok(Ok(Some(bytes))) = tokio::time::timeout(SILENCE, response.chunk()).await {
        // Everything in an event is ASCII, so that no character is split.
        text.push_str(&String::from_utf8_lossy(&bytes));
        while let Some((block, rest)) = text.split_once("\n\n") {
            if let Some((id, event)) = event(block) {
                ground.doors.keep(who, Ask::get(path), 200, block);
                if first && last.as_deref().is_some_and(|last| mark(last) >= mark(&id)) {
                    ground.book.odd(format!("the events of {task} began at {id} for who had seen {last:?}"));
                }
                first = false;
                note(ground, task, watcher, &event);
                *last = Some(id);
            }
            text = rest.to_owned();
        }
    }
}

fn event(block: &str) -> Option<(String, Value)> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    // A comment keeps the connection and says nothing.
    let data = serde_json::from_str(field("data:")?).ok()?;
    Some((field("id:")?.to_owned(), data))
}

/// An event's id as numbers that can be compared.
fn mark(id: &str) -> Option<(i64, i64)> {
    let (epoch, version) = id.split_once('-')?;
    Some((epoch.parse().ok()?, version.parse().ok()?))
}

fn note(ground: &Ground, task: TaskId, watcher: u32, shown: &Value) {
    let Some(progress) = shown.get("progress") else {
        return ground.book.odd(format!("an answer about the task {task} shows no progress"));
    };
    ground.book.sample(Sample { task, watcher, progress: progress.clone() });
    if ended(shown) {
        ground.book.ends(task);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_and_comments_are_not() {
        let (id, data) = event("event: progress\nid: 3-12\ndata: {\"state\":\"running\"}").unwrap();
        assert_eq!((id.as_str(), data["state"].as_str()), ("3-12", Some("running")));
        assert!(event(": keep-alive").is_none());
        assert!(mark("3-12") > mark("3-9") && mark("3") < mark("0-1"));
    }
}
