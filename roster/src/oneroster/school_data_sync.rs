//! School Data Sync v2 and v2.1: made like OneRoster, without a manifest, a status, and ids of enrolments and roles.

use super::layouts::{EXTENSIONS, Files};
use crate::text::{Column, Layout};

/// The files of School Data Sync v2 and v2.1, besides `orgs.csv`, which is that of OneRoster.
pub(crate) static SCHOOL_DATA_SYNC: Files = Files {
    classes: &CLASSES,
    users: &USERS,
    users_with_role: &USERS_WITH_ROLE,
    roles: &ROLES,
    enrolments: &ENROLMENTS,
    relations: Some(&RELATIONS),
};

static CLASSES: Layout = Layout {
    file: "classes.csv",
    columns: &[
        Column::required("sourcedId").identity(),
        Column::required("title"),
        Column::required("schoolSourcedId").also(&["orgSourcedId"]).identity(),
    ],
    known: &["code", "grade", "courseSourcedId", "sessionSourcedIds", "courseCode", "subject", "description"],
    prefixes: EXTENSIONS,
    loose: false,
};

const USERS_KNOWN: &[&str] = &[
    "orgSourcedIds",
    "role",
    "middleName",
    "phone",
    "activeDirectoryMatchId",
    "userNumber",
    "preferredGivenName",
    "preferredMiddleName",
    "preferredFamilyName",
    "birthDate",
    "sex",
    "pronouns",
    "sessionSourcedIds",
];

static USERS_WITH_ROLE: Layout = Layout {
    file: "users.csv",
    columns: &[
        Column::required("sourcedId").identity(),
        Column::required("orgSourcedIds").identity(),
        Column::required("role"),
        Column::required("username").identity(),
        Column::required("givenName"),
        Column::required("familyName"),
        Column::exact("email"),
        Column::exact("sms"),
        Column::optional("grades").also(&["grade"]).identity(),
    ],
    known: USERS_KNOWN,
    prefixes: EXTENSIONS,
    loose: false,
};

static USERS: Layout = Layout {
    file: "users.csv",
    columns: &[
        Column::required("sourcedId").identity(),
        Column::required("username").identity(),
        Column::required("givenName"),
        Column::required("familyName"),
        Column::exact("email"),
        Column::exact("sms"),
        Column::optional("grades").also(&["grade"]).identity(),
    ],
    known: USERS_KNOWN,
    prefixes: EXTENSIONS,
    loose: false,
};

static ROLES: Layout = Layout {
    file: "roles.csv",
    columns: &[
        Column::required("userSourcedId").identity(),
        Column::required("orgSourcedId").identity(),
        Column::required("role"),
        Column::optional("isPrimary").key("roleType"),
    ],
    known: &["sessionSourcedId", "grade", "roleStartDate", "roleEndDate"],
    prefixes: EXTENSIONS,
    loose: false,
};

static ENROLMENTS: Layout = Layout {
    file: "enrollments.csv",
    columns: &[
        Column::required("classSourcedId").identity(),
        Column::required("userSourcedId").identity(),
        Column::required("role"),
    ],
    known: &["enrollmentStartDate", "enrollmentEndDate"],
    prefixes: EXTENSIONS,
    loose: false,
};

static RELATIONS: Layout = Layout {
    file: "relationships.csv",
    columns: &[
        Column::required("userSourcedId").identity(),
        Column::required("relationshipUserSourcedId").identity(),
        Column::required("relationshipRole"),
    ],
    known: &[],
    prefixes: EXTENSIONS,
    loose: false,
};
