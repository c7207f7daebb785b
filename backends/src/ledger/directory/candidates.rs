//! Where a search looks: the ids that one of the filter's fields lets through, read from its index, and of these the ones
//! that meet the other conditions, too.
//!
//! Each field that narrows is a [`Source`]. Those that are read in the order of ids are weighed against each other: the one
//! whose next candidates reach the furthest leaves out the most. The others count only when they are few enough to be read
//! whole: a few are read at once, many only after the first rounds found no full page. The district itself is a source as
//! well, so that there is always one. What the first rounds leave open, where several sources are large, is decided by
//! reading them side by side, see [`super::meeting`].

use keybell_shared::ids::AccountId;
use uuid::Uuid;

use super::SqlLedger;
use super::conditions::{Conditions, Field};
use super::meeting::BOUNDS;
use super::ways::Probe;
use crate::ledger::sql::{Composed, Row, Sql};

/// How many candidates are looked at in the first round, at most; four times as many in each of the next ones,
const FIRST: u32 = 256;
/// up to so many; and to the second, where the row of each is read.
const MOST: u32 = 4_096;
const MOST_ROWS: u32 = 2_048;
/// So many are read whole before anything else.
const FEW: u32 = 2_000;
/// So many are read whole when the first round found no full page; and the second, where nothing else is asked of them, so that
/// their index says it all.
const MANY: u32 = 12_000;
const MANY_ALONE: u32 = 50_000;
/// In this round.
const MANY_ROUND: u32 = 1;
/// So many are read whole when the second round found no full page either, where nothing else is asked of them.
const MOST_ALONE: u32 = 200_000;
/// From this round on, and so are sources side by side.
const DEAR_ROUND: u32 = 2;
/// How often the sources are moved on to where all of them go on.
const SEEKS: u32 = 3;

/// Ids in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Candidates {
    pub(super) ids: Vec<AccountId>,
    /// There may be more after this id, and none before it is missing; `None` when these are all.
    pub(super) reach: Option<AccountId>,
    /// It took so long that the call ends with it.
    pub(super) dear: bool,
}

/// The candidates of one field: those of each probe.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) field: Field,
    pub(super) probes: Vec<Probe>,
    /// The same as one probe for each value, where `probes` are others; none when they are too many.
    pub(super) apart: Vec<Probe>,
}

/// The sources of one search, and what is asked of each candidate.
#[derive(Debug)]
pub(super) struct Sieve {
    pub(super) conditions: Conditions,
    pub(super) only: Option<AccountId>,
    /// Everybody.
    pub(super) district: Source,
    /// In the order of ids.
    pub(super) ordered: Vec<Source>,
    /// To be read whole.
    pub(super) unordered: Vec<Source>,
}

impl Sieve {
    /// The next candidates after an id, at most so many; each round looks further for them.
    pub(super) async fn next(&self, ledger: &SqlLedger, after: AccountId, round: u32, limit: u32) -> Sql<Candidates> {
        if let Some(only) = self.only {
            let ids = Some(only).into_iter().filter(|id| *id > after).collect();
            return Ok(Candidates { ids, ..Candidates::default() });
        }
        if let Some(source) = self.whole(ledger, round).await? {
            let all = self.read_whole(ledger, source, after, limit).await?;
            return Ok(Candidates { dear: round >= DEAR_ROUND, ..all });
        }
        let Some(after) = self.seek(ledger, after, round).await? else { return Ok(Candidates::default()) };
        let most = FIRST.saturating_mul(4_u32.saturating_pow(round)).max(limit);
        let next = self.furthest(ledger, after, (most, limit)).await?;
        if let Some(reach) = next.reach.filter(|_| round >= DEAR_ROUND)
            && let Some(met) = self.meet(ledger, (after, reach), limit, BOUNDS).await?
        {
            return Ok(met);
        }
        self.walk(ledger, &next, after, limit).await
    }

    /// The smallest of the sources that are read whole, if it is small enough for this round.
    async fn whole(&self, ledger: &SqlLedger, round: u32) -> Sql<Option<&Source>> {
        let mut smallest: Option<(i64, &Source)> = None;
        for source in &self.unordered {
            let alone = self.conditions.ask_nothing_but(source.field);
            let most = match round {
                0 => FEW,
                MANY_ROUND if alone => MANY_ALONE,
                MANY_ROUND => MANY,
                _ if alone => MOST_ALONE,
                _ => continue,
            };
            let count = count(ledger, &source.probes, most).await?;
            if count < i64::from(most) && smallest.is_none_or(|(least, _)| count < least) {
                smallest = Some((count, source));
            }
        }
        Ok(smallest.map(|(_, source)| source))
    }

    async fn read_whole(&self, ledger: &SqlLedger, source: &Source, after: AccountId, limit: u32) -> Sql<Candidates> {
        let mut all = Candidates::default();
        for probe in &source.probes {
            let statement = probe.whole((&self.conditions, source.field), after, limit);
            all = together(all, page(ids(ledger, statement).await?, limit, None));
        }
        Ok(first(all, limit))
    }

    /// From where on to look: before that, one of the sources has nobody. `None` when one has nobody any more.
    async fn seek(&self, ledger: &SqlLedger, from: AccountId, round: u32) -> Sql<Option<AccountId>> {
        let mut after = from;
        if round == 0 || self.ordered.len() < 2 {
            return Ok(Some(after));
        }
        for _ in 0..SEEKS {
            let mut furthest = after;
            for source in &self.ordered {
                let mut nearest: Option<AccountId> = None;
                for probe in &source.probes {
                    let next = nth(ledger, probe, after, 1).await?;
                    nearest = nearest.into_iter().chain(next).min();
                }
                let Some(nearest) = nearest else { return Ok(None) };
                furthest = furthest.max(AccountId(Uuid::from_u128(nearest.0.as_u128().saturating_sub(1))));
            }
            if furthest == after {
                break;
            }
            after = furthest;
        }
        Ok(Some(after))
    }

    /// The source that leaves out the most, when so many candidates of each are looked at.
    async fn furthest(&self, ledger: &SqlLedger, after: AccountId, (most, limit): (u32, u32)) -> Sql<Next<'_>> {
        let mut best: Option<Next> = None;
        for source in self.ordered.iter().chain([&self.district]) {
            // Whoever is in it is let through: no bound is needed.
            if self.conditions.ask_nothing_but(source.field) && source.field != Field::Roles {
                return Ok(Next { source, each: limit, reach: None });
            }
            let most = most.min(if self.conditions.read_rows_at_once(source.field) { MOST_ROWS } else { MOST });
            let each = most / u32::try_from(source.probes.len()).unwrap_or(u32::MAX).max(1);
            let mut reach: Option<AccountId> = None;
            for probe in &source.probes {
                reach = reach.into_iter().chain(nth(ledger, probe, after, each).await?).min();
            }
            if best.as_ref().is_none_or(|best| is_further(reach, best.reach)) {
                best = Some(Next { source, each, reach });
            }
            if reach.is_none() {
                break;
            }
        }
        Ok(best.unwrap_or(Next { source: &self.district, each: most, reach: None }))
    }

    /// Those of a source that meet the conditions.
    async fn walk(&self, ledger: &SqlLedger, next: &Next<'_>, after: AccountId, limit: u32) -> Sql<Candidates> {
        let Next { source, each, reach } = *next;
        let mut all = Candidates { reach, ..Candidates::default() };
        for probe in &source.probes {
            let statement = probe.in_order((&self.conditions, source.field), (after, reach), (each, limit));
            all = together(all, page(ids(ledger, statement).await?, limit, reach));
        }
        Ok(first(all, limit))
    }
}

/// A source, how many candidates of each of its probes are looked at, and how far these reach; `None`: to the end.
struct Next<'a> {
    source: &'a Source,
    each: u32,
    reach: Option<AccountId>,
}

/// To the end is further than anything.
pub(super) fn is_further(one: Option<AccountId>, other: Option<AccountId>) -> bool {
    match (one, other) {
        (None, Some(_)) => true,
        (Some(one), Some(other)) => one > other,
        (None | Some(_), None) => false,
    }
}

/// What a statement answered. When it is as much as was asked for, it reaches no further than its last id.
pub(super) fn page(ids: Vec<AccountId>, limit: u32, reach: Option<AccountId>) -> Candidates {
    let full = u32::try_from(ids.len()).unwrap_or(u32::MAX) >= limit;
    Candidates { reach: ids.last().copied().filter(|_| full).or(reach), ids, dear: false }
}

/// What both have, up to where neither misses anything.
fn together(one: Candidates, other: Candidates) -> Candidates {
    let reach = one.reach.into_iter().chain(other.reach).min();
    let mut ids: Vec<AccountId> = one.ids.into_iter().chain(other.ids).collect();
    ids.retain(|id| reach.is_none_or(|reach| *id <= reach));
    ids.sort_unstable();
    ids.dedup();
    Candidates { ids, reach, dear: one.dear || other.dear }
}

/// No more of them than that.
fn first(mut all: Candidates, limit: u32) -> Candidates {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if all.ids.len() > limit {
        all.ids.truncate(limit);
        all.reach = all.ids.last().copied();
    }
    all
}

/// How many there are; `most` means that many or more.
pub(super) async fn count(ledger: &SqlLedger, probes: &[Probe], most: u32) -> Sql<i64> {
    let mut count = 0;
    for probe in probes {
        for row in ledger.db.ask(probe.count(most)).await? {
            count += row.get::<i64>("n")?;
        }
    }
    Ok(count)
}

pub(super) async fn nth(ledger: &SqlLedger, probe: &Probe, after: AccountId, n: u32) -> Sql<Option<AccountId>> {
    Ok(ids(ledger, probe.nth(after, n)).await?.first().copied())
}

pub(super) async fn ids(ledger: &SqlLedger, statement: Composed) -> Sql<Vec<AccountId>> {
    ledger.db.ask(statement).await?.iter().map(|row: &Row| row.get("id")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u128) -> AccountId {
        AccountId(Uuid::from_u128(n))
    }

    fn of(ids: &[u128], reach: Option<u128>) -> Candidates {
        Candidates { ids: ids.iter().copied().map(id).collect(), reach: reach.map(id), dear: false }
    }

    #[test]
    fn values_of_one_field_reach_as_far_as_the_shortest() {
        assert_eq!(together(of(&[1, 5], None), of(&[2, 5, 9], None)), of(&[1, 2, 5, 9], None));
        assert_eq!(together(of(&[1, 5], Some(5)), of(&[2, 5, 9], None)), of(&[1, 2, 5], Some(5)));
        assert_eq!(together(of(&[1, 5], Some(5)), of(&[2, 3], Some(3))), of(&[1, 2, 3], Some(3)));
    }

    #[test]
    fn the_source_that_leaves_out_the_most_is_taken() {
        assert!(is_further(Some(id(9)), Some(id(2))) && !is_further(Some(id(2)), Some(id(9))));
        assert!(is_further(None, Some(id(9))) && !is_further(Some(id(9)), None) && !is_further(None, None));
    }

    #[test]
    fn a_full_answer_reaches_as_far_as_its_last_id() {
        assert_eq!(page(vec![id(1), id(5)], 2, Some(id(9))), of(&[1, 5], Some(5)));
        assert_eq!(page(vec![id(1), id(5)], 3, Some(id(9))), of(&[1, 5], Some(9)));
        assert_eq!(page(vec![id(1)], 3, None), of(&[1], None));
        assert_eq!(first(of(&[1, 2, 3], None), 2), of(&[1, 2], Some(2)));
        assert_eq!(first(of(&[1, 2], None), 2), of(&[1, 2], None));
    }
}
