//! `orgs.csv`: schools, and the organisations above, below and beside them.

use std::collections::HashMap;

use keybell_shared::ports::ledger::School;

use super::layouts::ORGS;
use crate::code::RowCode;
use crate::error::RosterError;
use crate::report::{Outcome, Problem};
use crate::run::{Notes, Outlet, is_active, name, required, scan};
use crate::seen::Seen;
use crate::source::Source;
use crate::text::{Next, Row, Table};

/// What an organisation is to the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A school; or a department or the like, which becomes one when people or classes refer to it.
    School,
    /// The district itself, which the ledger does not keep as a school.
    District,
}

/// The organisations of a roster.
#[derive(Debug, Default)]
pub(super) struct Orgs {
    kinds: HashMap<String, Kind>,
    /// What is no school by its type, by id: put into the ledger when something refers to it.
    pub(super) waiting: HashMap<String, School>,
    /// The name of the first district.
    pub(super) district_name: Option<String>,
}

impl Orgs {
    /// What an organisation is, if the roster has it.
    pub(super) fn kind(&self, id: &str) -> Option<Kind> {
        self.kinds.get(id).copied()
    }
}

/// Reads the organisations. Schools go into the ledger at once.
pub(super) fn read(source: &Source, out: &mut Outlet<School>) -> Result<(Outcome, Orgs), RosterError> {
    let mut orgs = Orgs::default();
    let mut ids = Seen::default();
    let outcome = scan(source, &ORGS, out, |row, out| org(row, &mut orgs, &mut ids, out))?;
    Ok((outcome, orgs))
}

fn org(row: &Row, orgs: &mut Orgs, ids: &mut Seen, out: &mut Outlet<School>) -> Result<(), Problem> {
    let id = required(row, "sourcedId")?;
    let kind = required(row, "type")?;
    let school = School { source_id: id.to_owned(), name: name(row, "name")?.to_owned(), active: is_active(row)? };
    if !ids.insert(id) {
        return Err(row.reject("sourcedId", RowCode::E04, "this id was on an earlier line"));
    }
    if is_district(kind) {
        orgs.district_name.get_or_insert_with(|| school.name.clone());
        orgs.kinds.insert(id.to_owned(), Kind::District);
        out.unchanged();
        return Ok(());
    }
    orgs.kinds.insert(id.to_owned(), Kind::School);
    if kind.eq_ignore_ascii_case("school") {
        out.row(row, school, Notes::default());
    } else {
        orgs.waiting.insert(id.to_owned(), school);
    }
    Ok(())
}

fn is_district(kind: &str) -> bool {
    kind.eq_ignore_ascii_case("district")
}

/// The name of the first district, read on its own.
pub(crate) fn district_name(source: &Source) -> Option<String> {
    let read = source.lines(ORGS.file, |lines| {
        let mut table = Table::open(lines, ORGS.file.into(), &ORGS, &[]).ok()?.ok()?;
        loop {
            match table.next().ok()? {
                Next::Row(row) if is_district(row.get("type")) && !row.get("name").is_empty() => {
                    return Some(row.get("name").to_owned());
                }
                Next::Row(_) | Next::Bad(_) => {}
                Next::End => return None,
            }
        }
    });
    read.ok().flatten()
}
