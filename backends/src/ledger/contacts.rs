//! Where the people around an account can be reached, as of now.

use std::collections::HashMap;

use keybell_shared::ids::AccountId;
use keybell_shared::notice::{Contact, Contacts};

use super::sql::{Row, Sql, Tx, args};

/// The contacts of accounts and of their guardians: those who have an active account, then those who have none. Staff have no
/// guardians, whatever a roster says.
pub(super) async fn contacts(tx: &mut Tx, accounts: &[AccountId]) -> Sql<HashMap<AccountId, Contacts>> {
    let own = tx.all("SELECT id, email, sms FROM accounts WHERE id {any $1 uuid}", args![accounts]).await?;
    with_guardians(tx, accounts, &own).await
}

/// The same, and locks the accounts, in the order of their ids.
pub(super) async fn lock_with_contacts(tx: &mut Tx, accounts: &[AccountId]) -> Sql<HashMap<AccountId, Contacts>> {
    let locked = "SELECT id, email, sms FROM accounts WHERE id {any $1 uuid} ORDER BY id {lock}";
    let own = tx.all(locked, args![accounts]).await?;
    with_guardians(tx, accounts, &own).await
}

async fn with_guardians(tx: &mut Tx, accounts: &[AccountId], own: &[Row]) -> Sql<HashMap<AccountId, Contacts>> {
    let mut known: HashMap<AccountId, Contacts> = HashMap::with_capacity(own.len());
    for row in own {
        let account = Contact { email: row.get("email")?, sms: row.get("sms")? };
        known.insert(row.get("id")?, Contacts { account, guardians: Vec::new() });
    }
    let guardians = tx
        .all(
            "SELECT g.account_id, p.email, p.sms, 0 AS kind, g.place FROM guardians g
             JOIN accounts p ON p.id = g.guardian_id JOIN accounts a ON a.id = g.account_id
             WHERE g.account_id {any $1 uuid} AND p.active AND a.rank <= 10
             UNION ALL
             SELECT r.account_id, r.email, r.sms, 1 AS kind, r.place FROM relatives r JOIN accounts a ON a.id = r.account_id
             WHERE r.account_id {any $1 uuid} AND a.rank <= 10
             ORDER BY account_id, kind, place",
            args![accounts],
        )
        .await?;
    for row in guardians {
        let contact = Contact { email: row.get("email")?, sms: row.get("sms")? };
        known.entry(row.get("account_id")?).or_default().guardians.push(contact);
    }
    Ok(known)
}
