//! The indexes that a search reads candidates from, and the statements with which it does.
//!
//! A page is in the order of ids. Most indexes end with the id, so that the people of one value are read in that order from
//! wherever the last page ended. The beginning of a name is a range with many values in it, and a long list of values is as
//! bad: these are read whole, or not at all.
//!
//! Each statement reads ids from its index and nothing else: a row of an account lies on a page of its own, and thousands of
//! them do not fit into the database's memory. The fence around it (LIMIT, or OFFSET 0) keeps the database from starting
//! anywhere else: it knows how many people a value has on average, not whether they come soon.

use keybell_shared::ids::AccountId;
use uuid::Uuid;

use super::conditions::{Conditions, Field};
use crate::ledger::sql::{Composed, Value, args};

/// An index, and the rows that are read from it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// Its name, or the beginning of it.
    pub(super) index: &'static str,
    /// The table, with its alias: `a` for accounts, `x` for others.
    table: &'static str,
    /// The account's id in it.
    key: &'static str,
    /// Whether the rows of one value are in the order of ids.
    in_order: bool,
    /// The rows of one value.
    one: &'static str,
    /// Those of a list of values.
    many: &'static str,
}

pub(super) const DISTRICT: Way = Way {
    index: "accounts_by_district",
    table: "accounts a",
    key: "a.id",
    in_order: true,
    one: "a.district_id = ?",
    many: "a.district_id = ?",
};
pub(super) const GRADE: Way = Way {
    index: "accounts_by_grade",
    one: "a.district_id = ? AND a.grade = ?",
    many: "a.district_id = ? AND a.grade {in ? text}",
    ..DISTRICT
};
pub(super) const YEAR: Way = Way {
    index: "accounts_by_year",
    one: "a.district_id = ? AND a.graduation_year = ?",
    many: "a.district_id = ? AND a.graduation_year {in ? integer}",
    ..DISTRICT
};
pub(super) const ROLE: Way = Way {
    index: "accounts_by_role",
    one: "a.district_id = ? AND a.role = ?",
    many: "a.district_id = ? AND a.role {in ? text}",
    ..DISTRICT
};
/// Roles that people hold besides their most privileged one. Other districts' people are read, too, and fail later.
pub(super) const MEMBERS_ROLE: Way = Way {
    index: "memberships_by_role",
    table: "memberships x",
    key: "x.account_id",
    in_order: true,
    one: "x.role = ?",
    many: "x.role {in ? text}",
};
pub(super) const SCHOOL: Way =
    Way { index: "memberships_by_school", one: "x.school_id = ?", many: "x.school_id {in ? bigint}", ..MEMBERS_ROLE };
pub(super) const CLASS: Way = Way {
    index: "enrolments",
    table: "enrolments x",
    key: "x.account_id",
    in_order: true,
    one: "x.class_id = ? AND x.active",
    many: "x.class_id {in ? bigint} AND x.active",
};
pub(super) const GROUP: Way = Way {
    index: "account_groups",
    table: "account_groups x",
    key: "x.account_id",
    in_order: true,
    one: "x.district_id = ? AND x.name = ?",
    many: "x.district_id = ? AND x.name {in ? text}",
};
/// Never in order; so are the next ones.
pub(super) const FAMILY: Way = Way {
    index: "accounts_by_family",
    in_order: false,
    one: "a.district_id = ? AND a.family_key >= ? AND a.family_key < ?",
    many: "a.district_id = ? AND a.family_key >= ? AND a.family_key < ?",
    ..DISTRICT
};
pub(super) const FAMILIES: Way = Way {
    table: "{rows ?: low text, high text} AS r CROSS JOIN accounts a",
    one: "a.district_id = ? AND a.family_key >= r.low AND a.family_key < r.high",
    many: "a.district_id = ? AND a.family_key >= r.low AND a.family_key < r.high",
    ..FAMILY
};
/// In their order, or PostgreSQL would look for the range in the index that keeps usernames unique, which has another order, and
/// read all of it.
const OF_USERNAME: &str = "a.district_id = ? AND a.username_key {pg COLLATE \"C\"} >= ?
     AND a.username_key {pg COLLATE \"C\"} < ? ORDER BY a.username_key {pg COLLATE \"C\"}";
pub(super) const USERNAME: Way = Way {
    index: "accounts_by_username",
    // SQLite would rather take the index that keeps usernames unique, and read every row for its id.
    table: "accounts a {lite INDEXED BY accounts_by_username}",
    in_order: false,
    one: OF_USERNAME,
    many: OF_USERNAME,
    ..DISTRICT
};

/// A look into an index for one value, or for a list of them.
#[derive(Clone, Debug)]
pub(super) struct Probe {
    way: &'static Way,
    rows: &'static str,
    arguments: Vec<Value>,
}

impl Probe {
    /// For one value.
    pub(super) const fn one(way: &'static Way, arguments: Vec<Value>) -> Self {
        Self { way, rows: way.one, arguments }
    }

    /// For a list.
    pub(super) const fn many(way: &'static Way, arguments: Vec<Value>) -> Self {
        Self { way, rows: way.many, arguments }
    }

    /// Whether its rows are in the order of ids.
    pub(super) const fn is_in_order(&self) -> bool {
        self.way.in_order
    }

    /// Adds the ids after one, up to another, in order.
    pub(super) fn between(&self, statement: Composed, (after, reach): (AccountId, AccountId)) -> Composed {
        let key = self.way.key;
        let statement = statement.text(&["SELECT "]);
        if self.way.in_order {
            let rows = self.rows_of(statement.text(&[key, " AS id FROM "]));
            let rows = rows.text(&[" AND ", key]).and(" > ?", args![after]).text(&[" AND ", key]);
            return rows.and(" <= ?", args![reach]).text(&[" ORDER BY ", key, " {lite LIMIT -1} OFFSET 0"]);
        }
        let rows = self.rows_of(statement.text(&["s.id FROM (SELECT ", key, " AS id FROM "]));
        rows.and(" {lite LIMIT -1} OFFSET 0) AS s WHERE s.id > ? AND s.id <= ? ORDER BY s.id", args![after, reach])
            .text(&[" {lite LIMIT -1} OFFSET 0"])
    }

    /// Whether candidate `c` is among its rows.
    pub(super) fn holds(&self, statement: Composed) -> Composed {
        // A subquery that answers at most one row is asked for each candidate. As EXISTS, PostgreSQL would rather read all rows
        // of such a school or group first, however many they are.
        self.rows_of(statement.text(&["(SELECT 1 FROM "])).text(&[" AND ", self.way.key, " = c.id LIMIT 1) = 1"])
    }

    /// Of those after an id, the `n`th, counted from one.
    pub(super) fn nth(&self, after: AccountId, n: u32) -> Composed {
        let Way { table, key, .. } = self.way;
        Composed::default()
            .text(&["SELECT ", key, " AS id FROM ", table, " WHERE "])
            .and(self.rows, self.arguments.clone())
            .text(&[" AND ", key])
            .and(" > ?", args![after])
            .text(&[" ORDER BY ", key])
            .and(" LIMIT 1 OFFSET ?", args![n.saturating_sub(1)])
    }

    /// How many there are; `most` means that many or more.
    pub(super) fn count(&self, most: u32) -> Composed {
        let rows = self.rows_of(Composed::default().text(&["SELECT count(*) AS n FROM (SELECT 1 FROM "]));
        rows.and(" LIMIT ?) AS r", args![most])
    }

    /// Of so many after an id, those up to another one that meet the conditions, in order. The field is the one that led here.
    pub(super) fn in_order(
        &self,
        (conditions, field): (&Conditions, Field),
        (after, reach): (AccountId, Option<AccountId>),
        (most, limit): (u32, u32),
    ) -> Composed {
        let key = self.way.key;
        let rows = self.rows_of(Composed::default().text(&["SELECT c.id FROM (SELECT ", key, " AS id FROM "]));
        let rows = rows.text(&[" AND ", key]).and(" > ?", args![after]).text(&[" ORDER BY ", key]);
        let statement =
            rows.and(" LIMIT ?) AS c WHERE c.id <= ?", args![most, reach.unwrap_or(AccountId(Uuid::max()))]);
        // SQLite hands the rows on as they come, and would sort them all first when it is told to.
        conditions.add(statement, field).and(" {pg ORDER BY c.id} LIMIT ?", args![limit])
    }

    /// The first of those after an id that meet the conditions, when all have been read.
    pub(super) fn whole(&self, (conditions, field): (&Conditions, Field), after: AccountId, limit: u32) -> Composed {
        let rows = self.rows_of(Composed::default().text(&["SELECT c.id FROM (SELECT ", self.way.key, " AS id FROM "]));
        let statement = rows.and(" {lite LIMIT -1} OFFSET 0) AS c WHERE c.id > ?", args![after]);
        conditions.add(statement, field).and(" ORDER BY c.id LIMIT ?", args![limit])
    }

    /// The first of those after an id, when all have been read.
    pub(super) fn first(&self, after: AccountId) -> Composed {
        let rows = self.rows_of(Composed::default().text(&["SELECT c.id FROM (SELECT ", self.way.key, " AS id FROM "]));
        rows.and(" {lite LIMIT -1} OFFSET 0) AS c WHERE c.id > ? ORDER BY c.id LIMIT 1", args![after])
    }

    /// The table and its rows; their arguments are in this order.
    fn rows_of(&self, statement: Composed) -> Composed {
        statement.text(&[self.way.table, " WHERE "]).and(self.rows, self.arguments.clone())
    }
}
