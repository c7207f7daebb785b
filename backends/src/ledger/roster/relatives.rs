//! Where relatives of a pupil can be told who have no account of their own.

use keybell_shared::ids::AccountId;
use keybell_shared::notice::Contact;

use super::each;
use crate::ledger::sql::{Sql, Tx, args, cells};

/// Replaces the relatives of these accounts; `known`, in order, are the accounts that may have some.
pub(super) async fn replace(tx: &mut Tx, of: &[(AccountId, &[Contact])], known: &[AccountId]) -> Sql<()> {
    let before: Vec<AccountId> =
        of.iter().map(|(account, _)| *account).filter(|it| known.binary_search(it).is_ok()).collect();
    if !before.is_empty() {
        tx.run_rows("DELETE FROM relatives WHERE account_id {among $1 uuid}", &each(&before), |accounts| {
            args![accounts]
        })
        .await?;
    }
    let rows: Vec<_> = of
        .iter()
        .flat_map(|(account, contacts)| {
            contacts.iter().zip(0_i32..).map(|(it, place)| cells![*account, place, &it.email, &it.sms])
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    tx.run_rows(
        "INSERT INTO relatives (account_id, place, email, sms)
         SELECT r.account, r.place, r.email, r.sms
         FROM {list $1: account uuid, place integer, email text, sms text} AS r",
        &rows,
        |rows| args![rows],
    )
    .await?;
    Ok(())
}
