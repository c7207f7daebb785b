//! Steps that several suites share: a task's items, finished passwords, claims and results.

use std::time::Duration;

use keybell_shared::ids::{AttemptId, ItemId, NotificationId, TaskId};
use keybell_shared::message::{Message, Work};
use keybell_shared::notice::{Channel, channels};
use keybell_shared::ports::ledger::{
    Claim, Claimed, DispatchLedger as _, NoticeLedger as _, ResetJob, ResetLedger as _, ResetOutcome, ResetWrite,
    SendOutcome, SendReport,
};
use keybell_shared::seal::Sealed;
use keybell_tests::ledgers::TestLedger;

pub(super) const LEASE: Duration = Duration::from_secs(30);

/// The task's pending items.
pub(super) async fn pending(on: &TestLedger, task: TaskId) -> Vec<ItemId> {
    on.ledger.pending(task, None, 10_000).await.expect("pending items").into_iter().map(|(item, _)| item).collect()
}

/// A finished password for a job.
pub(super) fn write(job: &ResetJob) -> ResetWrite {
    let channels = if job.request.sends_link() { channels(job.request.channel) } else { &[] };
    ResetWrite {
        item: job.item,
        account: job.account,
        attempt: AttemptId::fresh(),
        hash: if job.request.mode.sets_password() { format!("$argon2id$of-item-{}", job.item) } else { String::new() },
        sealed: Some(Sealed { key_id: "k".to_owned(), bytes: vec![1, 2, 3] }),
        links: channels.iter().map(|&channel| (channel, link_hash(job.item, channel))).collect(),
        expires_in: Some(Duration::from_hours(1)),
        seal_ttl: Duration::from_hours(1),
    }
}

/// What stands for the hash of the token of an item's link.
pub(super) fn link_hash(item: ItemId, channel: Channel) -> String {
    format!("hash-of-{item}-{}", channel.as_str())
}

/// Reads the items' jobs and commits a password for each.
pub(super) async fn reset(on: &TestLedger, items: &[ItemId]) -> Vec<(ItemId, ResetOutcome)> {
    let jobs = on.ledger.reset_jobs(items).await.expect("jobs");
    let writes: Vec<ResetWrite> = jobs.iter().map(write).collect();
    on.ledger.commit_resets("w", &writes).await.expect("a commit")
}

/// The notifications that a group of resets caused.
pub(super) fn caused(outcomes: &[(ItemId, ResetOutcome)]) -> Vec<NotificationId> {
    outcomes
        .iter()
        .flat_map(|(_, outcome)| match outcome {
            ResetOutcome::Changed(messages) => ids(messages),
            ResetOutcome::NotChanged(_) => Vec::new(),
        })
        .collect()
}

/// The notifications that messages name.
pub(super) fn ids(messages: &[Message]) -> Vec<NotificationId> {
    messages
        .iter()
        .map(|message| match message.work {
            Work::Email(id) | Work::Sms(id) => id,
            Work::Reset(item) => panic!("item {item} is no notification"),
        })
        .collect()
}

/// Claims notifications; only what may be sent.
pub(super) async fn claim(on: &TestLedger, ids: &[NotificationId], lease: Duration) -> Vec<Claim> {
    on.ledger
        .claim("n", ids, lease)
        .await
        .expect("claims")
        .into_iter()
        .filter_map(|claimed| match claimed {
            Claimed::Send(claim) => Some(*claim),
            Claimed::Nothing(_) => None,
        })
        .collect()
}

/// Reports how sending went.
pub(super) async fn report(on: &TestLedger, claim: &Claim, outcome: SendOutcome) -> Vec<Message> {
    let report = SendReport {
        notification: claim.notification,
        account: claim.account,
        fence: claim.fence,
        outcome,
        detail: "said the server".to_owned(),
    };
    on.ledger.record("n", &[report]).await.expect("a result")
}

/// Waits until a condition of the database holds: times are the database's, so a test cannot turn them.
pub(super) async fn until(on: &TestLedger, sql: &str, value: i64) {
    let deadline = keybell_shared::clock::Stopwatch::start();
    while on.raw.number(sql).await != value {
        assert!(deadline.elapsed() < Duration::from_secs(20), "{sql} never became {value}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
