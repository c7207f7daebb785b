//! Turning the names of a selection into accounts. Any unknown name refuses the request, and all of them are listed.

use std::collections::HashSet;

use keybell_shared::ids::{AccountId, DistrictId};
use keybell_shared::ports::ledger::{IntakeLedger, Preview};
use keybell_shared::problem::Problem;
use keybell_shared::request::Selection;

/// Resolves the named accounts and checks the names of the `where`. Names that stand twice are collapsed.
pub(super) async fn resolve<L: IntakeLedger + ?Sized>(
    ledger: &L,
    district: DistrictId,
    selection: &mut Selection,
) -> Result<Vec<AccountId>, Problem> {
    known(ledger, district, "selection.where", selection).await?;
    if selection.accounts.is_empty() {
        return Ok(Vec::new());
    }
    collapse(&mut selection.accounts);
    let resolved = ledger.resolve_accounts(district, &selection.accounts).await?;
    if !resolved.unknown.is_empty() {
        let detail = "these accounts are unknown in your district; correct or remove all of them, nothing was changed";
        return Err(
            Problem::invalid("selection.unknown_accounts", "selection.accounts", detail).with_entries(resolved.unknown)
        );
    }
    Ok(resolved.found)
}

/// Refuses a `where`, which stands at this place, with names that nobody in the district has; all of them are listed.
pub(super) async fn known<L: IntakeLedger + ?Sized>(
    ledger: &L,
    district: DistrictId,
    at: &str,
    selection: &Selection,
) -> Result<(), Problem> {
    if selection.narrowed.is_empty() {
        return Ok(());
    }
    let unknown = ledger.unknown_names(district, selection).await?;
    if unknown.is_empty() {
        return Ok(());
    }
    let entries = unknown.into_iter().map(|(field, name)| format!("{field}: {name}")).collect();
    let detail = "nobody in the district has these; correct them, or bring in the roster first";
    Err(Problem::invalid("selection.unknown_names", at, detail).with_entries(entries))
}

/// Nobody is meant.
pub(super) fn nobody() -> Problem {
    Problem::invalid("selection.nobody", "selection", "the selection means nobody; widen it")
}

/// Refuses a request that would reset more accounts than its sender may reset with one.
pub(super) fn within(preview: &Preview, most: u32) -> Result<(), Problem> {
    if preview.eligible <= u64::from(most) {
        return Ok(());
    }
    let detail = format!(
        "the selection means {} accounts, and your quota allows {most} per request; make several requests of it, or ask \
         for a larger quota (keybell producer allow --accounts-per-request)",
        preview.eligible
    );
    Err(Problem::invalid("quota.accounts", "selection", detail))
}

/// Keeps the first of equal names, in order.
fn collapse(names: &mut Vec<String>) {
    let mut seen = HashSet::with_capacity(names.len());
    names.retain(|name| seen.insert(name.clone()));
}
