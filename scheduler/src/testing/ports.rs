//! Queue, board and event sink.

use std::sync::Mutex;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use keybell_shared::error::{BoardError, QueueError};
use keybell_shared::ids::TaskId;
use keybell_shared::message::Message;
use keybell_shared::ports::board::Board;
use keybell_shared::ports::events::{Event, EventSink};
use keybell_shared::ports::queue::{Consumer, Source, WorkQueue};
use keybell_shared::progress::Snapshot;
use keybell_shared::stage::Stage;
use tokio::sync::Notify;

fn away() -> QueueError {
    QueueError::Unavailable("switched off by the test".into())
}

/// Keeps messages up to a capacity; the test takes them out.
pub(crate) struct FakeQueue {
    pub(crate) messages: Mutex<Vec<Message>>,
    pub(crate) capacity: Mutex<usize>,
    pub(crate) away: Mutex<bool>,
    /// It answers everything but a publication.
    pub(crate) unconfirmed: Mutex<bool>,
    pub(crate) publications: Mutex<usize>,
    room: Notify,
}

impl FakeQueue {
    pub(crate) fn new() -> Self {
        Self {
            messages: Mutex::default(),
            capacity: Mutex::new(usize::MAX),
            away: Mutex::default(),
            unconfirmed: Mutex::default(),
            publications: Mutex::default(),
            room: Notify::new(),
        }
    }

    /// Takes everything out, as workers would.
    pub(crate) fn drain(&self) -> Vec<Message> {
        let messages = std::mem::take(&mut *self.messages.lock().unwrap());
        self.room.notify_one();
        messages
    }
}

#[async_trait]
impl WorkQueue for FakeQueue {
    async fn publish(&self, messages: &[Message]) -> Result<Vec<bool>, QueueError> {
        if *self.away.lock().unwrap() || *self.unconfirmed.lock().unwrap() {
            return Err(away());
        }
        *self.publications.lock().unwrap() += 1;
        let mut held = self.messages.lock().unwrap();
        let capacity = *self.capacity.lock().unwrap();
        let put = |message: &Message| {
            let fits = held.len() < capacity;
            if fits {
                held.push(*message);
            }
            fits
        };
        Ok(messages.iter().map(put).collect())
    }

    async fn consume(&self, _: Source, _: u16) -> Result<Consumer, QueueError> {
        Err(QueueError::Refused("the test takes messages itself".into()))
    }

    async fn depth(&self, stage: Stage) -> Result<u64, QueueError> {
        if *self.away.lock().unwrap() {
            return Err(away());
        }
        Ok(self.messages.lock().unwrap().iter().filter(|message| message.stage() == stage).count() as u64)
    }

    async fn room(&self) {
        self.room.notified().await;
    }

    async fn ping(&self) -> Result<(), QueueError> {
        Ok(())
    }
}

/// Keeps every snapshot it was shown.
#[derive(Default)]
pub(crate) struct FakeBoard {
    pub(crate) shown: Mutex<Vec<Snapshot>>,
    pub(crate) away: Mutex<bool>,
}

#[async_trait]
impl Board for FakeBoard {
    async fn show(&self, snapshot: &Snapshot) -> Result<bool, BoardError> {
        if *self.away.lock().unwrap() {
            return Err(BoardError("switched off by the test".into()));
        }
        self.shown.lock().unwrap().push(snapshot.clone());
        Ok(true)
    }

    async fn read(&self, task: TaskId) -> Result<Option<Snapshot>, BoardError> {
        Ok(self.shown.lock().unwrap().iter().rev().find(|snapshot| snapshot.task == task).cloned())
    }

    async fn watch(&self, _: TaskId) -> Result<BoxStream<'static, Snapshot>, BoardError> {
        Err(BoardError("nobody watches".into()))
    }

    async fn ping(&self) -> Result<(), BoardError> {
        Ok(())
    }
}

/// Keeps the numbers of events.
#[derive(Default)]
pub(crate) struct FakeSink {
    pub(crate) emitted: Mutex<Vec<i64>>,
    pub(crate) away: Mutex<bool>,
}

#[async_trait]
impl EventSink for FakeSink {
    async fn emit(&self, events: &[Event]) -> Result<(), QueueError> {
        if *self.away.lock().unwrap() {
            return Err(away());
        }
        self.emitted.lock().unwrap().extend(events.iter().map(|event| event.id));
        Ok(())
    }
}
