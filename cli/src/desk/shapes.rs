//! What commands read of the API's answers. The API promises these fields; others may be there and are passed through in
//! JSON output.

use keybell_shared::ids::{AccountId, TaskId};
use keybell_shared::request::{Mode, Unreachable, Waves};
use keybell_shared::states::{ItemState, TaskState};
use serde::{Deserialize, Serialize};

/// A task.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Task {
    pub(crate) id: TaskId,
    pub(crate) state: TaskState,
    pub(crate) accepted_at: String,
    pub(crate) finished_at: Option<String>,
    pub(crate) requester: String,
    pub(crate) reason: String,
    pub(crate) progress: Progress,
    #[serde(default)]
    pub(crate) temporary: Option<bool>,
    #[serde(default)]
    pub(crate) expires_in_hours: Option<u32>,
    #[serde(default)]
    pub(crate) request: Asked,
    #[serde(default)]
    pub(crate) parent: Option<TaskId>,
    #[serde(default)]
    pub(crate) held: bool,
    #[serde(default)]
    pub(crate) digest: Option<String>,
    #[serde(default)]
    pub(crate) plan: Option<String>,
    #[serde(default)]
    pub(crate) approved_by: Option<String>,
    #[serde(default)]
    pub(crate) starts_at: Option<String>,
    #[serde(default)]
    pub(crate) waits: Option<Waits>,
    #[serde(default)]
    pub(crate) wave: Option<Wave>,
    #[serde(default)]
    pub(crate) halted: Option<String>,
}

/// The wave whose turn it is.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Wave {
    pub(crate) current: u64,
    pub(crate) of: u64,
    pub(crate) label: String,
}

/// What a task waits for, where it is not a person.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Waits {
    pub(crate) until: String,
    pub(crate) reason: Option<String>,
}

/// When a request begins, as it was asked.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Start {
    pub(crate) at: String,
    pub(crate) zone: Option<String>,
}

/// What was asked about the new passwords, and about accounts of which nobody can be told.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    pub(crate) policy: String,
    #[serde(default)]
    pub(crate) permanent_grades: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) clear_security_questions: bool,
    #[serde(default)]
    pub(crate) unreachable: Unreachable,
    #[serde(default)]
    pub(crate) start: Option<Start>,
}

/// How far a task is, in its two phases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) total: u64,
    pub(crate) reset: ResetPhase,
    pub(crate) notify: NotifyPhase,
}

/// The first phase, over all accounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ResetPhase {
    pub(crate) pending: u64,
    pub(crate) reset: u64,
    pub(crate) skipped: u64,
    pub(crate) cancelled: u64,
    pub(crate) superseded: u64,
    pub(crate) failed: u64,
}

/// The second phase, over the accounts whose password was changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NotifyPhase {
    pub(crate) total: u64,
    pub(crate) waiting: u64,
    pub(crate) notified: u64,
    pub(crate) silent: u64,
    pub(crate) undelivered: u64,
    pub(crate) retries: u64,
}

/// A task's progress at one moment, as its event stream tells it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Moment {
    pub(crate) task: TaskId,
    pub(crate) state: TaskState,
    pub(crate) accepted_at: String,
    pub(crate) finished_at: Option<String>,
    pub(crate) counted_at: String,
    pub(crate) progress: Progress,
}

impl Moment {
    /// Whether the task ended, and everybody's password was changed or left alone by a rule, and everybody was told who
    /// was to be told.
    pub(crate) fn is_well(&self) -> bool {
        self.state.is_final() && self.progress.reset.failed + self.progress.notify.undelivered == 0
    }
}

/// How many accounts of a task stand in one state with one code.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct CodeCount {
    pub(crate) state: ItemState,
    pub(crate) code: Option<String>,
    pub(crate) meaning: Option<String>,
    pub(crate) accounts: u64,
}

/// An account of a task.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Item {
    pub(crate) id: i64,
    pub(crate) username: String,
    pub(crate) state: ItemState,
    pub(crate) code: Option<String>,
    pub(crate) meaning: Option<String>,
    pub(crate) changed_at: String,
}

/// A code of the legend, and how many it concerns.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Skipped {
    pub(crate) code: String,
    pub(crate) meaning: String,
    pub(crate) accounts: u64,
}

/// Whom a request means.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Preview {
    pub(crate) eligible: u64,
    pub(crate) skipped: Vec<Skipped>,
    /// How passwords would change; a server from before there were modes does not say.
    #[serde(default)]
    pub(crate) mode: Mode,
    /// What would happen to each account.
    #[serde(default)]
    pub(crate) effect: String,
}

/// An accepted request.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Accepted {
    pub(crate) task: TaskId,
}

/// Where a task stands after it was controlled.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Controlled {
    pub(crate) task: TaskId,
    pub(crate) state: TaskState,
    #[serde(default)]
    pub(crate) held: bool,
}

/// What a re-send did.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Resent {
    pub(crate) task: TaskId,
    pub(crate) state: TaskState,
    pub(crate) again: u64,
    pub(crate) left: Vec<Skipped>,
}

/// An account of the district.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Account {
    pub(crate) id: AccountId,
    pub(crate) username: String,
    pub(crate) given_name: String,
    pub(crate) family_name: String,
    pub(crate) role: String,
    pub(crate) grade: Option<String>,
    pub(crate) school: Option<String>,
    pub(crate) active: bool,
    pub(crate) protected: bool,
}

/// The queues and workers of one stage.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Stage {
    #[serde(rename = "stage")]
    pub(crate) name: String,
    pub(crate) waiting: u64,
    pub(crate) workers: Option<u64>,
}

/// The queues and workers of all stages.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Fleet {
    pub(crate) stages: Vec<Stage>,
}

/// The precautions.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Precautions {
    pub(crate) version: String,
    pub(crate) text: String,
}

/// An API key as it is listed.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) role: String,
    #[serde(default)]
    pub(crate) person: Option<String>,
    pub(crate) created_at: String,
    pub(crate) revoked_at: Option<String>,
}

/// A plan.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Plan {
    #[serde(rename = "plan")]
    pub(crate) id: String,
    pub(crate) requester: String,
    pub(crate) created_at: String,
    pub(crate) expires_at: String,
    pub(crate) expired: bool,
    pub(crate) task: Option<String>,
    pub(crate) people: People,
    pub(crate) rules: Rules,
    pub(crate) approval: Approval,
    pub(crate) estimate: Estimate,
    #[serde(default)]
    pub(crate) waits: Option<Waits>,
    #[serde(default)]
    pub(crate) request: Requested,
    pub(crate) digest: String,
}

/// What a plan's request says beside its rules.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Requested {
    #[serde(default)]
    pub(crate) waves: Option<Waves>,
}

/// Whom a plan means.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct People {
    pub(crate) total: u64,
    pub(crate) eligible: u64,
    pub(crate) unreachable: u64,
    pub(crate) skipped: Vec<Skipped>,
}

/// The rules that a plan applies.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Rules {
    pub(crate) mode: String,
    pub(crate) password: String,
    pub(crate) format: Option<String>,
    pub(crate) policy: String,
    pub(crate) temporary: bool,
    pub(crate) expires_in_hours: Option<u32>,
    pub(crate) notify: String,
    pub(crate) told: bool,
    pub(crate) delivery: String,
    pub(crate) channel: String,
    pub(crate) recipient: String,
    #[serde(default)]
    pub(crate) unreachable: Unreachable,
    pub(crate) precautions: String,
}

/// Whether a second person must approve a plan's task.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Approval {
    pub(crate) needed: bool,
    pub(crate) above: Option<u32>,
}

/// How long a plan would take.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Estimate {
    pub(crate) seconds: Option<u64>,
    pub(crate) accounts_per_second: Option<f64>,
    pub(crate) basis: String,
}

/// What a plan says of one account.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct PlannedAccount {
    pub(crate) username: String,
    pub(crate) given_name: String,
    pub(crate) family_name: String,
    pub(crate) fate: String,
    pub(crate) code: Option<String>,
    pub(crate) meaning: Option<String>,
}

/// A trial run of an upload.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Trial {
    #[serde(rename = "trial")]
    pub(crate) token: String,
    pub(crate) file: TriedFile,
    pub(crate) rows: TriedRows,
    pub(crate) codes: Vec<RowsWith>,
    pub(crate) listed: Vec<TriedRow>,
    pub(crate) unlisted: u64,
}

/// Its file.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct TriedFile {
    pub(crate) kind: String,
    pub(crate) warnings: Vec<String>,
}

/// How its rows would fare.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct TriedRows {
    pub(crate) ok: u64,
    pub(crate) renamed: u64,
    pub(crate) skipped: u64,
    pub(crate) errors: u64,
}

/// How many rows have a code.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RowsWith {
    pub(crate) code: String,
    pub(crate) meaning: String,
    pub(crate) rows: u64,
}

/// A row that would not be done.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct TriedRow {
    pub(crate) line: u64,
    pub(crate) username: String,
    pub(crate) code: String,
    pub(crate) detail: String,
}
