//! Hands messages of one lane to one consumer, never more than its prefetch.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use keybell_shared::error::QueueError;
use keybell_shared::ports::queue::{Acks, Consumer, Delivery};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::lane::{Entry, Lane};

/// What a consumer has in hand. Whatever is left when it goes is put back.
struct Hand {
    lane: Arc<Lane>,
    /// Where rejected messages go.
    dead: Option<Arc<Lane>>,
    /// Deliveries by tag that are not answered yet; `None` when they were put back and no answer counts any more.
    open: Mutex<Option<BTreeMap<u64, Entry>>>,
    /// How many more may be handed out.
    free: Semaphore,
    stop: CancellationToken,
}

impl Hand {
    fn open(&self) -> MutexGuard<'_, Option<BTreeMap<u64, Entry>>> {
        // No code that holds the lock can panic half way.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put_back(&self) {
        if let Some(entries) = self.open().take() {
            self.lane.put_back(entries.into_values());
        }
    }

    /// Removes answered deliveries. Repeated and unknown tags are ignored.
    fn answer(&self, tags: &[u64]) -> Result<Vec<Entry>, QueueError> {
        let mut open = self.open();
        let Some(entries) = open.as_mut() else {
            return Err(QueueError::Unavailable("the consumer was dropped; its deliveries were put back".to_owned()));
        };
        let answered: Vec<_> = tags.iter().filter_map(|tag| entries.remove(tag)).collect();
        drop(open);
        self.free.add_permits(answered.len());
        Ok(answered)
    }

    /// Hands out messages until the consumer is stopped or its receiver is dropped.
    async fn deliver(self: Arc<Self>, sender: mpsc::Sender<Delivery>) {
        for tag in 1.. {
            tokio::select! {
                biased;
                () = sender.closed() => return self.put_back(),
                () = self.stop.cancelled() => return,
                free = self.free.acquire() => match free {
                    Ok(permit) => permit.forget(),
                    // Never closed.
                    Err(_) => return,
                },
            }
            let entry = tokio::select! {
                biased;
                () = sender.closed() => return self.put_back(),
                () = self.stop.cancelled() => return,
                entry = self.lane.take() => entry,
            };
            if let Some(entries) = self.open().as_mut() {
                entries.insert(tag, entry);
            }
            let delivery = Delivery { message: Ok(entry.message), tag, redelivered: entry.redelivered };
            if sender.send(delivery).await.is_err() {
                return self.put_back();
            }
        }
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        self.put_back();
    }
}

/// The answers of one consumer.
struct MemoryAcks(Arc<Hand>);

#[async_trait]
impl Acks for MemoryAcks {
    async fn ack(&self, tags: &[u64]) -> Result<(), QueueError> {
        self.0.answer(tags).map(drop)
    }

    async fn reject(&self, tag: u64) -> Result<(), QueueError> {
        for entry in self.0.answer(&[tag])? {
            if let Some(dead) = &self.0.dead {
                dead.push_over(entry);
            } else {
                tracing::warn!(message = ?entry.message, "a dead letter was rejected and is dropped");
            }
        }
        Ok(())
    }

    async fn stop(&self) -> Result<(), QueueError> {
        self.0.stop.cancel();
        Ok(())
    }
}

/// Starts handing out messages of `lane`.
pub(super) fn start(lane: Arc<Lane>, dead: Option<Arc<Lane>>, prefetch: u16) -> Consumer {
    let prefetch = usize::from(prefetch.max(1));
    let place = lane.take_place();
    let hand = Arc::new(Hand {
        lane,
        dead,
        open: Mutex::new(Some(BTreeMap::new())),
        free: Semaphore::new(prefetch),
        stop: CancellationToken::new(),
    });
    let (sender, deliveries) = mpsc::channel(prefetch);
    let deliver = Arc::clone(&hand).deliver(sender);
    tokio::spawn(async move {
        let _place = place;
        deliver.await;
    });
    Consumer { deliveries, acks: Arc::new(MemoryAcks(hand)) }
}
