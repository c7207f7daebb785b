use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt as _;
use keybell_shared::error::QueueError;
use keybell_shared::ids::{AccountId, AttemptId, DistrictId, ItemId, TaskId};
use keybell_shared::ports::ledger::{Content, LedgerResult, ResetJob, ResetOutcome, ResetWrite};
use keybell_shared::ports::queue::Consumer;
use keybell_shared::seal::{SealKey, fresh_pair};
use keybell_shared::stage::Stage;

use super::*;

#[path = "pace_tests.rs"]
mod pace;

const PASSWORD: &str = "Otter-lamp-47";

/// Claims that are there to be claimed, and what the handler did with them.
#[derive(Default)]
struct Fake {
    claims: Mutex<BTreeMap<NotificationId, Claim>>,
    calls: AtomicUsize,
    reports: Mutex<Vec<SendReport>>,
    /// How many results each call of `record` brought.
    groups: Mutex<Vec<usize>>,
    deferred: Mutex<Vec<(NotificationId, Duration)>>,
    /// Answers of the next `record` calls; then they succeed.
    refusals: Mutex<VecDeque<LedgerError>>,
    /// Makes every call that holds it fail for good.
    defective: Mutex<Option<NotificationId>>,
    /// What `record` makes due.
    due: Mutex<Vec<Message>>,
    published: Mutex<Vec<Message>>,
    unpublished: Mutex<Vec<NotificationId>>,
}

#[async_trait]
impl NoticeLedger for Fake {
    async fn claim(&self, _: &str, ids: &[NotificationId], _: Duration) -> LedgerResult<Vec<Claimed>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.defective.lock().expect("lock").is_some_and(|bad| ids.contains(&bad)) {
            return Err(LedgerError::Defect("a bad row".into()));
        }
        let claims = self.claims.lock().expect("lock");
        let claimed = |id: &NotificationId| match claims.get(id) {
            Some(claim) => Claimed::Send(Box::new(claim.clone())),
            None => Claimed::Nothing(*id),
        };
        Ok(ids.iter().map(claimed).collect())
    }

    async fn record(&self, _: &str, reports: &[SendReport]) -> LedgerResult<Vec<Message>> {
        if let Some(error) = self.refusals.lock().expect("lock").pop_front() {
            return Err(error);
        }
        self.reports.lock().expect("lock").extend(reports.iter().cloned());
        self.groups.lock().expect("lock").push(reports.len());
        Ok(std::mem::take(&mut *self.due.lock().expect("lock")))
    }

    async fn defer(&self, ids: &[NotificationId], wait: Duration) -> LedgerResult<()> {
        self.deferred.lock().expect("lock").extend(ids.iter().map(|id| (*id, wait)));
        Ok(())
    }
}

#[async_trait]
impl ResetLedger for Fake {
    async fn reset_jobs(&self, _: &[ItemId]) -> LedgerResult<Vec<ResetJob>> {
        unreachable!("not a notifier's business")
    }
    async fn hold(&self, _: &[ItemId]) -> LedgerResult<()> {
        unreachable!("not a notifier's business")
    }
    async fn commit_resets(&self, _: &str, _: &[ResetWrite]) -> LedgerResult<Vec<(ItemId, ResetOutcome)>> {
        unreachable!("not a notifier's business")
    }
    async fn fail_items(&self, _: &str, _: &[ItemId], _: keybell_shared::codes::Code) -> LedgerResult<()> {
        unreachable!("not a notifier's business")
    }
    async fn unpublish(&self, ids: &[NotificationId]) -> LedgerResult<()> {
        self.unpublished.lock().expect("lock").extend(ids);
        Ok(())
    }
}

#[async_trait]
impl WorkQueue for Fake {
    /// Takes every second message.
    async fn publish(&self, messages: &[Message]) -> Result<Vec<bool>, QueueError> {
        self.published.lock().expect("lock").extend(messages);
        Ok((0..messages.len()).map(|number| number % 2 == 0).collect())
    }
    async fn consume(&self, _: Source, _: u16) -> Result<Consumer, QueueError> {
        unreachable!("the harness consumes")
    }
    async fn depth(&self, _: Stage) -> Result<u64, QueueError> {
        unreachable!("the scheduler asks")
    }
    async fn room(&self) {}
    async fn ping(&self) -> Result<(), QueueError> {
        Ok(())
    }
}

/// Answers by the first part of the address.
#[derive(Default)]
struct Scripted {
    down: std::sync::atomic::AtomicBool,
    running: AtomicUsize,
    most: AtomicUsize,
    sent: Mutex<Vec<String>>,
    texts: Mutex<Vec<String>>,
}

#[async_trait]
impl Sender for Scripted {
    async fn send(&self, message: &Outgoing) -> Sent {
        self.sent.lock().expect("lock").push(message.address.clone());
        self.texts.lock().expect("lock").push(message.text.to_string());
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(5)).await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        if self.down.load(Ordering::SeqCst) {
            return Sent::down("refused");
        }
        match message.address.split('@').next().unwrap_or_default() {
            "temporary" => Sent::TemporaryRecipient(format!("450 later: {PASSWORD}\r\n")),
            "permanent" => Sent::PermanentRecipient("550 never".into()),
            "unknown" => Sent::Unknown("silence".into()),
            "stuck" => std::future::pending().await,
            "slow" => {
                tokio::time::sleep(Duration::from_millis(95)).await;
                Sent::Accepted("250 at last".into())
            }
            _ => Sent::Accepted("250 ok".into()),
        }
    }
}

struct Bench {
    fake: Arc<Fake>,
    sender: Arc<Scripted>,
    handler: Arc<dyn Handler>,
    key: SealKey,
}

fn timing() -> Timing {
    Timing {
        send_deadline: Duration::from_millis(200),
        lease: Duration::from_secs(5),
        probe: Duration::from_millis(100),
        ..Timing::default()
    }
}

fn bench(timing: Timing) -> Bench {
    bench_with(timing, 4)
}

fn bench_with(timing: Timing, slots: usize) -> Bench {
    bench_where(
        timing,
        slots,
        Links { url: "https://keybell.example.org/claim/{token}".to_owned(), ..Links::default() },
    )
}

fn bench_where(timing: Timing, slots: usize, links: Links) -> Bench {
    let fake = Arc::new(Fake::default());
    let sender = Arc::new(Scripted::default());
    let (ring, key) = fresh_pair();
    let handler = handler(Parts {
        channel: Channel::Email,
        notices: fake.clone(),
        resets: fake.clone(),
        queue: fake.clone(),
        open_key: Arc::new(ring.into()),
        sender: sender.clone(),
        links,
        timing,
        connections: 2,
        slots,
        writer: "notifier-test".into(),
    })
    .expect("templates");
    Bench { fake, sender, handler, key }
}

impl Bench {
    /// Adds a notification to this address.
    fn add(&self, id: i64, address: &str) -> Message {
        let (district, account, attempt) = (DistrictId::fresh(), AccountId::fresh(), AttemptId::fresh());
        let binding = Binding::Account(district, account, attempt);
        let sealed = self.key.seal(&SecretString::from(PASSWORD), binding).expect("sealed");
        let claim = Claim {
            notification: NotificationId(id),
            task: TaskId::fresh(),
            district,
            account,
            fence: 1,
            attempt: 2,
            channel: Channel::Email,
            address: address.to_owned(),
            guardian: false,
            message_id: format!("n-{id}@keybell"),
            slug: "lakeside".to_owned(),
            sealed: Some((sealed, attempt)),
            content: Content { username: "anna".into(), issue: 1, ..Content::default() },
        };
        let task = claim.task;
        self.fake.claims.lock().expect("lock").insert(NotificationId(id), claim);
        Message { district, task, work: Work::Email(NotificationId(id)), dispatch: 1, trace: None }
    }

    fn report(&self, id: i64) -> Option<SendReport> {
        self.fake.reports.lock().expect("lock").iter().find(|report| report.notification == NotificationId(id)).cloned()
    }

    fn change(&self, id: i64, change: impl FnOnce(&mut Claim)) {
        change(self.fake.claims.lock().expect("lock").get_mut(&NotificationId(id)).expect("known"));
    }
}

#[tokio::test]
async fn every_answer_is_recorded_as_what_it_means() {
    let bench = bench(timing());
    let batch: Vec<_> = ["accepted@x.org", "temporary@x.org", "permanent@x.org", "unknown@x.org", "stuck@x.org"]
        .into_iter()
        .zip(1..)
        .map(|(address, id)| bench.add(id, address))
        .collect();
    let nothing = Message { work: Work::Email(NotificationId(99)), ..batch[0] };
    let foreign = Message { work: Work::Sms(NotificationId(1)), ..batch[0] };
    let verdicts = bench.handler.handle([&batch[..], &[nothing, foreign]].concat()).await;
    assert_eq!(verdicts[..6], [const { Verdict::Done }; 6]);
    assert!(matches!(verdicts[6], Verdict::GiveUp(_)));
    assert_eq!(bench.fake.calls.load(Ordering::SeqCst), 1, "one claim for the batch");
    let outcome = |id| bench.report(id).expect("reported").outcome;
    assert_eq!(outcome(1), SendOutcome::Accepted);
    for id in [2, 4, 5] {
        // The wait after the second attempt: 120 s, 20 % jitter.
        let SendOutcome::Temporary { retry_in } = outcome(id) else { panic!("{:?}", outcome(id)) };
        assert!((96.0..=144.0).contains(&retry_in.as_secs_f64()), "{retry_in:?}");
    }
    assert_eq!(outcome(3), SendOutcome::Permanent);
    assert_eq!(bench.report(2).expect("reported").detail, "450 later: [removed]");
    assert!(bench.sender.most.load(Ordering::SeqCst) <= 2, "never more than the configured connections");
}

#[tokio::test]
async fn a_seal_that_is_gone_or_does_not_open_ends_for_good() {
    let bench = bench(timing());
    let batch = vec![bench.add(1, "a@x.org"), bench.add(2, "b@x.org"), bench.add(3, "c@x.org")];
    bench.change(1, |claim| claim.sealed = None);
    bench.change(2, |claim| claim.account = AccountId::fresh());
    let verdicts = bench.handler.handle(batch).await;
    assert_eq!(verdicts, [const { Verdict::Done }; 3]);
    for (id, words) in [(1, "no longer kept"), (2, "does not open")] {
        let report = bench.report(id).expect("reported");
        assert_eq!(report.outcome, SendOutcome::Permanent);
        assert!(report.detail.contains(words), "{}", report.detail);
    }
    assert_eq!(*bench.sender.sent.lock().expect("lock"), ["c@x.org"]);
}

/// Makes of an added notification one with a link; answers its token.
fn linked(bench: &Bench, id: i64) -> SecretString {
    let seed = Seed::of(&[7; 32]);
    bench.change(id, |claim| {
        let attempt = AttemptId::fresh();
        let binding = Binding::Link(claim.district, claim.account, attempt);
        claim.sealed = Some((bench.key.seal(seed.text(), binding).expect("sealed"), attempt));
        claim.content.delivery = Delivery::Link;
    });
    seed.token(Channel::Email)
}

#[tokio::test]
async fn a_link_holds_the_token_of_its_channel_and_no_seed() {
    let bench = bench(timing());
    let batch = vec![bench.add(1, "a@x.org"), bench.add(2, "b@x.org"), bench.add(3, "c@x.org")];
    let token = linked(&bench, 1);
    // A password's seal is no seed, and a seed's is no password.
    bench.change(2, |claim| claim.content.delivery = Delivery::Link);
    linked(&bench, 3);
    bench.change(3, |claim| claim.content.delivery = Delivery::Password);
    bench.handler.handle(batch).await;
    let url = format!("    https://keybell.example.org/claim/{}", token.expose_secret());
    let texts = bench.sender.texts.lock().expect("lock").clone();
    assert_eq!(texts.len(), 1);
    assert_eq!(texts[0].lines().filter(|line| *line == url).count(), 1, "{}", texts[0]);
    assert!(!texts[0].contains(Seed::of(&[7; 32]).text().expose_secret()));
    for id in [2, 3] {
        let report = bench.report(id).expect("reported");
        assert_eq!(report.outcome, SendOutcome::Permanent);
        assert!(report.detail.contains("does not open"), "{}", report.detail);
    }
}

#[tokio::test]
async fn a_notifier_that_does_not_know_where_links_lead_leaves_them_to_others() {
    let bench = bench_where(timing(), 4, Links::default());
    let batch = vec![bench.add(1, "a@x.org"), bench.add(2, "b@x.org")];
    linked(&bench, 1);
    bench.handler.handle(batch).await;
    let report = bench.report(1).expect("reported");
    assert!(matches!(report.outcome, SendOutcome::ChannelDown { .. }), "no attempt is consumed: {report:?}");
    assert!(report.detail.contains("links.url"), "{}", report.detail);
    assert_eq!(*bench.sender.sent.lock().expect("lock"), ["b@x.org"], "passwords go on");
}

#[tokio::test]
async fn a_channel_that_is_down_costs_nobody_an_attempt() {
    let bench = bench(timing());
    bench.sender.down.store(true, Ordering::SeqCst);
    let batch: Vec<_> = (1..=8).map(|id| bench.add(id, "a@x.org")).collect();
    let verdicts = bench.handler.handle(batch.clone()).await;
    assert_eq!(verdicts, [const { Verdict::Done }; 8]);
    for id in 1..=8 {
        let report = bench.report(id).expect("reported");
        assert!(matches!(report.outcome, SendOutcome::ChannelDown { .. }), "{report:?}");
    }
    assert!(bench.sender.sent.lock().expect("lock").len() <= 2, "only what was under way was tried");
    assert!(bench.handler.ready().now_or_never().is_none(), "nothing is consumed");
    // What was prefetched goes back without being claimed.
    let calls = bench.fake.calls.load(Ordering::SeqCst);
    bench.handler.handle(batch.clone()).await;
    assert_eq!(bench.fake.deferred.lock().expect("lock").len(), 8);
    assert_eq!(bench.fake.calls.load(Ordering::SeqCst), calls);
    // The probe fails, and goes alone.
    bench.handler.ready().await;
    bench.sender.sent.lock().expect("lock").clear();
    bench.handler.handle(batch.clone()).await;
    assert_eq!(bench.sender.sent.lock().expect("lock").len(), 1);
    assert_eq!(bench.fake.deferred.lock().expect("lock").len(), 15);
    // The probe succeeds, and everybody follows.
    bench.handler.ready().await;
    bench.sender.down.store(false, Ordering::SeqCst);
    bench.fake.reports.lock().expect("lock").clear();
    bench.handler.handle(batch).await;
    let reports = bench.fake.reports.lock().expect("lock");
    assert_eq!(reports.iter().filter(|report| report.outcome == SendOutcome::Accepted).count(), 8);
    assert!(bench.handler.ready().now_or_never().is_some());
}

#[tokio::test]
async fn without_enough_lease_nothing_is_sent() {
    // 500 ms are needed; the first two take the connections for that long, the others come too late.
    let short = Timing { send_deadline: Duration::from_millis(400), lease: Duration::from_millis(900), ..timing() };
    let bench = bench(short);
    let batch = vec![
        bench.add(1, "stuck@x.org"),
        bench.add(2, "stuck@x.org"),
        bench.add(3, "a@x.org"),
        bench.add(4, "stuck@x.org"),
    ];
    let verdicts = bench.handler.handle(batch).await;
    assert_eq!(verdicts, [const { Verdict::Done }; 4]);
    for id in [3, 4] {
        assert_eq!(
            bench.report(id).expect("given back").outcome,
            SendOutcome::ChannelDown { retry_in: Duration::ZERO },
            "given back without costing an attempt"
        );
    }
    assert_eq!(bench.sender.sent.lock().expect("lock").len(), 2);
    assert!(bench.handler.ready().now_or_never().is_some(), "the channel itself works");
}

#[tokio::test]
async fn a_result_is_stored_again_until_the_ledger_takes_it() {
    let bench = bench(timing());
    bench.fake.refusals.lock().expect("lock").push_back(LedgerError::Unavailable("gone".into()));
    let batch = vec![bench.add(1, "a@x.org")];
    assert_eq!(bench.handler.handle(batch).await, [Verdict::Done]);
    assert_eq!(bench.report(1).expect("reported").outcome, SendOutcome::Accepted);
    assert_eq!(bench.sender.sent.lock().expect("lock").len(), 1, "sent once");
}

#[tokio::test]
async fn a_ledger_that_stays_away_leaves_the_delivery_unsettled() {
    let short = Timing { send_deadline: Duration::from_millis(100), lease: Duration::from_millis(300), ..timing() };
    let bench = bench(short);
    let gone = || LedgerError::Unavailable("gone".into());
    bench.fake.refusals.lock().expect("lock").extend([gone(), gone(), gone()]);
    let batch = vec![bench.add(1, "a@x.org")];
    assert!(matches!(bench.handler.handle(batch).await[..], [Verdict::Unsettled(_)]));
}

#[tokio::test]
async fn one_bad_row_does_not_spoil_the_batch() {
    let bench = bench(timing());
    *bench.fake.defective.lock().expect("lock") = Some(NotificationId(2));
    let batch = vec![bench.add(1, "a@x.org"), bench.add(2, "b@x.org"), bench.add(3, "c@x.org")];
    let verdicts = bench.handler.handle(batch).await;
    assert_eq!([&verdicts[0], &verdicts[2]], [&Verdict::Done; 2]);
    assert!(matches!(verdicts[1], Verdict::GiveUp(_)));
    // The same for results.
    bench.fake.refusals.lock().expect("lock").push_back(LedgerError::Defect("two together".into()));
    let batch = vec![bench.add(4, "a@x.org"), bench.add(5, "b@x.org")];
    assert_eq!(bench.handler.handle(batch).await, [const { Verdict::Done }; 2]);
}

#[tokio::test]
async fn what_becomes_due_is_published_or_noted_as_unpublished() {
    let bench = bench(timing());
    let batch = vec![bench.add(1, "permanent@x.org")];
    let next = |id| Message { work: Work::Sms(NotificationId(id)), ..batch[0] };
    *bench.fake.due.lock().expect("lock") = vec![next(7), next(8)];
    bench.handler.handle(batch.clone()).await;
    assert_eq!(*bench.fake.published.lock().expect("lock"), [next(7), next(8)]);
    assert_eq!(*bench.fake.unpublished.lock().expect("lock"), [NotificationId(8)]);
}

#[tokio::test]
async fn a_claim_of_another_channel_is_given_back() {
    let bench = bench(timing());
    let batch = vec![bench.add(1, "+15550100")];
    bench.change(1, |claim| claim.channel = Channel::Sms);
    assert_eq!(bench.handler.handle(batch).await, [Verdict::Done]);
    let outcome = bench.report(1).expect("reported").outcome;
    assert_eq!(outcome, SendOutcome::ChannelDown { retry_in: Duration::ZERO });
    assert!(bench.sender.sent.lock().expect("lock").is_empty());
}
