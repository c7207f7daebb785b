//! Two halves of a batch at the same time, each in a transaction of its own.
//!
//! A transaction keeps one core of the database busy, and the import waits for it. So a large batch is dealt to two lanes
//! by its people or classes: what is said of one is written in one lane, in the order of the file. A third transaction writes
//! nothing and holds the district meanwhile, so that to everybody else who imports it is one batch as ever. The lanes
//! commit on their own: one that waited for the other could make a reset wait for ever that both are in the way of.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use futures_util::future::join;
use keybell_shared::ids::DistrictId;

use super::{Numbers, SqlLedger};
use crate::ledger::sql::{Failure, Sql, Tx, args};

/// Fewer rows than these are not worth two more transactions.
const WORTHWHILE: usize = 200;
/// A batch in lanes uses three connections.
const CONNECTIONS: u32 = 3;

/// Whose turn it is to change a district's roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The transaction waits for it and has it to its end.
    Own,
    /// The same, for others that have it [`Held`](Self::Held): what they committed is on the disk when this one is.
    Lent,
    /// Another transaction of this process has it, and outlives this one.
    Held,
}

/// Rows that are dealt to both lanes.
pub(super) struct Dealt<'a, T> {
    pub(super) left: Vec<&'a T>,
    pub(super) right: Vec<&'a T>,
    /// Of each row, whether it is on the left.
    order: Vec<bool>,
}

impl<'a, T> Dealt<'a, T> {
    fn of(rows: &'a [T], person: impl Fn(&T) -> &str) -> Self {
        let (mut left, mut right) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
        let mut order = Vec::with_capacity(rows.len());
        for row in rows {
            let is_left = is_left(person(row));
            order.push(is_left);
            if is_left { left.push(row) } else { right.push(row) }
        }
        Self { left, right, order }
    }

    /// The answers of both lanes in the order of the rows.
    pub(super) fn merge<A>(&self, left: Vec<A>, right: Vec<A>) -> Vec<A> {
        let (mut left, mut right) = (left.into_iter(), right.into_iter());
        self.order.iter().filter_map(|is_left| if *is_left { left.next() } else { right.next() }).collect()
    }
}

fn is_left(person: &str) -> bool {
    let mut hasher = DefaultHasher::new();
    person.hash(&mut hasher);
    hasher.finish() & 1 == 0
}

impl SqlLedger {
    /// Deals rows by the roster ids of their people or classes; `None` where one transaction does as well.
    pub(super) fn deal<'a, T>(&self, rows: &'a [T], person: impl Fn(&T) -> &str) -> Option<Dealt<'a, T>> {
        (rows.len() >= WORTHWHILE && self.db.writers() >= CONNECTIONS).then(|| Dealt::of(rows, person))
    }

    /// Begins a transaction that changes a district's roster.
    pub(super) async fn begin_roster(&self, district: DistrictId, turn: Turn) -> Sql<Tx> {
        let mut tx = self.db.begin().await?;
        // An import grows tables from nothing to very large while their statistics are still those of nothing: what
        // is read here is planned anew each time, by the size that the tables have now.
        let statement = match turn {
            Turn::Own => {
                "SELECT id{pg , set_config('plan_cache_mode', 'force_custom_plan', TRUE)} FROM districts
                 WHERE id = $1 {lock}"
            }
            // A commit waits for the disk only if it has something in the log.
            Turn::Lent => {
                "SELECT id{pg , CAST(pg_logical_emit_message(TRUE, 'keybell', '') AS TEXT)} FROM districts
                 WHERE id = $1 {lock}"
            }
            Turn::Held => {
                "SELECT id{pg , set_config('plan_cache_mode', 'force_custom_plan', TRUE),
                     set_config('synchronous_commit', 'off', TRUE)} FROM districts WHERE id = $1"
            }
        };
        let found = tx.first(statement, args![district]).await?;
        found.map(|_| tx).ok_or_else(|| Failure::row(format!("there is no district {district}")))
    }

    /// Does something while nobody else changes the district's roster. It begins its transactions with [`Turn::Held`].
    ///
    /// Those do not wait for the disk, on which the second would come after the first: this one's end does, once for all.
    pub(super) async fn in_turn<T>(&self, district: DistrictId, work: impl Future<Output = Sql<T>> + Send) -> Sql<T> {
        let turn = self.db.retrying(|| self.begin_roster(district, Turn::Lent)).await?;
        let mut unsure = Unsure { numbers: &self.numbers, sure: false };
        let done = work.await;
        let ended = turn.commit().await;
        unsure.sure = ended.is_ok();
        let done = done?;
        ended?;
        Ok(done)
    }
}

/// What was met in transactions that may yet be lost, until that is certain.
struct Unsure<'a> {
    numbers: &'a Numbers,
    sure: bool,
}

impl Drop for Unsure<'_> {
    fn drop(&mut self) {
        if !self.sure {
            self.numbers.forget();
        }
    }
}

/// Both at the same time, each to its end: an error of one must not cut the other's transaction in two.
pub(super) async fn both<A, B>(left: impl Future<Output = Sql<A>>, right: impl Future<Output = Sql<B>>) -> Sql<(A, B)> {
    let (left, right) = join(left, right).await;
    Ok((left?, right?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lanes_are_about_equal() {
        for pattern in [|n| format!("p{n}"), |n| format!("usr-{n:08x}-4000-8000-{n:012}"), |n: u32| n.to_string()] {
            let left = (0..10_000).filter(|n| is_left(&pattern(*n))).count();
            assert!((4_500..5_500).contains(&left), "{left} of 10,000 such as {}", pattern(0));
        }
    }

    #[test]
    fn rows_of_a_person_stay_together_and_answers_come_in_the_order_of_the_rows() {
        let rows: Vec<String> = (0..500).map(|n| format!("p{}", n / 2)).collect();
        let dealt = Dealt::of(&rows, |row| row);
        assert!(dealt.left.iter().all(|row| !dealt.right.contains(row)));
        let (left, right) = (dealt.left.clone(), dealt.right.clone());
        assert_eq!(dealt.merge(left, right), rows.iter().collect::<Vec<_>>());
    }
}
