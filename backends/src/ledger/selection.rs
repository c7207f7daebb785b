//! Whom a selection means, in SQL: one text for the preview and the expansion.
//!
//! Arguments `$1` to `$13` are the same in every statement that uses these parts; see [`filter_args`].

use keybell_shared::actor::Role;
use keybell_shared::fold::{after_prefix, fold};
use keybell_shared::ids::{AccountId, DistrictId};
use keybell_shared::notice::Ways;
use keybell_shared::request::{Confirm, Selection};
use serde_json::{Value as Json, json};

use super::sql::{Value, args, json as json_arg};

/// Whether account `a` lies within the schools or classes of a requester of a role (SQL text) and account (SQL text). A school
/// is that of its staff: who heads one school and is a parent at another reaches nobody there by it, and is not reached.
macro_rules! in_scope {
    ($role:literal, $person:literal) => {
        concat!(
            "(CASE ",
            $role,
            "
                WHEN 'principal' THEN EXISTS (
                    SELECT 1 FROM memberships m JOIN memberships mine ON mine.school_id = m.school_id
                    WHERE m.account_id = a.id AND mine.role NOT IN ('student', 'guardian', 'parent', 'relative')
                        AND (a.rank <= 10 OR m.role NOT IN ('student', 'guardian', 'parent', 'relative'))
                        AND mine.account_id = ",
            $person,
            ")
                WHEN 'teacher' THEN EXISTS (
                    SELECT 1 FROM enrolments e JOIN enrolments mine ON mine.class_id = e.class_id
                    WHERE e.account_id = a.id AND e.active AND mine.active AND mine.role = 'teacher'
                        AND mine.account_id = ",
            $person,
            ")
                ELSE TRUE END)"
        )
    };
}
pub(super) use in_scope;

/// Whether account `a` belongs to the selection. The literal says, in SQL, whether `a` is one of the named accounts.
macro_rules! selected {
    ($named:literal) => {
        concat!(
            "a.district_id = $1
             AND (CASE $2 WHEN 'all' THEN TRUE WHEN 'without_role' THEN a.rank <= 10
                  WHEN 'selected' THEN ",
            $named,
            " ELSE NOT ",
            $named,
            " END)
             AND ($3 = '[]' OR EXISTS (
                 SELECT 1 FROM memberships m JOIN schools s ON s.id = m.school_id
                 WHERE m.account_id = a.id AND (s.source_id {in $3 text} OR s.name {in $3 text})))
             AND ($4 = '[]' OR a.id IN (
                 SELECT e.account_id FROM classes c JOIN enrolments e ON e.class_id = c.id
                 WHERE c.district_id = $1 AND (c.source_id {in $4 text} OR c.title {in $4 text}) AND e.active))
             AND ($5 = '[]' OR a.grade {in $5 text})
             AND ($6 = '[]' OR a.role {in $6 text} OR EXISTS (
                 SELECT 1 FROM memberships m WHERE m.account_id = a.id AND m.role {in $6 text}))
             AND ($9 = '[]' OR a.graduation_year {in $9 integer})
             AND ($10 = '[]' OR EXISTS (
                 SELECT 1 FROM account_groups g WHERE g.account_id = a.id AND g.name {in $10 text}))
             AND ($11 = '[]' OR EXISTS (
                 SELECT 1 FROM {rows $11: low text, high text} AS r
                 WHERE a.family_key >= r.low AND a.family_key < r.high))
             AND ($2 = 'selected' OR ",
            $crate::ledger::selection::in_scope!("$7", "$8"),
            ")"
        )
    };
}
pub(super) use selected;

/// The outside identity provider that manages account `a`, or NULL, in SQL: as the roster says, else an administrator.
macro_rules! managed_by {
    () => {
        "COALESCE(a.managed_by, a.managed_mark)"
    };
}
pub(super) use managed_by;

/// Whether anybody could be told about account `a` by these ways: `shared::notice::candidates` in SQL. A conformance test
/// compares both.
macro_rules! reachable {
    ($email:literal, $sms:literal, $own:literal, $guardians:literal) => {
        concat!(
            "((",
            $own,
            " AND ((",
            $email,
            " AND a.email IS NOT NULL) OR (",
            $sms,
            " AND a.sms IS NOT NULL)))
              OR (",
            $guardians,
            " AND a.rank <= 10 AND EXISTS (
                  SELECT 1 FROM guardians g JOIN accounts p ON p.id = g.guardian_id
                  WHERE g.account_id = a.id AND p.active
                      AND ((",
            $email,
            " AND p.email IS NOT NULL) OR (",
            $sms,
            " AND p.sms IS NOT NULL))))
              OR (",
            $guardians,
            " AND a.rank <= 10 AND EXISTS (
                  SELECT 1 FROM relatives p WHERE p.account_id = a.id
                      AND ((",
            $email,
            " AND p.email IS NOT NULL) OR (",
            $sms,
            " AND p.sms IS NOT NULL)))))"
        )
    };
}
pub(super) use reachable;

/// Why account `a` is left untouched, or NULL: `shared::eligibility::exclusion` in SQL, so that a million accounts need
/// not leave the database. A conformance test compares both. The arguments are the requester's reach, whether the task
/// sets passwords, and whether somebody must be told by these ways ([`way_args`]). Where nobody must be, addresses are not
/// looked at.
macro_rules! exclusion {
    (reach $reach:literal, sets $sets:literal,
     must_reach $must:literal by $email:literal $sms:literal $own:literal $guardians:literal) => {
        concat!(
            "(CASE WHEN ",
            $crate::ledger::selection::managed_by!(),
            " IS NOT NULL THEN 'S01'
                WHEN NOT a.active THEN 'S03'
                WHEN a.quick_login AND ",
            $sets,
            " THEN 'S02'
                WHEN a.protected AND NOT $13 THEN 'S04'
                WHEN a.id = $8 AND NOT $12 THEN 'S05'
                WHEN a.rank > ",
            $reach,
            " THEN 'E10'
                WHEN NOT ",
            $crate::ledger::selection::in_scope!("$7", "$8"),
            " THEN 'S09'
                WHEN ",
            $must,
            " AND NOT ",
            $crate::ledger::selection::reachable!($email, $sms, $own, $guardians),
            " THEN 'S10'
                END)"
        )
    };
}
pub(super) use exclusion;

/// The arguments `$1` to `$13`.
pub(super) fn filter_args(
    district: DistrictId,
    selection: &Selection,
    role: Role,
    person: Option<AccountId>,
    confirm: Confirm,
) -> Vec<Value> {
    let narrowed = &selection.narrowed;
    args![
        district,
        selection.scope.as_str(),
        json_arg(&narrowed.schools),
        json_arg(&narrowed.classes),
        json_arg(&narrowed.normal_grades()),
        json_arg(&narrowed.user_types),
        role.as_str(),
        person,
        json_arg(&narrowed.graduation_years),
        json_arg(&narrowed.groups),
        json_arg(&ranges(&narrowed.family_name_prefix)),
        confirm.requester,
        confirm.protected,
    ]
}

/// Whether somebody must be told, and by which ways: email, SMS, to the account's own address, to those of the guardians.
pub(super) fn way_args(must_reach: Option<Ways>) -> Vec<Value> {
    let Ways { email, sms, own, guardians } = must_reach.unwrap_or_default();
    args![must_reach.is_some(), email, sms, own, guardians]
}

/// The ranges of folded names that begin with these prefixes. A prefix of which nothing is left would mean everybody; no
/// door lets one in, and here it means nobody.
pub(super) fn ranges(prefixes: &[String]) -> Vec<Json> {
    let folded = prefixes.iter().map(|prefix| fold(prefix)).map(|low| {
        let high = if low.is_empty() { String::new() } else { after_prefix(&low) };
        json!({"low": low, "high": high})
    });
    folded.collect()
}
