use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::testing::{FakeLedger, until};

const TTL: Duration = Duration::from_millis(300);

/// A process that may lead: counts its running loops, and notes when it began to.
struct Process {
    running: Arc<AtomicUsize>,
    started: Arc<AtomicUsize>,
    soft: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

fn process(ledger: &Arc<FakeLedger>, holder: &str) -> Process {
    let (running, started) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let soft = CancellationToken::new();
    let seat = Seat { ledger: Arc::clone(ledger), holder: holder.into(), ttl: TTL };
    let (count, starts, token) = (Arc::clone(&running), Arc::clone(&started), soft.clone());
    let task = tokio::spawn(async move {
        let start = |stop: CancellationToken| {
            let count = Arc::clone(&count);
            starts.fetch_add(1, Ordering::SeqCst);
            let mut loops = JoinSet::new();
            loops.spawn(async move {
                count.fetch_add(1, Ordering::SeqCst);
                stop.cancelled().await;
                count.fetch_sub(1, Ordering::SeqCst);
            });
            loops
        };
        seat.hold(token, start).await;
    });
    Process { running, started, soft, task }
}

impl Process {
    fn leads(&self) -> bool {
        self.running.load(Ordering::SeqCst) == 1
    }

    async fn stop(self) {
        self.soft.cancel();
        self.task.await.unwrap();
    }
}

#[tokio::test]
async fn one_leads_and_the_other_follows_it_at_once_when_it_stops() {
    let ledger = Arc::new(FakeLedger::new(0));
    let first = process(&ledger, "first");
    until("the first leads", || first.leads()).await;
    let second = process(&ledger, "second");
    // Over many prolongations the second one never gets in.
    tokio::time::sleep(TTL * 3).await;
    assert!(first.leads() && !second.leads());
    first.stop().await;
    until("the second leads", || second.leads()).await;
    second.stop().await;
    assert!(ledger.state().lease.is_none(), "it was given back");
}

#[tokio::test]
async fn the_loops_stop_when_the_lease_cannot_be_prolonged_and_come_back() {
    let ledger = Arc::new(FakeLedger::new(0));
    let process = process(&ledger, "first");
    until("it leads", || process.leads()).await;
    ledger.state().away = true;
    until("it gives up", || !process.leads()).await;
    ledger.state().away = false;
    until("it leads again", || process.leads()).await;
    assert_eq!(process.started.load(Ordering::SeqCst), 2);
    process.stop().await;
}

#[tokio::test]
async fn the_loops_stop_when_somebody_else_has_the_lease() {
    let ledger = Arc::new(FakeLedger::new(0));
    let process = process(&ledger, "first");
    until("it leads", || process.leads()).await;
    ledger.state().lease = Some(("thief".into(), keybell_shared::clock::Stopwatch::start(), TTL * 20));
    until("it gives up", || !process.leads()).await;
    process.stop().await;
    assert!(ledger.state().lease.as_ref().is_some_and(|(by, ..)| by == "thief"), "only one's own lease is given back");
}
