//! Group commit: one transaction for many resets, at most one of each account.

use std::collections::HashMap;
use std::sync::Arc;

use keybell_shared::clock::Stopwatch;
use keybell_shared::error::LedgerError;
use keybell_shared::ids::{AccountId, ItemId};
use keybell_shared::metrics;
use keybell_shared::ports::ledger::{LedgerResult, ResetLedger, ResetOutcome, ResetWrite};
use keybell_shared::verdict::Verdict;
use tracing::debug;

/// What became of one write: the ledger's outcome, or the verdict about its message.
pub(super) type Committed = (ItemId, Result<ResetOutcome, Verdict>);

/// The verdict about messages that a ledger error concerns.
pub(super) fn verdict_of(error: &LedgerError) -> Verdict {
    if error.is_passing() { Verdict::Unsettled(error.to_string()) } else { Verdict::GiveUp(error.to_string()) }
}

/// Commits resets, group after group. Answers for each.
pub(super) async fn commit(ledger: &Arc<dyn ResetLedger>, writer: &str, resets: Vec<ResetWrite>) -> Vec<Committed> {
    let mut committed = Vec::with_capacity(resets.len());
    let mut down: Option<LedgerError> = None;
    for group in groups(resets) {
        let items: Vec<ItemId> = group.iter().map(|write| write.item).collect();
        let answer = match &down {
            Some(error) => Err(error.clone()),
            None => commit_group(Arc::clone(ledger), writer.to_owned(), group).await,
        };
        match answer {
            Ok(outcomes) => {
                let mut outcomes: HashMap<ItemId, ResetOutcome> = outcomes.into_iter().collect();
                committed.extend(items.into_iter().map(|item| {
                    let left_out = || Verdict::GiveUp("the database refused this reset; see its log".to_owned());
                    (item, outcomes.remove(&item).ok_or_else(left_out))
                }));
            }
            Err(error) => {
                committed.extend(items.into_iter().map(|item| (item, Err(verdict_of(&error)))));
                down = down.or_else(|| error.is_passing().then_some(error));
            }
        }
    }
    committed
}

/// One transaction, in a task of its own: when the caller is dropped (a hard stop), the COMMIT is not left half-sent.
async fn commit_group(
    ledger: Arc<dyn ResetLedger>,
    writer: String,
    group: Vec<ResetWrite>,
) -> LedgerResult<Vec<(ItemId, ResetOutcome)>> {
    let watch = Stopwatch::start();
    let size = group.len();
    let task = tokio::spawn(async move { ledger.commit_resets(&writer, &group).await });
    let answer =
        task.await.unwrap_or_else(|error| Err(LedgerError::Unavailable(format!("the commit broke off: {error}"))));
    let metrics = &metrics::get().worker;
    metrics.commit_seconds.observe(watch.elapsed().as_secs_f64());
    metrics.commit_resets.observe(f64::from(u32::try_from(size).unwrap_or(u32::MAX)));
    debug!(size, elapsed_ms = watch.elapsed().as_millis(), ok = answer.is_ok(), "group committed");
    answer
}

/// Splits writes into groups with at most one write of each account, in their order: two tasks may have an item of the
/// same account in one batch, and the second decision must see the first one's result.
fn groups(writes: Vec<ResetWrite>) -> Vec<Vec<ResetWrite>> {
    let mut seen: HashMap<AccountId, usize> = HashMap::with_capacity(writes.len());
    let mut groups: Vec<Vec<ResetWrite>> = Vec::new();
    for write in writes {
        let earlier = seen.entry(write.account).or_default();
        match groups.get_mut(*earlier) {
            Some(group) => group.push(write),
            None => groups.push(vec![write]),
        }
        *earlier += 1;
    }
    groups
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use keybell_shared::ids::AttemptId;
    use proptest::prelude::*;

    use super::*;

    fn write(item: i64, account: AccountId) -> ResetWrite {
        ResetWrite {
            item: ItemId(item),
            account,
            attempt: AttemptId::fresh(),
            hash: String::new(),
            sealed: None,
            links: Vec::new(),
            expires_in: None,
            seal_ttl: Duration::ZERO,
        }
    }

    proptest! {
        #[test]
        fn a_group_has_each_account_once_and_keeps_the_order(accounts in prop::collection::vec(0_usize..6, 0..40)) {
            let people: Vec<AccountId> = (0..6).map(|_| AccountId::fresh()).collect();
            let writes = accounts.iter().zip(0_i64..).map(|(&who, item)| write(item, people[who])).collect();
            let groups = groups(writes);
            let mut last: HashMap<AccountId, (usize, ItemId)> = HashMap::new();
            let mut count = 0;
            for (number, group) in groups.iter().enumerate() {
                prop_assert!(!group.is_empty());
                for write in group {
                    count += 1;
                    if let Some((earlier, item)) = last.insert(write.account, (number, write.item)) {
                        prop_assert!(earlier < number && item < write.item);
                    }
                }
            }
            prop_assert_eq!(count, accounts.len());
        }
    }
}
