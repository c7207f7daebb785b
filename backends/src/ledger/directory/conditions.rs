//! What a filter asks of each account, as far as it asks anything.
//!
//! It is the selection's meaning once more (`ledger/selection.rs`), in the shape in which it costs the least for a candidate:
//! looked up in the index of each field where its values are few, else in the account's row. It decides nothing: whoever is
//! let through is judged by the selection's own words before they are shown. A conformance test compares both.

use keybell_shared::ids::DistrictId;

use super::ways::{DISTRICT, Probe};
use crate::ledger::sql::{Composed, Value, args};

/// What a condition, or a source of candidates, is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// Nothing: everybody.
    District,
    Schools,
    Classes,
    Grades,
    Years,
    Roles,
    Groups,
    Family,
    Begins,
    /// The schools or classes of whoever looks.
    Own,
    Rank,
}

/// One condition on account `a`.
#[derive(Clone, Debug)]
struct Condition {
    field: Field,
    text: &'static str,
    arguments: Vec<Value>,
}

pub(super) const AT_SCHOOLS: &str =
    "(SELECT 1 FROM memberships m WHERE m.account_id = a.id AND m.school_id {in ? bigint} LIMIT 1) = 1";
pub(super) const IN_CLASSES: &str =
    "a.id IN (SELECT e.account_id FROM enrolments e WHERE e.class_id {in ? bigint} AND e.active)";
pub(super) const IN_GROUPS: &str =
    "(SELECT 1 FROM account_groups g WHERE g.account_id = a.id AND g.name {in ? text} LIMIT 1) = 1";
pub(super) const OF_GRADES: &str = "a.grade {in ? text}";
pub(super) const OF_YEARS: &str = "a.graduation_year {in ? integer}";
pub(super) const OF_ROLES: &str = "(a.role {in ? text}
     OR (SELECT 1 FROM memberships m WHERE m.account_id = a.id AND m.role {in ? text} LIMIT 1) = 1)";
pub(super) const OF_FAMILY: &str = "a.family_key >= ? AND a.family_key < ?";
/// The last letter of SQLite's range is that of `after_prefix`.
pub(super) const OF_FAMILIES: &str = "{pg a.family_key ^@ ANY (ARRAY(SELECT jsonb_array_elements_text(}{lite EXISTS (
         SELECT 1 FROM json_each(}?{pg ::jsonb)))}{lite ) AS r
         WHERE a.family_key >= r.value AND a.family_key < r.value || char(1114111))}";
pub(super) const USERNAME_BEGINS: &str =
    "a.username_key {pg COLLATE \"C\"} >= ? AND a.username_key {pg COLLATE \"C\"} < ?";
pub(super) const NAME_BEGINS: &str = "(a.username_key {pg COLLATE \"C\"} >= ? AND a.username_key {pg COLLATE \"C\"} < ?
     OR a.family_key >= ? AND a.family_key < ?)";
pub(super) const WITHIN_RANK: &str = "a.rank <= ?";

/// All conditions of a search.
#[derive(Clone, Debug)]
pub(super) struct Conditions {
    district: Probe,
    /// Looked up in the field's own index: one of its probes has the candidate.
    probed: Vec<(Field, Vec<Probe>)>,
    /// Looked up in the account's row.
    read: Vec<Condition>,
}

impl Conditions {
    pub(super) fn new(district: DistrictId) -> Self {
        Self { district: Probe::one(&DISTRICT, args![district]), probed: Vec::new(), read: Vec::new() }
    }

    /// One of these has the candidate.
    pub(super) fn probe(&mut self, field: Field, probes: Vec<Probe>) {
        self.probed.push((field, probes));
    }

    /// The account's row is so.
    pub(super) fn push(&mut self, field: Field, text: &'static str, arguments: Vec<Value>) {
        self.read.push(Condition { field, text, arguments });
    }

    /// Whether everybody whom this field lets through is let through.
    pub(super) fn ask_nothing_but(&self, field: Field) -> bool {
        self.read.iter().all(|condition| condition.field == field)
            && self.probed.iter().all(|(other, _)| *other == field)
    }

    /// Whether, beside those of a field, no index says anything before the row of each candidate is read.
    pub(super) fn read_rows_at_once(&self, but: Field) -> bool {
        self.probed.iter().all(|(field, _)| *field == but)
    }

    /// Whether some are looked up beside those of these fields.
    pub(super) fn ask_besides(&self, but: &[Field]) -> bool {
        let besides = |field: &Field| !but.contains(field);
        self.read.iter().any(|condition| besides(&condition.field))
            || self.probed.iter().any(|(field, _)| besides(field))
    }

    /// Adds all but those of a field to a statement about candidate `c`.
    pub(super) fn add(&self, statement: Composed, but: Field) -> Composed {
        if self.ask_nothing_but(but) && but != Field::Roles {
            return statement;
        }
        let mut statement = statement.text(&[" AND CASE WHEN TRUE"]);
        if but == Field::Roles {
            // Whoever else holds such a role may be in another district.
            statement = self.district.holds(statement.text(&[" AND "]));
        }
        self.besides(statement, &[but]).text(&[" THEN TRUE ELSE FALSE END"])
    }

    /// Adds all but those of these fields, as a column, where one of these fields' people are in no other district.
    pub(super) fn as_column(&self, statement: Composed, but: &[Field]) -> Composed {
        self.besides(statement.text(&["CASE WHEN TRUE"]), but).text(&[" THEN TRUE ELSE FALSE END"])
    }

    /// The cheap ones first: the CASE around them keeps this order.
    fn besides(&self, mut statement: Composed, but: &[Field]) -> Composed {
        for (_, probes) in self.probed.iter().filter(|(field, _)| !but.contains(field)) {
            statement = statement.text(&[" AND (FALSE"]);
            for probe in probes {
                statement = probe.holds(statement.text(&[" OR "]));
            }
            statement = statement.text(&[")"]);
        }
        let mut read = self.read.iter().filter(|condition| !but.contains(&condition.field)).peekable();
        if read.peek().is_some() {
            statement = statement.text(&[" AND (SELECT 1 FROM accounts a WHERE a.id = c.id"]);
            for Condition { text, arguments, .. } in read {
                statement = statement.text(&[" AND "]).and(text, arguments.clone());
            }
            statement = statement.text(&[" LIMIT 1) = 1"]);
        }
        statement
    }
}
