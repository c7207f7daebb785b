//! A small run that kept every promise, for the tests of the checker: each test tampers with it and must be found out.
//!
//! Two tasks over the same pupils. The first one: `p1` was told by e-mail, `p2`'s address was refused for good, `p3` was
//! told, `p4`'s message was overtaken by the second task. The second one resets `p4` again and tells it. A third one is
//! cancelled before anything of it changed.

use std::collections::HashMap;
use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, Version};
use keybell_shared::ids::{AttemptId, ItemId, NotificationId, TaskId};
use keybell_shared::message::Work;
use keybell_shared::ports::ledger::{
    Claimed, DispatchLedger as _, NoticeLedger as _, OutboxLedger as _, ResetLedger as _, ResetOutcome, ResetWrite,
    SendOutcome, SendReport, TaskLedger as _,
};
use keybell_shared::seal::Sealed;
use keybell_tests::ledgers::{Fixture, TestLedger, accept, district_with, expand, request};
use serde_json::{Value, json};

use super::{Case, Finding, Queue, history};
use crate::evidence::{
    Action, Answer, Channel, Control, Crashes, District, Door, Evidence, Fate, Message, Ms, Request, Sample,
};

/// The run, its evidence, and what the servers say.
pub(super) struct World<'a> {
    pub(super) on: &'a TestLedger,
    pub(super) evidence: Evidence,
    pub(super) queues: Vec<Queue>,
    pub(super) board: Vec<(String, Value)>,
    pub(super) tasks: Vec<TaskId>,
    fixture: Fixture,
    passwords: HashMap<ItemId, String>,
}

const LEASE: Duration = Duration::from_secs(30);

impl<'a> World<'a> {
    pub(super) async fn new(on: &'a TestLedger) -> Self {
        history::install(&on.raw).await;
        // Twice is as good as once.
        history::install(&on.raw).await;
        let fixture = district_with(&*on.ledger, 4).await;
        let district = District {
            id: fixture.district.id,
            slug: fixture.district.slug.clone(),
            key: "key".to_owned(),
            people: Vec::new(),
            orderly: true,
        };
        let mut world = World {
            on,
            evidence: evidence(district),
            queues: vec![Queue { name: "faults.reset".to_owned(), ready: 0, unacknowledged: 0 }],
            board: Vec::new(),
            tasks: Vec::new(),
            fixture,
            passwords: HashMap::new(),
        };
        world.live().await;
        world
    }

    async fn live(&mut self) {
        let first = self.ask(&["p1", "p2", "p3", "p4"]).await;
        self.sample(first).await;
        let notices = self.reset(first).await;
        self.sample(first).await;
        self.tell(&notices[..1], &SendOutcome::Accepted, Fate::Accepted).await;
        self.tell(&notices[1..2], &SendOutcome::Permanent, Fate::Permanent).await;
        self.tell(&notices[2..3], &SendOutcome::Accepted, Fate::Accepted).await;
        let second = self.ask(&["p4"]).await;
        let newer = self.reset(second).await;
        // The older message finds the newer password, and is not sent.
        self.tell(&notices[3..], &SendOutcome::Accepted, Fate::Accepted).await;
        self.tell(&newer, &SendOutcome::Accepted, Fate::Accepted).await;
        self.sample(first).await;
        let third = self.ask(&["p1"]).await;
        self.control(third, Action::Pause).await;
        self.control(third, Action::Cancel).await;
        while !self.on.ledger.finish(100).await.expect("finished tasks").is_empty() {}
        let events = self.on.ledger.unsent_events(1_000).await.expect("events");
        self.on.ledger.events_sent(&events.iter().map(|event| event.id).collect::<Vec<_>>()).await.expect("sent");
        while self.on.ledger.chain_audit(1_000).await.expect("a chain") > 0 {}
        let shown = self.on.ledger.snapshots().await.expect("snapshots");
        self.board = shown.iter().map(|one| (one.task.to_string(), json!(one))).collect();
        assert_eq!(self.board.len(), 3, "three tasks have just ended");
    }

    /// Asks for a reset of these pupils.
    async fn ask(&mut self, names: &[&str]) -> TaskId {
        let body = json!({"selection": {"scope": "selected", "accounts": names}, "reason": "lost"});
        let task = accept(&*self.on.ledger, &self.fixture.admin(), request(body.clone())).await;
        expand(&*self.on.ledger, task).await;
        self.evidence.requests.push(Request {
            district: 0,
            // Its key is not an API key's.
            door: Door::Amqp,
            key: task.to_string(),
            body,
            asked_at: now(),
            answer: Answer::Accepted(task),
            tries: Vec::new(),
        });
        self.tasks.push(task);
        task
    }

    /// Changes the passwords of a whole task, in the order of its items; answers its notifications.
    async fn reset(&mut self, task: TaskId) -> Vec<NotificationId> {
        let items: Vec<ItemId> =
            self.on.ledger.pending(task, None, 100).await.expect("items").into_iter().map(|(item, _)| item).collect();
        self.on.ledger.mark_queued(&items[..1]).await.expect("a note");
        let jobs = self.on.ledger.reset_jobs(&items).await.expect("jobs");
        let writes: Vec<ResetWrite> = jobs
            .iter()
            .map(|job| {
                let password = format!("Otter-lamp-{}", job.item);
                let write = ResetWrite {
                    item: job.item,
                    account: job.account,
                    attempt: AttemptId::fresh(),
                    hash: hash(&password),
                    sealed: Some(Sealed { key_id: "k".to_owned(), bytes: vec![1] }),
                    links: Vec::new(),
                    expires_in: Some(Duration::from_hours(1)),
                    seal_ttl: Duration::from_hours(1),
                };
                self.passwords.insert(job.item, password);
                write
            })
            .collect();
        let mut notices = Vec::new();
        for (_, outcome) in self.on.ledger.commit_resets("w", &writes).await.expect("a commit") {
            let ResetOutcome::Changed(messages) = outcome else { panic!("every pupil is reset") };
            notices.extend(messages.iter().map(|message| match message.work {
                Work::Email(id) | Work::Sms(id) => id,
                Work::Reset(item) => panic!("item {item} is no notification"),
            }));
        }
        notices.sort_unstable();
        notices
    }

    /// Sends what may be sent, with this answer.
    async fn tell(&mut self, notices: &[NotificationId], outcome: &SendOutcome, fate: Fate) {
        for claimed in self.on.ledger.claim("n", notices, LEASE).await.expect("claims") {
            let Claimed::Send(claim) = claimed else { continue };
            let sql = format!("SELECT item_id FROM notifications WHERE id = {}", claim.notification);
            let password = self.passwords[&ItemId(self.on.raw.number(&sql).await)].clone();
            self.evidence.messages.push(Message {
                at: now(),
                channel: Channel::Email,
                to: claim.address.clone(),
                text: format!("New password:\n\n    {password}\n"),
                message_id: Some(claim.message_id.clone()),
                password: Some(password),
                fate,
            });
            let report = SendReport {
                notification: claim.notification,
                account: claim.account,
                fence: claim.fence,
                outcome: outcome.clone(),
                detail: "said the server".to_owned(),
            };
            self.on.ledger.record("n", &[report]).await.expect("a result");
        }
    }

    async fn control(&mut self, task: TaskId, action: Action) {
        let (district, asked_at) = (self.fixture.district.id, now());
        match action {
            Action::Pause => drop(self.on.ledger.pause(district, task, "console").await.expect("paused")),
            Action::Resume => drop(self.on.ledger.resume(district, task, "console").await.expect("resumed")),
            Action::Cancel => drop(self.on.ledger.cancel(district, task, "console").await.expect("cancelled")),
        }
        let answered_at = now();
        self.evidence.controls.push(Control { task, action, asked_at, answered_at, status: 200 });
    }

    /// What somebody who watches sees now.
    async fn sample(&mut self, task: TaskId) {
        let view = self.on.ledger.task(self.fixture.district.id, task).await.expect("a task").expect("it is there");
        let counts = view.progress.counts;
        self.evidence.samples.push(Sample {
            task,
            watcher: 1,
            progress: json!({
                "total": counts.total(),
                "reset": {
                    "pending": counts.open, "reset": counts.changed(), "skipped": counts.skipped,
                    "cancelled": counts.cancelled, "superseded": counts.superseded, "failed": counts.failed
                },
                "notify": {
                    "total": counts.changed(), "waiting": counts.telling, "notified": counts.notified,
                    "silent": counts.silent, "undelivered": counts.undelivered, "retries": counts.retries
                },
            }),
        });
    }

    pub(super) fn case(&self) -> Case<'_> {
        Case { evidence: &self.evidence, ledger: &self.on.raw, queues: &self.queues, board: &self.board }
    }

    /// The message about a pupil's password of this version, as if it came again now.
    pub(super) async fn repeated(&self, pupil: &str, version: i64) -> Message {
        let sql = format!(
            "SELECT n.message_id, n.item_id, n.address FROM notifications n JOIN accounts a ON a.id = n.account_id \
             WHERE a.source_id = '{pupil}' AND n.credential_version = {version}"
        );
        let [message_id, item, address]: [String; 3] =
            self.on.raw.rows(&sql).await.remove(0).try_into().expect("three columns");
        let password = self.passwords[&item.parse().expect("an item")].clone();
        Message {
            channel: Channel::Email,
            to: address,
            text: format!("New password:\n\n    {password}\n"),
            message_id: Some(message_id),
            password: Some(password),
            at: now(),
            fate: Fate::Accepted,
        }
    }

    /// Tampers with the ledger behind the program's back.
    pub(super) async fn tamper(&self, sql: &str) {
        assert!(self.on.raw.run(sql).await > 0, "{sql}: nothing was changed");
    }
}

/// Nothing is found, and something was looked at.
#[track_caller]
pub(super) fn sound(finding: &Finding) {
    assert!(finding.checked > 0, "{finding:?}: nothing was looked at");
    assert!(finding.violations.is_empty(), "{finding:#?}");
}

/// One of the violations says this, and none did before.
#[track_caller]
pub(super) fn caught(before: &Finding, after: &Finding, words: &str) {
    let says = |finding: &Finding| finding.violations.iter().any(|violation| violation.contains(words));
    assert!(!says(before), "`{words}` was said before: {before:#?}");
    assert!(says(after), "nobody says `{words}`: {after:#?}");
}

pub(super) fn now() -> Ms {
    keybell_shared::clock::wall().0
}

/// An Argon2id hash that costs next to nothing; its cost stands in it.
pub(super) fn hash(password: &str) -> String {
    let salt = *uuid::Uuid::new_v4().as_bytes();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, Some(32)).expect("a cost"));
    let mut tag = [0; 32];
    argon2.hash_password_into(password.as_bytes(), &salt, &mut tag).expect("a tag");
    let base64 = |bytes: &[u8]| base64::Engine::encode(&base64::engine::general_purpose::STANDARD_NO_PAD, bytes);
    format!("$argon2id$v=19$m=8,t=1,p=1${}${}", base64(&salt), base64(&tag))
}

fn evidence(district: District) -> Evidence {
    Evidence {
        districts: vec![district],
        requests: Vec::new(),
        controls: Vec::new(),
        samples: Vec::new(),
        trespasses: Vec::new(),
        messages: Vec::new(),
        crashes: Crashes::default(),
        unexpected_exits: Vec::new(),
        in_flight: 1,
        retry_pauses: [1, 2, 4],
        retry_jitter: 0.1,
        folders: Vec::new(),
        spared: Vec::new(),
        secrets: Vec::new(),
        processes: Vec::new(),
    }
}
