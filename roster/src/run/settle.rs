//! From the ledger's answer to the report: every row gets one fate.

use std::borrow::Cow;

use keybell_shared::ports::ledger::RowFate;

use super::{Answer, Import, Notes, Progress};
use crate::code::RowCode;
use crate::report::{Counts, Effect};
use crate::text::Layout;

/// The file whose rows share the fates of people.
const ROLES: &str = "roles.csv";

/// What it means that nothing says what a new person is.
const UNSAID: &str = "the district does not know this person, and no row of roles.csv says what they are: send the row of \
     their role with them, or both files in bulk mode";

/// What it means that only some roles of a person are told.
const PARTIAL: &str = "the district does not know the other roles of this person, so changes alone do not say what they are: \
     import users.csv and roles.csv in bulk mode once";

impl<F: Fn(Progress) + Send + Sync> Import<F> {
    /// Counts a row, or says why it was left out; `line` and `number` are its own.
    pub(super) fn settle(
        &mut self,
        layout: &'static Layout,
        counts: &mut Counts,
        id: Option<&str>,
        (line, number): (u64, usize),
        notes: &Notes,
        answer: Answer,
    ) {
        if answer.fate == RowFate::Unjudged {
            tally(counts, answer.fate, 1);
            self.count_roles(notes, answer.fate);
            let file = self.source.shown(layout.file);
            self.told(file, line, notes.unsaid.clone().or_else(|| notes.doubtful.clone()), UNJUDGED);
            return;
        }
        let Some((code, column, reason)) = refusal(notes, answer.fate) else {
            tally(counts, answer.fate, 1);
            self.count_roles(notes, answer.fate);
            if answer.roleless {
                let file = self.source.shown(layout.file);
                self.told(file, line, notes.unsaid.clone(), ROLELESS);
            }
            if let Some(id) = id {
                self.accepted.people.insert(id);
                if notes.kin || answer.kin {
                    self.accepted.kin.insert(id);
                } else if answer.fate != RowFate::Inactive {
                    // Who has left keeps their guardians: such a row often says nothing but that.
                    self.accepted.wards.set(number);
                }
            }
            return;
        };
        let file = self.source.shown(layout.file);
        self.told(file, line, column, (code, Effect::Row, reason));
        for line in notes.role_lines.held.iter().chain(&notes.role_lines.gone) {
            let what = (RowCode::E03, Effect::Row, "this person's row was left out");
            self.told(ROLES.into(), *line, Some("userSourcedId".into()), what);
        }
    }

    /// Counts the roles of a person of whom nothing else is said, or says why they were left out.
    pub(super) fn settle_roles(&mut self, layout: &'static Layout, notes: &Notes, answer: Answer) {
        let file = self.source.shown(layout.file);
        let lines = || notes.role_lines.held.iter().chain(&notes.role_lines.gone);
        if let Some((code, column, reason)) = refusal(notes, answer.fate) {
            for line in lines() {
                self.told(file.clone(), *line, column.clone(), (code, Effect::Row, reason));
            }
            return;
        }
        self.count_roles(notes, answer.fate);
        if answer.fate == RowFate::Unjudged {
            for line in lines() {
                self.told(file.clone(), *line, notes.doubtful.clone(), UNJUDGED);
            }
        }
        if let Some(line) = lines().next().filter(|_| answer.roleless) {
            self.told(file, *line, notes.doubtful.clone(), ROLELESS);
        }
    }

    /// Counts the lines of a person's roles, which share the person's fate; what is gone is inactive.
    fn count_roles(&mut self, notes: &Notes, fate: RowFate) {
        if notes.role_lines.is_empty() {
            return;
        }
        let counts = &mut self.report.file(ROLES).counts;
        tally(counts, fate, notes.role_lines.held.len() as u64);
        let gone = if fate == RowFate::Unjudged { fate } else { RowFate::Inactive };
        tally(counts, gone, notes.role_lines.gone.len() as u64);
    }

    /// Says what of a row that is in could not be done besides.
    pub(super) fn remark(&mut self, layout: &'static Layout, line: u64, notes: Notes, fate: RowFate) {
        match fate {
            RowFate::Created | RowFate::Updated | RowFate::Unchanged | RowFate::Inactive | RowFate::Unjudged => {}
            RowFate::UsernameTaken | RowFate::Dangling | RowFate::Outranked | RowFate::Unsaid | RowFate::Partial => {
                let file = self.source.shown(layout.file);
                let what = (RowCode::W09, Effect::Warning, "the district has nobody with this id, or not the class");
                self.told(file, line, notes.doubtful, what);
            }
        }
    }
}

/// Nobody knows whether a row is sound.
const UNJUDGED: (RowCode, Effect, &str) = (
    RowCode::W10,
    Effect::Warning,
    "nothing in these files says it, the district may know it: the import judges this row",
);

/// Somebody has lost the last role.
const ROLELESS: (RowCode, Effect, &str) = (
    RowCode::W06,
    Effect::Warning,
    "the last role of this person is gone; they keep what they were, at no school, until a row says something else",
);

/// Why a row was left out: the code, the column, the words; `None` if it is in.
fn refusal(notes: &Notes, fate: RowFate) -> Option<(RowCode, Option<Cow<'static, str>>, &'static str)> {
    Some(match fate {
        RowFate::Created | RowFate::Updated | RowFate::Unchanged | RowFate::Inactive | RowFate::Unjudged => {
            return None;
        }
        RowFate::UsernameTaken => {
            let column = notes.username.clone().unwrap_or("username".into());
            (RowCode::E06, Some(column), "another person of the district has this username")
        }
        RowFate::Outranked => {
            let reason = "the district knows this person with a more privileged role, or as nobody's guardian; use --allow-lower if that is past";
            (RowCode::E16, notes.username.clone(), reason)
        }
        RowFate::Dangling => (RowCode::E03, notes.doubtful.clone(), "the district has nothing with this id"),
        RowFate::Unsaid => (RowCode::E14, notes.unsaid.clone(), UNSAID),
        RowFate::Partial => (RowCode::E14, notes.unsaid.clone().or_else(|| notes.doubtful.clone()), PARTIAL),
    })
}

/// Counts rows by their fate.
pub(super) fn tally(counts: &mut Counts, fate: RowFate, rows: u64) {
    match fate {
        RowFate::Created => counts.created += rows,
        RowFate::Updated => counts.updated += rows,
        RowFate::Unchanged => counts.unchanged += rows,
        RowFate::Inactive => counts.inactive += rows,
        RowFate::Unjudged => counts.unjudged += rows,
        // A school that the ledger refuses is a defect of the ledger; it counts, so that the sum holds.
        RowFate::UsernameTaken | RowFate::Dangling | RowFate::Outranked | RowFate::Unsaid | RowFate::Partial => {
            counts.rejected += rows;
        }
    }
}
