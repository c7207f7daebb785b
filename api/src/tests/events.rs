//! The event stream of a task.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::HeaderMap;
use futures_util::StreamExt as _;
use keybell_shared::actor::Role;
use keybell_shared::progress::Snapshot;
use keybell_shared::states::TaskState;
use serde_json::Value;
use tower::ServiceExt as _;

use super::{World, request};

/// Far longer than anything here takes; only a hanging stream gets there.
const HANGS: Duration = Duration::from_secs(20);

/// An open stream.
struct Events {
    status: u16,
    headers: HeaderMap,
    body: BodyDataStream,
    buffer: String,
}

impl Events {
    async fn open(world: &World, key: &str, task: &str, seen: Option<&str>) -> Self {
        let mut builder = request("GET", &format!("/v1/tasks/{task}/events"), key);
        if let Some(seen) = seen {
            builder = builder.header("last-event-id", seen);
        }
        let response = world.routes.clone().oneshot(builder.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.into_data_stream();
        Self { status: parts.status.as_u16(), headers: parts.headers, body, buffer: String::new() }
    }

    /// The next event's id and data, comments left out; `None` at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.buffer.clone().split_once("\n\n") {
                self.buffer = rest.to_owned();
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
                let Some(data) = field("data: ") else { continue };
                assert_eq!(field("event: "), Some("progress"));
                return Some((field("id: ").expect("an id").to_owned(), serde_json::from_str(data).expect("JSON")));
            }
            let chunk = tokio::time::timeout(HANGS, self.body.next()).await.expect("the stream hangs")?;
            self.buffer.push_str(std::str::from_utf8(&chunk.expect("a chunk")).expect("text"));
        }
    }

    /// Reads on, because a stream only moves while somebody reads it, until something has happened elsewhere.
    async fn quiet_until(&mut self, happened: impl Fn() -> bool) {
        let happened = async {
            while !happened() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            () = happened => {}
            event = self.next() => panic!("nothing is new: {event:?}"),
        }
    }

    async fn id(&mut self) -> Option<String> {
        self.next().await.map(|(id, _)| id)
    }
}

/// The ledger's snapshot of the only task.
fn now(world: &World) -> Snapshot {
    world.ledger.memory().tasks[0].progress.clone()
}

fn at(world: &World, version: i64, state: TaskState) -> Snapshot {
    Snapshot { version, state, ..now(world) }
}

#[tokio::test]
async fn the_board_is_followed_forwards_only_until_the_end() {
    let world = World::new();
    let task = world.start(&world.key, "k-1").await;
    world.board.force(&at(&world, 5, TaskState::Running));
    let mut events = Events::open(&world, &world.key, &task, None).await;
    assert_eq!(events.status, 200);
    assert_eq!(events.headers["content-type"], "text/event-stream");
    assert_eq!(events.headers["cache-control"], "no-store");
    assert_eq!(events.headers["x-accel-buffering"], "no");
    let (id, data) = events.next().await.expect("the state of now");
    assert_eq!(id, "1-5");
    assert_eq!((&data["task"], &data["state"]), (&Value::from(task), &Value::from("running")));
    assert_eq!(data["progress"]["total"], 3);
    for version in [4, 5, 7, 6, 7, 8] {
        world.board.force(&at(&world, version, TaskState::Running));
    }
    world.board.force(&at(&world, 9, TaskState::Completed));
    world.board.force(&at(&world, 10, TaskState::Completed));
    assert_eq!(events.id().await.as_deref(), Some("1-7"));
    assert_eq!(events.id().await.as_deref(), Some("1-8"));
    let (id, data) = events.next().await.expect("the end");
    assert_eq!((id.as_str(), &data["state"]), ("1-9", &Value::from("completed")));
    assert_eq!(events.next().await, None);
    assert_eq!(world.board.watchers(), 0, "nobody is left watching");
}

#[tokio::test]
async fn who_comes_back_gets_only_what_is_newer() {
    let world = World::new();
    let task = world.start(&world.key, "k-1").await;
    world.board.force(&at(&world, 5, TaskState::Running));
    let mut events = Events::open(&world, &world.key, &task, Some("1-5")).await;
    world.board.force(&at(&world, 5, TaskState::Running));
    world.board.force(&at(&world, 6, TaskState::Running));
    assert_eq!(events.id().await.as_deref(), Some("1-6"));
    let mut strange = Events::open(&world, &world.key, &task, Some("what?")).await;
    assert_eq!(strange.id().await.as_deref(), Some("1-6"), "a strange mark is no mark");

    world.ledger.memory().tasks[0].progress = at(&world, 9, TaskState::Completed);
    let mut late = Events::open(&world, &world.key, &task, Some("1-6")).await;
    assert_eq!(late.id().await.as_deref(), Some("1-9"), "the ledger is newer than the board");
    assert_eq!(late.next().await, None);
    let nothing = Events::open(&world, &world.key, &task, Some("1-9")).await;
    assert_eq!(nothing.status, 204, "browsers stop asking");
}

#[tokio::test]
async fn without_the_board_the_ledger_is_asked() {
    let world = World::new();
    let task = world.start(&world.key, "k-1").await;
    world.board.down.store(true, Ordering::SeqCst);
    let mut events = Events::open(&world, &world.key, &task, None).await;
    assert_eq!(events.id().await.as_deref(), Some("1-1"));
    world.ledger.memory().tasks[0].progress = at(&world, 2, TaskState::Running);
    assert_eq!(events.id().await.as_deref(), Some("1-2"));
    world.ledger.memory().down = true;
    events.quiet_until(|| world.ledger.memory().refused > 0).await;
    world.ledger.memory().down = false;
    world.ledger.memory().tasks[0].progress = at(&world, 3, TaskState::Cancelled);
    assert_eq!(events.id().await.as_deref(), Some("1-3"), "a ledger that was away is asked again");
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn a_board_that_falls_is_replaced_by_the_ledger_and_found_again() {
    let world = World::new();
    let task = world.start(&world.key, "k-1").await;
    let mut events = Events::open(&world, &world.key, &task, None).await;
    assert_eq!(events.id().await.as_deref(), Some("1-1"));
    world.board.force(&at(&world, 2, TaskState::Running));
    assert_eq!(events.id().await.as_deref(), Some("1-2"));
    world.board.fall();
    world.ledger.memory().tasks[0].progress = at(&world, 3, TaskState::Running);
    assert_eq!(events.id().await.as_deref(), Some("1-3"));
    world.board.down.store(false, Ordering::SeqCst);
    events.quiet_until(|| world.board.watchers() > 0).await;
    world.board.force(&at(&world, 4, TaskState::Failed));
    assert_eq!(events.id().await.as_deref(), Some("1-4"));
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn a_silent_board_does_not_hide_the_truth() {
    let world = World::new();
    let task = world.start(&world.key, "k-1").await;
    let mut events = Events::open(&world, &world.key, &task, None).await;
    assert_eq!(events.id().await.as_deref(), Some("1-1"));
    world.ledger.memory().tasks[0].progress = at(&world, 2, TaskState::Completed);
    assert_eq!(events.id().await.as_deref(), Some("1-2"), "although the board said nothing");
}

#[tokio::test]
async fn a_revoked_key_and_the_end_of_the_process_end_the_stream() {
    let world = World::new();
    let task = world.start(&world.key, "k-1").await;
    let admin = world.key_of(world.district, Role::DistrictAdmin, "admin");
    let mut of_admin = Events::open(&world, &admin, &task, None).await;
    let mut own = Events::open(&world, &world.key, &task, None).await;
    assert_eq!(of_admin.id().await.as_deref(), Some("1-1"));
    assert_eq!(own.id().await.as_deref(), Some("1-1"));
    world.ledger.memory().keys.retain(|_, (_, actor)| actor.role != Role::DistrictAdmin);
    assert_eq!(of_admin.next().await, None);
    world.soft.cancel();
    assert_eq!(own.next().await, None);
}
