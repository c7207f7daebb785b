//! Chaining audit rows to their predecessors, so that a removed or changed row shows. Done by the leader afterwards,
//! so that the chain is no hot row for everybody who writes.

use std::sync::Arc;

use async_trait::async_trait;
use keybell_shared::ports::ledger::OutboxLedger;

use crate::every::{Pace, Round};
use crate::outage::Failure;

/// Rows chained per round.
const LIMIT: u32 = 1_000;

/// The audit chain.
pub(crate) struct Audit<L: ?Sized> {
    /// Where the audit rows are.
    pub(crate) ledger: Arc<L>,
}

#[async_trait]
impl<L: OutboxLedger + ?Sized> Round for Audit<L> {
    fn name(&self) -> &'static str {
        "audit chain"
    }

    async fn round(&mut self) -> Result<Pace, Failure> {
        let chained = self.ledger.chain_audit(LIMIT).await?;
        Ok(if chained >= u64::from(LIMIT) { Pace::Again } else { Pace::Rest })
    }
}
