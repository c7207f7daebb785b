//! What a person is, where the roles are rows of their own: OneRoster 1.2 has them in `roles.csv`, and may send the changes
//! of them alone. The ledger keeps the rows of each person, so that a change of one role leaves the others.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use crate::eligibility::Ranks;
use crate::ports::ledger::{Membership, Person};

/// What the ledger keeps where a roster gives no usable role.
pub const UNKNOWN_ROLE: &str = "unknown";

/// Roles whose holders are told about the pupils that name them.
pub const KIN: [&str; 3] = ["guardian", "parent", "relative"];

/// Whether a role is a guardian's.
#[must_use]
pub fn is_kin(role: &str) -> bool {
    KIN.contains(&role)
}

/// The id of a row of `roles.csv`, short: it is only ever compared with those of the same person.
#[must_use]
pub fn role_key(source_id: &str) -> u64 {
    let digest: [u8; 32] = Sha256::digest(source_id).into();
    digest.iter().take(8).fold(0, |key, byte| (key << 8) | u64::from(*byte))
}

/// A role of a person, as a row of `roles.csv` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRow {
    /// The row's id, by [`role_key`].
    pub key: u64,
    /// The role.
    pub role: String,
    /// The roster id of the school, if it is held at one.
    pub school: Option<String>,
    /// Whether it is the person's primary one.
    pub primary: bool,
}

/// What a roster says of the roles of one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleChange {
    /// All of them, the primary ones first.
    Whole {
        /// The rows.
        rows: Vec<RoleRow>,
        /// Whether changes of single rows may follow, so that the rows have to be kept.
        kept: bool,
    },
    /// Those that changed since the last time.
    Some {
        /// New and changed rows.
        put: Vec<RoleRow>,
        /// The keys of rows that are gone.
        gone: Vec<u64>,
    },
}

/// What the ledger knows of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownRoles {
    /// What they are, and where.
    pub standing: Standing,
    /// All rows of their roles; `None` if they came from elsewhere than a `roles.csv`, or before rows were kept.
    pub rows: Option<Vec<RoleRow>>,
}

/// What a person is, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The most privileged role.
    pub role: String,
    /// Its rank.
    pub rank: i32,
    /// The roles held at schools, the primary one first.
    pub memberships: Vec<Membership>,
    /// Whether the person is somebody's guardian by any of their roles.
    pub kin: bool,
}

/// What a change makes of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved<'a> {
    /// This.
    Standing {
        /// What they are from now on.
        standing: Standing,
        /// The rows to keep; `None` if there are none, or none that can be changed one by one.
        rows: Option<Cow<'a, [RoleRow]>>,
        /// Their last role is gone: they keep what they were, at no school.
        roleless: bool,
    },
    /// Nobody knows the person, and no row says what they are.
    Unsaid,
    /// Single roles changed, and nobody knows which other ones the person has.
    Partial,
}

impl RoleChange {
    /// What this makes of a person.
    ///
    /// Nobody becomes less by what is left out: who is known keeps every role that no row takes away, and who has lost the
    /// last one keeps what they were.
    #[must_use]
    pub fn resolve(&self, known: Option<&KnownRoles>, ranks: &Ranks) -> Resolved<'_> {
        let (put, gone) = match self {
            Self::Whole { rows, kept } => {
                let standing = Standing::of(rows, ranks).unwrap_or_else(|| Standing::unknown(ranks));
                return Resolved::Standing { standing, rows: kept.then(|| rows.into()), roleless: false };
            }
            Self::Some { put, gone } => (put, gone),
        };
        let kept = |known: &KnownRoles, rows, roleless| Resolved::Standing {
            standing: known.standing.clone(),
            rows,
            roleless,
        };
        let base = match known {
            None if put.is_empty() => return Resolved::Unsaid,
            None => &[][..],
            Some(known) => match &known.rows {
                Some(rows) if rows.is_empty() && put.is_empty() => {
                    return kept(known, Some(Cow::Owned(Vec::new())), false);
                }
                Some(rows) => rows.as_slice(),
                None if put.is_empty() && gone.is_empty() => return kept(known, None, false),
                None => return Resolved::Partial,
            },
        };
        let rows = merged(base, put, gone);
        match (Standing::of(&rows, ranks), known) {
            (Some(standing), _) => Resolved::Standing { standing, rows: Some(rows.into()), roleless: false },
            (None, Some(known)) => {
                let standing = Standing { memberships: Vec::new(), ..known.standing.clone() };
                Resolved::Standing { standing, rows: Some(rows.into()), roleless: true }
            }
            (None, None) => Resolved::Unsaid,
        }
    }

    /// The roster ids of the schools that are named.
    pub fn schools(&self) -> impl Iterator<Item = &str> {
        let (Self::Whole { rows, .. } | Self::Some { put: rows, .. }) = self;
        rows.iter().filter_map(|row| row.school.as_deref())
    }
}

/// The rows of a person after a change; the primary ones first.
fn merged(base: &[RoleRow], put: &[RoleRow], gone: &[u64]) -> Vec<RoleRow> {
    let mut rows: Vec<RoleRow> = base.iter().filter(|row| !gone.contains(&row.key)).cloned().collect();
    for new in put {
        match rows.iter_mut().find(|row| row.key == new.key) {
            Some(row) => row.clone_from(new),
            None => rows.push(new.clone()),
        }
    }
    rows.sort_by_key(|row| !row.primary);
    rows
}

impl Standing {
    /// By these rows, the primary ones first; `None` if there are none.
    #[must_use]
    pub fn of(rows: &[RoleRow], ranks: &Ranks) -> Option<Self> {
        let role = rows.iter().map(|row| row.role.as_str()).reduce(|best, next| ranks.higher(best, next))?;
        let mut memberships: Vec<Membership> = Vec::new();
        for row in rows {
            let Some(school) = row.school.clone() else { continue };
            let membership = Membership { school, role: row.role.clone() };
            if !memberships.contains(&membership) {
                memberships.push(membership);
            }
        }
        let kin = rows.iter().any(|row| is_kin(&row.role));
        Some(Self { role: role.to_owned(), rank: ranks.of(role), memberships, kin })
    }

    /// A person who is this.
    #[must_use]
    pub fn of_person(self, person: &Person) -> Person {
        let Self { role, rank, memberships, .. } = self;
        Person { role, rank, memberships, ..person.clone() }
    }

    /// Of somebody without any role: staff of the highest rank, which is safe.
    fn unknown(ranks: &Ranks) -> Self {
        let role = UNKNOWN_ROLE.to_owned();
        Self { rank: ranks.of(&role), role, memberships: Vec::new(), kin: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, role: &str, school: &str) -> RoleRow {
        RoleRow { key: role_key(id), role: role.to_owned(), school: Some(school.to_owned()), primary: false }
    }

    fn some(put: Vec<RoleRow>, gone: &[&str]) -> RoleChange {
        RoleChange::Some { put, gone: gone.iter().map(|id| role_key(id)).collect() }
    }

    fn known(rows: Vec<RoleRow>) -> KnownRoles {
        KnownRoles { standing: Standing::of(&rows, &Ranks::default()).unwrap(), rows: Some(rows) }
    }

    /// Role, rank, places and rows after a change, and whether the last role is gone.
    type After = (String, i32, Vec<String>, usize, bool);

    fn after(change: &RoleChange, known: Option<&KnownRoles>) -> After {
        let Resolved::Standing { standing, rows, roleless } = change.resolve(known, &Ranks::default()) else {
            panic!("{change:?} cannot be applied to {known:?}")
        };
        let places = standing.memberships.iter().map(|it| format!("{}@{}", it.role, it.school)).collect();
        (standing.role, standing.rank, places, rows.map_or(0, |rows| rows.len()), roleless)
    }

    fn is(role: &str, rank: i32, places: &[&str], rows: usize) -> After {
        (role.to_owned(), rank, places.iter().map(|it| (*it).to_owned()).collect(), rows, false)
    }

    #[test]
    fn keys_are_the_same_in_every_build() {
        assert_eq!(role_key("ROLE_8"), 0x6f54_c99c_96c6_2072);
    }

    #[test]
    fn a_change_leaves_every_role_that_it_does_not_name() {
        let two = known(vec![row("r1", "teacher", "s1"), row("r2", "parent", "s2")]);
        assert_eq!(after(&some(vec![], &[]), Some(&two)), is("teacher", 30, &["teacher@s1", "parent@s2"], 2));
        assert_eq!(after(&some(vec![], &["r2"]), Some(&two)), is("teacher", 30, &["teacher@s1"], 1));
        assert_eq!(after(&some(vec![], &["r1"]), Some(&two)), is("parent", 10, &["parent@s2"], 1));
        // Another role makes nobody less, a row that says something else of itself replaces what it said.
        let more = some(vec![row("r3", "student", "s3")], &["never"]);
        assert_eq!(after(&more, Some(&two)), is("teacher", 30, &["teacher@s1", "parent@s2", "student@s3"], 3));
        let moved = some(vec![row("r1", "principal", "s9")], &[]);
        assert_eq!(after(&moved, Some(&two)), is("principal", 40, &["principal@s9", "parent@s2"], 2));
        let first = RoleRow { primary: true, ..row("r2", "parent", "s2") };
        assert_eq!(after(&some(vec![first], &[]), Some(&two)), is("teacher", 30, &["parent@s2", "teacher@s1"], 2));
    }

    #[test]
    fn who_loses_the_last_role_keeps_what_they_were() {
        let one = known(vec![row("r1", "teacher", "s1")]);
        let gone = after(&some(vec![], &["r1"]), Some(&one));
        assert_eq!(gone, ("teacher".to_owned(), 30, Vec::new(), 0, true));
        let none = KnownRoles { rows: Some(Vec::new()), ..one };
        assert_eq!(after(&some(vec![], &["r1"]), Some(&none)), is("teacher", 30, &["teacher@s1"], 0));
        assert_eq!(
            after(&some(vec![row("r2", "student", "s1")], &[]), Some(&none)),
            is("student", 10, &["student@s1"], 1)
        );
    }

    #[test]
    fn nothing_is_guessed() {
        let ranks = Ranks::default();
        assert_eq!(some(vec![], &["r1"]).resolve(None, &ranks), Resolved::Unsaid);
        assert_eq!(after(&some(vec![row("r1", "student", "s1")], &[]), None), is("student", 10, &["student@s1"], 1));
        // Somebody whose rows nobody kept: only a whole roster tells their roles.
        let other = KnownRoles { rows: None, ..known(vec![row("", "teacher", "s1")]) };
        assert_eq!(some(vec![row("r1", "student", "s1")], &[]).resolve(Some(&other), &ranks), Resolved::Partial);
        assert_eq!(some(vec![], &["r1"]).resolve(Some(&other), &ranks), Resolved::Partial);
        assert_eq!(after(&some(vec![], &[]), Some(&other)), is("teacher", 30, &["teacher@s1"], 0));
        let whole = RoleChange::Whole { rows: vec![row("r1", "student", "s1")], kept: true };
        assert_eq!(after(&whole, Some(&other)), is("student", 10, &["student@s1"], 1));
        let nobody = RoleChange::Whole { rows: Vec::new(), kept: false };
        assert_eq!(after(&nobody, Some(&other)), is("unknown", 60, &[], 0));
    }
}
