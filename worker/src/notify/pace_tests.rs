//! How fast, and how much of it at a time.

use super::*;

fn sent(bench: &Bench) -> usize {
    bench.sender.sent.lock().expect("lock").len()
}

#[tokio::test]
async fn a_crash_repeats_at_most_as_many_messages_as_there_are_slots() {
    let bench = bench_with(timing(), 4);
    bench.fake.refusals.lock().expect("lock").push_back(LedgerError::Unavailable("gone".into()));
    let batch: Vec<_> = (1..=12).map(|id| bench.add(id, "a@x.org")).collect();
    let mut handling = bench.handler.handle(batch);
    // The first result is stored again after 500 ms. Until then nothing is stored, and 12 messages would take 30 ms.
    assert!(tokio::time::timeout(Duration::from_millis(250), &mut handling).await.is_err());
    assert_eq!((sent(&bench), bench.fake.reports.lock().expect("lock").len()), (4, 0));
    assert_eq!(handling.await, [const { Verdict::Done }; 12]);
    assert_eq!((sent(&bench), bench.fake.reports.lock().expect("lock").len()), (12, 12));
    assert!(bench.sender.most.load(Ordering::SeqCst) <= 2, "slots are no connections");
}

#[tokio::test]
async fn results_are_stored_together_and_half_of_the_slots_at_most_where_they_are_short() {
    for (slots, most) in [(64, 32), (8, 4), (1, 1)] {
        let bench = bench_with(timing(), slots);
        let batch: Vec<_> = (1..=32).map(|id| bench.add(id, "a@x.org")).collect();
        assert_eq!(bench.handler.handle(batch).await, [const { Verdict::Done }; 32]);
        let groups = bench.fake.groups.lock().expect("lock").clone();
        assert_eq!(groups.iter().sum::<usize>(), 32);
        // The first claim is small, and needs no more slots than there are.
        let (first, later) = groups.split_first().expect("a group");
        assert!(*first <= slots && later.iter().all(|group| *group <= most), "{slots} slots: {groups:?}");
        assert!(slots == 1 || groups.len() < 24, "{slots} slots: {groups:?}");
    }
}

#[tokio::test]
async fn a_slow_server_makes_no_lease_expire() {
    // 1.5 s of the lease are left for waiting, and two connections need 2.4 s for 48 messages.
    let slow = Timing { send_deadline: Duration::from_millis(400), lease: Duration::from_secs(2), ..timing() };
    let bench = bench(slow);
    let batches: Vec<Vec<_>> =
        (0..4).map(|batch| (1..=12).map(|n| bench.add(batch * 12 + n, "slow@x.org")).collect()).collect();
    let handling = batches.into_iter().map(|batch| bench.handler.handle(batch));
    for verdicts in futures_util::future::join_all(handling).await {
        assert_eq!(verdicts, [const { Verdict::Done }; 12]);
    }
    let reports = bench.fake.reports.lock().expect("lock");
    assert_eq!(reports.len(), 48);
    assert!(reports.iter().all(|report| report.outcome == SendOutcome::Accepted), "none was claimed in vain");
}
