//! What an administrator says of an account, in one transaction with the audit of what changed.

use keybell_shared::actor::Actor;
use keybell_shared::ids::AccountId;
use keybell_shared::ports::ledger::{Managed, Marked, Marks};

use super::{SqlLedger, view, viewed};
use crate::ledger::journal::{self, NewAudit};
use crate::ledger::sql::{Row, Sql, args};

/// What is said of an account.
#[derive(Clone, PartialEq, Eq)]
struct Said {
    protected: bool,
    quick_login: bool,
    managed: Option<String>,
}

impl SqlLedger {
    pub(super) async fn mark_once(&self, actor: &Actor, account: AccountId, marks: &Marks) -> Sql<Option<Marked>> {
        let mut tx = self.db.begin().await?;
        let before = tx
            .first(
                "SELECT protected, quick_login, managed_by, managed_mark FROM accounts
                 WHERE id = $1 AND district_id = $2 {lock}",
                args![account, actor.district],
            )
            .await?;
        let Some(before) = before else { return Ok(None) };
        let (roster, was): (Option<String>, Said) = (before.get("managed_by")?, said(&before)?);
        if let Some(provider) = roster.filter(|_| is_the_rosters(marks, &was)) {
            return Ok(Some(Marked::ByRoster(provider)));
        }
        let managed = match &marks.managed {
            None => was.managed.clone(),
            Some(Managed::By(provider)) => Some(provider.clone()),
            Some(Managed::Unsaid) => None,
        };
        let now = Said {
            protected: marks.protected.unwrap_or(was.protected),
            quick_login: marks.quick_login.unwrap_or(was.quick_login),
            managed,
        };
        if now != was {
            tx.run(
                "UPDATE accounts SET protected = $2, quick_login = $3, managed_mark = $4 WHERE id = $1",
                args![account, now.protected, now.quick_login, now.managed.as_deref()],
            )
            .await?;
            journal::audits(&mut tx, &changes(actor, account, &was, &now)).await?;
        }
        let row = tx.first(viewed!("a.id = $1"), args![account]).await?;
        tx.commit().await?;
        row.map(|row| Ok(Marked::Now(Box::new(view(&row)?)))).transpose()
    }
}

/// Whether what is said of the provider is the roster's to say. An administrator's own word can always be taken back.
fn is_the_rosters(marks: &Marks, was: &Said) -> bool {
    match marks.managed {
        None => false,
        Some(Managed::By(_)) => true,
        Some(Managed::Unsaid) => was.managed.is_none(),
    }
}

fn said(row: &Row) -> Sql<Said> {
    Ok(Said {
        protected: row.get("protected")?,
        quick_login: row.get("quick_login")?,
        managed: row.get("managed_mark")?,
    })
}

/// The audit rows of what is different now.
fn changes(actor: &Actor, account: AccountId, was: &Said, now: &Said) -> Vec<NewAudit> {
    let managed = if now.managed.is_some() { "account.managed" } else { "account.unmanaged" };
    let provider = now.managed.as_ref().map(|provider| format!("by {provider:?}")).unwrap_or_default();
    [
        (
            was.protected != now.protected,
            word(now.protected, "account.protected", "account.unprotected"),
            String::new(),
        ),
        (
            was.quick_login != now.quick_login,
            word(now.quick_login, "account.quick_login", "account.has_password"),
            String::new(),
        ),
        (was.managed != now.managed, managed, provider),
    ]
    .into_iter()
    .filter(|(changed, ..)| *changed)
    .map(|(_, action, detail)| NewAudit {
        district: actor.district,
        actor: actor.name.clone(),
        action,
        subject: format!("account {account}"),
        detail,
    })
    .collect()
}

const fn word(set: bool, on: &'static str, off: &'static str) -> &'static str {
    if set { on } else { off }
}
