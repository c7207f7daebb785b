//! One bounded queue.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keybell_shared::message::Message;
use tokio::sync::Notify;

/// One message that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) message: Message,
    /// Whether it was handed out before.
    pub(super) redelivered: bool,
}

#[derive(Default)]
struct Ready {
    entries: VecDeque<Entry>,
    /// Whether a message was refused since there was room last.
    refused: bool,
}

/// One bounded queue, shared by its publishers and consumers.
pub(super) struct Lane {
    capacity: usize,
    ready: Mutex<Ready>,
    /// Wakes consumers.
    arrived: Notify,
    /// Wakes who was refused; shared by all lanes.
    room: Arc<Notify>,
    /// How many take from it.
    consumers: AtomicU64,
}

/// One who takes from a lane, counted until it is dropped.
pub(super) struct Place(Arc<Lane>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.consumers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Lane {
    pub(super) fn new(capacity: usize, room: Arc<Notify>) -> Self {
        Self { capacity, ready: Mutex::default(), arrived: Notify::new(), room, consumers: AtomicU64::new(0) }
    }

    fn ready(&self) -> MutexGuard<'_, Ready> {
        // No code that holds the lock can panic half way.
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a message at the end, unless the queue is full.
    pub(super) fn push(&self, entry: Entry) -> bool {
        let mut ready = self.ready();
        if ready.entries.len() >= self.capacity {
            ready.refused = true;
            return false;
        }
        ready.entries.push_back(entry);
        drop(ready);
        self.arrived.notify_waiters();
        true
    }

    /// Puts a message at the end; a full queue loses its oldest one, loudly.
    pub(super) fn push_over(&self, entry: Entry) {
        let mut ready = self.ready();
        if ready.entries.len() >= self.capacity
            && let Some(lost) = ready.entries.pop_front()
        {
            tracing::warn!(message = ?lost.message, "too many dead letters; the oldest one is dropped");
        }
        ready.entries.push_back(entry);
        drop(ready);
        self.arrived.notify_waiters();
    }

    /// Puts messages back at the front, in their old order. They were in here before, so the capacity does not count.
    pub(super) fn put_back(&self, entries: impl DoubleEndedIterator<Item = Entry>) {
        let mut ready = self.ready();
        for entry in entries.rev() {
            ready.entries.push_front(Entry { redelivered: true, ..entry });
        }
        drop(ready);
        self.arrived.notify_waiters();
    }

    /// Takes the first message as soon as there is one.
    pub(super) async fn take(&self) -> Entry {
        loop {
            let arrived = self.arrived.notified();
            if let Some(entry) = self.take_now() {
                return entry;
            }
            arrived.await;
        }
    }

    fn take_now(&self) -> Option<Entry> {
        let mut ready = self.ready();
        let entry = ready.entries.pop_front();
        let has_room = ready.refused && ready.entries.len() < self.capacity.div_ceil(4);
        if has_room {
            ready.refused = false;
        }
        drop(ready);
        if has_room {
            self.room.notify_waiters();
            // And who asks only now.
            self.room.notify_one();
        }
        entry
    }

    /// Counts one more who takes from it.
    pub(super) fn take_place(self: &Arc<Self>) -> Place {
        self.consumers.fetch_add(1, Ordering::Relaxed);
        Place(Arc::clone(self))
    }

    /// How many take from it.
    pub(super) fn consumers(&self) -> u64 {
        self.consumers.load(Ordering::Relaxed)
    }

    /// How many messages wait.
    pub(super) fn depth(&self) -> u64 {
        self.ready().entries.len() as u64
    }
}
