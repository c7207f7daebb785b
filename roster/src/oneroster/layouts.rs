//! The files of OneRoster and their columns. `required` is what an import cannot do without, which is less than what the
//! standard demands; the password columns of `users.csv` are known and never read.

use crate::source::{Source, safe};
use crate::text::{Column, Layout};

/// How the names of extensions begin.
pub(super) const EXTENSIONS: &[&str] = &["metadata."];

/// The files of an export, besides `orgs.csv`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Files {
    pub(super) classes: &'static Layout,
    pub(super) users: &'static Layout,
    pub(super) users_with_role: &'static Layout,
    pub(super) roles: &'static Layout,
    pub(super) enrolments: &'static Layout,
    /// Whose guardians people are, where a file of its own says it.
    pub(super) relations: Option<&'static Layout>,
}

/// Those of OneRoster.
pub(crate) static ONEROSTER: Files = Files {
    classes: &CLASSES,
    users: &USERS,
    users_with_role: &USERS_WITH_ROLE,
    roles: &ROLES,
    enrolments: &ENROLMENTS,
    relations: None,
};

pub(super) static MANIFEST: Layout = Layout {
    file: "manifest.csv",
    columns: &[Column::required("propertyName"), Column::required("value")],
    known: &[],
    prefixes: EXTENSIONS,
    loose: false,
};

pub(super) static ORGS: Layout = Layout {
    file: "orgs.csv",
    columns: &[
        Column::required("sourcedId").identity(),
        Column::optional("status"),
        Column::required("name"),
        Column::required("type"),
    ],
    known: &["dateLastModified", "identifier", "parentSourcedId"],
    prefixes: EXTENSIONS,
    loose: false,
};

pub(super) static CLASSES: Layout = Layout {
    file: "classes.csv",
    columns: &[
        Column::required("sourcedId").identity(),
        Column::optional("status"),
        Column::required("title"),
        Column::required("schoolSourcedId").identity(),
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
    prefixes: EXTENSIONS,
    loose: false,
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
        Column::required("sourcedId").identity(),
        Column::optional("status"),
        Column::required("enabledUser"),
        Column::required("orgSourcedIds").identity(),
        Column::required("role"),
        Column::required("username").identity(),
        Column::required("givenName"),
        Column::required("familyName"),
        Column::exact("email"),
        Column::exact("sms"),
        Column::optional("agentSourcedIds").identity(),
        Column::optional("grades").identity(),
        Column::optional("metadata.identityProvider"),
    ],
    known: USERS_KNOWN,
    prefixes: EXTENSIONS,
    loose: false,
};

/// Where they are in `roles.csv`: 1.2.
pub(super) static USERS: Layout = Layout {
    file: "users.csv",
    columns: &[
        Column::required("sourcedId").identity(),
        Column::optional("status"),
        Column::required("enabledUser"),
        Column::required("username").identity(),
        Column::required("givenName"),
        Column::required("familyName"),
        Column::exact("email"),
        Column::exact("sms"),
        Column::optional("agentSourcedIds").identity(),
        Column::optional("grades").identity(),
        Column::optional("metadata.identityProvider"),
    ],
    known: USERS_KNOWN,
    prefixes: EXTENSIONS,
    loose: false,
};

pub(super) static ROLES: Layout = Layout {
    file: "roles.csv",
    columns: &[
        Column::required("sourcedId").identity(),
        Column::optional("status"),
        Column::required("userSourcedId").identity(),
        Column::required("roleType"),
        Column::required("role"),
        Column::required("orgSourcedId").identity(),
    ],
    known: &["dateLastModified", "beginDate", "endDate", "userProfileSourcedId"],
    prefixes: EXTENSIONS,
    loose: false,
};

pub(super) static ENROLMENTS: Layout = Layout {
    file: "enrollments.csv",
    columns: &[
        Column::required("sourcedId").identity(),
        Column::optional("status"),
        Column::required("classSourcedId").identity(),
        Column::required("userSourcedId").identity(),
        Column::required("role"),
    ],
    known: &["dateLastModified", "schoolSourcedId", "primary", "beginDate", "endDate"],
    prefixes: EXTENSIONS,
    loose: false,
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
pub(super) fn not_needed(source: &Source, has_roles: bool, files: &Files) -> Vec<String> {
    let read = |name: &str| {
        ["manifest.csv", "orgs.csv", "classes.csv", "users.csv", "enrollments.csv"].contains(&name)
            || (has_roles && name == "roles.csv")
            || files.relations.is_some_and(|relations| relations.file == name)
    };
    let names = source.names().into_iter().filter(|name| !read(name));
    names.map(|name| spelling(&name)).collect()
}

/// The name of a file, in the standard's spelling where it has one.
fn spelling(name: &str) -> String {
    let known = NOT_NEEDED.into_iter().find(|known| known.eq_ignore_ascii_case(name));
    known.map_or_else(|| safe(name), ToOwned::to_owned)
}
