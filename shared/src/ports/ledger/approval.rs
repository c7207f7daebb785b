//! A second person's approval of a task's accounts.

use async_trait::async_trait;

use super::{LedgerResult, Standing};
use crate::actor::Actor;
use crate::ids::TaskId;

/// The answer to an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approval {
    /// The task begins, or is paused if it was held; or the same person had approved the same accounts before.
    Approved(Standing),
    /// The task does not wait for an approval; it stands here.
    NotAwaiting(Standing),
    /// Whoever asked for the reset does not approve it: the same name, the same person by another key, or two keys of
    /// which one was made with the other.
    SamePerson,
    /// The approver's key says of nobody whose it is, so it is no second person.
    Nameless,
    /// An administrator asked for the reset with a key that says of nobody whose it is, so nobody is known to be another one.
    AskerNameless,
    /// The key was made after the task was asked for: whoever may make keys could have made it for this.
    KeyTooNew,
    /// The digest is not the one of the task's accounts.
    OtherDigest,
}

/// What approvals ask of the ledger.
#[async_trait]
pub trait ApprovalLedger: Send + Sync {
    /// `awaiting_approval → running`, or `→ paused` for a held task, under the task's lock: exactly one of an approval and
    /// a cancel wins. `digest` names the accounts that were seen. Repeating it changes nothing more. `None` when the
    /// actor's district has no such task.
    async fn approve(&self, actor: &Actor, task: TaskId, digest: &str) -> LedgerResult<Option<Approval>>;
}
