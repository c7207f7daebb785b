//! The files that Clever takes over SFTP (its specification, version 2.1).

use super::{EnrolmentFile, Export, PeopleFile};
use crate::role;
use crate::text::{Column, Layout};

/// Clever's export.
pub(crate) static CLEVER: Export = Export {
    schools: &SCHOOLS,
    sections: &SECTIONS,
    teachers: &[
        "teacher",
        "teacher2",
        "teacher3",
        "teacher4",
        "teacher5",
        "teacher6",
        "teacher7",
        "teacher8",
        "teacher9",
        "teacher10",
    ],
    people: &[
        PeopleFile { layout: &ADMINS, space: "staff", role: staff },
        PeopleFile { layout: &STAFF, space: "staff", role: staff },
        PeopleFile { layout: &TEACHERS, space: "staff", role: |_| Some("teacher") },
        PeopleFile { layout: &STUDENTS, space: "student", role: |_| Some("student") },
    ],
    enrolments: &[EnrolmentFile { layout: &ENROLMENTS, space: "student", role: "student" }],
    guardians: None,
};

/// The role of staff: Clever's own words, or a standard one. No word means some staff, of whatever rank.
fn staff(word: &str) -> Option<&'static str> {
    match word.to_ascii_lowercase().as_str() {
        "district admin" | "district administrator" => Some("districtAdministrator"),
        "school admin" | "school administrator" => Some("siteAdministrator"),
        "principal" => Some("principal"),
        // Who is told to be a pupil among staff is a mistake of the file.
        "student" | "guardian" | "parent" | "relative" => None,
        _ => role::standard(word),
    }
}

static SCHOOLS: Layout = Layout {
    file: "schools.csv",
    columns: &[Column::required("School_id").key("id").identity(), Column::required("School_name").key("name")],
    known: &[
        "School_number",
        "State_id",
        "Low_grade",
        "High_grade",
        "Principal",
        "Principal_email",
        "School_address",
        "School_city",
        "School_state",
        "School_zip",
        "School_phone",
        "MDR_number",
    ],
    prefixes: &["ext."],
    loose: false,
};

static SECTIONS: Layout = Layout {
    file: "sections.csv",
    columns: &[
        Column::required("Section_id").key("id").identity(),
        Column::required("School_id").key("school").identity(),
        Column::optional("Name").key("name"),
        Column::optional("Course_name").key("course"),
        Column::optional("Teacher_id").key("teacher").identity(),
        Column::optional("Teacher_2_id").key("teacher2").identity(),
        Column::optional("Teacher_3_id").key("teacher3").identity(),
        Column::optional("Teacher_4_id").key("teacher4").identity(),
        Column::optional("Teacher_5_id").key("teacher5").identity(),
        Column::optional("Teacher_6_id").key("teacher6").identity(),
        Column::optional("Teacher_7_id").key("teacher7").identity(),
        Column::optional("Teacher_8_id").key("teacher8").identity(),
        Column::optional("Teacher_9_id").key("teacher9").identity(),
        Column::optional("Teacher_10_id").key("teacher10").identity(),
    ],
    known: &[
        "Section_number",
        "Grade",
        "Course_number",
        "Course_description",
        "Period",
        "Subject",
        "Term_name",
        "Term_start",
        "Term_end",
    ],
    prefixes: &["ext."],
    loose: false,
};

static STUDENTS: Layout = Layout {
    file: "students.csv",
    columns: &[
        Column::required("Student_id").key("id").identity(),
        Column::required("School_id").key("school").identity(),
        Column::required("First_name").key("given_name"),
        Column::required("Last_name").key("family_name"),
        Column::optional("Username").key("username").identity(),
        Column::exact("Student_email").key("email"),
        Column::optional("Grade").key("grade").identity(),
        Column::optional("Graduation_year").key("graduation_year"),
        Column::optional("Contact_relationship").key("contact_relationship"),
        Column::optional("Contact_type").key("contact_type"),
        Column::exact("Contact_email").key("contact_email"),
        Column::exact("Contact_phone").key("contact_phone"),
        Column::optional("Contact_phone_type").key("contact_phone_type"),
    ],
    known: &[
        "Student_number",
        "State_id",
        "Middle_name",
        "Gender",
        "DOB",
        "Race",
        "Hispanic_Latino",
        "Home_language",
        "Ell_status",
        "Frl_status",
        "IEP_status",
        "Student_street",
        "Student_city",
        "Student_state",
        "Student_zip",
        "Contact_name",
        "Contact_sis_id",
        "Unweighted_gpa",
        "Weighted_gpa",
        "Preferred_first_name",
        "Preferred_last_name",
    ],
    prefixes: &["ext."],
    loose: false,
};

static TEACHERS: Layout = Layout {
    file: "teachers.csv",
    columns: &[
        Column::required("Teacher_id").key("id").identity(),
        Column::required("School_id").key("school").identity(),
        Column::required("First_name").key("given_name"),
        Column::required("Last_name").key("family_name"),
        Column::optional("Username").key("username").identity(),
        Column::exact("Teacher_email").key("email"),
    ],
    known: &["Teacher_number", "State_teacher_id", "State_id", "Middle_name", "Title"],
    prefixes: &["ext."],
    loose: false,
};

static STAFF: Layout = Layout {
    file: "staff.csv",
    columns: &[
        Column::required("Staff_id").key("id").identity(),
        Column::required("School_id").key("school").identity(),
        Column::required("First_name").key("given_name"),
        Column::required("Last_name").key("family_name"),
        Column::optional("Username").key("username").identity(),
        Column::exact("Staff_email").key("email"),
        Column::optional("Role").key("role"),
    ],
    known: &["Department", "Title", "Middle_name"],
    prefixes: &["ext."],
    loose: false,
};

/// What `staff.csv` was called before.
static ADMINS: Layout = Layout {
    file: "admins.csv",
    columns: &[
        Column::required("Staff_id").key("id").identity(),
        Column::required("School_id").key("school").identity(),
        Column::required("First_name").key("given_name"),
        Column::required("Last_name").key("family_name"),
        Column::optional("Username").key("username").identity(),
        Column::exact("Admin_email").key("email"),
        Column::optional("Role").key("role"),
    ],
    known: &["Admin_title", "Middle_name"],
    prefixes: &["ext."],
    loose: false,
};

static ENROLMENTS: Layout = Layout {
    file: "enrollments.csv",
    columns: &[
        Column::required("Section_id").key("section").identity(),
        Column::required("Student_id").key("person").identity(),
    ],
    known: &["School_id"],
    prefixes: &["ext."],
    loose: false,
};
