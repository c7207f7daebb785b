//! Forgetting plans that nobody may start any more. A large one has a row for each account of the district.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keybell_shared::ports::ledger::PlanLedger;

use crate::every::{Pace, Round};
use crate::outage::Failure;

/// How often expired plans are looked for.
pub(crate) const EVERY: Duration = Duration::from_mins(1);

/// Rows that one transaction forgets.
const LIMIT: u32 = 2_000;

/// The sweep.
pub(crate) struct Plans<L: ?Sized> {
    /// Where the plans are.
    pub(crate) ledger: Arc<L>,
}

#[async_trait]
impl<L: PlanLedger + ?Sized> Round for Plans<L> {
    fn name(&self) -> &'static str {
        "plans"
    }

    async fn round(&mut self) -> Result<Pace, Failure> {
        let gone = self.ledger.sweep_plans(LIMIT).await?;
        Ok(if gone > 0 { Pace::Again } else { Pace::Rest })
    }
}
