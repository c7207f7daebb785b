use keybell_shared::actor::{Actor, Role};
use keybell_shared::ids::{DistrictId, TaskId};
use keybell_shared::ports::ledger::Ledger;
use keybell_shared::states::{ItemState, TaskState};

use super::*;
use crate::intake::{Intake, json};
use crate::testing::{FakeLedger, FakeQueue, actor};

struct Room {
    ledger: Arc<FakeLedger>,
    queue: Arc<FakeQueue>,
    dispatch: Dispatch<FakeLedger>,
}

/// Running tasks with so many pending items, each with its caller's district.
async fn room(window: u32, tasks: &[(DistrictId, usize)]) -> (Room, Vec<TaskId>) {
    let (ledger, queue) = (Arc::new(FakeLedger::new(1)), Arc::new(FakeQueue::new()));
    let all: Arc<dyn Ledger> = Arc::<FakeLedger>::clone(&ledger);
    let intake = Intake::new(all, None);
    let mut ids = Vec::new();
    let mut next = 0_i64;
    for (number, (district, items)) in tasks.iter().enumerate() {
        let caller = Actor { district: *district, ..actor(*district, Role::DistrictAdmin) };
        let request =
            json::parse(br#"{"selection":{"scope":"all"},"reason":"lost","acknowledgement":"2026-11"}"#).unwrap();
        let task = intake.submit(&caller, request, &format!("key-{number}")).await.unwrap().task;
        let mut state = ledger.state();
        let fake = state.task(task);
        fake.state = TaskState::Running;
        fake.items = (next..).take(*items).map(|n| (ItemId(n), ItemState::Pending)).collect();
        next += i64::try_from(*items).unwrap();
        ids.push(task);
    }
    let port: Arc<FakeQueue> = Arc::clone(&queue);
    let dispatch = Dispatch::new(Arc::clone(&ledger), port, window, window * 4, Wake::default());
    (Room { ledger, queue, dispatch }, ids)
}

impl Room {
    fn count(&self, task: TaskId, state: ItemState) -> usize {
        self.ledger.items_of(task).into_iter().filter(|at| *at == state).count()
    }

    /// The workers do so many of what is queued.
    fn work_on(&self, count: usize) {
        for message in self.queue.messages.lock().unwrap().drain(..count) {
            self.ledger.settle(item_of(&message).unwrap(), ItemState::Silent);
        }
    }

    /// The workers do everything that is queued.
    fn work(&self) -> usize {
        let messages = self.queue.drain();
        for message in &messages {
            self.ledger.settle(item_of(message).unwrap(), ItemState::Silent);
        }
        messages.len()
    }
}

#[tokio::test]
async fn the_window_is_filled_and_not_exceeded() {
    let (mut room, tasks) = room(100, &[(DistrictId::fresh(), 5_000)]).await;
    for _ in 0..3 {
        assert_eq!(room.dispatch.round().await, Ok(Pace::Rest));
        assert_eq!(room.queue.messages.lock().unwrap().len(), 100);
        assert_eq!(room.count(tasks[0], ItemState::Queued), 100);
    }
    let mut done = 0;
    for _ in 0..100 {
        done += room.work();
        assert!(room.count(tasks[0], ItemState::Queued) <= 400, "the largest window");
        room.dispatch.round().await.unwrap();
    }
    assert_eq!(done, 5_000, "everything was queued once");
}

#[tokio::test]
async fn the_window_is_filled_again_when_a_quarter_is_free_and_at_once_for_a_task_that_became_ready() {
    let district = DistrictId::fresh();
    let (mut room, tasks) = room(100, &[(district, 5_000), (district, 5_000)]).await;
    room.ledger.state().task(tasks[1]).state = TaskState::Paused;
    let queued = |room: &Room| room.queue.messages.lock().unwrap().len();
    room.dispatch.round().await.unwrap();
    room.work_on(20);
    room.dispatch.round().await.unwrap();
    assert_eq!(queued(&room), 80, "a few places are not worth a round");
    room.work_on(5);
    room.dispatch.round().await.unwrap();
    assert_eq!(queued(&room), 100);
    room.work_on(10);
    room.ledger.state().task(tasks[1]).state = TaskState::Running;
    room.dispatch.round().await.unwrap();
    assert_eq!(queued(&room), 100, "whoever has just become ready does not wait");
    assert!(room.count(tasks[1], ItemState::Queued) > 0);
}

#[tokio::test]
async fn a_small_task_does_not_wait_behind_a_large_one_and_its_room_is_not_wasted() {
    let (ours, theirs) = (DistrictId::fresh(), DistrictId::fresh());
    let (mut room, tasks) = room(100, &[(ours, 9_000), (ours, 9_000), (theirs, 3)]).await;
    room.dispatch.round().await.unwrap();
    assert_eq!(room.count(tasks[2], ItemState::Queued), 3, "the small one is through at once");
    let (first, second) = (room.count(tasks[0], ItemState::Queued), room.count(tasks[1], ItemState::Queued));
    assert_eq!(first + second, 97);
    assert!(first.abs_diff(second) <= 2, "{first} and {second}");
}

#[tokio::test]
async fn only_what_the_queue_confirmed_is_noted() {
    let (mut room, tasks) = room(100, &[(DistrictId::fresh(), 50)]).await;
    *room.queue.capacity.lock().unwrap() = 30;
    room.dispatch.round().await.unwrap();
    assert_eq!(room.count(tasks[0], ItemState::Queued), 30);
    assert_eq!(room.count(tasks[0], ItemState::Pending), 20);
    *room.queue.away.lock().unwrap() = true;
    assert!(matches!(room.dispatch.round().await, Err(Failure::Queue(_))));
    assert_eq!(room.count(tasks[0], ItemState::Queued), 30, "nothing is known, so nothing is noted");
    *room.queue.away.lock().unwrap() = false;
    room.work();
    room.dispatch.round().await.unwrap();
    assert_eq!(room.count(tasks[0], ItemState::Queued), 20);
}

#[tokio::test]
async fn a_paused_task_is_left_alone_and_resuming_goes_on() {
    let (mut room, tasks) = room(10, &[(DistrictId::fresh(), 50)]).await;
    room.ledger.state().task(tasks[0]).state = TaskState::Paused;
    room.dispatch.round().await.unwrap();
    assert!(room.queue.messages.lock().unwrap().is_empty());
    room.ledger.state().task(tasks[0]).state = TaskState::Running;
    room.dispatch.round().await.unwrap();
    assert_eq!(room.queue.messages.lock().unwrap().len(), 10);
}

#[tokio::test]
async fn large_windows_are_published_in_batches() {
    let (mut room, tasks) = room(2_500, &[(DistrictId::fresh(), 9_000)]).await;
    room.dispatch.round().await.unwrap();
    assert_eq!(*room.queue.publications.lock().unwrap(), 3);
    assert_eq!(room.count(tasks[0], ItemState::Queued), 2_500);
}

#[tokio::test]
async fn what_the_queue_took_before_it_refused_is_noted_and_nothing_else() {
    let (mut room, tasks) = room(4_500, &[(DistrictId::fresh(), 9_000)]).await;
    *room.queue.capacity.lock().unwrap() = 1_500;
    room.dispatch.round().await.unwrap();
    assert_eq!(room.count(tasks[0], ItemState::Queued), 1_500);
    assert!(*room.queue.publications.lock().unwrap() <= 3, "nothing more is offered to a queue that refuses");
}

#[tokio::test]
async fn a_window_larger_than_a_slice_is_filled() {
    let (mut room, tasks) = room(20_000, &[(DistrictId::fresh(), 15_000), (DistrictId::fresh(), 3)]).await;
    room.dispatch.round().await.unwrap();
    assert_eq!(room.count(tasks[0], ItemState::Queued), 15_000);
    assert_eq!(room.count(tasks[1], ItemState::Queued), 3);
}

#[tokio::test]
async fn nothing_is_handed_out_before_its_start_nor_during_a_blackout() {
    let district = DistrictId::fresh();
    let (mut room, tasks) = room(100, &[(district, 5), (district, 5)]).await;
    let now = keybell_shared::clock::wall().0;
    let at = keybell_shared::clock::Millis;
    let start = |ahead: i64| {
        let at = at(now + ahead).rfc3339();
        Some(keybell_shared::request::Start { at, zone: None })
    };
    room.ledger.state().task(tasks[0]).new.request.start = start(60_000);
    assert_eq!(room.dispatch.round().await, Ok(Pace::Rest));
    assert_eq!(tasks.iter().map(|task| room.count(*task, ItemState::Queued)).collect::<Vec<_>>(), [0, 5]);
    room.work();
    room.ledger.state().task(tasks[0]).new.request.start = start(-60_000);
    let window = |ends: i64| keybell_shared::config::Window {
        from: at(now - 1_000),
        until: at(now + ends),
        districts: Vec::new(),
        reason: "exams".to_owned(),
    };
    room.dispatch = room.dispatch.outside(vec![window(60_000)]);
    assert_eq!(room.dispatch.round().await, Ok(Pace::Rest));
    assert_eq!(room.count(tasks[0], ItemState::Queued), 0);
    room.dispatch = room.dispatch.outside(vec![window(-500)]);
    assert_eq!(room.dispatch.round().await, Ok(Pace::Rest));
    assert_eq!(room.count(tasks[0], ItemState::Queued), 5);
}
