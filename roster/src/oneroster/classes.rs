//! `classes.csv`.

use std::sync::Arc;

use keybell_shared::ports::ledger::Class;

use super::orgs::{Kind, Orgs};
use crate::code::RowCode;
use crate::error::RosterError;
use crate::report::{Outcome, Problem};
use crate::run::{Notes, Outlet, is_active, required, scan};
use crate::seen::Seen;
use crate::source::Source;
use crate::text::{Layout, Row};

/// Reads the classes; answers their ids. Schools that the roster does not tell must be known to the ledger.
pub(super) fn read(
    source: &Source,
    orgs: &Arc<Orgs>,
    layout: &'static Layout,
    out: &mut Outlet<Class>,
) -> Result<(Outcome, Seen), RosterError> {
    let mut ids = Seen::default();
    let outcome = scan(source, layout, out, |row, out| class(row, orgs, &mut ids, out))?;
    Ok((outcome, ids))
}

fn class(row: &Row, orgs: &Orgs, ids: &mut Seen, out: &mut Outlet<Class>) -> Result<(), Problem> {
    let id = required(row, "sourcedId")?;
    let school = required(row, "schoolSourcedId")?;
    let active = is_active(row)?;
    match orgs.kind(school) {
        Some(Kind::School) => {}
        Some(Kind::District) => {
            return Err(row.reject("schoolSourcedId", RowCode::E03, "this is the district and no school"));
        }
        None => return Err(row.reject("schoolSourcedId", RowCode::E03, orgs.nowhere())),
    }
    if !ids.insert(id) {
        return Err(row.reject("sourcedId", RowCode::E04, "this id was on an earlier line"));
    }
    let title = row.get("title").to_owned();
    let class = Class { source_id: id.to_owned(), school: school.to_owned(), title, active };
    out.row(row, class, Notes { doubtful: Some("schoolSourcedId".into()), ..Notes::default() });
    Ok(())
}
