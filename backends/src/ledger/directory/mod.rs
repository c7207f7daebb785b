//! The directory of accounts: looking for them, and marking them.
//!
//! A search walks through *candidates*, in the order of their ids, which is the order of its pages, and shows those that the
//! filter lets through. The candidates come from whichever index fits the filter best, and the database weighs there what
//! else the filter asks; see [`candidates`]. Each round looks at a bounded number of them, and each call makes a bounded number
//! of rounds, so that no filter makes a call slow: where very many have each of two things and nobody has both, some
//! pages are empty.

mod candidates;
mod conditions;
mod fields;
mod marks;
mod meeting;
mod plans;
mod ways;

use async_trait::async_trait;
use keybell_shared::actor::Actor;
use keybell_shared::fold::{after_prefix, fold, username_key};
use keybell_shared::ids::AccountId;
use keybell_shared::ports::ledger::{
    AccountFilter, AccountPage, AccountView, DirectoryLedger, LedgerResult, Marked, Marks,
};
use keybell_shared::request::{Confirm, Scope, Selection};
use serde_json::json;
use uuid::Uuid;

use self::candidates::{Candidates, Sieve};
pub use self::meeting::Bounds;
pub use self::plans::SearchPlan;
use super::SqlLedger;
use super::selection::{filter_args, selected};
use super::sql::{Row, Sql, Value, args, json as json_arg};

/// How many rounds one call makes at most.
const ROUNDS: u32 = 4;

/// The columns of an [`AccountView`], of account `a`; continue with `WHERE`.
macro_rules! viewed {
    ($rest:expr) => {
        concat!(
            "SELECT a.id, a.source_id, a.username, a.given_name, a.family_name, a.role, a.grade,
                 CAST(a.graduation_year AS BIGINT) AS graduation_year, h.name AS school, ",
            $crate::ledger::selection::managed_by!(),
            " AS managed_by, a.active,
                 a.protected, a.quick_login
             FROM accounts a LEFT JOIN schools h ON h.id = a.school_id WHERE ",
            $rest
        )
    };
}
use viewed;

#[async_trait]
impl DirectoryLedger for SqlLedger {
    async fn search(
        &self,
        actor: &Actor,
        filter: &AccountFilter,
        after: Option<AccountId>,
        limit: u32,
    ) -> LedgerResult<AccountPage> {
        Ok(self.search_from(actor, filter, after.unwrap_or(AccountId(Uuid::nil())), limit).await?)
    }

    async fn mark(&self, actor: &Actor, account: AccountId, marks: Marks) -> LedgerResult<Option<Marked>> {
        Ok(self.db.retrying(|| self.mark_once(actor, account, &marks)).await?)
    }
}

impl SqlLedger {
    async fn search_from(
        &self,
        actor: &Actor,
        filter: &AccountFilter,
        from: AccountId,
        limit: u32,
    ) -> Sql<AccountPage> {
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let sieve = Sieve::of(self, actor, filter).await?;
        let (mut after, mut accounts) = (from, Vec::new());
        for round in 0..ROUNDS {
            // One more than asked tells whether there is another page.
            let rest = limit.saturating_add(1) - u32::try_from(accounts.len()).unwrap_or(limit);
            let found = sieve.next(self, after, round, rest).await?;
            if !found.ids.is_empty() {
                accounts.extend(self.let_through(actor, filter, &found.ids, rest).await?);
            }
            if accounts.len() > wanted {
                accounts.truncate(wanted);
                let next = accounts.last().map(|last: &AccountView| last.id);
                return Ok(AccountPage { accounts, next });
            }
            match found.reach {
                Some(reach) => after = reach,
                None => return Ok(AccountPage { accounts, next: None }),
            }
            if found.dear {
                break;
            }
        }
        Ok(AccountPage { accounts, next: Some(after) })
    }

    /// A page of a search that reads nothing but lists side by side, for the test that compares these with whom a filter means.
    /// `None` for a search that never does.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn search_side_by_side(
        &self,
        actor: &Actor,
        filter: &AccountFilter,
        after: Option<AccountId>,
        limit: u32,
        bounds: Bounds,
    ) -> LedgerResult<Option<AccountPage>> {
        let after = after.unwrap_or(AccountId(Uuid::nil()));
        let sieve = Sieve::of(self, actor, filter).await?;
        let found = sieve.meet(self, (after, after), limit, bounds).await?;
        let Some(Candidates { ids, reach: next, .. }) = found else { return Ok(None) };
        Ok(Some(AccountPage { accounts: self.let_through(actor, filter, &ids, limit).await?, next }))
    }

    /// Those of the candidates that the actor may see and the filter lets through.
    async fn let_through(
        &self,
        actor: &Actor,
        filter: &AccountFilter,
        candidates: &[AccountId],
        limit: u32,
    ) -> Sql<Vec<AccountView>> {
        let everybody = Selection { scope: Scope::All, accounts: Vec::new(), narrowed: filter.narrowed.clone() };
        let mut arguments = filter_args(
            actor.district,
            &everybody,
            actor.role,
            actor.person,
            Confirm { requester: true, protected: true },
        );
        arguments.extend(args![actor.role.reach(), candidates, beginnings(filter.begins.as_deref()), limit]);
        // Looking resets nobody, so that everybody is confirmed; PostgreSQL wants every argument to be used.
        let rows = self
            .db
            .read(
                viewed!(concat!(
                    "a.id {any $15 uuid} AND a.rank <= $14 AND ($12 OR $13)
                     AND ($16 = '[]' OR EXISTS (
                         SELECT 1 FROM {rows $16: low text, high text, family text, beyond text} AS r
                         WHERE (a.username_key {pg COLLATE \"C\"} >= r.low AND a.username_key {pg COLLATE \"C\"} < r.high)
                             OR (a.family_key >= r.family AND a.family_key < r.beyond)))
                     AND ",
                    selected!("FALSE"),
                    " ORDER BY a.id LIMIT $17"
                )),
                arguments,
            )
            .await?;
        rows.iter().map(view).collect()
    }
}

/// The ranges of usernames and family names that begin so, each as it is compared.
fn beginnings(begins: Option<&str>) -> Value {
    let ranges: Vec<_> = begins
        .map(|begins| {
            let (name, family) = (username_key(begins), fold(begins));
            // Of a beginning that folds to nothing, only usernames are left: everybody's family name begins with it.
            let beyond = if family.is_empty() { String::new() } else { after_prefix(&family) };
            json!({"low": name, "high": after_prefix(&name), "family": family, "beyond": beyond})
        })
        .into_iter()
        .collect();
    json_arg(&ranges)
}

fn view(row: &Row) -> Sql<AccountView> {
    Ok(AccountView {
        id: row.get("id")?,
        source_id: row.get("source_id")?,
        username: row.get("username")?,
        given_name: row.get("given_name")?,
        family_name: row.get("family_name")?,
        role: row.get("role")?,
        grade: row.get("grade")?,
        graduation_year: row.get::<Option<i64>>("graduation_year")?.and_then(|year| i32::try_from(year).ok()),
        school: row.get("school")?,
        managed_by: row.get("managed_by")?,
        active: row.get("active")?,
        protected: row.get("protected")?,
        quick_login: row.get("quick_login")?,
    })
}
