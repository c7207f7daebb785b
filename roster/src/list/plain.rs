//! Any list with a header, as text or as a workbook. The columns are found by the words that people use for them; what was
//! found is shown before an import, and `--map` corrects it.

use keybell_shared::ports::ledger::{Person, School};

use super::{About, List, roles};
use crate::code::RowCode;
use crate::options::Options;
use crate::report::Problem;
use crate::run::Outlet;
use crate::source::ONLY;
use crate::text::{Column, Layout, Row};

/// Any list.
pub(crate) static PLAIN: List = List { layout: &LAYOUT, about };

static LAYOUT: Layout = Layout {
    file: ONLY,
    columns: &[
        Column::required("username").identity().also(&[
            "login",
            "login name",
            "user name",
            "user id",
            "userid",
            "user",
            "account",
            "account name",
            "sign-in name",
            "sam account name",
            "user principal name",
            "benutzername",
            "anmeldename",
            "nom d'utilisateur",
            "usuario",
        ]),
        Column::required("given name").key("given_name").also(&[
            "first name",
            "firstname",
            "given",
            "forename",
            "first",
            "vorname",
            "prénom",
            "prenom",
            "nombre",
        ]),
        Column::required("family name").key("family_name").also(&[
            "last name",
            "lastname",
            "surname",
            "family",
            "last",
            "nachname",
            "familienname",
            "nom",
            "nom de famille",
            "apellido",
            "apellidos",
        ]),
        Column::optional("id").identity().also(&[
            "student id",
            "pupil id",
            "person id",
            "employee id",
            "staff id",
            "sis id",
            "sourcedid",
            "source id",
            "unique id",
            "id number",
            "student number",
        ]),
        Column::optional("role").also(&["user type", "person type", "rolle", "rôle", "rol"]),
        Column::optional("school").identity().also(&[
            "school name",
            "building",
            "campus",
            "site",
            "schule",
            "école",
            "ecole",
            "escuela",
        ]),
        Column::optional("school id").key("school_id").identity().also(&[
            "building id",
            "school code",
            "school number",
        ]),
        Column::optional("grade").identity().also(&["grade level", "year group", "klassenstufe", "jahrgang", "grado"]),
        Column::optional("graduation year").key("graduation_year").also(&["grad year", "class of", "yog"]),
        Column::optional("groups").also(&["group", "cohort", "cohorts", "class", "classes", "klasse", "org unit path"]),
        Column::exact("email").also(&[
            "e-mail",
            "mail",
            "email address",
            "e-mail address",
            "personal email",
            "contact email",
            "courriel",
            "correo",
        ]),
        Column::exact("phone").also(&[
            "mobile",
            "mobile phone",
            "cell",
            "cell phone",
            "sms",
            "phone number",
            "telephone",
            "handy",
            "telefon",
            "téléphone",
        ]),
        Column::exact("guardian email").key("guardian_email").also(&[
            "guardian e-mail address",
            "guardian 1 email",
            "guardian email 1",
            "parent email",
            "parent 1 email",
            "parent email 1",
            "parent guardian email",
            "parent guardian 1 email",
            "mother email",
            "e-mail eltern",
            "eltern e-mail",
            "email parent",
            "courriel parent",
            "correo tutor",
        ]),
        Column::exact("guardian phone").key("guardian_phone").also(&[
            "guardian mobile",
            "guardian cell",
            "guardian cell phone",
            "guardian mobile phone",
            "guardian sms",
            "guardian 1 phone",
            "guardian phone 1",
            "guardian 1 mobile",
            "parent phone",
            "parent mobile",
            "parent cell",
            "parent cell phone",
            "parent 1 phone",
            "parent phone 1",
            "parent guardian phone",
            "parent guardian 1 phone",
            "mother phone",
            "handy eltern",
            "telefon eltern",
        ]),
        Column::exact("guardian 2 email").key("guardian2_email").also(&[
            "guardian email 2",
            "second guardian email",
            "parent 2 email",
            "parent email 2",
            "parent guardian 2 email",
            "father email",
        ]),
        Column::exact("guardian 2 phone").key("guardian2_phone").also(&[
            "guardian phone 2",
            "guardian 2 mobile",
            "second guardian phone",
            "parent 2 phone",
            "parent phone 2",
            "parent guardian 2 phone",
            "father phone",
        ]),
        Column::optional("status").also(&["active", "enabled", "account status", "state"]),
        Column::optional("managed by").key("managed_by").also(&["identity provider", "sso", "idp"]),
    ],
    known: &[
        "middle name",
        "gender",
        "birthday",
        "birth date",
        "date of birth",
        "dob",
        "title",
        "notes",
        "comment",
        "guardian name",
        "guardian 1 name",
        "guardian 2 name",
        "parent name",
        "parent 1 name",
        "parent 2 name",
        "parent guardian name",
        "mother name",
        "father name",
    ],
    prefixes: &[],
    loose: true,
};

/// The field that a word of `--map` means; `None` if there is none.
pub(crate) fn field(word: &str) -> Option<&'static str> {
    let same = |column: &&Column| column.key == word || LAYOUT.is(column, word);
    LAYOUT.columns.iter().find(same).map(|column| column.key)
}

/// The fields that columns can be mapped to.
pub(crate) fn fields() -> impl Iterator<Item = &'static str> {
    LAYOUT.columns.iter().map(|column| column.key)
}

fn about(row: &Row, options: &Options, out: &mut Outlet<Person>) -> Result<About, Problem> {
    let groups = row.get("groups").split([';', ',', '|']).map(str::trim).filter(|name| !name.is_empty());
    let groups: Vec<String> = groups.map(ToOwned::to_owned).collect();
    let (id, name) = (row.get("school_id"), row.get("school"));
    let school = match (id, name) {
        ("", "") => None,
        ("", name) => Some((name, name)),
        (id, "") => Some((id, id)),
        both => Some(both),
    };
    if school.is_none() && (row.has("school") || row.has("school_id")) {
        let column = if row.has("school") { "school" } else { "school_id" };
        let reason = "no school is given; the person is at the district's own";
        out.problem(row.warn(column, RowCode::W06, reason));
    }
    Ok(About {
        assumed: row.get("role").is_empty(),
        role: roles::of(row, "role", &groups, options, out)?,
        school: school.map(|(id, name)| School { source_id: id.to_owned(), name: name.to_owned(), active: true }),
        groups,
        managed_by: Some(row.get("managed_by")).filter(|by| !by.is_empty()).map(ToOwned::to_owned),
        active: is_active(row)?,
        emails: &["email"],
        phones: &["phone"],
    })
}

fn is_active(row: &Row) -> Result<bool, Problem> {
    match row.get("status").to_lowercase().as_str() {
        "" | "active" | "enabled" | "true" | "1" | "yes" | "current" | "enrolled" => Ok(true),
        "inactive" | "disabled" | "false" | "0" | "no" | "suspended" | "tobedeleted" | "deleted" | "archived"
        | "left" => Ok(false),
        _ => Err(row.reject("status", RowCode::E12, "this says neither active nor inactive")),
    }
}
