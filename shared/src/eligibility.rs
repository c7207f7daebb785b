//! Whether an account may be reset by a task. Asked twice: when the task expands, and again, under the account's lock,
//! at the reset itself.

use crate::codes::Code;
use crate::request::Confirm;
use crate::states::{ItemState, TaskState};

/// The roles that are not privileged, unless others are configured; everybody who holds any other one counts as staff.
pub const UNPRIVILEGED: [&str; 4] = ["student", "guardian", "parent", "relative"];

/// The rank of somebody without any privileged role.
const UNPRIVILEGED_RANK: i32 = 10;

/// The lowest rank of staff.
const STAFF_RANK: i32 = 30;

/// How privileged a roster role is. Nobody resets an account of a higher rank than their own reach.
#[must_use]
pub fn rank(role: &str) -> i32 {
    match role {
        role if UNPRIVILEGED.contains(&role) => UNPRIVILEGED_RANK,
        "aide" | "proctor" | "teacher" => STAFF_RANK,
        "principal" | "counselor" | "siteAdministrator" => 40,
        "administrator" | "districtAdministrator" => 50,
        // An unknown role is staff of the highest rank: safe, and visible in the roster report.
        _ => 60,
    }
}

/// How privileged each role is in a Keybell that may have other unprivileged roles than the usual ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranks {
    unprivileged: Vec<String>,
}

impl Default for Ranks {
    fn default() -> Self {
        Self { unprivileged: UNPRIVILEGED.map(ToOwned::to_owned).into() }
    }
}

impl Ranks {
    /// These roles and no others are unprivileged, in whatever letter case they are written. The configuration judges
    /// whether they may be.
    #[must_use]
    pub fn with_unprivileged(roles: &[String]) -> Self {
        Self { unprivileged: roles.to_vec() }
    }

    /// The rank of a role, as [`rank`] says it where nothing else was configured. One of the usual unprivileged roles that
    /// was taken off the list counts as staff, of the lowest rank.
    #[must_use]
    pub fn of(&self, role: &str) -> i32 {
        if self.unprivileged.iter().any(|word| word.eq_ignore_ascii_case(role)) {
            return UNPRIVILEGED_RANK;
        }
        match rank(role) {
            UNPRIVILEGED_RANK => STAFF_RANK,
            rank => rank,
        }
    }

    /// The more privileged of two roles; of equals, the first.
    #[must_use]
    pub fn higher<'a>(&self, best: &'a str, next: &'a str) -> &'a str {
        if self.of(next) > self.of(best) { next } else { best }
    }
}

/// What is known of an account and its item when a decision is due.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one independent fact of the ledger")]
pub struct Facts {
    /// The item's state.
    pub item: ItemState,
    /// The task's state.
    pub task: TaskState,
    /// The task's number in the order of acceptance.
    pub task_seq: i64,
    /// The number of the newest task that reset this account.
    pub last_reset_seq: i64,
    /// Whether the account is active.
    pub active: bool,
    /// Whether an outside identity provider manages it.
    pub managed_elsewhere: bool,
    /// Whether it never registered a password.
    pub quick_login: bool,
    /// Whether the task sets passwords; one that only asks for a new one reaches accounts without any.
    pub sets_password: bool,
    /// Whether it is protected.
    pub protected: bool,
    /// Whether it is the requester's own.
    pub requester: bool,
    /// Its rank.
    pub rank: i32,
    /// The highest rank that the requester reaches.
    pub reach: i32,
    /// Whether it lies within the requester's school or classes.
    pub in_scope: bool,
    /// Whether nobody could be told, where the request leaves such accounts untouched. Known at the commit alone, under the
    /// account's lock; before, nobody has looked.
    pub out_of_reach: bool,
    /// What the request confirmed separately.
    pub confirm: Confirm,
    /// Whether it is not this item's turn yet: its task starts later, or an earlier wave has not ended.
    pub early: bool,
}

/// What happens to an item at its reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Change the password.
    Reset,
    /// Leave it untouched and say why.
    Skip(Code),
    /// What its request wants cannot be done: it ends failed, and nothing of the account changes. Only a commit finds that
    /// out.
    Fail(Code),
    /// A newer task was faster.
    Supersede,
    /// Put it back: the task is paused, or it is not the item's turn yet.
    Hold,
    /// The item has already ended or been reset; nothing to do.
    Closed,
}

/// Why an account is left untouched, if it is; the first rule that applies speaks.
#[must_use]
pub fn exclusion(facts: &Facts) -> Option<Code> {
    let rules = [
        (facts.managed_elsewhere, Code::S01),
        (!facts.active, Code::S03),
        (facts.quick_login && facts.sets_password, Code::S02),
        (facts.protected && !facts.confirm.protected, Code::S04),
        (facts.requester && !facts.confirm.requester, Code::S05),
        (facts.rank > facts.reach, Code::E10),
        (!facts.in_scope, Code::S09),
        (facts.out_of_reach, Code::S10),
    ];
    rules.into_iter().find_map(|(applies, code)| applies.then_some(code))
}

/// Decides an item under its account's lock.
#[must_use]
pub fn decide(facts: &Facts) -> Decision {
    if !facts.item.is_open() {
        return Decision::Closed;
    }
    match facts.task {
        TaskState::Running => {}
        TaskState::Paused | TaskState::Expanding | TaskState::AwaitingApproval => return Decision::Hold,
        TaskState::Cancelling
        | TaskState::Cancelled
        | TaskState::Completed
        | TaskState::CompletedWithErrors
        | TaskState::Failed => return Decision::Closed,
    }
    if facts.early {
        return Decision::Hold;
    }
    if facts.last_reset_seq > facts.task_seq {
        return Decision::Supersede;
    }
    exclusion(facts).map_or(Decision::Reset, Decision::Skip)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pupil() -> Facts {
        Facts {
            item: ItemState::Queued,
            task: TaskState::Running,
            task_seq: 5,
            last_reset_seq: 0,
            active: true,
            managed_elsewhere: false,
            quick_login: false,
            sets_password: true,
            protected: false,
            requester: false,
            rank: 10,
            reach: 60,
            in_scope: true,
            out_of_reach: false,
            confirm: Confirm::default(),
            early: false,
        }
    }

    #[test]
    fn an_ordinary_pupil_is_reset() {
        assert_eq!(decide(&pupil()), Decision::Reset);
    }

    #[test]
    fn every_exclusion_has_its_code() {
        let cases = [
            (Facts { managed_elsewhere: true, ..pupil() }, Code::S01),
            (Facts { quick_login: true, ..pupil() }, Code::S02),
            (Facts { active: false, ..pupil() }, Code::S03),
            (Facts { protected: true, ..pupil() }, Code::S04),
            (Facts { requester: true, ..pupil() }, Code::S05),
            (Facts { rank: 50, reach: 30, ..pupil() }, Code::E10),
            (Facts { in_scope: false, ..pupil() }, Code::S09),
            (Facts { out_of_reach: true, ..pupil() }, Code::S10),
            (Facts { out_of_reach: true, in_scope: false, ..pupil() }, Code::S09),
        ];
        for (facts, code) in cases {
            assert_eq!(decide(&facts), Decision::Skip(code));
        }
    }

    #[test]
    fn what_is_confirmed_is_reset_and_nothing_else() {
        let (requester, protected) = (Facts { requester: true, ..pupil() }, Facts { protected: true, ..pupil() });
        let (own, kept) =
            (Confirm { requester: true, protected: false }, Confirm { requester: false, protected: true });
        assert_eq!(decide(&Facts { confirm: own, ..requester.clone() }), Decision::Reset);
        assert_eq!(decide(&Facts { confirm: kept, ..requester }), Decision::Skip(Code::S05));
        assert_eq!(decide(&Facts { confirm: kept, ..protected.clone() }), Decision::Reset);
        assert_eq!(decide(&Facts { confirm: own, ..protected }), Decision::Skip(Code::S04));
        // A more privileged account stays out of reach, whatever is confirmed.
        let both = Confirm { requester: true, protected: true };
        let above = Facts { rank: 50, reach: 30, protected: true, requester: true, confirm: both, ..pupil() };
        assert_eq!(decide(&above), Decision::Skip(Code::E10));
    }

    #[test]
    fn every_role_but_four_is_privileged_and_the_highest_counts() {
        for role in UNPRIVILEGED {
            assert_eq!(rank(role), 10, "{role}");
        }
        for role in ["teacher", "aide", "principal", "districtAdministrator", "ext:coach", "unknown", "Student"] {
            assert!(rank(role) > 10, "{role}");
        }
        let ranks = Ranks::default();
        assert_eq!(["guardian", "teacher", "student"].into_iter().reduce(|a, b| ranks.higher(a, b)), Some("teacher"));
        assert_eq!(["guardian", "student"].into_iter().reduce(|a, b| ranks.higher(a, b)), Some("guardian"));
    }

    #[test]
    fn other_roles_may_be_unprivileged_and_one_that_no_longer_is_counts_as_staff() {
        let ranks = Ranks::with_unprivileged(&["student", "aide", "ext:Helper"].map(ToOwned::to_owned));
        let of = |role: &str| ranks.of(role);
        assert_eq!(["student", "aide", "ext:helper", "EXT:HELPER"].map(of), [10; 4]);
        assert_eq!(["guardian", "parent", "relative"].map(of), [30; 3]);
        assert_eq!(["teacher", "principal", "administrator", "ext:coach"].map(of), [30, 40, 50, 60]);
        assert_eq!(ranks.higher("aide", "guardian"), "guardian", "who holds any privileged role counts as staff");
        for role in UNPRIVILEGED.into_iter().chain(["teacher", "principal", "unknown", "ext:coach"]) {
            assert_eq!(Ranks::default().of(role), rank(role), "{role}");
        }
    }

    #[test]
    fn who_never_registered_a_password_is_asked_for_one_but_given_none() {
        let quick = Facts { quick_login: true, ..pupil() };
        assert_eq!(decide(&quick), Decision::Skip(Code::S02));
        assert_eq!(decide(&Facts { sets_password: false, ..quick }), Decision::Reset);
    }

    #[test]
    fn a_newer_task_wins_and_a_pause_holds() {
        assert_eq!(decide(&Facts { last_reset_seq: 6, ..pupil() }), Decision::Supersede);
        assert_eq!(decide(&Facts { task: TaskState::Paused, ..pupil() }), Decision::Hold);
        assert_eq!(decide(&Facts { task: TaskState::AwaitingApproval, ..pupil() }), Decision::Hold);
        assert_eq!(decide(&Facts { early: true, ..pupil() }), Decision::Hold);
        assert_eq!(decide(&Facts { early: true, task: TaskState::Cancelling, ..pupil() }), Decision::Closed);
        assert_eq!(decide(&Facts { item: ItemState::Reset, ..pupil() }), Decision::Closed);
        assert_eq!(decide(&Facts { task: TaskState::Cancelling, ..pupil() }), Decision::Closed);
    }
}
