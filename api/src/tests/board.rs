//! A board and a queue in memory that can be switched off.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use keybell_shared::error::{BoardError, QueueError};
use keybell_shared::ids::TaskId;
use keybell_shared::message::Message;
use keybell_shared::ports::board::Board;
use keybell_shared::ports::queue::{Consumer, Source, WorkQueue};
use keybell_shared::progress::Snapshot;
use keybell_shared::stage::Stage;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A board that shows whatever it is told to, older things too.
#[derive(Default)]
pub(super) struct FakeBoard {
    pub(super) down: AtomicBool,
    shown: Mutex<Option<Snapshot>>,
    watchers: Mutex<Vec<UnboundedSender<Snapshot>>>,
}

impl FakeBoard {
    /// How many streams watch it now.
    pub(super) fn watchers(&self) -> usize {
        let mut watchers = self.watchers.lock().expect("not poisoned");
        watchers.retain(|watcher| !watcher.is_closed());
        watchers.len()
    }

    /// Shows a snapshot without asking whether it is newer.
    pub(super) fn force(&self, snapshot: &Snapshot) {
        *self.shown.lock().expect("not poisoned") = Some(snapshot.clone());
        self.watchers.lock().expect("not poisoned").retain(|watcher| watcher.send(snapshot.clone()).is_ok());
    }

    /// Loses every connection and answers nothing any more.
    pub(super) fn fall(&self) {
        self.down.store(true, Ordering::SeqCst);
        self.watchers.lock().expect("not poisoned").clear();
    }

    fn ask(&self) -> Result<(), BoardError> {
        if self.down.load(Ordering::SeqCst) { Err(BoardError("switched off".to_owned())) } else { Ok(()) }
    }
}

#[async_trait]
impl Board for FakeBoard {
    async fn show(&self, snapshot: &Snapshot) -> Result<bool, BoardError> {
        self.ask()?;
        self.force(snapshot);
        Ok(true)
    }

    async fn read(&self, _: TaskId) -> Result<Option<Snapshot>, BoardError> {
        self.ask()?;
        Ok(self.shown.lock().expect("not poisoned").clone())
    }

    async fn watch(&self, _: TaskId) -> Result<BoxStream<'static, Snapshot>, BoardError> {
        self.ask()?;
        let (sender, receiver) = unbounded_channel();
        self.watchers.lock().expect("not poisoned").push(sender);
        let next = |mut receiver: UnboundedReceiver<Snapshot>| async move {
            receiver.recv().await.map(|snapshot| (snapshot, receiver))
        };
        Ok(futures_util::stream::unfold(receiver, next).boxed())
    }

    async fn ping(&self) -> Result<(), BoardError> {
        self.ask()
    }
}

/// A queue that only answers whether it is there.
#[derive(Default)]
pub(super) struct FakeQueue {
    pub(super) down: AtomicBool,
}

#[async_trait]
impl WorkQueue for FakeQueue {
    async fn publish(&self, _: &[Message]) -> Result<Vec<bool>, QueueError> {
        unimplemented!("the API never asks this")
    }

    async fn consume(&self, _: Source, _: u16) -> Result<Consumer, QueueError> {
        unimplemented!("the API never asks this")
    }

    async fn depth(&self, _: Stage) -> Result<u64, QueueError> {
        self.ping().await.map(|()| 7)
    }

    async fn room(&self) {}

    async fn ping(&self) -> Result<(), QueueError> {
        let down = self.down.load(Ordering::SeqCst);
        if down { Err(QueueError::Unavailable("switched off".to_owned())) } else { Ok(()) }
    }
}
