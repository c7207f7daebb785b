//! Examples: values of the very types, so that they cannot be wrong.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::Millis;
use crate::events::{
    ChangeRequested, CredentialReset, Fact, PasswordChanged, RequestAccepted, RequestRefused, TaskAccepted,
    TaskApproved, TaskAwaiting, TaskChanged, TaskResent, TaskStarted, WebhookDisabled,
};
use crate::ids::{AccountId, DistrictId, ItemId, TaskId, WebhookId};
use crate::ports::events::Event;
use crate::precautions;
use crate::states::TaskState;

const DISTRICT: DistrictId = DistrictId(Uuid::from_u128(0x0199_2f6a_1c00_7000_8000_0000_0000_00d1));
const TASK: TaskId = TaskId(Uuid::from_u128(0x0199_2f6b_2d10_7000_8000_0000_0000_0a55));
const ACCOUNT: AccountId = AccountId(Uuid::from_u128(0x0199_2f6a_3e20_7000_8000_0000_0000_ac01));
const WEBHOOK: WebhookId = WebhookId(Uuid::from_u128(0x0199_2f6c_4f30_7000_8000_0000_0000_3e0b));
const PRODUCER: &str = "sis-sync";
const DIGEST: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const MESSAGE: &str = "5f1c1c3e-6d0b-4f39-9d6a-2f5f4b1f9a10";

/// Requests, as they may be published.
pub(super) fn requests() -> Value {
    json!([
        {"name": "newStarters", "summary": "Two pupils who came today", "headers": properties(), "payload": {
            "selection": {"scope": "selected", "accounts": ["b.mehta", "c.okafor"]},
            "reason": "new_starters",
            "acknowledgement": precautions::VERSION,
        }},
        {"name": "grade", "summary": "Everybody in one grade, told by e-mail or, failing that, SMS",
         "headers": properties(), "payload": {
            "version": 1,
            "selection": {"scope": "without_role", "where": {"grades": ["05"]}},
            "password": {"source": "generated", "format": "classic"},
            "channel": "cascade",
            "reason": "start_of_year",
            "acknowledgement": precautions::VERSION,
        }},
    ])
}

fn properties() -> Value {
    json!({"message_id": MESSAGE, "user_id": PRODUCER, "content_type": "application/json", "delivery_mode": 2})
}

/// One example of each kind of event.
pub(super) fn facts() -> Vec<Fact> {
    let (producer, message_id) = (PRODUCER.to_owned(), MESSAGE.to_owned());
    let changed = |state| TaskChanged { task: TASK, state, reason: None };
    vec![
        Fact::RequestAccepted(RequestAccepted {
            producer: producer.clone(),
            message_id: message_id.clone(),
            task: TASK,
            repeated: false,
        }),
        Fact::RequestRefused(RequestRefused {
            producer: producer.clone(),
            message_id: message_id.clone(),
            code: "selection.unknown_accounts".to_owned(),
            field: Some("selection.accounts".to_owned()),
            detail: "these accounts are unknown in your district; correct or remove all of them, nothing was changed"
                .to_owned(),
            entries: vec!["b.metha".to_owned()],
            more: 0,
        }),
        Fact::TaskAccepted(TaskAccepted { task: TASK, producer, key: message_id, parent: None }),
        Fact::TaskAwaitingApproval(TaskAwaiting { task: TASK, digest: DIGEST.to_owned(), accounts: 1_250 }),
        Fact::TaskApproved(TaskApproved { task: TASK, digest: DIGEST.to_owned(), state: TaskState::Running }),
        Fact::TaskStarted(TaskStarted { task: TASK, digest: DIGEST.to_owned(), starts_at: None }),
        Fact::TaskPaused(changed(TaskState::Paused)),
        Fact::TaskResumed(changed(TaskState::Running)),
        Fact::TaskCancelling(changed(TaskState::Cancelling)),
        Fact::TaskCancelled(changed(TaskState::Cancelled)),
        Fact::TaskCompleted(changed(TaskState::Completed)),
        Fact::TaskFailed(changed(TaskState::Failed)),
        Fact::TaskResent(TaskResent { task: TASK, again: 3 }),
        Fact::CredentialReset(CredentialReset {
            account: ACCOUNT,
            task: TASK,
            item: ItemId(4711),
            credential_version: 2,
            clear_security_questions: true,
            username: Some("mia.jensen".to_owned()),
        }),
        Fact::ChangeRequested(ChangeRequested {
            account: ACCOUNT,
            task: TASK,
            item: ItemId(4712),
            credential_version: 2,
        }),
        Fact::PasswordChanged(PasswordChanged { account: ACCOUNT, credential_version: 3 }),
        Fact::WebhookDisabled(WebhookDisabled { webhook: WEBHOOK, reason: "exhausted".to_owned() }),
    ]
}

/// The examples of one kind, as messages.
pub(super) fn events(kind: &str) -> Vec<Value> {
    let of_kind = facts().into_iter().enumerate().filter(|(_, fact)| fact.kind() == kind);
    of_kind
        .map(|(number, fact)| {
            let event = Event {
                id: 1_001 + i64::try_from(number).unwrap_or_default(),
                district: DISTRICT,
                kind: kind.to_owned(),
                body: fact.body().unwrap_or_default(),
                at: Millis(1_795_000_000_000),
            };
            let mut headers = json!({
                "message_id": event.id.to_string(), "type": kind, "content_type": "application/json",
                "timestamp": event.at.0 / 1000, "delivery_mode": 2,
            });
            if let (Some(answer), Some(fields)) = (event.answers(), headers.as_object_mut()) {
                fields.insert("correlation_id".to_owned(), json!(answer.message_id));
            }
            json!({"name": "example", "headers": headers, "payload": event})
        })
        .collect()
}
