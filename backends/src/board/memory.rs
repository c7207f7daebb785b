//! The board within one process.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use keybell_shared::error::BoardError;
use keybell_shared::ids::TaskId;
use keybell_shared::ports::board::Board;
use keybell_shared::progress::Snapshot;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

/// How many snapshots a slow watcher may be behind before it misses some.
const BEHIND: usize = 16;

/// How many ended tasks are kept; older ones are read from the ledger.
const ENDED_TASKS: usize = 1000;

/// The newest snapshot of each open task, and of those that ended lately.
#[derive(Default)]
pub struct MemoryBoard(Mutex<Shown>);

#[derive(Default)]
struct Shown {
    snapshots: HashMap<TaskId, Snapshot>,
    /// Ended tasks, the oldest first.
    ended: VecDeque<TaskId>,
    /// Only for tasks that somebody watches.
    watched: HashMap<TaskId, broadcast::Sender<Snapshot>>,
}

impl Shown {
    fn note_end(&mut self, task: TaskId) {
        self.ended.push_back(task);
        if self.ended.len() > ENDED_TASKS
            && let Some(oldest) = self.ended.pop_front()
        {
            self.snapshots.remove(&oldest);
        }
    }
}

impl MemoryBoard {
    /// An empty board.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        // No code that holds the lock can panic half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Board for MemoryBoard {
    async fn show(&self, snapshot: &Snapshot) -> Result<bool, BoardError> {
        let mut shown = self.shown();
        let before = shown.snapshots.get(&snapshot.task);
        if before.is_some_and(|before| before.is_newer_than(snapshot)) {
            return Ok(false);
        }
        let ended_before = before.is_some_and(|before| before.state.is_final());
        shown.snapshots.insert(snapshot.task, snapshot.clone());
        if snapshot.state.is_final() && !ended_before {
            shown.note_end(snapshot.task);
        }
        let unheard =
            shown.watched.get(&snapshot.task).is_some_and(|watchers| watchers.send(snapshot.clone()).is_err());
        if unheard {
            shown.watched.remove(&snapshot.task);
        }
        Ok(true)
    }

    async fn read(&self, task: TaskId) -> Result<Option<Snapshot>, BoardError> {
        Ok(self.shown().snapshots.get(&task).cloned())
    }

    async fn watch(&self, task: TaskId) -> Result<BoxStream<'static, Snapshot>, BoardError> {
        let mut shown = self.shown();
        shown.watched.retain(|_, watchers| watchers.receiver_count() > 0);
        let watchers = shown.watched.entry(task).or_insert_with(|| broadcast::Sender::new(BEHIND));
        // A watcher that was too slow goes on with the next snapshot; each one is complete.
        Ok(BroadcastStream::new(watchers.subscribe()).filter_map(|next| async { next.ok() }).boxed())
    }

    async fn ping(&self) -> Result<(), BoardError> {
        Ok(())
    }
}
