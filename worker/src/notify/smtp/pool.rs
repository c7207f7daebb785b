//! The connections to one mail server: at most so many, handed out by value.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::info;

use super::connection::{Connection, Counted};

/// A connection that did nothing for this long is closed.
const IDLE: Duration = Duration::from_secs(10);
/// A slot that the server had no connection for is tried again after this.
const REGROW: Duration = Duration::from_secs(30);

/// Connections that wait for work, and slots for those that have some.
pub(super) struct Pool {
    slots: Arc<Semaphore>,
    /// How many slots there are now.
    size: AtomicUsize,
    idle: Mutex<Vec<Connection>>,
    /// Connections that exist, in use or idle.
    live: Arc<AtomicUsize>,
    sweeping: AtomicBool,
}

impl Pool {
    pub(super) fn new(size: usize) -> Arc<Self> {
        Arc::new(Self {
            slots: Arc::new(Semaphore::new(size)),
            size: AtomicUsize::new(size),
            idle: Mutex::default(),
            live: Arc::default(),
            sweeping: AtomicBool::new(false),
        })
    }

    /// Waits for the right to use a connection.
    pub(super) async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        Arc::clone(&self.slots).acquire_owned().await.ok()
    }

    /// A connection that waits for work.
    pub(super) fn take(&self) -> Option<Connection> {
        self.sweep();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Counts a connection that is about to be opened.
    pub(super) fn count(&self) -> Counted {
        Counted::new(&self.live)
    }

    /// Whether there are connections.
    pub(super) fn is_connected(&self) -> bool {
        self.live.load(Ordering::SeqCst) > 0
    }

    /// Takes back a connection on which the last dialogue came to its definite end.
    pub(super) fn give_back(self: &Arc<Self>, connection: Connection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        if !self.sweeping.swap(true, Ordering::SeqCst) {
            let pool = Arc::downgrade(self);
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(IDLE).await;
                    let Some(pool) = pool.upgrade() else { return };
                    if !pool.sweep() {
                        pool.sweeping.store(false, Ordering::SeqCst);
                        return;
                    }
                }
            });
        }
    }

    /// Closes what was idle for too long. Answers whether anything is left.
    fn sweep(&self) -> bool {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        for stale in idle.extract_if(.., |connection| connection.idle() >= IDLE) {
            stale.close();
        }
        !idle.is_empty()
    }

    /// The server has no connection for this slot: does without it for a while. The last slot stays.
    pub(super) fn shrink(self: &Arc<Self>, slot: OwnedSemaphorePermit) {
        let shrunk = self.size.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |size| (size > 1).then(|| size - 1));
        let Ok(before) = shrunk else { return };
        slot.forget();
        info!(connections = before - 1, "the mail server takes fewer connections than email.connections");
        let pool = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::time::sleep(REGROW).await;
            if let Some(pool) = pool.upgrade() {
                pool.size.fetch_add(1, Ordering::SeqCst);
                pool.slots.add_permits(1);
            }
        });
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for connection in self.idle.get_mut().unwrap_or_else(PoisonError::into_inner).drain(..) {
            connection.close();
        }
    }
}
