//! The whole scheduler over ports in memory: from a request to a closed task.

use keybell_shared::actor::Role;
use keybell_shared::clock::Millis;
use keybell_shared::ids::TaskId;
use keybell_shared::message::Work;
use keybell_shared::ports::events::Event;
use keybell_shared::states::{ItemState, TaskState};

use super::*;
use crate::intake::json;
use crate::testing::{FakeBoard, FakeLedger, FakeQueue, FakeSink, actor, until};

struct Room {
    ledger: Arc<FakeLedger>,
    queue: Arc<FakeQueue>,
    board: Arc<FakeBoard>,
    sink: Arc<FakeSink>,
    parts: SchedulerParts,
}

fn room(accounts: u64) -> Room {
    let ledger = Arc::new(FakeLedger::new(accounts));
    let (queue, board, sink) =
        (Arc::new(FakeQueue::new()), Arc::new(FakeBoard::default()), Arc::new(FakeSink::default()));
    let every = Duration::from_millis(20);
    let config = config::Scheduler {
        chunk: 40,
        window_min: 30,
        dispatch_every: every,
        scan_every: every,
        project_every: every,
        leader_ttl: Duration::from_millis(300),
        ..config::Scheduler::default()
    };
    let parts = SchedulerParts {
        ledger: Arc::<FakeLedger>::clone(&ledger),
        queue: Arc::<FakeQueue>::clone(&queue),
        board: Arc::<FakeBoard>::clone(&board),
        events: Arc::<FakeSink>::clone(&sink),
        requests: None,
        webhooks: None,
        reset_key: None,
        passwords: config::Passwords::default(),
        links: config::Links::default(),
        config,
        blackout: config::Blackout::default(),
        timing: config::Timing::default(),
        holder: "test".to_owned(),
        wake: Wake::default(),
        queue_is_new: true,
    };
    Room { ledger, queue, board, sink, parts }
}

impl Room {
    async fn submit(&self, key: &str) -> TaskId {
        let all: Arc<dyn Ledger> = Arc::<FakeLedger>::clone(&self.ledger);
        let caller = actor(self.ledger.state().district, Role::DistrictAdmin);
        let request = json::parse(br#"{"selection":{"scope":"all"},"reason":"lost","acknowledgement":"2026-11"}"#)
            .expect("a request");
        let intake = Intake::new(all, None).waking(self.parts.wake.clone());
        intake.submit(&caller, request, key).await.expect("accepted").task
    }

    fn state(&self, task: TaskId) -> TaskState {
        self.ledger.state().task(task).state
    }
}

/// Does what is queued, until stopped.
async fn workers(queue: Arc<FakeQueue>, ledger: Arc<FakeLedger>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        for message in queue.drain() {
            let Work::Reset(item) = message.work else { panic!("only resets") };
            ledger.settle(item, ItemState::Notified);
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

#[tokio::test]
async fn a_request_becomes_a_closed_task_through_every_outage() {
    let room = room(150);
    let soft = CancellationToken::new();
    let event = |id| Event {
        id,
        district: room.ledger.state().district,
        kind: "task.accepted".into(),
        body: serde_json::json!({}),
        at: Millis(0),
    };
    let events = vec![event(1), event(2)];
    {
        let mut state = room.ledger.state();
        state.events = events;
        state.unchained = 1_500;
    }
    *room.sink.away.lock().unwrap() = true;
    *room.board.away.lock().unwrap() = true;
    *room.queue.away.lock().unwrap() = true;

    let running = tokio::spawn(run(room.parts.clone(), soft.clone()));
    let working = tokio::spawn(workers(Arc::clone(&room.queue), Arc::clone(&room.ledger), soft.clone()));
    let task = room.submit("key-1").await;
    until("expanded while the broker is away", || room.state(task) == TaskState::Running).await;
    assert_eq!(room.ledger.items_of(task).len(), 150);
    until("the audit rows are chained", || room.ledger.state().unchained == 0).await;

    *room.queue.away.lock().unwrap() = false;
    until("the task is closed", || room.state(task) == TaskState::Completed).await;
    assert!(room.ledger.items_of(task).iter().all(|at| *at == ItemState::Notified));
    *room.board.away.lock().unwrap() = false;
    *room.sink.away.lock().unwrap() = false;
    let shown = || room.board.shown.lock().unwrap().last().is_some_and(|last| last.state == TaskState::Completed);
    until("the board shows the end", shown).await;
    until("the events went out", || *room.sink.emitted.lock().unwrap() == [1, 2]).await;
    until("and are noted", || room.ledger.state().events.is_empty()).await;

    soft.cancel();
    running.await.expect("it stops");
    working.await.expect("they stop");
    assert!(room.ledger.state().lease.is_none(), "the lease was given back");
}

#[tokio::test]
async fn a_wake_up_beats_the_interval() {
    let mut room = room(5);
    // Far longer than the test: only the nudges can move it on.
    room.parts.config.dispatch_every = Duration::from_hours(1);
    let soft = CancellationToken::new();
    let running = tokio::spawn(run(room.parts.clone(), soft.clone()));
    until("it leads and rests", || !room.ledger.state().graces.is_empty()).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    room.submit("key-1").await;
    until("the items are queued", || room.queue.messages.lock().unwrap().len() == 5).await;
    soft.cancel();
    running.await.expect("it stops");
}

#[tokio::test]
async fn a_loop_that_panics_is_started_again() {
    let room = room(3);
    room.ledger.state().panics = 1;
    let soft = CancellationToken::new();
    let running = tokio::spawn(run(room.parts.clone(), soft.clone()));
    let task = room.submit("key-1").await;
    until("it panicked", || room.ledger.state().panics == 0).await;
    until("expanded", || room.state(task) == TaskState::Running).await;
    soft.cancel();
    running.await.expect("it stops");
}
