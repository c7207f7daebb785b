//! Exports with one file for each kind of people: Clever, School Data Sync v1; and v2, which is made like OneRoster.
#![expect(clippy::unwrap_used, reason = "a test whose set-up fails has failed")]

mod support;

use std::fs;
use std::sync::Arc;

use keybell_roster::{Counts, Format, Options, Outcome, Report, inspect};
use keybell_shared::notice::Contact;
use keybell_shared::ports::ledger::Membership;
use support::{Fake, import_into};
use tempfile::TempDir;

fn export(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

async fn imported(files: &[(&str, &str)]) -> (Report, Arc<Fake>) {
    let folder = export(files);
    let ledger = Arc::new(Fake::default());
    let report = import_into(&ledger, folder.path()).await.unwrap();
    let again = import_into(&ledger, folder.path()).await.unwrap();
    assert_eq!((again.total.created, again.total.updated), (0, 0), "{}", again.table());
    (report, ledger)
}

fn told(report: &Report) -> Vec<String> {
    report.problems.iter().map(|it| it.to_string().split(" (").next().unwrap().to_owned()).collect()
}

fn counts(report: &Report, file: &str) -> Counts {
    report.files.iter().find(|known| known.file == file).unwrap().counts
}

const CLEVER: [(&str, &str); 6] = [
    ("schools.csv", "School_id,School_name,State_id\n1,North,x\n2,South,y\n"),
    (
        "students.csv",
        "School_id,Student_id,Last_name,First_name,Grade,Graduation_year,Home_language,Student_email,Username,Password,Contact_name,ext.bus\n\
         1,100,Brown,Ann,4,2034,en,,ann,Hunter2!,Mum,7\n\
         1,100,Brown,Ann,4,2034,en,,ann,Hunter2!,Dad,7\n\
         2,100,Brown,Ann,4,2034,en,,ann,Hunter2!,,7\n\
         1,101,Cole,Bob,5,,en,bob@x.org,,Hunter2!,,\n\
         9,102,Dale,Cy,5,,en,,cy,Hunter2!,,\n\
         1,103,Eck,Di,5,,en,,,Hunter2!,,\n\
         1,104,Fox,Ed,5,,en,,ANN,Hunter2!,,\n",
    ),
    (
        "teachers.csv",
        "School_id,Teacher_id,Last_name,First_name,Teacher_email,Username,Password\n1,100,Dean,Ted,ted@x.org,ted,Hunter2!\n\
         2,200,Hill,Pam,pam@x.org,pam,Hunter2!\n",
    ),
    (
        "staff.csv",
        "School_id,Staff_id,Staff_email,First_name,Last_name,Title,Username,Password,Role\n\
         2,200,pam@x.org,Pam,Hill,Head,pam,Hunter2!,School Admin\n1,201,,Ira,Jay,,ira,Hunter2!,\n",
    ),
    (
        "sections.csv",
        "School_id,Section_id,Teacher_id,Teacher_2_id,Name,Course_name\n1,s1,100,200,4b,Maths\n1,s2,999,,,Art\n9,s3,100,,x,y\n",
    ),
    ("enrollments.csv", "School_id,Section_id,Student_id\n1,s1,100\n1,s1,101\n1,s9,100\n1,s1,999\n1,s1,100\n"),
];

#[tokio::test]
async fn clever_goes_in_with_every_row_told() {
    let (report, ledger) = imported(&CLEVER).await;
    assert_eq!(report.format, Format::Clever);
    assert_eq!(
        told(&report),
        [
            "sections.csv:4 School_id E03 the export has no such school",
            "staff.csv:3 Role W04 no role that is known; the person counts as staff of the highest rank",
            "students.csv:6 School_id E03 the export has no such school",
            "students.csv:7 Username E12 this must not be empty",
            "students.csv:8 Username E04 this username was on an earlier line",
            "sections.csv:3 Teacher_id W09 the district has nobody with this id, or not the class",
            "enrollments.csv:4 Student_id E03 the district has nothing with this id",
            "enrollments.csv:5 Student_id E03 the district has nothing with this id",
        ],
        "{}",
        report.table()
    );
    let students = Counts { read: 7, created: 2, unchanged: 2, rejected: 3, ..Counts::default() };
    assert_eq!(counts(&report, "students.csv"), students);
    assert_eq!(counts(&report, "teachers.csv"), Counts { read: 2, created: 1, unchanged: 1, ..Counts::default() });
    let sections = Counts { read: 3, created: 2, rejected: 1, warnings: 1, ..Counts::default() };
    assert_eq!(counts(&report, "sections.csv"), sections, "the second look counts no row again");
    let held = ledger.0.lock().unwrap();
    let at = |school: &str, role: &str| Membership { school: school.to_owned(), role: role.to_owned() };
    let ann = &held.people["student:100"];
    assert_eq!(ann.memberships, [at("1", "student"), at("2", "student")]);
    assert_eq!((ann.graduation_year, ann.grade.as_deref(), ann.rank), (Some(2034), Some("4"), 10));
    assert_eq!(held.people["student:101"].username, "bob@x.org");
    // A teacher and a pupil may have one number; who teaches and manages is one person with the higher rank.
    assert_eq!((held.people["staff:100"].username.as_str(), held.people["staff:100"].rank), ("ted", 30));
    let pam = &held.people["staff:200"];
    assert_eq!((pam.role.as_str(), pam.rank), ("siteAdministrator", 40));
    assert_eq!(pam.memberships, [at("2", "siteAdministrator"), at("2", "teacher")]);
    assert_eq!(held.people["staff:201"].rank, 60);
    let enrolled = |class: &str, person: &str| {
        held.enrolments.get(&(class.to_owned(), person.to_owned())).map(|it| it.role.clone())
    };
    assert_eq!(enrolled("s1", "staff:100").as_deref(), Some("teacher"));
    assert_eq!(enrolled("s1", "staff:200").as_deref(), Some("teacher"));
    assert_eq!(enrolled("s1", "student:101").as_deref(), Some("student"));
    assert_eq!(held.classes["s2"].title, "Art");
    assert!(!format!("{held:?}{report:?}").contains("Hunter2"));
}

#[tokio::test]
async fn an_export_without_its_schools_says_so() {
    let (report, _) = imported(&CLEVER[1..]).await;
    let schools = report.files.iter().find(|file| file.file == "schools.csv").unwrap();
    assert_eq!(schools.outcome, Outcome::Refused);
    assert_eq!(report.total.created, 0, "{}", report.table());
    let folder = export(&[CLEVER[0], CLEVER[4], CLEVER[5]]);
    let refusal = import_into(&Arc::new(Fake::default()), folder.path()).await.unwrap_err().to_string();
    assert!(refusal.starts_with("there is no users.csv"), "{refusal}");
}

#[tokio::test]
async fn school_data_sync_v1_knows_who_left() {
    let files = [
        ("School.csv", "SIS ID,Name\n1,North\n"),
        ("Section.csv", "SIS ID,School SIS ID,Section Name,Status\nc1,1,Maths,Active\n"),
        (
            "Student.csv",
            "SIS ID,School SIS ID,First Name,Last Name,Username,Password,Grade,Status,Graduation Year\n\
             1,1,Ann,B,ann,P@ss,4,Active,2034\n2,1,Bob,C,bob,P@ss,4,Inactive,later\n",
        ),
        ("Teacher.csv", "SIS ID,School SIS ID,Username,Password,Status\n1,1,ted,P@ss,Active\n"),
        ("StudentEnrollment.csv", "Section SIS ID,SIS ID\nc1,1\n"),
        ("TeacherRoster.csv", "Section SIS ID,SIS ID\nc1,1\n"),
    ];
    let (report, ledger) = imported(&files).await;
    assert_eq!(report.format, Format::SchoolDataSyncV1);
    assert_eq!(told(&report), ["Student.csv:3 Graduation Year W09 this is no year; the person went in without it"]);
    assert_eq!(
        counts(&report, "Student.csv"),
        Counts { read: 2, created: 1, inactive: 1, warnings: 1, ..Counts::default() }
    );
    let held = ledger.0.lock().unwrap();
    assert_eq!((held.people["student:1"].rank, held.people["staff:1"].rank), (10, 30));
    assert_eq!(held.enrolments.len(), 2);
}

#[tokio::test]
async fn who_left_becomes_inactive_wherever_they_were() {
    let files = [
        ("School.csv", "SIS ID,Name\n1,North\n"),
        ("Student.csv", "SIS ID,School SIS ID,Username,Status\n1,1,ann,Active\n2,9,bob,Inactive\n3,9,cy,Active\n"),
    ];
    let (report, ledger) = imported(&files).await;
    assert_eq!(told(&report), ["Student.csv:4 School SIS ID E03 the export has no such school"]);
    assert_eq!(
        counts(&report, "Student.csv"),
        Counts { read: 3, created: 1, inactive: 1, rejected: 1, ..Counts::default() }
    );
    assert!(!ledger.0.lock().unwrap().people["student:2"].active);
}

#[tokio::test]
async fn school_data_sync_v2_takes_roles_from_their_own_file() {
    let files = [
        ("orgs.csv", "sourcedId,name,type,parentSourcedId\n1,North,school,\n"),
        ("users.csv", "sourcedId,username,givenName,familyName,password\nu1,ann,Ann,B,P@ss\nu2,ted,Ted,D,P@ss\n"),
        (
            "roles.csv",
            "userSourcedId,orgSourcedId,role,isPrimary\nu1,1,student,true\nu2,1,teacher,TRUE\nu2,1,principal,false\n",
        ),
        ("classes.csv", "sourcedId,orgSourcedId,title,code\nc1,1,Maths,M\n"),
        ("enrollments.csv", "classSourcedId,userSourcedId,role\nc1,u1,student\nc1,u2,teacher\n"),
    ];
    let (report, ledger) = imported(&files).await;
    assert!(report.problems.is_empty() && report.is_clean(), "{}", report.table());
    assert_eq!(report.format, Format::SchoolDataSyncV2);
    {
        let held = ledger.0.lock().unwrap();
        assert_eq!((held.people["u1"].rank, held.people["u2"].rank), (10, 40));
    }
    let folder = export(&files);
    let seen = inspect(folder.path(), Options::default()).await.unwrap();
    let names: Vec<&str> = seen.files.iter().map(|file| &*file.file).collect();
    assert_eq!(names, ["orgs.csv", "classes.csv", "roles.csv", "users.csv", "enrollments.csv"]);
    assert_eq!(seen.report.total, report.total);
}

#[tokio::test]
async fn clevers_parents_are_told_and_other_contacts_are_not() {
    let students = "School_id,Student_id,Last_name,First_name,Username,Contact_relationship,Contact_type,Contact_name,Contact_phone,\
         Contact_phone_type,Contact_email\n\
         1,100,Brown,Ann,ann,Parent,Primary,Ms Secret,4155552671,Cell,mum@x.org\n\
         1,100,Brown,Ann,ann,,Parent/Guardian,Mr Secret,4155550000,Home,dad@x.org\n\
         1,100,Brown,Ann,ann,Other,Emergency,Neighbour,4155551111,Cell,next@x.org\n\
         1,101,Cole,Bob,bob,Father,Primary,Mr Cole,,,nobody@@x\n\
         1,102,Dale,Cy,cy,,,,,,\n";
    let files = [("schools.csv", "School_id,School_name\n1,North\n"), ("students.csv", students)];
    let (report, ledger) = imported(&files).await;
    assert_eq!(
        told(&report),
        [
            "students.csv:4 Contact_relationship W05 the row does not say that this contact is a parent or guardian, who alone are told",
            "students.csv:5 Contact_email W01 the address is not valid: invalid character",
        ]
    );
    {
        let held = ledger.0.lock().unwrap();
        let contacts = |id: &str| held.people[id].relatives.clone().unwrap();
        let contact =
            |email: &str, sms: Option<&str>| Contact { email: Some(email.to_owned()), sms: sms.map(str::to_owned) };
        assert_eq!(contacts("student:100"), [contact("mum@x.org", Some("+14155552671")), contact("dad@x.org", None)]);
        assert!(contacts("student:101").is_empty() && contacts("student:102").is_empty());
        assert!(!format!("{held:?}").contains("Secret"));
    }
    // An export that says nothing of contacts leaves them.
    let (_, ledger) = imported(&CLEVER).await;
    assert!(ledger.0.lock().unwrap().people.values().all(|person| person.relatives.is_none()));
}

#[tokio::test]
async fn guardians_that_are_not_read_are_not_passed_over_in_silence() {
    let files = [
        CLEVER[0],
        ("students.csv", "School_id,Student_id,Last_name,First_name,Username\n1,100,Brown,Ann,ann\n"),
        ("GuardianRelationship.csv", "SIS ID,Email,Role\n100,mum@x.org,Parent\n"),
        ("User.csv", "Email,First Name,Last Name,Phone,SIS ID\nmum@x.org,Ma,B,,\n"),
    ];
    let (report, _) = imported(&files).await;
    let said = "it says who is told about whom, which is not read from this format: no guardian is linked";
    let [one] = told(&report).try_into().unwrap();
    assert_eq!(one.to_lowercase(), format!("guardianrelationship.csv W05 {said}").to_lowercase());
    assert_eq!(report.not_needed.len(), 2);
}
