//! The files of OneRoster and their columns. `required` is what an import cannot do without, which is less than what the
//! standard demands; the password columns of `users.csv` are known and never read.

use crate::source::Source;
use crate::text::{Column, Layout};

pub(super) static MANIFEST: Layout = Layout {
    file: "manifest.csv",
    columns: &[Column::required("propertyName"), Column::required("value")],
    known: &[],
};

pub(super) static ORGS: Layout = Layout {
    file: "orgs.csv",
    columns: &[
        Column::required("sourcedId"),
        Column::optional("status"),
        Column::required("name"),
        Column::required("type"),
    ],
    known: &["dateLastModified", "identifier", "parentSourcedId"],
};

pub(super) static CLASSES: Layout = Layout {
    file: "classes.csv",
    columns: &[
        Column::required("sourcedId"),
        Column::optional("status"),
        Column::required("title"),
        Column::required("schoolSourcedId"),
    ],
    known: &[
        "dateLastModified",
        "grades",
        "courseSourcedId",
        "classCode",
        "classType",
        "location",
        "termSourcedIds",
        "subjects",
        "subjectCodes",
        "periods",
        "resources",
    ],
};

const USERS_KNOWN: &[&str] = &[
    "dateLastModified",
    "orgSourcedIds",
    "role",
    "userIds",
    "middleName",
    "identifier",
    "phone",
    "password",
    "userMasterIdentifier",
    "preferredGivenName",
    "preferredMiddleName",
    "preferredFamilyName",
    "primaryOrgSourcedId",
    "pronouns",
    "resources",
];

/// Where the person's role and schools are in `users.csv` itself: 1.1, and 1.2 without a `roles.csv`.
pub(super) static USERS_WITH_ROLE: Layout = Layout {
    file: "users.csv",
    columns: &[
        Column::required("sourcedId"),
        Column::optional("status"),
        Column::required("enabledUser"),
        Column::required("orgSourcedIds"),
        Column::required("role"),
        Column::required("username"),
        Column::required("givenName"),
        Column::required("familyName"),
        Column::exact("email"),
        Column::exact("sms"),
        Column::optional("agentSourcedIds"),
        Column::optional("grades"),
        Column::optional("metadata.identityProvider"),
    ],
    known: USERS_KNOWN,
};

/// Where they are in `roles.csv`: 1.2.
pub(super) static USERS: Layout = Layout {
    file: "users.csv",
    columns: &[
        Column::required("sourcedId"),
        Column::optional("status"),
        Column::required("enabledUser"),
        Column::required("username"),
        Column::required("givenName"),
        Column::required("familyName"),
        Column::exact("email"),
        Column::exact("sms"),
        Column::optional("agentSourcedIds"),
        Column::optional("grades"),
        Column::optional("metadata.identityProvider"),
    ],
    known: USERS_KNOWN,
};

pub(super) static ROLES: Layout = Layout {
    file: "roles.csv",
    columns: &[
        Column::required("sourcedId"),
        Column::optional("status"),
        Column::required("userSourcedId"),
        Column::required("roleType"),
        Column::required("role"),
        Column::required("orgSourcedId"),
    ],
    known: &["dateLastModified", "beginDate", "endDate", "userProfileSourcedId"],
};

pub(super) static ENROLMENTS: Layout = Layout {
    file: "enrollments.csv",
    columns: &[
        Column::required("sourcedId"),
        Column::optional("status"),
        Column::required("classSourcedId"),
        Column::required("userSourcedId"),
        Column::required("role"),
    ],
    known: &["dateLastModified", "schoolSourcedId", "primary", "beginDate", "endDate"],
};

/// Files of the standard that hold nothing for passwords; they are listed and not opened.
const NOT_NEEDED: [&str; 16] = [
    "academicSessions.csv",
    "categories.csv",
    "classResources.csv",
    "courseResources.csv",
    "courses.csv",
    "demographics.csv",
    "lineItemLearningObjectiveIds.csv",
    "lineItems.csv",
    "lineItemScoreScales.csv",
    "resources.csv",
    "resultLearningObjectiveIds.csv",
    "results.csv",
    "resultScoreScales.csv",
    "scoreScales.csv",
    "userProfiles.csv",
    "userResources.csv",
];

/// The files that are there and not read, in the standard's spelling where it has one.
pub(super) fn not_needed(source: &Source, has_roles: bool) -> Vec<String> {
    let read = |name: &str| {
        ["manifest.csv", "orgs.csv", "classes.csv", "users.csv", "enrollments.csv"].contains(&name)
            || (has_roles && name == "roles.csv")
    };
    let spelling = |name: &str| {
        let known = NOT_NEEDED.into_iter().find(|known| known.eq_ignore_ascii_case(name));
        let safe = || name.chars().filter(char::is_ascii_graphic).take(80).collect();
        known.map_or_else(safe, ToOwned::to_owned)
    };
    source.names().filter(|name| !read(name)).map(spelling).collect()
}
