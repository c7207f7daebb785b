//! A sound history passes; each way to break the rule is found.

use std::time::Duration;

use keybell_shared::ids::{AttemptId, ItemId};
use keybell_shared::message::Work;
use keybell_shared::ports::ledger::{DispatchLedger as _, ResetJob, ResetLedger as _, ResetOutcome, ResetWrite};
use keybell_shared::seal::Sealed;
use keybell_tests::ledgers::{Fixture, TestLedger, district_with, request, task};
use keybell_tests::on_both;
use serde_json::json;

use super::super::world::hash;
use super::super::{Case, Finding, history};
use super::check;
use crate::evidence::{Channel, Crashes, Evidence, Fate, Message, Ms};

on_both!(
    a_sound_history_passes,
    a_fifth_attempt_is_found,
    an_attempt_that_comes_too_early_is_found,
    an_attempt_after_the_end_is_found,
    a_repeated_delivery_needs_a_crash,
    repetitions_are_the_same_message,
    a_message_without_an_attempt_is_found,
    siblings_with_one_phone_are_told_apart,
    siblings_with_one_phone_and_one_password_have_an_attempt_each,
);

/// Evidence of nothing, with the pauses of the harness.
pub(in crate::checker) fn nothing() -> Evidence {
    Evidence {
        districts: Vec::new(),
        requests: Vec::new(),
        controls: Vec::new(),
        samples: Vec::new(),
        trespasses: Vec::new(),
        messages: Vec::new(),
        crashes: Crashes::default(),
        unexpected_exits: Vec::new(),
        in_flight: 0,
        retry_pauses: [400, 800, 1_600],
        retry_jitter: 0.1,
        folders: Vec::new(),
        spared: Vec::new(),
        secrets: Vec::new(),
        processes: Vec::new(),
    }
}

/// Resets the first of the fixture's people, one for each password, and answers the notifications about them.
pub(in crate::checker) async fn reset(
    on: &TestLedger,
    fixture: &Fixture,
    channel: &str,
    passwords: &[&str],
) -> Vec<i64> {
    history::install(&on.raw).await;
    let body = request(json!({"selection": {"scope": "all"}, "channel": channel}));
    let task = task(&*on.ledger, &fixture.admin(), body).await;
    let items: Vec<ItemId> = on
        .ledger
        .pending(task, None, u32::try_from(passwords.len()).expect("few"))
        .await
        .expect("items")
        .into_iter()
        .map(|one| one.0)
        .collect();
    let jobs = on.ledger.reset_jobs(&items).await.expect("jobs");
    let write = |(job, password): (&ResetJob, &&str)| ResetWrite {
        item: job.item,
        account: job.account,
        attempt: AttemptId::fresh(),
        hash: hash(password),
        sealed: Some(Sealed { key_id: "k".to_owned(), bytes: vec![1, 2, 3] }),
        links: Vec::new(),
        expires_in: Some(Duration::from_hours(1)),
        seal_ttl: Duration::from_hours(1),
    };
    let writes: Vec<ResetWrite> = jobs.iter().zip(passwords).map(write).collect();
    let outcomes = on.ledger.commit_resets("w", &writes).await.expect("a commit");
    let messages = outcomes.into_iter().flat_map(|(_, outcome)| match outcome {
        ResetOutcome::Changed(messages) => messages,
        ResetOutcome::NotChanged(_) => Vec::new(),
    });
    let ids = messages.filter_map(|message| match message.work {
        Work::Email(id) | Work::Sms(id) => Some(id.0),
        Work::Reset(_) => None,
    });
    ids.collect()
}

/// A notification's attempts: started, ended, outcome. Numbers are given as the ledger gives them.
async fn attempts(on: &TestLedger, notification: i64, all: &[(Ms, Ms, &str)]) {
    on.raw.run(&format!("DELETE FROM attempts WHERE notification_id = {notification}")).await;
    let mut counted = 0;
    for (fence, (started, ended, outcome)) in all.iter().enumerate() {
        let number = counted + 1;
        counted += i32::from(*outcome != "channel_down");
        on.raw
            .run(&format!(
                "INSERT INTO attempts (notification_id, fence, number, started_at, ended_at, outcome)
                 VALUES ({notification}, {}, {number}, {started}, {ended}, '{outcome}')",
                fence + 1
            ))
            .await;
    }
}

/// The e-mail of a notification.
async fn e_mail(on: &TestLedger, notification: i64, at: Ms, fate: Fate) -> Message {
    let find = |column: &str| format!("SELECT {column} FROM notifications WHERE id = {notification}");
    Message {
        channel: Channel::Email,
        to: on.raw.text(&find("address")).await,
        text: "Reset no. 1; ignore earlier messages.".to_owned(),
        message_id: Some(on.raw.text(&find("message_id")).await),
        password: Some("Falcon-river-47".to_owned()),
        at,
        fate,
    }
}

async fn judged(on: &TestLedger, messages: Vec<Message>, crashes: Crashes) -> Finding {
    let evidence = Evidence { messages, crashes, ..nothing() };
    check(&Case { evidence: &evidence, ledger: &on.raw, queues: &[], board: &[] }).await
}

fn calm() -> Crashes {
    Crashes { slots: 4, sender_processes: 2, ..Crashes::default() }
}

/// One pupil's notification.
async fn one(on: &TestLedger) -> i64 {
    let fixture = district_with(&*on.ledger, 1).await;
    reset(on, &fixture, "email", &["Falcon-river-47"]).await[0]
}

/// What a sound history looks like: a refusal, a channel that is down, a refusal, and success.
const SOUND: [(Ms, Ms, &str); 4] = [
    (1_000, 1_010, "temporary"),
    (1_400, 1_401, "channel_down"),
    (1_700, 1_710, "temporary"),
    (2_500, 2_510, "accepted"),
];

async fn a_sound_history_passes(on: &TestLedger) {
    let id = one(on).await;
    attempts(on, id, &SOUND).await;
    let mut messages = Vec::new();
    for (at, fate) in [(1_005, Fate::Temporary), (1_705, Fate::Temporary), (2_505, Fate::Accepted)] {
        messages.push(e_mail(on, id, at, fate).await);
    }
    let finding = judged(on, messages, calm()).await;
    assert_eq!(finding.violations, Vec::<String>::new());
    assert!(finding.checked > 8, "{}", finding.checked);
}

async fn a_fifth_attempt_is_found(on: &TestLedger) {
    let id = one(on).await;
    let five: Vec<(Ms, Ms, &str)> = (0..5).map(|n| (n * 3_000, n * 3_000 + 5, "temporary")).collect();
    attempts(on, id, &five).await;
    let found = judged(on, Vec::new(), calm()).await.violations;
    assert!(found.iter().any(|one| one.contains("5 attempts count")), "{found:?}");
    // Also when the ledger has not counted them.
    on.raw.run("UPDATE attempts SET number = 1").await;
    let found = judged(on, Vec::new(), calm()).await.violations;
    assert!(found.iter().any(|one| one.contains("5 attempts count")), "{found:?}");
    assert!(found.iter().any(|one| one.contains("the next one has number 1")), "{found:?}");
}

async fn an_attempt_that_comes_too_early_is_found(on: &TestLedger) {
    let id = one(on).await;
    attempts(on, id, &[(1_000, 1_010, "temporary"), (1_360, 1_361, "accepted")]).await;
    let found = judged(on, Vec::new(), calm()).await.violations;
    assert!(found.len() == 1 && found[0].contains("350 ms from attempt 1"), "{found:?}");
    // The ledger's times are right, and the sink knows better.
    attempts(on, id, &[(1_000, 1_010, "temporary"), (1_400, 1_401, "accepted")]).await;
    let messages = vec![e_mail(on, id, 1_200, Fate::Temporary).await, e_mail(on, id, 1_450, Fate::Accepted).await];
    let found = judged(on, messages, calm()).await.violations;
    assert!(found.len() == 1 && found[0].contains("250 ms after each other"), "{found:?}");
    // The second pause is longer.
    let third = [(1_000, 1_010, "temporary"), (1_400, 1_410, "temporary"), (1_900, 1_901, "accepted")];
    attempts(on, id, &third).await;
    assert_eq!(judged(on, Vec::new(), calm()).await.violations.len(), 1);
}

async fn an_attempt_after_the_end_is_found(on: &TestLedger) {
    let id = one(on).await;
    for end in ["permanent", "accepted"] {
        attempts(on, id, &[(1_000, 1_010, end), (3_000, 3_010, "accepted")]).await;
        let found = judged(on, Vec::new(), calm()).await.violations;
        assert!(found.len() == 1 && found[0].contains("another attempt after number 1"), "{found:?}");
    }
    attempts(on, id, &[(1_000, 1_010, "temporary"), (3_000, 3_010, "accepted")]).await;
    let messages = vec![e_mail(on, id, 1_005, Fate::Permanent).await, e_mail(on, id, 3_005, Fate::Accepted).await];
    let found = judged(on, messages, calm()).await.violations;
    assert!(found.iter().any(|one| one.contains("after Permanent; stored was Some(Temporary)")), "{found:?}");
}

async fn a_repeated_delivery_needs_a_crash(on: &TestLedger) {
    let id = one(on).await;
    attempts(on, id, &[(1_000, 5_000, "unknown"), (5_400, 5_410, "accepted")]).await;
    let twice = [e_mail(on, id, 1_005, Fate::Accepted).await, e_mail(on, id, 5_405, Fate::Accepted).await];
    let found = judged(on, twice.to_vec(), calm()).await.violations;
    assert!(found.iter().any(|one| one.contains("1 messages were sent again")), "{found:?}");
    for crashes in [Crashes { senders: 1, ..calm() }, Crashes { frozen: 1, ..calm() }, Crashes { ledger: 1, ..calm() }]
    {
        assert_eq!(judged(on, twice.to_vec(), crashes).await.violations, Vec::<String>::new());
    }
    // The server took it and said nothing: no crash is needed.
    attempts(on, id, &[(1_000, 3_000, "temporary"), (3_400, 3_410, "accepted")]).await;
    let [mut first, second] = twice;
    first.fate = Fate::AcceptedUnknown;
    assert_eq!(judged(on, vec![first, second], calm()).await.violations, Vec::<String>::new());
}

async fn repetitions_are_the_same_message(on: &TestLedger) {
    let id = one(on).await;
    attempts(on, id, &[(1_000, 1_010, "temporary"), (1_410, 1_420, "accepted")]).await;
    let first = e_mail(on, id, 1_005, Fate::Temporary).await;
    let mut second = e_mail(on, id, 1_415, Fate::Accepted).await;
    second.password = Some("Walnut-lamp-12".to_owned());
    let found = judged(on, vec![first.clone(), second.clone()], calm()).await.violations;
    assert!(found.len() == 1 && found[0].contains("another password"), "{found:?}");
    second.password.clone_from(&first.password);
    second.message_id = Some("new@keybell".to_owned());
    let found = judged(on, vec![first, second], calm()).await.violations;
    assert!(found.len() == 1 && found[0].contains("no attempt of the ledger explains"), "{found:?}");
}

async fn a_message_without_an_attempt_is_found(on: &TestLedger) {
    let id = one(on).await;
    let messages = vec![e_mail(on, id, 1_005, Fate::Accepted).await];
    let found = judged(on, messages.clone(), calm()).await.violations;
    assert!(found.len() == 1 && found[0].contains("no attempt"), "{found:?}");
    attempts(on, id, &[(2_000, 2_010, "accepted")]).await;
    assert_eq!(judged(on, messages.clone(), calm()).await.violations.len(), 1, "it came before the attempt began");
    // Two messages of one attempt.
    attempts(on, id, &[(1_000, 1_010, "accepted")]).await;
    let found = judged(on, vec![messages[0].clone(), messages[0].clone()], calm()).await.violations;
    assert!(found.iter().any(|one| one.contains("sent again")), "{found:?}");
    // A second notification about the same, with attempts of its own.
    on.raw
        .run(
            "INSERT INTO notifications (district_id, task_id, item_id, account_id, credential_version, channel, address,
                 guardian, message_id, state, due_at, changed_at)
             SELECT district_id, task_id, item_id, account_id, credential_version, channel, address, guardian, 'other',
                 'waiting', 0, 0 FROM notifications",
        )
        .await;
    let found = judged(on, messages, calm()).await.violations;
    assert!(found.iter().any(|one| one.contains("a second one")), "{found:?}");
}

async fn siblings_with_one_phone_are_told_apart(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 4).await;
    on.raw.run("UPDATE accounts SET sms = '+15550000001' WHERE sms IS NULL").await;
    let sms = |text: &str, at, fate| Message {
        channel: Channel::Sms,
        to: "+15550000001".to_owned(),
        text: format!("Riverside: your new password:\n{text}\nReset no. 1; ignore earlier messages."),
        message_id: None,
        password: Some(text.to_owned()),
        at,
        fate,
    };
    let [ours, other] = ["Falcon-river-47", "Walnut-lamp-12"];
    let ids = reset(on, &fixture, "sms", &[ours, other]).await;
    attempts(on, ids[0], &[(1_000, 1_010, "temporary"), (1_420, 1_430, "accepted")]).await;
    attempts(on, ids[1], &[(1_001, 1_011, "temporary"), (1_460, 1_470, "accepted")]).await;
    let mut told = vec![
        sms(other, 1_006, Fate::Temporary),
        sms(ours, 1_007, Fate::Temporary),
        sms(ours, 1_425, Fate::Accepted),
        sms(other, 1_465, Fate::Accepted),
    ];
    assert_eq!(judged(on, told.clone(), calm()).await.violations, Vec::<String>::new());
    told.push(sms("Otter-lamp-90", 1_466, Fate::Accepted));
    assert_eq!(judged(on, told, calm()).await.violations.len(), 1, "nobody's password");
}

async fn siblings_with_one_phone_and_one_password_have_an_attempt_each(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 4).await;
    on.raw.run("UPDATE accounts SET sms = '+15550000001' WHERE sms IS NULL").await;
    let ids = reset(on, &fixture, "sms", &["Falcon-river-47"; 2]).await;
    let mut told = Vec::new();
    for (n, id) in (0..).zip(&ids) {
        attempts(on, *id, &[(1_000 + n, 1_010 + n, "accepted")]).await;
        told.push(Message {
            channel: Channel::Sms,
            to: "+15550000001".to_owned(),
            text: "Your new password:\nFalcon-river-47\nReset no. 1; ignore earlier messages.".to_owned(),
            message_id: None,
            password: Some("Falcon-river-47".to_owned()),
            at: 1_005 + n,
            fate: Fate::Accepted,
        });
    }
    assert_eq!(judged(on, told.clone(), calm()).await.violations, Vec::<String>::new());
    told.push(told[0].clone());
    assert!(!judged(on, told, calm()).await.violations.is_empty(), "a third message of two attempts");
}
