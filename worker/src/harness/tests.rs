//! What the loop promises, against a broker in memory.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::{BoxFuture, FutureExt as _};
use keybell_shared::clock::Stopwatch;
use keybell_shared::message::{Undecodable, Work};
use keybell_shared::stage::Stage;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use super::*;
use crate::fakes::{FakeQueue, reset_message, until};

const RESET: Source = Source::Stage(Stage::Reset);
const DRAIN: Duration = Duration::from_secs(10);

type Act = Box<dyn Fn(Vec<Message>) -> BoxFuture<'static, Vec<Verdict>> + Send + Sync>;

/// A handler made of a closure, with a record of the batches that it saw.
struct Script {
    source: Source,
    prefetch: u16,
    rule: BatchRule,
    act: Act,
    batches: Mutex<Vec<Vec<i64>>>,
    open: watch::Sender<bool>,
}

impl Script {
    fn new(prefetch: u16, max: usize, act: Act) -> Arc<Self> {
        let rule = BatchRule { max, wait: Duration::from_millis(10) };
        let (open, _) = watch::channel(true);
        Arc::new(Self { source: RESET, prefetch, rule, act, batches: Mutex::default(), open })
    }

    fn batches(&self) -> Vec<Vec<i64>> {
        self.batches.lock().expect("lock").clone()
    }

    fn handled(&self) -> usize {
        self.batches().iter().map(Vec::len).sum()
    }
}

fn number(message: &Message) -> i64 {
    match message.work {
        Work::Reset(item) => item.0,
        Work::Email(_) | Work::Sms(_) => -1,
    }
}

#[async_trait]
impl Handler for Script {
    fn source(&self) -> Source {
        self.source
    }
    fn prefetch(&self) -> u16 {
        self.prefetch
    }
    fn batch(&self) -> BatchRule {
        self.rule
    }
    async fn handle(&self, batch: Vec<Message>) -> Vec<Verdict> {
        self.batches.lock().expect("lock").push(batch.iter().map(number).collect());
        (self.act)(batch).await
    }
    async fn ready(&self) {
        self.open.subscribe().wait_for(|open| *open).await.expect("the script lives");
    }
}

fn done(batch: &[Message]) -> Vec<Verdict> {
    vec![Verdict::Done; batch.len()]
}

fn all_done() -> Act {
    Box::new(|batch| async move { done(&batch) }.boxed())
}

/// Handles a batch for each permit of the gate.
fn gated(gate: &Arc<Semaphore>) -> Act {
    let gate = Arc::clone(gate);
    Box::new(move |batch| {
        let gate = Arc::clone(&gate);
        async move {
            gate.acquire().await.expect("open").forget();
            done(&batch)
        }
        .boxed()
    })
}

fn put(queue: &FakeQueue, numbers: std::ops::RangeInclusive<i64>) {
    numbers.for_each(|n| queue.put(RESET, Ok(reset_message(n))));
}

fn start(queue: &FakeQueue, script: &Arc<Script>, drain: Duration) -> (Stop, JoinHandle<()>) {
    let stop = Stop::default();
    let handler: Arc<dyn Handler> = Arc::<Script>::clone(script);
    let task = tokio::spawn(run(Arc::new(queue.clone()), handler, stop.clone(), drain));
    (stop, task)
}

async fn end(stop: &Stop, task: JoinHandle<()>) {
    stop.soft.cancel();
    tokio::time::timeout(DRAIN, task).await.expect("stops in time").expect("no panic");
}

#[tokio::test]
async fn every_verdict_has_its_answer() {
    let queue = FakeQueue::default();
    let script = Script::new(
        8,
        4,
        Box::new(|batch| {
            let verdict = |message: &Message| match number(message) {
                2 => Verdict::GiveUp("bad".into()),
                _ => Verdict::Done,
            };
            let verdicts = batch.iter().map(verdict).collect();
            async move { verdicts }.boxed()
        }),
    );
    put(&queue, 1..=3);
    queue.put(RESET, Err(Undecodable::Version(9)));
    queue.put(RESET, Ok(Message { work: Work::Email(keybell_shared::ids::NotificationId(1)), ..reset_message(0) }));
    let (stop, task) = start(&queue, &script, DRAIN);
    until("all are answered", || queue.seen().acked == 2 && queue.waiting(Source::Dead) == 3).await;
    assert_eq!(script.handled(), 3, "what is unreadable or misplaced reaches no handler");
    assert_eq!(queue.unacked(), 0);
    end(&stop, task).await;
}

#[tokio::test]
async fn unreadable_dead_letters_are_dropped() {
    let queue = FakeQueue::default();
    let mut script = Script::new(1, 1, all_done());
    Arc::get_mut(&mut script).expect("only here").source = Source::Dead;
    queue.put(Source::Dead, Err(Undecodable::TooLarge(9_999)));
    queue.put(Source::Dead, Ok(reset_message(1)));
    let (stop, task) = start(&queue, &script, DRAIN);
    until("both are acknowledged", || queue.seen().acked == 2).await;
    assert_eq!(script.handled(), 1);
    end(&stop, task).await;
}

#[tokio::test]
async fn unsettled_messages_come_again_and_the_others_do_not() {
    let queue = FakeQueue::default();
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let script = Script::new(
        4,
        4,
        Box::new(move |batch| {
            let first = counted.fetch_add(1, Ordering::Relaxed) == 0;
            let verdict = |message: &Message| match number(message) {
                3 if first => Verdict::Unsettled("the ledger is away".into()),
                _ => Verdict::Done,
            };
            let verdicts = batch.iter().map(verdict).collect();
            async move { verdicts }.boxed()
        }),
    );
    put(&queue, 1..=4);
    let (stop, task) = start(&queue, &script, DRAIN);
    until("all are acknowledged", || queue.seen().acked == 4).await;
    assert_eq!(script.batches(), [vec![1, 2, 3, 4], vec![3]]);
    assert_eq!((queue.seen().opened, queue.seen().redelivered), (2, 1));
    end(&stop, task).await;
}

#[tokio::test]
async fn a_panic_and_a_missing_verdict_count_as_unsettled() {
    let queue = FakeQueue::default();
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let script = Script::new(
        2,
        2,
        Box::new(move |batch| {
            let first = counted.fetch_add(1, Ordering::Relaxed);
            async move {
                assert!(first != 0, "the first batch panics");
                if first == 1 { vec![Verdict::Done] } else { done(&batch) }
            }
            .boxed()
        }),
    );
    put(&queue, 1..=2);
    let (stop, task) = start(&queue, &script, DRAIN);
    until("both are acknowledged", || queue.seen().acked == 2).await;
    assert_eq!(script.batches(), [vec![1, 2], vec![1, 2], vec![2]]);
    end(&stop, task).await;
}

#[tokio::test]
async fn several_batches_run_and_never_more_than_fit_into_the_prefetch() {
    let queue = FakeQueue::default();
    let gate = Arc::new(Semaphore::new(0));
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let act: Act = {
        let (gate, now, most) = (Arc::clone(&gate), Arc::clone(&now), Arc::clone(&most));
        Box::new(move |batch| {
            let (gate, now, most) = (Arc::clone(&gate), Arc::clone(&now), Arc::clone(&most));
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                gate.acquire().await.expect("open").forget();
                now.fetch_sub(1, Ordering::SeqCst);
                done(&batch)
            }
            .boxed()
        })
    };
    let script = Script::new(9, 2, act);
    put(&queue, 1..=100);
    let (stop, task) = start(&queue, &script, DRAIN);
    until("four batches run at a time", || now.load(Ordering::SeqCst) == 4).await;
    gate.add_permits(1_000);
    until("all are acknowledged", || queue.seen().acked == 100).await;
    assert_eq!(most.load(Ordering::SeqCst), 4, "nine messages are four batches of two");
    assert!(queue.seen().most_unacked <= 9);
    assert!(script.batches().iter().all(|batch| batch.len() <= 2));
    end(&stop, task).await;
}

#[tokio::test]
async fn a_busy_stage_gathers_full_batches_and_a_quiet_one_does_not_wait() {
    let queue = FakeQueue::default();
    let script = Script::new(32, 8, all_done());
    put(&queue, 1..=64);
    let (stop, task) = start(&queue, &script, DRAIN);
    until("all are acknowledged", || queue.seen().acked == 64).await;
    assert_eq!(script.batches().len(), 8);
    put(&queue, 65..=65);
    until("a single one is handled as well", || queue.seen().acked == 65).await;
    assert_eq!(queue.seen().opened, 1);
    end(&stop, task).await;
}

#[tokio::test]
async fn a_soft_stop_finishes_what_is_in_hand_and_takes_nothing_new() {
    let queue = FakeQueue::default();
    let gate = Arc::new(Semaphore::new(0));
    let script = Script::new(2, 1, gated(&gate));
    put(&queue, 1..=6);
    let (stop, task) = start(&queue, &script, DRAIN);
    until("two are in hand", || script.handled() == 2).await;
    stop.soft.cancel();
    put(&queue, 7..=7);
    assert!(!task.is_finished());
    gate.add_permits(10);
    tokio::time::timeout(DRAIN, task).await.expect("stops").expect("no panic");
    until("the consumer is gone", || queue.unacked() == 0).await;
    assert_eq!((queue.seen().acked, queue.waiting(RESET)), (2, 5));
    assert_eq!(queue.seen().redelivered, 0);
}

#[tokio::test]
async fn a_soft_stop_is_bounded() {
    let queue = FakeQueue::default();
    let script = Script::new(2, 1, gated(&Arc::new(Semaphore::new(0))));
    put(&queue, 1..=2);
    let (stop, task) = start(&queue, &script, Duration::from_millis(50));
    until("two are in hand", || script.handled() == 2).await;
    end(&stop, task).await;
    until("both are handed back", || queue.waiting(RESET) == 2).await;
    assert_eq!(queue.seen().acked, 0);
}

#[tokio::test]
async fn a_hard_stop_drops_everything_at_once() {
    let queue = FakeQueue::default();
    let gate = Arc::new(Semaphore::new(0));
    let script = Script::new(2, 2, gated(&gate));
    put(&queue, 1..=3);
    let (stop, task) = start(&queue, &script, DRAIN);
    until("two are in hand", || script.handled() == 2).await;
    let watch = Stopwatch::start();
    stop.hard.cancel();
    task.await.expect("no panic");
    assert!(watch.elapsed() < Duration::from_secs(2), "{:?}", watch.elapsed());
    until("all are handed back", || queue.waiting(RESET) == 3).await;
    // Nobody waits at the gate any more, so that the handler's future is gone.
    gate.add_permits(1);
    assert_eq!((gate.available_permits(), queue.seen().acked), (1, 0));
}

#[tokio::test]
async fn stopping_does_not_wait_for_a_broker_that_is_away() {
    let queue = FakeQueue::default();
    queue.broker().down = true;
    let script = Script::new(2, 2, all_done());
    let (stop, task) = start(&queue, &script, DRAIN);
    end(&stop, task).await;
}

#[tokio::test]
async fn lost_connections_are_opened_again_and_nothing_is_lost() {
    let queue = FakeQueue::default();
    let script = Script::new(4, 2, all_done());
    let (stop, task) = start(&queue, &script, DRAIN);
    until("it consumes", || queue.seen().opened == 1).await;
    queue.broker().down = true;
    queue.cut();
    put(&queue, 1..=10);
    tokio::task::yield_now().await;
    assert_eq!(script.handled(), 0);
    queue.broker().down = false;
    until("all are acknowledged", || queue.seen().acked == 10).await;
    queue.cut();
    put(&queue, 11..=12);
    until("all are acknowledged", || queue.seen().acked == 12).await;
    end(&stop, task).await;
}

#[tokio::test]
async fn a_connection_lost_in_the_middle_of_a_batch_only_repeats_it() {
    let queue = FakeQueue::default();
    let gate = Arc::new(Semaphore::new(0));
    let script = Script::new(2, 2, gated(&gate));
    put(&queue, 1..=2);
    let (stop, task) = start(&queue, &script, DRAIN);
    until("it is in hand", || script.handled() == 2).await;
    queue.cut();
    gate.add_permits(2);
    until("it came again and is acknowledged", || queue.seen().acked == 2).await;
    assert_eq!(script.batches(), [vec![1, 2], vec![1, 2]]);
    end(&stop, task).await;
}

#[tokio::test]
async fn an_open_breaker_is_handed_what_was_prefetched_and_then_nothing() {
    let queue = FakeQueue::default();
    let script = Script::new(4, 1, all_done());
    script.open.send_replace(false);
    put(&queue, 1..=2);
    let (stop, task) = start(&queue, &script, DRAIN);
    tokio::task::yield_now().await;
    assert_eq!(queue.seen().opened, 0, "nothing is consumed while the breaker is open");
    script.open.send_replace(true);
    until("both are acknowledged", || queue.seen().acked == 2).await;
    script.open.send_replace(false);
    put(&queue, 3..=40);
    until("the consumer is gone", || queue.seen().acked > 2 && queue.unacked() == 0).await;
    let (acked, waiting) = (queue.seen().acked, queue.waiting(RESET));
    assert_eq!(acked + waiting, 40);
    assert!(waiting > 0, "the stop keeps most of them in the queue");
    script.open.send_replace(true);
    until("the rest is acknowledged", || queue.seen().acked == 40).await;
    assert_eq!((queue.seen().redelivered, queue.seen().opened), (0, 2), "no delivery was used up");
    end(&stop, task).await;
}
