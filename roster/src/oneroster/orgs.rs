//! `orgs.csv`: schools, and the organisations above, below and beside them.

use std::collections::HashMap;

use keybell_shared::ports::ledger::{Organisation, School};

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
    /// Whether these are all. Else what is not among them may be a school that the district has.
    pub(super) complete: bool,
    /// Whether the district was asked for the schools that it has.
    asked: bool,
    /// Those that are no schools, to be remembered.
    pub(super) others: Vec<Organisation>,
    /// What is no school by its type, by id: put into the ledger when something refers to it.
    pub(super) waiting: HashMap<String, School>,
    /// The name of the first district.
    pub(super) district_name: Option<String>,
}

impl Orgs {
    /// What an organisation is; `None` if there is none of this id.
    pub(super) fn kind(&self, id: &str) -> Option<Kind> {
        self.kinds.get(id).copied().or((!self.complete && !self.asked).then_some(Kind::School))
    }

    /// Where an organisation that is unknown was looked for.
    pub(super) const fn place(&self) -> &'static str {
        if self.complete { "orgs.csv" } else { "orgs.csv or the district" }
    }

    /// Why a row is left out that names an unknown organisation.
    pub(super) const fn nowhere(&self) -> &'static str {
        if self.complete { "orgs.csv has no such organisation" } else { "the district has no such organisation" }
    }

    /// Takes the schools that the district has.
    pub(super) fn know(&mut self, schools: Vec<String>) {
        for school in schools {
            self.kinds.entry(school).or_insert(Kind::School);
        }
        self.asked = true;
    }

    /// Takes those that earlier rosters told; what this one says goes first. Answers those that may become schools.
    pub(super) fn remember(&mut self, earlier: Vec<Organisation>) -> HashMap<String, School> {
        let mut places = HashMap::new();
        for Organisation { place, is_district } in earlier {
            let id = place.source_id.clone();
            if self.kinds.contains_key(&id) {
                continue;
            }
            self.kinds.insert(id.clone(), if is_district { Kind::District } else { Kind::School });
            if !is_district {
                places.insert(id, place);
            }
        }
        places
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
        orgs.others.push(Organisation { place: school, is_district: true });
        out.unchanged();
        return Ok(());
    }
    orgs.kinds.insert(id.to_owned(), Kind::School);
    if kind.eq_ignore_ascii_case("school") {
        out.row(row, school, Notes::default());
    } else {
        orgs.others.push(Organisation { place: school.clone(), is_district: false });
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
