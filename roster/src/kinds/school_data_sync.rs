//! School Data Sync v1 and v1.25 of Microsoft.

use super::guardians::GuardianFiles;
use super::{EnrolmentFile, Export, PeopleFile};
use crate::text::{Column, Layout};

/// The export of School Data Sync v1.
pub(crate) static SCHOOL_DATA_SYNC_V1: Export = Export {
    schools: &SCHOOLS,
    sections: &SECTIONS,
    teachers: &[],
    people: &[
        PeopleFile { layout: &TEACHERS, space: "staff", role: |_| Some("teacher") },
        PeopleFile { layout: &STUDENTS, space: "student", role: |_| Some("student") },
    ],
    enrolments: &[
        EnrolmentFile { layout: &TEACHER_ROSTER, space: "staff", role: "teacher" },
        EnrolmentFile { layout: &STUDENT_ENROLLMENT, space: "student", role: "student" },
    ],
    guardians: Some(&GuardianFiles { relations: &GUARDIANS, contacts: &CONTACTS, space: "student" }),
};

static SCHOOLS: Layout = Layout {
    file: "School.csv",
    columns: &[Column::required("SIS ID").key("id").identity(), Column::required("Name").key("name")],
    known: &[
        "School Number",
        "School NCES_ID",
        "State ID",
        "Grade Low",
        "Grade High",
        "Principal SIS ID",
        "Principal Name",
        "Principal Secondary Email",
        "Address",
        "City",
        "State",
        "Country",
        "Zip",
        "Phone",
        "Zone",
    ],
    prefixes: &[],
    loose: false,
};

static SECTIONS: Layout = Layout {
    file: "Section.csv",
    columns: &[
        Column::required("SIS ID").key("id").identity(),
        Column::required("School SIS ID").key("school").identity(),
        Column::optional("Section Name").key("name"),
        Column::optional("Course Name").key("course"),
        Column::optional("Status").key("status"),
    ],
    known: &[
        "Section Number",
        "Term SIS ID",
        "Term Name",
        "Term StartDate",
        "Term EndDate",
        "Course SIS ID",
        "Course Number",
        "Course Description",
        "Course Subject",
        "Periods",
    ],
    prefixes: &[],
    loose: false,
};

static STUDENTS: Layout = Layout {
    file: "Student.csv",
    columns: &[
        Column::required("SIS ID").key("id").identity(),
        Column::required("School SIS ID").key("school").identity(),
        Column::required("Username").key("username").identity(),
        Column::optional("First Name").key("given_name"),
        Column::optional("Last Name").key("family_name"),
        Column::exact("Secondary Email").key("email"),
        Column::optional("Grade").key("grade").identity(),
        Column::optional("Graduation Year").key("graduation_year"),
        Column::optional("Status").key("status"),
    ],
    known: &["State ID", "Student Number", "Middle Name", "Birthdate", "Mailing Address", "Phone"],
    prefixes: &[],
    loose: false,
};

static TEACHERS: Layout = Layout {
    file: "Teacher.csv",
    columns: &[
        Column::required("SIS ID").key("id").identity(),
        Column::required("School SIS ID").key("school").identity(),
        Column::required("Username").key("username").identity(),
        Column::optional("First Name").key("given_name"),
        Column::optional("Last Name").key("family_name"),
        Column::exact("Secondary Email").key("email"),
        Column::optional("Status").key("status"),
    ],
    known: &["State ID", "Teacher Number", "Middle Name", "Title", "Qualification"],
    prefixes: &[],
    loose: false,
};

static TEACHER_ROSTER: Layout = Layout {
    file: "TeacherRoster.csv",
    columns: &[
        Column::required("Section SIS ID").key("section").identity(),
        Column::required("SIS ID").key("person").identity(),
    ],
    known: &[],
    prefixes: &[],
    loose: false,
};

static STUDENT_ENROLLMENT: Layout = Layout {
    file: "StudentEnrollment.csv",
    columns: &[
        Column::required("Section SIS ID").key("section").identity(),
        Column::required("SIS ID").key("person").identity(),
    ],
    known: &[],
    prefixes: &[],
    loose: false,
};

/// Whose contacts they are. Microsoft takes a blank role for `Other`.
static GUARDIANS: Layout = Layout {
    file: "GuardianRelationship.csv",
    columns: &[
        Column::required("SIS ID").key("person").identity(),
        Column { required: true, ..Column::exact("Email") }.key("email"),
        Column::required("Role").key("role"),
    ],
    known: &[],
    prefixes: &[],
    loose: false,
};

/// The contacts, who have no account. Their names and ids are not needed.
static CONTACTS: Layout = Layout {
    file: "User.csv",
    columns: &[Column { required: true, ..Column::exact("Email") }.key("email"), Column::exact("Phone").key("phone")],
    known: &["First Name", "Last Name", "SIS ID"],
    prefixes: &[],
    loose: false,
};
