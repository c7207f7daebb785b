//! The bulk user list of Google Workspace, as its administrators download and upload it.
//!
//! The address is the username and the id. The organisational unit and all units above it become groups, so that a whole
//! branch can be chosen. One level of the path can be the school, if that is said.

use keybell_shared::ports::ledger::{Person, School};

use super::{About, List, roles};
use crate::code::RowCode;
use crate::options::Options;
use crate::report::Problem;
use crate::run::Outlet;
use crate::source::ONLY;
use crate::text::{Column, Layout, Row};

/// The list of Google Workspace.
pub(crate) static GOOGLE: List = List { layout: &LAYOUT, about };

static LAYOUT: Layout = Layout {
    file: ONLY,
    columns: &[
        Column::required("Email Address [Required]").key("username").identity(),
        Column::required("First Name [Required]").key("given_name"),
        Column::required("Last Name [Required]").key("family_name"),
        Column::required("Org Unit Path [Required]").key("unit"),
        Column::exact("Recovery Email").key("recovery_email"),
        Column::exact("Home Secondary Email").key("home_email"),
        Column::exact("Work Secondary Email").key("work_email"),
        Column::exact("Recovery Phone [MUST BE IN THE E.164 FORMAT]").key("recovery_phone"),
        Column::exact("Mobile Phone").key("mobile_phone"),
        Column::optional("Status [READ ONLY]").key("status").also(&["Status"]),
        Column::optional("New Status [UPLOAD ONLY]").key("new_status"),
        Column::optional("New Primary Email [UPLOAD ONLY]").key("new_username"),
    ],
    known: &[
        "Work Phone",
        "Home Phone",
        "Work Address",
        "Home Address",
        "Employee ID",
        "Employee Type",
        "Employee Title",
        "Manager Email",
        "Department",
        "Cost Center",
        "Building ID",
        "Floor Name",
        "Floor Section",
        "Change Password at Next Sign-In",
        "New Licenses [UPLOAD ONLY]",
        "Advanced Protection Program enrollment",
        "2sv Enrolled [READ ONLY]",
        "2sv Enforced [READ ONLY]",
        "Last Sign In [READ ONLY]",
        "Email Usage [READ ONLY]",
        "Drive Usage [READ ONLY]",
        "Photos Usage [READ ONLY]",
        "Storage limit [READ ONLY]",
        "Storage Used [READ ONLY]",
        "Licenses [READ ONLY]",
    ],
    prefixes: &["metadata."],
    loose: false,
};

fn about(row: &Row, options: &Options, out: &mut Outlet<Person>) -> Result<About, Problem> {
    if !row.get("new_username").is_empty() {
        let reason = "a change of the address is an upload's; import the list that is downloaded after it";
        return Err(row.reject("new_username", RowCode::E12, reason));
    }
    let groups = units(row.get("unit"));
    let school = options.school_level.and_then(|level| school(&groups, level));
    if options.school_level.is_some() && school.is_none() {
        let reason = "the path has no unit at the level of schools; the person is at the district's own";
        out.problem(row.warn("unit", RowCode::W06, reason));
    }
    Ok(About {
        role: roles::of(row, "role", &groups, options, out).map_err(|problem| named(row, problem))?,
        assumed: true,
        school,
        groups,
        managed_by: None,
        active: is_active(row)?,
        emails: &["recovery_email", "home_email", "work_email", "username"],
        phones: &["recovery_phone", "mobile_phone"],
    })
}

/// The column to look at for a role that is not known is that of the unit.
fn named(row: &Row, problem: Problem) -> Problem {
    Problem { column: Some(row.name("unit")), ..problem }
}

/// The units of a path, from the top: `/A/B` gives `/A` and `/A/B`. The root is no group: everybody is in it.
fn units(path: &str) -> Vec<String> {
    let mut units = Vec::new();
    let mut unit = String::new();
    for part in path.split('/').map(str::trim).filter(|part| !part.is_empty()) {
        unit.push('/');
        unit.push_str(part);
        units.push(unit.clone());
    }
    units
}

/// The unit at this level, from 1, as a school. Its whole path is its id: two schools may have units of one name.
fn school(units: &[String], level: usize) -> Option<School> {
    let path = units.get(level.checked_sub(1)?)?;
    let name = path.rsplit('/').next().unwrap_or(path);
    Some(School { source_id: path.to_lowercase(), name: name.to_owned(), active: true })
}

fn is_active(row: &Row) -> Result<bool, Problem> {
    for column in ["new_status", "status"] {
        return match row.get(column).to_ascii_lowercase().as_str() {
            "" => continue,
            "active" => Ok(true),
            "suspended" | "archived" | "deleted" => Ok(false),
            _ => Err(row.reject(column, RowCode::E12, "the status is neither active, suspended nor archived")),
        };
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_every_unit_above_it() {
        assert_eq!(units("/Pupils/North/7b"), ["/Pupils", "/Pupils/North", "/Pupils/North/7b"]);
        assert_eq!(units("/"), [""; 0]);
        assert_eq!(units("Pupils / North "), ["/Pupils", "/Pupils/North"]);
        let school = school(&units("/Pupils/North/7b"), 2).unwrap();
        assert_eq!((school.source_id.as_str(), school.name.as_str()), ("/pupils/north", "North"));
        assert!(super::school(&units("/Pupils"), 2).is_none() && super::school(&units("/Pupils"), 0).is_none());
    }
}
