//! Where a search looks: the ids that one of the filter's fields lets through, read from its index.
//!
//! Each field that narrows is a [`Source`] of candidates. Most are read in the order of ids, so that a page may stop
//! anywhere; the beginnings of names are not, and count only when they are few enough to be read whole. Of all sources, one
//! that was read whole is taken, else the one whose candidates reach the furthest: it leaves out the most. The district
//! itself is a source as well, so that there is always one.

use keybell_shared::actor::{Actor, Role};
use keybell_shared::fold::{after_prefix, fold, username_key};
use keybell_shared::ids::{AccountId, DistrictId};
use keybell_shared::ports::ledger::AccountFilter;

use super::SqlLedger;
use crate::ledger::selection::ranges;
use crate::ledger::sql::{Row, Sql, Value, args, json as json_arg};

/// How many ids are read from one index in one round, at most.
const MOST: u32 = 2_000;
/// And in the first round: a filter that lets many through finds a page among these.
const FIRST: u32 = 256;
/// Lists with more values are no source: each value is a statement of its own.
const VALUES: usize = 8;

/// Ids in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Candidates {
    pub(super) ids: Vec<AccountId>,
    /// There may be more after this id, and none before it is missing; `None` when these are all.
    pub(super) reach: Option<AccountId>,
}

/// The sources of one search.
pub(super) struct Sieve {
    district: DistrictId,
    /// Read whole, the smallest of them; no other is asked then.
    whole: Option<Vec<AccountId>>,
    ordered: Vec<Source>,
    /// How many candidates the first round reads.
    first: u32,
}

/// One statement for each value of a field, of which each answers ids in order.
struct Source(Vec<Probe>);

/// A statement and its value.
type Probe = (&'static str, Option<Value>);

/// Arguments, here and in all others: `$1` district, `$2` the id after which to begin, `$3` how many, `$4` the value.
pub(super) const OF_DISTRICT: &str = "SELECT id FROM accounts WHERE district_id = $1 AND id > $2 ORDER BY id LIMIT $3";
pub(super) const OF_GRADE: &str =
    "SELECT id FROM accounts WHERE district_id = $1 AND grade = $4 AND id > $2 ORDER BY id LIMIT $3";
pub(super) const OF_YEAR: &str =
    "SELECT id FROM accounts WHERE district_id = $1 AND graduation_year = $4 AND id > $2 ORDER BY id LIMIT $3";
pub(super) const OF_ROLE: &str =
    "SELECT id FROM accounts WHERE district_id = $1 AND role = $4 AND id > $2 ORDER BY id LIMIT $3";
/// Roles that people hold besides their most privileged one. Other districts' people are candidates, too, and fail later.
pub(super) const OF_MEMBERS_ROLE: &str = "SELECT account_id AS id FROM memberships
     WHERE $1 IS NOT NULL AND role = $4 AND account_id > $2 ORDER BY account_id LIMIT $3";
pub(super) const OF_SCHOOL: &str = "SELECT account_id AS id FROM memberships
     WHERE school_id = (SELECT s.id FROM schools s WHERE s.id = $4 AND s.district_id = $1) AND account_id > $2
     ORDER BY account_id LIMIT $3";
pub(super) const OF_CLASS: &str = "SELECT account_id AS id FROM enrolments
     WHERE class_id = (SELECT c.id FROM classes c WHERE c.id = $4 AND c.district_id = $1) AND account_id > $2
     ORDER BY account_id LIMIT $3";
pub(super) const OF_GROUP: &str = "SELECT account_id AS id FROM account_groups
     WHERE district_id = $1 AND name = $4 AND account_id > $2 ORDER BY account_id LIMIT $3";

/// Not in order. Arguments: `$1` district, `$2` how many, `$3` and `$4` the range.
pub(super) const OF_FAMILY: &str = "SELECT id FROM accounts
     WHERE district_id = $1 AND family_key >= $3 AND family_key < $4 LIMIT $2";
pub(super) const OF_USERNAME: &str = "SELECT id FROM accounts
     WHERE district_id = $1 AND username_key {pg COLLATE \"C\"} >= $3 AND username_key {pg COLLATE \"C\"} < $4 LIMIT $2";

const SCHOOLS: &str = "SELECT s.id FROM schools s WHERE s.district_id = $1 AND s.source_id {in $2 text}
     UNION SELECT s.id FROM schools s WHERE s.district_id = $1 AND s.name {in $2 text}";
const CLASSES: &str = "SELECT c.id FROM classes c WHERE c.district_id = $1 AND c.source_id {in $2 text}
     UNION SELECT c.id FROM classes c WHERE c.district_id = $1 AND c.title {in $2 text}";
const OWN_SCHOOLS: &str = "SELECT DISTINCT m.school_id AS id FROM memberships m
     WHERE m.account_id = $1 AND m.role NOT IN ('student', 'guardian', 'parent', 'relative')";
const OWN_CLASSES: &str = "SELECT e.class_id AS id FROM enrolments e
     WHERE e.account_id = $1 AND e.active AND e.role = 'teacher'";

impl Sieve {
    /// The sources of a search for `limit` accounts.
    pub(super) async fn of(ledger: &SqlLedger, actor: &Actor, filter: &AccountFilter, limit: u32) -> Sql<Self> {
        let district = actor.district;
        let whole = whole(ledger, district, filter).await?;
        let mut ordered = Vec::new();
        if whole.is_none() {
            ordered = fields(ledger, district, filter).await?;
            ordered.extend(own(ledger, actor).await?);
        }
        ordered.retain(|source| source.0.len() <= VALUES);
        // Where everybody is let through, no more candidates are read than the page has room for.
        let page = limit.saturating_add(1);
        let everybody = ordered.is_empty() && filter == &AccountFilter::default();
        Ok(Self { district, whole, ordered, first: if everybody { page } else { page.max(FIRST) } })
    }

    /// The next candidates after an id, more of them in each round.
    pub(super) async fn next(&self, ledger: &SqlLedger, after: AccountId, round: u32) -> Sql<Candidates> {
        let most = self.first.saturating_mul(4_u32.saturating_pow(round)).min(MOST);
        if let Some(whole) = &self.whole {
            let ids = whole.iter().copied().filter(|id| *id > after).collect();
            return Ok(Candidates { ids, reach: None });
        }
        let mut best = self.read(ledger, &[(OF_DISTRICT, None)], after, most).await?;
        for Source(probes) in &self.ordered {
            best = better(best, self.read(ledger, probes, after, most).await?);
        }
        Ok(best)
    }

    /// Reads one source, all its values.
    async fn read(&self, ledger: &SqlLedger, probes: &[Probe], after: AccountId, most: u32) -> Sql<Candidates> {
        let mut all = Candidates::default();
        for (statement, value) in probes {
            let mut arguments = args![self.district, after, most];
            arguments.extend(value.clone());
            let ids = ids(&ledger.db.read(statement, arguments).await?)?;
            let full = u32::try_from(ids.len()).unwrap_or(u32::MAX) >= most;
            all = together(all, Candidates { reach: ids.last().copied().filter(|_| full), ids });
        }
        Ok(all)
    }
}

/// What both have, up to where neither misses anything.
fn together(one: Candidates, other: Candidates) -> Candidates {
    let reach = one.reach.into_iter().chain(other.reach).min();
    let mut ids: Vec<AccountId> = one.ids.into_iter().chain(other.ids).collect();
    ids.retain(|id| reach.is_none_or(|reach| *id <= reach));
    ids.sort_unstable();
    ids.dedup();
    Candidates { ids, reach }
}

/// The one that leaves less to be looked at.
fn better(one: Candidates, other: Candidates) -> Candidates {
    match (one.reach, other.reach) {
        (None, None) if other.ids.len() < one.ids.len() => other,
        (Some(_), None) => other,
        (Some(near), Some(far)) if far > near => other,
        (None | Some(_), _) => one,
    }
}

/// The sources among the filter's fields that are read in order.
async fn fields(ledger: &SqlLedger, district: DistrictId, filter: &AccountFilter) -> Sql<Vec<Source>> {
    let narrowed = &filter.narrowed;
    let texts = |statement, names: &[String]| names.iter().map(|name| (statement, Some(name.into()))).collect();
    let years = narrowed.graduation_years.iter().map(|year| (OF_YEAR, Some((*year).into())));
    let types = narrowed
        .user_types
        .iter()
        .flat_map(|role| [(OF_ROLE, Some(role.into())), (OF_MEMBERS_ROLE, Some(role.into()))]);
    let mut sources = vec![
        Source(texts(OF_GRADE, &narrowed.grades)),
        Source(years.collect()),
        Source(types.collect()),
        Source(texts(OF_GROUP, &narrowed.groups)),
    ];
    for (statement, lookup, names) in [(OF_SCHOOL, SCHOOLS, &narrowed.schools), (OF_CLASS, CLASSES, &narrowed.classes)]
    {
        if !names.is_empty() {
            let rows = ledger.db.read(lookup, args![district, json_arg(names)]).await?;
            sources.push(Source(numbered(statement, &rows)?));
        }
    }
    sources.retain(|source| !source.0.is_empty());
    Ok(sources)
}

/// The schools of a principal, or the classes of a teacher: nobody else is shown to them.
async fn own(ledger: &SqlLedger, actor: &Actor) -> Sql<Option<Source>> {
    let (statement, lookup) = match actor.role {
        Role::Principal => (OF_SCHOOL, OWN_SCHOOLS),
        Role::Teacher => (OF_CLASS, OWN_CLASSES),
        Role::DistrictAdmin | Role::Operator | Role::Application => return Ok(None),
    };
    let rows = ledger.db.read(lookup, args![actor.person]).await?;
    Ok(Some(Source(numbered(statement, &rows)?)))
}

/// The candidates of the named account, or of the beginnings of names, where these are few enough to be read whole.
async fn whole(ledger: &SqlLedger, district: DistrictId, filter: &AccountFilter) -> Sql<Option<Vec<AccountId>>> {
    if let Some(only) = filter.only {
        return Ok(Some(vec![only]));
    }
    let text =
        |range: &serde_json::Value, end| range.get(end).and_then(|end| end.as_str()).unwrap_or_default().to_owned();
    let family: Vec<_> = ranges(&filter.narrowed.family_name_prefix)
        .iter()
        .map(|range| (OF_FAMILY, text(range, "low"), text(range, "high")))
        .collect();
    let begins: Vec<_> = filter
        .begins
        .iter()
        .flat_map(|begins| {
            let (name, family) = (username_key(begins), fold(begins));
            let username = (OF_USERNAME, name.clone(), after_prefix(&name));
            // Of a beginning that folds to nothing, only usernames are left.
            let family = Some((OF_FAMILY, family.clone(), after_prefix(&family))).filter(|_| !family.is_empty());
            [Some(username), family].into_iter().flatten()
        })
        .collect();
    let mut smallest: Option<Vec<AccountId>> = None;
    for probes in [family, begins].into_iter().filter(|probes| (1..=VALUES).contains(&probes.len())) {
        let found = read_whole(ledger, district, probes).await?;
        smallest = match (smallest, found) {
            (Some(one), Some(other)) => Some(if other.len() < one.len() { other } else { one }),
            (one, other) => one.or(other),
        };
    }
    Ok(smallest)
}

/// Everybody in these ranges, in order; `None` when they are too many.
async fn read_whole(
    ledger: &SqlLedger,
    district: DistrictId,
    probes: Vec<(&'static str, String, String)>,
) -> Sql<Option<Vec<AccountId>>> {
    let mut all = Vec::new();
    for (statement, low, high) in probes {
        let found = ids(&ledger.db.read(statement, args![district, MOST, low, high]).await?)?;
        if u32::try_from(found.len()).unwrap_or(u32::MAX) >= MOST {
            return Ok(None);
        }
        all.extend(found);
    }
    all.sort_unstable();
    all.dedup();
    Ok(Some(all))
}

fn ids(rows: &[Row]) -> Sql<Vec<AccountId>> {
    rows.iter().map(|row| row.get("id")).collect()
}

fn numbered(statement: &'static str, rows: &[Row]) -> Sql<Vec<Probe>> {
    rows.iter().map(|row| Ok((statement, Some(row.get::<i64>("id")?.into())))).collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn of(ids: &[u128], reach: Option<u128>) -> Candidates {
        let id = |n: u128| AccountId(Uuid::from_u128(n));
        Candidates { ids: ids.iter().copied().map(id).collect(), reach: reach.map(id) }
    }

    #[test]
    fn values_of_one_field_reach_as_far_as_the_shortest() {
        assert_eq!(together(of(&[1, 5], None), of(&[2, 5, 9], None)), of(&[1, 2, 5, 9], None));
        assert_eq!(together(of(&[1, 5], Some(5)), of(&[2, 5, 9], None)), of(&[1, 2, 5], Some(5)));
        assert_eq!(together(of(&[1, 5], Some(5)), of(&[2, 3], Some(3))), of(&[1, 2, 3], Some(3)));
    }

    #[test]
    fn the_source_that_leaves_out_the_most_is_taken() {
        let near = of(&[1, 2], Some(2));
        let far = of(&[1, 9], Some(9));
        assert_eq!(better(near.clone(), far.clone()), far);
        assert_eq!(better(far.clone(), near), far);
        assert_eq!(better(far, of(&[7], None)), of(&[7], None));
        assert_eq!(better(of(&[1, 2, 3], None), of(&[2], None)), of(&[2], None));
    }
}
