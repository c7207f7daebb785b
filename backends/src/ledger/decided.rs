//! A group of resets under its accounts' locks, each item decided once.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use keybell_shared::codes::Code;
use keybell_shared::eligibility::{Decision, Facts, decide};
use keybell_shared::ids::{AccountId, DistrictId, ItemId, TaskId};
use keybell_shared::notice::{self, Plan};
use keybell_shared::ports::ledger::ResetWrite;
use keybell_shared::request::ResetRequest;
use keybell_shared::states::ItemState;

use super::contacts::lock_with_contacts;
use super::facts::{facts, facts_of_items};
use super::requests::{Requests, TaskRequest};
use super::sql::{Sql, Tx, args};
use super::uploaded::take_uploaded;

/// One item under its account's lock, with the decision about it.
pub(super) struct Decided<'a> {
    pub(super) write: &'a ResetWrite,
    pub(super) task: TaskId,
    pub(super) district: DistrictId,
    pub(super) facts: Facts,
    pub(super) version: i64,
    pub(super) request: Arc<ResetRequest>,
    pub(super) decision: Decision,
    pub(super) plan: Plan,
    /// Whether people are asked to choose a password at the next sign-in.
    pub(super) asks: bool,
    /// Whether people are told by a one-time link.
    pub(super) sends_link: bool,
    /// The username that the account gets, where an upload changes it.
    pub(super) username: Option<Renamed>,
}

/// A change of a username.
pub(super) struct Renamed {
    pub(super) from: String,
    pub(super) to: String,
}

impl Decided<'_> {
    /// The state and code that the item gets; `None` leaves it as it is.
    pub(super) fn end(&self) -> Option<(ItemState, Option<Code>)> {
        match (self.decision, &self.plan) {
            (Decision::Reset, Plan::Tell(_)) => Some((ItemState::Reset, None)),
            (Decision::Reset, Plan::Silent) => Some((ItemState::Silent, Some(Code::N01))),
            (Decision::Reset, Plan::Unreachable) => Some((ItemState::Undelivered, Some(Code::N02))),
            (Decision::Skip(code), _) => Some((ItemState::Skipped, Some(code))),
            (Decision::Fail(code), _) => Some((ItemState::Failed, Some(code))),
            (Decision::Supersede, _) => Some((ItemState::Superseded, Some(Code::S06))),
            (Decision::Hold | Decision::Closed, _) => None,
        }
    }

    pub(super) fn is_reset(&self) -> bool {
        self.decision == Decision::Reset
    }

    /// Whether this item changes its account's password.
    pub(super) fn sets_password(&self) -> bool {
        self.is_reset() && self.facts.sets_password
    }
}

/// Locks the accounts, then the items, and decides each.
pub(super) async fn decide_group<'a>(
    tx: &mut Tx,
    requests: &Requests,
    writes: &'a [ResetWrite],
) -> Sql<Vec<Decided<'a>>> {
    let accounts: BTreeSet<AccountId> = writes.iter().map(|write| write.account).collect();
    let contacts = lock_with_contacts(tx, &accounts.into_iter().collect::<Vec<_>>()).await?;
    let items: Vec<ItemId> = writes.iter().map(|write| write.item).collect();
    let rows = tx
        .all(concat!(facts_of_items!(""), "WHERE i.id {any $1 bigint} ORDER BY i.id {lock i}"), args![&*items])
        .await?;
    let tasks: BTreeSet<TaskId> = rows.iter().map(|row| row.get("task_id")).collect::<Sql<_>>()?;
    let requests = requests.within(tx, &tasks).await?;
    let by_item: HashMap<ItemId, &ResetWrite> = writes.iter().map(|write| (write.item, write)).collect();
    let mut group = Vec::with_capacity(rows.len());
    for row in &rows {
        let task: TaskId = row.get("task_id")?;
        let account: AccountId = row.get("account_id")?;
        let Some(write) = by_item.get(&row.get("item")?).copied() else { continue };
        let Some(TaskRequest { request, .. }) = requests.get(&task) else { continue };
        let mut facts = facts(row)?;
        let (told, sends_link) = (request.is_told(), request.sends_link());
        let reachable = contacts.get(&account).cloned().unwrap_or_default();
        let plan = notice::plan(told, request.channel, request.recipient, &reachable);
        facts.out_of_reach = plan == Plan::Unreachable && request.must_reach().is_some();
        let mut decision = decide(&facts);
        let incomplete = (facts.sets_password && write.hash.is_empty())
            || (told && write.sealed.is_none())
            || (sends_link && write.links.is_empty());
        if decision == Decision::Reset && (incomplete || write.account != account) {
            // The worker saw another decision and brought no password: the next dispatch brings one.
            decision = Decision::Hold;
        }
        group.push(Decided {
            write,
            task,
            district: row.get("district_id")?,
            version: row.get::<i64>("credential_version")? + i64::from(facts.sets_password),
            request: Arc::clone(request),
            facts,
            decision,
            plan,
            asks: request.mode.asks(),
            sends_link,
            username: None,
        });
    }
    take_uploaded(tx, &mut group).await?;
    Ok(group)
}
