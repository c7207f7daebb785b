//! A broker in memory, with everything that the harness relies on: prefetch, redelivery, dead letters, lost connections.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use keybell_shared::error::QueueError;
use keybell_shared::message::{Message, Undecodable};
use keybell_shared::ports::queue::{Acks, Consumer, Delivery, Source, WorkQueue};
use keybell_shared::stage::Stage;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

type Letter = (Result<Message, Undecodable>, bool);

#[derive(Default)]
pub(crate) struct Broker {
    ready: HashMap<Source, VecDeque<Letter>>,
    consumers: HashMap<u64, Live>,
    next: u64,
    /// Nobody can connect or publish.
    pub(crate) down: bool,
    /// Publishing is answered with `false`.
    pub(crate) full: bool,
    seen: Seen,
    pub(crate) published: Vec<Message>,
}

/// What has happened so far.
#[derive(Clone, Copy, Default)]
pub(crate) struct Seen {
    /// How many consumers were ever opened.
    pub(crate) opened: usize,
    pub(crate) acked: usize,
    pub(crate) redelivered: usize,
    /// The most that was ever unacknowledged at a time.
    pub(crate) most_unacked: usize,
}

struct Live {
    source: Source,
    prefetch: usize,
    /// `None` after a stop.
    sender: Option<mpsc::Sender<Delivery>>,
    unacked: BTreeMap<u64, Letter>,
    watcher: AbortHandle,
}

#[derive(Clone, Default)]
pub(crate) struct FakeQueue(Arc<Mutex<Broker>>);

impl FakeQueue {
    /// Holds the lock: never call it twice in one statement.
    pub(crate) fn broker(&self) -> MutexGuard<'_, Broker> {
        self.0.lock().expect("no panic holds the lock")
    }

    pub(crate) fn seen(&self) -> Seen {
        self.broker().seen
    }

    pub(crate) fn put(&self, source: Source, message: Result<Message, Undecodable>) {
        let mut broker = self.broker();
        broker.ready.entry(source).or_default().push_back((message, false));
        broker.hand_out();
    }

    /// Messages of a source that nobody has in hand.
    pub(crate) fn waiting(&self, source: Source) -> usize {
        self.broker().ready.get(&source).map_or(0, VecDeque::len)
    }

    /// Messages that somebody has in hand.
    pub(crate) fn unacked(&self) -> usize {
        self.broker().consumers.values().map(|live| live.unacked.len()).sum()
    }

    /// Cuts all connections.
    pub(crate) fn cut(&self) {
        let mut broker = self.broker();
        let ids: Vec<u64> = broker.consumers.keys().copied().collect();
        for id in ids {
            broker.close(id);
        }
    }
}

impl Broker {
    fn hand_out(&mut self) {
        for live in self.consumers.values_mut() {
            let Some(sender) = &live.sender else { continue };
            let ready = self.ready.entry(live.source).or_default();
            while live.unacked.len() < live.prefetch {
                let Some((message, redelivered)) = ready.pop_front() else { break };
                self.next += 1;
                self.seen.redelivered += usize::from(redelivered);
                live.unacked.insert(self.next, (message.clone(), redelivered));
                if sender.try_send(Delivery { message, tag: self.next, redelivered }).is_err() {
                    break;
                }
            }
            self.seen.most_unacked = self.seen.most_unacked.max(live.unacked.len());
        }
    }

    /// Ends a consumer: what it had in hand is ready again, in front.
    fn close(&mut self, id: u64) {
        let Some(live) = self.consumers.remove(&id) else { return };
        live.watcher.abort();
        let ready = self.ready.entry(live.source).or_default();
        for (_, (message, _)) in live.unacked.into_iter().rev() {
            ready.push_front((message, true));
        }
        self.hand_out();
    }
}

#[async_trait]
impl WorkQueue for FakeQueue {
    async fn publish(&self, messages: &[Message]) -> Result<Vec<bool>, QueueError> {
        let mut broker = self.broker();
        if broker.down {
            return Err(QueueError::Unavailable("down".into()));
        }
        if broker.full {
            return Ok(vec![false; messages.len()]);
        }
        for message in messages {
            broker.published.push(*message);
            broker.ready.entry(Source::Stage(message.stage())).or_default().push_back((Ok(*message), false));
        }
        broker.hand_out();
        Ok(vec![true; messages.len()])
    }

    async fn consume(&self, source: Source, prefetch: u16) -> Result<Consumer, QueueError> {
        let mut broker = self.broker();
        if broker.down {
            return Err(QueueError::Unavailable("down".into()));
        }
        broker.seen.opened += 1;
        broker.next += 1;
        let id = broker.next;
        let (sender, deliveries) = mpsc::channel(usize::from(prefetch));
        let (queue, taken) = (self.clone(), sender.clone());
        let watcher = tokio::spawn(async move {
            taken.closed().await;
            queue.broker().close(id);
        });
        let live = Live {
            source,
            prefetch: usize::from(prefetch),
            sender: Some(sender),
            unacked: BTreeMap::new(),
            watcher: watcher.abort_handle(),
        };
        broker.consumers.insert(id, live);
        broker.hand_out();
        Ok(Consumer { deliveries, acks: Arc::new(FakeAcks { queue: self.clone(), id }) })
    }

    async fn depth(&self, stage: Stage) -> Result<u64, QueueError> {
        Ok(u64::try_from(self.waiting(Source::Stage(stage))).expect("small"))
    }

    async fn room(&self) {
        std::future::pending::<()>().await;
    }

    async fn ping(&self) -> Result<(), QueueError> {
        Ok(())
    }
}

struct FakeAcks {
    queue: FakeQueue,
    id: u64,
}

impl FakeAcks {
    fn with_live<T>(&self, act: impl FnOnce(&mut Live) -> T) -> Result<T, QueueError> {
        let mut broker = self.queue.broker();
        let live = broker.consumers.get_mut(&self.id).ok_or(QueueError::Unavailable("lost".into()))?;
        Ok(act(live))
    }
}

#[async_trait]
impl Acks for FakeAcks {
    async fn ack(&self, tags: &[u64]) -> Result<(), QueueError> {
        self.with_live(|live| {
            for tag in tags {
                assert!(live.unacked.remove(tag).is_some(), "acknowledged twice: {tag}");
            }
        })?;
        let mut broker = self.queue.broker();
        broker.seen.acked += tags.len();
        broker.hand_out();
        Ok(())
    }

    async fn reject(&self, tag: u64) -> Result<(), QueueError> {
        let (letter, source) = self.with_live(|live| (live.unacked.remove(&tag).expect("in hand"), live.source))?;
        assert_ne!(source, Source::Dead, "there is nothing behind the dead letters");
        let mut broker = self.queue.broker();
        broker.ready.entry(Source::Dead).or_default().push_back((letter.0, false));
        broker.hand_out();
        Ok(())
    }

    async fn stop(&self) -> Result<(), QueueError> {
        self.with_live(|live| live.sender = None)
    }
}
