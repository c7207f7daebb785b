use keybell_shared::ids::{DistrictId, ItemId, TaskId};

use super::*;
use crate::testing::{FakeLedger, FakeQueue, Note};

const GRACE: Duration = Duration::from_secs(30);

struct Room {
    ledger: Arc<FakeLedger>,
    queue: Arc<FakeQueue>,
    repair: Repair<FakeLedger>,
}

fn room(queue_is_new: bool) -> Room {
    let (ledger, queue) = (Arc::new(FakeLedger::new(0)), Arc::new(FakeQueue::new()));
    let port: Arc<FakeQueue> = Arc::clone(&queue);
    let writer = "scheduler-1".to_owned();
    let repair = Repair::new(Arc::clone(&ledger), port, writer, GRACE, RetryPolicy::default(), queue_is_new);
    Room { ledger, queue, repair }
}

fn message(work: Work) -> Message {
    Message { district: DistrictId::fresh(), task: TaskId::fresh(), work, dispatch: 2, trace: None }
}

impl Room {
    fn due(&self, count: i64) {
        let note = |n| Note {
            message: message(if n % 2 == 0 { Work::Email(NotificationId(n)) } else { Work::Sms(NotificationId(n)) }),
            published: false,
        };
        self.ledger.state().notes.extend((0..count).map(note));
    }

    fn published(&self) -> usize {
        self.ledger.state().notes.iter().filter(|note| note.published).count()
    }
}

#[tokio::test]
async fn what_is_due_is_published_and_looked_for_again_at_once() {
    let mut room = room(false);
    assert_eq!(room.repair.round().await, Ok(Pace::Rest));
    room.due(10);
    assert_eq!(room.repair.round().await, Ok(Pace::Again));
    assert_eq!(room.queue.messages.lock().unwrap().len(), 10);
    assert_eq!(room.repair.round().await, Ok(Pace::Rest));
    assert_eq!(room.queue.messages.lock().unwrap().len(), 10, "once only");
}

#[tokio::test]
async fn what_a_full_queue_refuses_is_not_noted_as_published_and_comes_when_there_is_room() {
    let mut room = room(false);
    room.due(10);
    *room.queue.capacity.lock().unwrap() = 4;
    assert_eq!(room.repair.round().await, Ok(Pace::Rest), "no spinning on a full queue");
    assert_eq!((room.queue.messages.lock().unwrap().len(), room.published()), (4, 4));
    let waiting = room.repair.woken();
    room.queue.drain();
    waiting.await;
    room.repair.round().await.unwrap();
    assert_eq!(room.published(), 8);
}

#[tokio::test]
async fn when_the_broker_is_away_nothing_stays_noted_as_published() {
    let mut room = room(false);
    room.due(6);
    room.ledger.state().expired = 3;
    *room.queue.away.lock().unwrap() = true;
    assert!(matches!(room.repair.round().await, Err(Failure::Queue(_))));
    assert_eq!(room.published(), 0);
    assert_eq!(room.ledger.state().expired, 0, "what needs no broker is done all the same");
    assert_eq!(room.ledger.state().sweeps, 1);
}

#[tokio::test]
async fn a_publication_without_an_answer_does_not_stay_noted() {
    let mut room = room(false);
    room.due(6);
    *room.queue.unconfirmed.lock().unwrap() = true;
    assert!(matches!(room.repair.round().await, Err(Failure::Queue(_))));
    assert_eq!(room.published(), 0);
    *room.queue.unconfirmed.lock().unwrap() = false;
    assert_eq!(room.repair.round().await, Ok(Pace::Again));
    assert_eq!(room.published(), 6);
}

#[tokio::test]
async fn lost_items_are_brought_again_only_while_the_reset_queue_is_empty() {
    let mut room = room(false);
    let lost = message(Work::Reset(ItemId(7)));
    room.queue.messages.lock().unwrap().push(message(Work::Reset(ItemId(1))));
    room.ledger.state().lost.push(lost);
    room.repair.round().await.unwrap();
    assert_eq!(room.queue.messages.lock().unwrap().len(), 1);
    room.queue.drain();
    assert_eq!(room.repair.round().await, Ok(Pace::Again));
    assert_eq!(*room.queue.messages.lock().unwrap(), [lost]);
}

#[tokio::test]
async fn a_queue_that_began_empty_is_refilled_once_with_what_was_noted_before() {
    let mut room = room(true);
    room.repair.round().await.unwrap();
    // Not without any grace: what this process has dispatched meanwhile is in a worker's hands.
    let graces = std::mem::take(&mut room.ledger.state().graces);
    assert!(graces.iter().all(|grace| (BEFORE..GRACE).contains(grace)), "{graces:?}");
    assert_eq!(graces.len(), 3);
    room.repair.round().await.unwrap();
    assert_eq!(room.ledger.state().graces, [GRACE; 3]);
}

#[tokio::test]
async fn seals_are_swept_rarely() {
    let mut room = room(false);
    for _ in 0..5 {
        room.repair.round().await.unwrap();
    }
    assert_eq!(room.ledger.state().sweeps, 1);
}
