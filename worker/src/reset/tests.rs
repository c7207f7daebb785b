//! The reset stage against a ledger in memory.

use std::sync::Arc;
use std::time::Duration;

use keybell_hashing::{HashPool, verify};
use keybell_shared::codes::Code;
use keybell_shared::config::{self, Hashing};
use keybell_shared::eligibility::Decision;
use keybell_shared::ids::{AccountId, DistrictId, ItemId, NotificationId, TaskId};
use keybell_shared::link::{self, Seed};
use keybell_shared::message::{Message, Work};
use keybell_shared::notice::Channel;
use keybell_shared::password::{Language, Names, PolicyName, check};
use keybell_shared::request::ResetRequest;
use keybell_shared::seal::{Binding, OpenKey, Sealed, fresh_pair};
use keybell_shared::verdict::Verdict;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Parts, handler};
use crate::fakes::{FakeLedger, FakeQueue, Item};
use crate::harness::Handler;

struct Bench {
    ledger: FakeLedger,
    queue: FakeQueue,
    notifier: OpenKey,
    reset_pub: keybell_shared::seal::SealKey,
    stage: Arc<dyn Handler>,
    district: DistrictId,
    task: TaskId,
}

fn request(json: &str) -> Arc<ResetRequest> {
    Arc::new(serde_json::from_str(json).expect("a request"))
}

fn generated() -> Arc<ResetRequest> {
    request(r#"{"selection":{"scope":"all"},"reason":"lost"}"#)
}

fn bench() -> Bench {
    let (ledger, queue) = (FakeLedger::default(), FakeQueue::default());
    let (reset_key, reset_pub) = fresh_pair();
    let (notifier, notifier_pub) = fresh_pair();
    let cost = Hashing { memory_kib: 256, passes: 1, lanes: 1, threads: 2 };
    let pool = Arc::new(HashPool::new(&cost, 2).expect("pool"));
    let stage = handler(Parts {
        ledger: Arc::new(ledger.clone()),
        queue: Arc::new(queue.clone()),
        pool,
        open_key: Arc::new(reset_key.into()),
        seal_key: Arc::new(notifier_pub),
        worker: config::Worker::default(),
        seal_ttl: Duration::from_secs(99),
        writer: "worker-test-1".into(),
    });
    Bench { ledger, queue, notifier, reset_pub, stage, district: DistrictId::fresh(), task: TaskId::fresh() }
}

impl Bench {
    fn item(&self, request: &Arc<ResetRequest>) -> Item {
        Item {
            district: self.district,
            task: self.task,
            account: AccountId::fresh(),
            request: Arc::clone(request),
            shared: None,
            uploaded: None,
            hint: Decision::Reset,
            decision: Decision::Reset,
            forbidden: vec!["mjones".into()],
            waits: true,
            written: None,
            failed: None,
        }
    }

    fn add(&self, number: i64, item: Item) {
        self.ledger.rows().items.insert(ItemId(number), item);
    }

    fn get(&self, number: i64) -> Item {
        self.ledger.rows().items[&ItemId(number)].clone()
    }

    fn message(&self, number: i64) -> Message {
        Message {
            district: self.district,
            task: self.task,
            work: Work::Reset(ItemId(number)),
            dispatch: 1,
            trace: None,
        }
    }

    async fn handle(&self, numbers: impl IntoIterator<Item = i64>) -> Vec<Verdict> {
        self.stage.handle(numbers.into_iter().map(|number| self.message(number)).collect()).await
    }

    fn published(&self) -> Vec<i64> {
        let notified = |message: &Message| match message.work {
            Work::Email(id) | Work::Sms(id) => id.0,
            Work::Reset(_) => panic!("only notifications are published"),
        };
        let mut ids: Vec<i64> = self.queue.broker().published.iter().map(notified).collect();
        ids.sort_unstable();
        ids
    }

    /// What the notifier reads from the seal of a written item.
    fn told(&self, number: i64) -> SecretString {
        let item = self.get(number);
        let write = item.written.expect("written");
        let binding = Binding::Account(item.district, item.account, write.attempt);
        self.notifier.open(&write.sealed.expect("sealed"), binding).expect("opens for its own account and attempt")
    }

    fn opens(&self, number: i64, password: &SecretString) -> bool {
        let phc = self.get(number).written.expect("written").hash;
        verify(password, &phc).expect("a hash")
    }
}

#[tokio::test]
async fn what_is_told_opens_the_account() {
    let bench = bench();
    (1..=70).for_each(|number| bench.add(number, bench.item(&generated())));
    assert_eq!(bench.handle(1..=70).await, vec![Verdict::Done; 70]);
    for number in 1..=70 {
        let told = bench.told(number);
        assert_eq!(check(PolicyName::Standard, told.expose_secret(), &Names::new(["mjones"])), Ok(()));
        assert!(bench.opens(number, &told));
        let write = bench.get(number).written.expect("written");
        assert_eq!(write.expires_in, Some(Duration::from_hours(168)));
        assert_eq!(write.seal_ttl, Duration::from_hours(168));
    }
    assert_eq!(bench.published(), (1..=70).collect::<Vec<_>>());
    assert_eq!(bench.ledger.rows().groups, [70]);
}

#[tokio::test]
async fn a_permanent_password_that_nobody_is_told_is_not_sealed() {
    let bench = bench();
    let silent = request(r#"{"selection":{"scope":"all"},"reason":"lost","temporary":false,"notify":"never"}"#);
    bench.add(1, Item { waits: false, ..bench.item(&silent) });
    assert_eq!(bench.handle([1]).await, [Verdict::Done]);
    let write = bench.get(1).written.expect("written");
    assert_eq!((write.sealed.is_none(), write.expires_in, write.seal_ttl), (true, None, Duration::from_secs(99)));
    assert!(bench.published().is_empty());
}

#[tokio::test]
async fn young_grades_may_have_permanent_passwords() {
    let bench = bench();
    let permanent_in = |grade: &str| {
        request(&format!(r#"{{"selection":{{"scope":"all"}},"reason":"lost","permanent_grades":["{grade}"]}}"#))
    };
    // The accounts of this bench are in grade `07`.
    bench.add(1, bench.item(&permanent_in("7")));
    bench.add(2, bench.item(&permanent_in("KG")));
    assert_eq!(bench.handle([1, 2]).await, [Verdict::Done, Verdict::Done]);
    let lives = |number| bench.get(number).written.expect("written").expires_in;
    assert_eq!((lives(1), lives(2)), (None, Some(Duration::from_hours(168))));
}

#[tokio::test]
async fn the_drawn_password_has_the_policy_and_the_language_of_the_request() {
    let bench = bench();
    let asked = r#"{"selection":{"scope":"all"},"reason":"lost","policy":"nist15",
        "password":{"source":"generated","format":"phrase3","language":"es"}}"#;
    bench.add(1, bench.item(&request(asked)));
    assert_eq!(bench.handle([1]).await, [Verdict::Done]);
    let told = bench.told(1);
    let words: Vec<&str> = told.expose_secret().split('-').collect();
    assert_eq!(words.len(), 4, "a word more than under the other policies");
    assert!(words.iter().all(|word| Language::Es.words().words().binary_search(word).is_ok()));
}

impl Bench {
    /// The seed that the notifier opens, and nothing but the seed.
    fn seed(&self, number: i64) -> Seed {
        let item = self.get(number);
        let write = item.written.expect("written");
        let sealed = write.sealed.expect("sealed");
        let password = Binding::Account(item.district, item.account, write.attempt);
        assert!(self.notifier.open(&sealed, password).is_err(), "a seed is never taken for a password");
        let binding = Binding::Link(item.district, item.account, write.attempt);
        Seed::opened(self.notifier.open(&sealed, binding).expect("opens as a seed"))
    }
}

#[tokio::test]
async fn a_request_draws_no_password_and_seals_a_seed_whose_tokens_the_ledger_knows_by_their_hashes() {
    let bench = bench();
    let asked = request(r#"{"selection":{"scope":"all"},"reason":"lost","mode":"request","channel":"cascade"}"#);
    (1..=2).for_each(|number| bench.add(number, bench.item(&asked)));
    assert_eq!(bench.handle(1..=2).await, vec![Verdict::Done; 2]);
    for number in 1..=2 {
        let (seed, write) = (bench.seed(number), bench.get(number).written.expect("written"));
        assert_eq!((write.hash.as_str(), write.expires_in), ("", None));
        let token = |channel| (channel, link::hash(seed.token(channel).expose_secret()));
        assert_eq!(write.links, [token(Channel::Email), token(Channel::Sms)], "a cascade may come to use both");
        assert_eq!(write.seal_ttl, Duration::from_secs(99));
    }
    assert_ne!(bench.seed(1).text().expose_secret(), bench.seed(2).text().expose_secret());
    assert_eq!(bench.published(), [1, 2]);
}

#[tokio::test]
async fn a_force_with_a_link_sets_a_password_that_nobody_is_told() {
    let bench = bench();
    for (number, words) in [(1, r#""mode":"force_then_request""#), (2, r#""delivery":"link""#)] {
        let asked = request(&format!(r#"{{"selection":{{"scope":"all"}},"reason":"lost",{words}}}"#));
        bench.add(number, bench.item(&asked));
        assert_eq!(bench.handle([number]).await, [Verdict::Done]);
        let write = bench.get(number).written.expect("written");
        assert!(write.hash.starts_with("$argon2id$"), "{words}");
        assert_eq!((write.expires_in, write.seal_ttl), (Some(Duration::from_hours(168)), Duration::from_secs(99)));
        assert!(!bench.opens(number, bench.seed(number).text()), "the seed is no password");
        assert_eq!(write.links.len(), 1, "{words}");
    }
}

fn shared(notify: &str) -> Arc<ResetRequest> {
    request(&format!(
        r#"{{"selection":{{"scope":"all"}},"reason":"lost","notify":"{notify}","password":{{"source":"shared"}}}}"#
    ))
}

#[tokio::test]
async fn a_shared_password_is_opened_for_its_task_only() {
    let bench = bench();
    let password = SecretString::from("Caf\u{e9}-River-47");
    let seal = |task| bench.reset_pub.seal(&password, Binding::Task(bench.district, task)).expect("seal");
    let with = |sealed: Option<Sealed>| Item { shared: sealed, ..bench.item(&shared("always")) };
    bench.add(1, with(Some(seal(bench.task))));
    bench.add(2, with(Some(seal(bench.task))));
    assert_eq!(bench.handle([1, 2]).await, [Verdict::Done, Verdict::Done]);
    for number in [1, 2] {
        assert!(bench.opens(number, &password));
        assert_eq!(bench.told(number).expose_secret(), password.expose_secret());
    }
    assert_ne!(bench.get(1).written.expect("written").hash, bench.get(2).written.expect("written").hash);

    bench.add(3, Item { waits: false, ..bench.item(&shared("auto")) });
    bench.add(4, Item { shared: Some(seal(TaskId::fresh())), ..bench.item(&shared("auto")) });
    assert_eq!(bench.handle([3]).await, [Verdict::Done]);
    assert_eq!(bench.handle([4]).await, [Verdict::Done]);
    for number in [3, 4] {
        assert_eq!((bench.get(number).failed, bench.get(number).written.is_none()), (Some(Code::X03), true));
    }
}

#[tokio::test]
async fn an_item_without_a_possible_password_fails_and_the_others_do_not() {
    let bench = bench();
    let all: Vec<String> = Language::En.words().words().iter().map(|word| (*word).to_owned()).collect();
    bench.add(1, Item { forbidden: all, ..bench.item(&generated()) });
    bench.add(2, bench.item(&generated()));
    assert_eq!(bench.handle([1, 2]).await, [Verdict::Done, Verdict::Done]);
    assert_eq!((bench.get(1).failed, bench.get(1).written.is_none()), (Some(Code::X03), true));
    assert_eq!((bench.get(2).failed, bench.get(2).written.is_some()), (None, true));
}

#[tokio::test]
async fn decisions_other_than_a_reset_are_recorded_without_a_hash() {
    let bench = bench();
    let like = |hint, decision| Item { hint, decision, ..bench.item(&generated()) };
    bench.add(1, like(Decision::Skip(Code::S03), Decision::Skip(Code::S03)));
    bench.add(2, like(Decision::Supersede, Decision::Supersede));
    bench.add(3, like(Decision::Hold, Decision::Hold));
    bench.add(4, like(Decision::Reset, Decision::Hold));
    bench.add(5, like(Decision::Skip(Code::S03), Decision::Reset));
    bench.add(6, like(Decision::Closed, Decision::Closed));
    assert_eq!(bench.handle(1..=6).await, vec![Verdict::Done; 6]);
    assert_eq!(bench.ledger.rows().groups, [4]);
    let mut held = bench.ledger.rows().held.clone();
    held.sort_unstable();
    assert_eq!(held, [ItemId(3), ItemId(4), ItemId(5)]);
    assert!((1..=6).all(|number| bench.get(number).written.is_none()));
    assert_eq!(bench.published(), [6], "what a crash left unpublished is published again");
}

#[tokio::test]
async fn two_items_of_one_account_are_committed_one_after_the_other() {
    let bench = bench();
    let first = bench.item(&generated());
    bench.add(1, first.clone());
    bench.add(2, first);
    bench.add(3, bench.item(&generated()));
    assert_eq!(bench.handle([1, 2, 3, 3]).await, vec![Verdict::Done; 4]);
    assert_eq!(bench.ledger.rows().groups, [2, 1]);
}

#[tokio::test]
async fn a_redelivery_after_the_commit_publishes_and_changes_nothing() {
    let bench = bench();
    bench.add(1, bench.item(&generated()));
    bench.handle([1]).await;
    let before = bench.get(1).written.expect("written").attempt;
    assert_eq!(bench.handle([1]).await, [Verdict::Done]);
    assert_eq!(bench.get(1).written.expect("written").attempt, before);
    assert_eq!(bench.published(), [1, 1]);
}

#[tokio::test]
async fn what_the_queue_does_not_take_is_given_back_to_the_scan() {
    for down in [true, false] {
        let bench = bench();
        bench.add(1, bench.item(&generated()));
        bench.queue.broker().down = down;
        bench.queue.broker().full = !down;
        assert_eq!(bench.handle([1]).await, [Verdict::Done]);
        assert!(bench.get(1).written.is_some());
        assert_eq!(bench.ledger.rows().unpublished, [NotificationId(1)]);
    }
}

#[tokio::test]
async fn a_notification_that_is_nowhere_brings_its_message_again() {
    let bench = bench();
    bench.add(1, bench.item(&generated()));
    bench.add(2, Item { waits: false, ..bench.item(&generated()) });
    bench.queue.broker().down = true;
    bench.ledger.rows().no_unpublish = true;
    let verdicts = bench.handle([1, 2]).await;
    assert!(matches!(verdicts[..], [Verdict::Unsettled(_), Verdict::Done]), "{verdicts:?}");
}

#[tokio::test]
async fn an_outage_is_unsettled_and_a_refusal_is_given_up() {
    let bench = bench();
    (1..=4).for_each(|number| bench.add(number, bench.item(&generated())));
    bench.ledger.rows().bad.insert(ItemId(2));
    bench.ledger.rows().unreadable.insert(ItemId(3));
    let verdicts = bench.handle(1..=4).await;
    assert!(
        matches!(verdicts[..], [Verdict::Done, Verdict::GiveUp(_), Verdict::GiveUp(_), Verdict::Done]),
        "{verdicts:?}"
    );
    bench.ledger.rows().no_commits = true;
    bench.add(5, bench.item(&generated()));
    let verdicts = bench.handle([1, 5]).await;
    assert!(matches!(verdicts[..], [Verdict::Done, Verdict::Unsettled(_)]), "{verdicts:?}");
    bench.ledger.rows().down = true;
    let verdicts = bench.handle([1, 5]).await;
    assert!(matches!(verdicts[..], [Verdict::Unsettled(_), Verdict::Unsettled(_)]), "{verdicts:?}");
}

#[tokio::test]
async fn nothing_is_consumed_until_the_ledger_answers_again() {
    let bench = bench();
    bench.add(1, bench.item(&generated()));
    bench.stage.ready().await;
    bench.ledger.rows().down = true;
    bench.handle([1]).await;
    let waiting = tokio::spawn({
        let stage = Arc::clone(&bench.stage);
        async move { stage.ready().await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    bench.ledger.rows().down = false;
    tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("ready again").expect("no panic");
    assert_eq!(bench.handle([1]).await, [Verdict::Done]);
}

#[tokio::test]
async fn forged_messages_do_nothing() {
    let bench = bench();
    bench.add(1, bench.item(&generated()));
    let forged = Message { district: DistrictId::fresh(), ..bench.message(1) };
    let unknown = bench.message(99);
    assert_eq!(bench.stage.handle(vec![forged, unknown]).await, [Verdict::Done, Verdict::Done]);
    assert!(bench.get(1).written.is_none());
    let misplaced = Message { work: Work::Sms(NotificationId(1)), ..bench.message(1) };
    assert!(matches!(bench.stage.handle(vec![misplaced]).await[..], [Verdict::GiveUp(_)]));
}

#[tokio::test]
async fn an_uploaded_password_is_opened_for_its_account_only() {
    let bench = bench();
    let asked =
        request(r#"{"selection":{"scope":"all"},"reason":"lost","notify":"always","password":{"source":"uploaded"}}"#);
    let password = |number: i64| SecretString::from(format!("Caf\u{e9}-River-{number}"));
    let seal = |account, number| {
        bench.reset_pub.seal(&password(number), Binding::Upload(bench.district, bench.task, account)).expect("seal")
    };
    for number in 1..=3 {
        let item = bench.item(&asked);
        bench.add(number, Item { uploaded: Some(seal(item.account, number)), ..item });
    }
    // One that is gone, one of another account, and one that is sealed as a shared password of the task.
    let shared = bench.reset_pub.seal(&password(6), Binding::Task(bench.district, bench.task)).expect("seal");
    bench.add(4, bench.item(&asked));
    bench.add(5, Item { uploaded: Some(seal(AccountId::fresh(), 5)), ..bench.item(&asked) });
    bench.add(6, Item { uploaded: Some(shared.clone()), shared: Some(shared), ..bench.item(&asked) });
    assert_eq!(bench.handle(1..=6).await, vec![Verdict::Done; 6]);
    for number in 1..=3 {
        assert!(bench.opens(number, &password(number)));
        // The same letters in another encoding open it, too.
        assert!(bench.opens(number, &SecretString::from(format!("Cafe\u{301}-River-{number}"))));
        assert_eq!(bench.told(number).expose_secret(), password(number).expose_secret());
        assert_eq!(bench.get(number).written.expect("written").expires_in, None, "chosen to stay");
    }
    for number in 4..=6 {
        assert_eq!((bench.get(number).failed, bench.get(number).written.is_none()), (Some(Code::X03), true));
    }
}

#[tokio::test]
async fn what_the_commit_fails_is_done_and_nobody_is_told() {
    let bench = bench();
    bench.add(1, Item { decision: Decision::Fail(Code::E06), ..bench.item(&generated()) });
    assert_eq!(bench.handle([1]).await, [Verdict::Done]);
    assert!(bench.get(1).written.is_none() && bench.published().is_empty() && bench.ledger.rows().held.is_empty());
}
