//! Plans and approvals: as much of them as the scheduler's own rules need. What the ledger decides has its own suite.

use async_trait::async_trait;
use keybell_shared::actor::Actor;
use keybell_shared::ids::{DistrictId, PlanId, TaskId};
use keybell_shared::ports::ledger::{
    Applied, Approval, ApprovalLedger, LedgerResult, Measured, NewPlan, NewTask, PlanFilter, PlanItem, PlanLedger,
    PlanView, Standing,
};
use keybell_shared::states::TaskState;

use super::ledger::{FakeLedger, unused};

#[async_trait]
impl PlanLedger for FakeLedger {
    async fn make_plan(&self, _: NewPlan) -> LedgerResult<Option<PlanView>> {
        unused()
    }

    async fn plan(&self, _: DistrictId, _: PlanId) -> LedgerResult<Option<PlanView>> {
        unused()
    }

    async fn plan_items(&self, _: DistrictId, _: PlanId, _: PlanFilter, _: u32) -> LedgerResult<Vec<PlanItem>> {
        unused()
    }

    async fn apply_plan(&self, _: NewTask, _: PlanId) -> LedgerResult<Applied> {
        unused()
    }

    async fn measured(&self, _: bool) -> LedgerResult<Option<Measured>> {
        unused()
    }

    async fn sweep_plans(&self, _: u32) -> LedgerResult<u64> {
        self.up().map(|_| 0)
    }
}

/// The digest of every task of the fake.
pub(crate) const DIGEST: &str = "of everybody";

#[async_trait]
impl ApprovalLedger for FakeLedger {
    async fn approve(&self, actor: &Actor, task: TaskId, digest: &str) -> LedgerResult<Option<Approval>> {
        let mut state = self.up()?;
        let Some(task) = state.tasks.iter_mut().find(|known| known.new.id == task) else { return Ok(None) };
        if task.new.actor.district != actor.district {
            return Ok(None);
        }
        Ok(Some(if task.state != TaskState::AwaitingApproval {
            Approval::NotAwaiting(Standing { state: task.state, held: task.held })
        } else if task.new.actor.name == actor.name {
            Approval::SamePerson
        } else if actor.is_nameless() {
            Approval::Nameless
        } else if task.new.actor.is_nameless() {
            Approval::AskerNameless
        } else if digest != DIGEST {
            Approval::OtherDigest
        } else {
            task.state = if task.held { TaskState::Paused } else { TaskState::Running };
            Approval::Approved(Standing { state: task.state, held: false })
        }))
    }
}
