//! The list that Moodle's "Upload users" takes.
//!
//! The username is the id. Cohorts become groups. Roles in courses say little about a person, since teachers take courses
//! too; but whoever teaches or manages somewhere is never less than that.

use keybell_shared::ports::ledger::Person;

use super::{About, List, is_yes, roles};
use crate::code::RowCode;
use crate::options::Options;
use crate::report::Problem;
use crate::role::UNKNOWN;
use crate::run::Outlet;
use crate::source::ONLY;
use crate::text::{Column, Layout, Row};

/// Moodle's list.
pub(crate) static MOODLE: List = List { layout: &LAYOUT, about };

const COHORTS: [&str; 9] =
    ["cohort1", "cohort2", "cohort3", "cohort4", "cohort5", "cohort6", "cohort7", "cohort8", "cohort9"];
const ROLES: [&str; 23] = [
    "role1", "role2", "role3", "role4", "role5", "role6", "role7", "role8", "role9", "type1", "type2", "type3",
    "type4", "type5", "type6", "type7", "type8", "type9", "sysrole1", "sysrole2", "sysrole3", "sysrole4", "sysrole5",
];

static LAYOUT: Layout = Layout {
    file: ONLY,
    columns: &[
        Column::required("username").identity(),
        Column::required("firstname").key("given_name"),
        Column::required("lastname").key("family_name"),
        Column::exact("email"),
        Column::optional("emailstop"),
        Column::exact("phone2"),
        Column::optional("suspended"),
        Column::optional("deleted"),
        Column::optional("auth"),
        Column::optional("oldusername").identity(),
        Column::optional("cohort1"),
        Column::optional("cohort2"),
        Column::optional("cohort3"),
        Column::optional("cohort4"),
        Column::optional("cohort5"),
        Column::optional("cohort6"),
        Column::optional("cohort7"),
        Column::optional("cohort8"),
        Column::optional("cohort9"),
        Column::optional("role1"),
        Column::optional("role2"),
        Column::optional("role3"),
        Column::optional("role4"),
        Column::optional("role5"),
        Column::optional("role6"),
        Column::optional("role7"),
        Column::optional("role8"),
        Column::optional("role9"),
        Column::optional("type1"),
        Column::optional("type2"),
        Column::optional("type3"),
        Column::optional("type4"),
        Column::optional("type5"),
        Column::optional("type6"),
        Column::optional("type7"),
        Column::optional("type8"),
        Column::optional("type9"),
        Column::optional("sysrole1"),
        Column::optional("sysrole2"),
        Column::optional("sysrole3"),
        Column::optional("sysrole4"),
        Column::optional("sysrole5"),
    ],
    known: &[
        "idnumber",
        "institution",
        "department",
        "city",
        "country",
        "lang",
        "timezone",
        "mailformat",
        "maildisplay",
        "maildigest",
        "htmleditor",
        "autosubscribe",
        "calendartype",
        "theme",
        "interests",
        "description",
        "address",
        "phone1",
        "middlename",
        "alternatename",
        "firstnamephonetic",
        "lastnamephonetic",
        "mnethostid",
        "url",
        "icq",
        "skype",
        "aim",
        "yahoo",
        "msn",
        "trackforums",
    ],
    prefixes: &[
        "profile_field_",
        "course",
        "group",
        "enrolperiod",
        "enrolstatus",
        "enroltimestart",
        "category",
        "fieldlock",
    ],
    loose: false,
};

fn about(row: &Row, options: &Options, out: &mut Outlet<Person>) -> Result<About, Problem> {
    if !row.get("oldusername").is_empty() && !row.get("oldusername").eq_ignore_ascii_case(row.get("username")) {
        let reason = "a change of the username is an upload's; import the list of users as it is after it";
        return Err(row.reject("oldusername", RowCode::E12, reason));
    }
    let groups = COHORTS.iter().map(|column| row.get(column)).filter(|name| !name.is_empty());
    let groups: Vec<String> = groups.map(ToOwned::to_owned).collect();
    let rank = |role: &str| options.ranks.of(role);
    let held = ROLES.iter().filter_map(|column| privileged(row.get(column))).max_by_key(|role| rank(role));
    let said = roles::said(&groups, options);
    let role = match (held, said) {
        (Some(held), Some(said)) if rank(held) <= rank(&said) => said,
        (Some(held), _) => held.to_owned(),
        (None, Some(said)) => said,
        (None, None) => return Err(row.reject("username", RowCode::E14, roles::UNSAID)),
    };
    let auth = row.get("auth").to_ascii_lowercase();
    let by_moodle = ["", "manual", "email", "none", "nologin", "webservice"].contains(&auth.as_str());
    let no_mail = is_yes(row, "emailstop")?;
    if no_mail && !row.get("email").is_empty() {
        out.problem(row.warn("emailstop", RowCode::W01, "the list says that no mail is to be sent to this person"));
    }
    Ok(About {
        role,
        assumed: true,
        school: None,
        groups,
        managed_by: (!by_moodle).then_some(auth.clone()),
        active: !(is_yes(row, "suspended")? || is_yes(row, "deleted")? || auth == "nologin"),
        emails: if no_mail { &[] } else { &["email"] },
        phones: &["phone2"],
    })
}

/// The role of somebody who is more than a learner by one of Moodle's roles.
fn privileged(word: &str) -> Option<&'static str> {
    match word.to_ascii_lowercase().as_str() {
        "" | "1" | "student" | "guest" | "user" | "frontpage" => None,
        "2" | "3" | "teacher" | "editingteacher" => Some("teacher"),
        "coursecreator" | "manager" | "admin" => Some("administrator"),
        // A role of the site's own may be anything.
        _ => Some(UNKNOWN),
    }
}
