//! People in two lanes, as long as no username changes hands.
//!
//! Two people of one batch may swap their usernames, or pass one on. Whoever writes that must see both. Nearly no batch has
//! any such, so each lane first looks whether its half is calm: nobody who is known gets another name. New people must get
//! names that nobody has, which the unique index says. If either is not so, nothing of the lane stays, and its rows are
//! written in one transaction that looks at everything.

use std::collections::HashSet;

use async_trait::async_trait;
use keybell_shared::eligibility::Ranks;
use keybell_shared::fold::username_key;
use keybell_shared::ids::DistrictId;
use keybell_shared::ports::ledger::{Changed, Person, PersonChange, RowFate};

use super::SqlLedger;
use super::lanes::{Dealt, Turn, both};
use crate::ledger::sql::{Failure, Sql};

/// Which usernames a transaction may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// Nobody who is known gets another one, and new people get free ones: then nobody else's row matters.
    Calm,
    /// Any: all who pass names on must be in it.
    Any,
}

/// Rows about people, and how one transaction takes them.
#[async_trait]
pub(super) trait About: Sync {
    type Row: Sync;
    type Answer: Send;

    /// The roster id.
    fn person(row: &Self::Row) -> &str;

    /// The username that is wanted.
    fn username(row: &Self::Row) -> Option<&str>;

    /// One transaction. `None`, and nothing is written, if the rows had to be calm and are not.
    async fn once(
        &self,
        ledger: &SqlLedger,
        place: (DistrictId, Turn),
        names: Names,
        rows: &[&Self::Row],
    ) -> Sql<Option<Vec<Self::Answer>>>;
}

/// People with everything that is said of them.
pub(super) struct Whole;

/// People and their roles, in part or whole, and what the roles count.
pub(super) struct Parts<'a>(pub(super) &'a Ranks);

#[async_trait]
impl About for Whole {
    type Row = Person;
    type Answer = RowFate;

    fn person(row: &Person) -> &str {
        &row.source_id
    }

    fn username(row: &Person) -> Option<&str> {
        Some(&row.username)
    }

    async fn once(
        &self,
        ledger: &SqlLedger,
        place: (DistrictId, Turn),
        names: Names,
        rows: &[&Person],
    ) -> Sql<Option<Vec<RowFate>>> {
        ledger.put_people_once(place, names, rows).await
    }
}

#[async_trait]
impl About for Parts<'_> {
    type Row = PersonChange;
    type Answer = Changed;

    fn person(row: &PersonChange) -> &str {
        &row.source_id
    }

    fn username(row: &PersonChange) -> Option<&str> {
        row.person.as_ref().map(|person| person.username.as_str())
    }

    async fn once(
        &self,
        ledger: &SqlLedger,
        place: (DistrictId, Turn),
        names: Names,
        rows: &[&PersonChange],
    ) -> Sql<Option<Vec<Changed>>> {
        ledger.change_people_once(place, names, self.0, rows).await
    }
}

impl SqlLedger {
    /// Takes rows about people, in lanes where that is worthwhile and possible.
    pub(super) async fn put_about<A: About>(
        &self,
        district: DistrictId,
        about: &A,
        rows: &[A::Row],
    ) -> Sql<Vec<A::Answer>> {
        let all: Vec<&A::Row> = rows.iter().collect();
        match self.deal(rows, A::person).filter(|_| names_differ::<A>(rows)) {
            Some(dealt) => {
                let work = Box::pin(self.in_lanes(district, about, &dealt, &all));
                self.in_turn(district, work).await
            }
            None => self.as_a_whole((district, Turn::Own), about, &all).await,
        }
    }

    async fn in_lanes<A: About>(
        &self,
        district: DistrictId,
        about: &A,
        dealt: &Dealt<'_, A::Row>,
        all: &[&A::Row],
    ) -> Sql<Vec<A::Answer>> {
        let held = (district, Turn::Held);
        let left = Box::pin(self.calmly(held, about, &dealt.left));
        let right = Box::pin(self.calmly(held, about, &dealt.right));
        let (left, right) = match both(left, right).await? {
            (Some(left), Some(right)) => (left, right),
            (Some(left), None) => (left, self.as_a_whole(held, about, &dealt.right).await?),
            (None, Some(right)) => (self.as_a_whole(held, about, &dealt.left).await?, right),
            (None, None) => return self.as_a_whole(held, about, all).await,
        };
        Ok(dealt.merge(left, right))
    }

    /// The rows of one lane, if they are calm; else nothing happens.
    async fn calmly<A: About>(
        &self,
        place: (DistrictId, Turn),
        about: &A,
        rows: &[&A::Row],
    ) -> Sql<Option<Vec<A::Answer>>> {
        match self.db.retrying(|| about.once(self, place, Names::Calm, rows)).await {
            // Somebody has a name that was taken for free, or was taken for new.
            Err(Failure::Duplicate(_)) => {
                self.numbers.expect_new(place.0, false);
                Ok(None)
            }
            other => other,
        }
    }

    async fn as_a_whole<A: About>(
        &self,
        place: (DistrictId, Turn),
        about: &A,
        rows: &[&A::Row],
    ) -> Sql<Vec<A::Answer>> {
        let put = || self.db.retrying(|| about.once(self, place, Names::Any, rows));
        let answers = match put().await {
            // An upload gave somebody a name that was free when this batch looked: the next look sees it.
            Err(Failure::Duplicate(_)) => put().await?,
            other => other?,
        };
        answers.ok_or_else(|| Failure::row("people who were to be written in any case were not"))
    }
}

/// Whether no two rows want the same username. Of two that do, the first gets it, which lanes could not know.
fn names_differ<A: About>(rows: &[A::Row]) -> bool {
    let names: Vec<&str> = rows.iter().filter_map(A::username).collect();
    names.iter().map(|name| username_key(name)).collect::<HashSet<String>>().len() == names.len()
}
