//! From the ledger's answer to the report: every row gets one fate.

use keybell_shared::ports::ledger::RowFate;

use super::{Import, Notes, Progress};
use crate::code::RowCode;
use crate::report::{Counts, Effect};
use crate::text::Layout;

/// The file whose rows share the fates of people.
const ROLES: &str = "roles.csv";

impl<F: Fn(Progress) + Send + Sync> Import<F> {
    /// Counts a row, or says why it was left out; `line` and `number` are its own.
    pub(super) fn settle(
        &mut self,
        layout: &'static Layout,
        counts: &mut Counts,
        id: Option<&str>,
        (line, number): (u64, usize),
        notes: &Notes,
        fate: RowFate,
    ) {
        let refusal = match fate {
            RowFate::Created | RowFate::Updated | RowFate::Unchanged | RowFate::Inactive => None,
            RowFate::UsernameTaken => {
                let column = notes.username.clone().unwrap_or("username".into());
                Some((RowCode::E06, Some(column), "another person of the district has this username"))
            }
            RowFate::Outranked => {
                let reason =
                    "the district knows this person with a more privileged role; use --allow-lower if that is past";
                Some((RowCode::E16, notes.username.clone(), reason))
            }
            RowFate::Dangling => Some((RowCode::E03, notes.doubtful.clone(), "the district has nothing with this id")),
        };
        let Some((code, column, reason)) = refusal else {
            tally(counts, fate, 1);
            if !notes.role_lines.is_empty() {
                tally(&mut self.report.file(ROLES).counts, fate, notes.role_lines.len() as u64);
            }
            if let Some(id) = id {
                self.accepted.people.insert(id);
                if notes.kin {
                    self.accepted.kin.insert(id);
                } else {
                    self.accepted.wards.set(number);
                }
            }
            return;
        };
        let file = self.source.shown(layout.file);
        self.told(file, line, column, (code, Effect::Row, reason));
        for line in &notes.role_lines {
            let what = (RowCode::E03, Effect::Row, "this person's row was left out");
            self.told(ROLES.into(), *line, Some("userSourcedId".into()), what);
        }
    }

    /// Says what of a row that is in could not be done besides.
    pub(super) fn remark(&mut self, layout: &'static Layout, line: u64, notes: Notes, fate: RowFate) {
        match fate {
            RowFate::Created | RowFate::Updated | RowFate::Unchanged | RowFate::Inactive => {}
            RowFate::UsernameTaken | RowFate::Dangling | RowFate::Outranked => {
                let file = self.source.shown(layout.file);
                let what = (RowCode::W09, Effect::Warning, "the district has nobody with this id, or not the class");
                self.told(file, line, notes.doubtful, what);
            }
        }
    }
}

/// Counts rows by their fate.
pub(super) fn tally(counts: &mut Counts, fate: RowFate, rows: u64) {
    match fate {
        RowFate::Created => counts.created += rows,
        RowFate::Updated => counts.updated += rows,
        RowFate::Unchanged => counts.unchanged += rows,
        RowFate::Inactive => counts.inactive += rows,
        // A school that the ledger refuses is a defect of the ledger; it counts, so that the sum holds.
        RowFate::UsernameTaken | RowFate::Dangling | RowFate::Outranked => counts.rejected += rows,
    }
}
