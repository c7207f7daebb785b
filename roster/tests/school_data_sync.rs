//! Who is told about whom in School Data Sync: v1 has contacts beside the accounts, v2.1 accounts and their relations.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod support;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use keybell_roster::{Counts, Format, Options, Outcome, Report, inspect};
use keybell_shared::notice::Contact;
use support::{Fake, import_into, import_with};
use tempfile::TempDir;

fn put(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
    }
}

fn export(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    put(folder.path(), files);
    folder
}

async fn imported(folder: &TempDir, ledger: &Arc<Fake>) -> Report {
    import_into(ledger, folder.path()).await.unwrap()
}

fn told(report: &Report) -> Vec<String> {
    report.problems.iter().map(|it| it.to_string().split(" (").next().unwrap().to_owned()).collect()
}

fn counts(report: &Report, file: &str) -> Counts {
    report.files.iter().find(|known| known.file == file).unwrap().counts
}

fn contact(email: &str, sms: Option<&str>) -> Contact {
    Contact { email: Some(email.to_owned()), sms: sms.map(str::to_owned) }
}

fn relatives(ledger: &Fake, id: &str) -> Option<Vec<Contact>> {
    ledger.0.lock().unwrap().people[id].relatives.clone()
}

fn guardians(ledger: &Fake, id: &str) -> Vec<String> {
    ledger.0.lock().unwrap().guardians.get(id).cloned().unwrap_or_default()
}

fn standing(ledger: &Fake, id: &str) -> (String, i32) {
    let held = ledger.0.lock().unwrap();
    (held.people[id].role.clone(), held.people[id].rank)
}

const NO_GUARDIAN: &str = "W05 the row does not say that this contact is a parent or guardian, who alone are told";
const NO_KIN: &str = "W05 this person is no guardian, parent or relative";
const NOBODY: &str = "E03 users.csv has no such person, or their row was left out";

const V1: [(&str, &str); 5] = [
    ("School.csv", "SIS ID,Name\n1,North\n"),
    ("Student.csv", "SIS ID,School SIS ID,Username\n1,1,ann\n2,1,bob\n3,1,cy\n"),
    ("Teacher.csv", "SIS ID,School SIS ID,Username\n9,1,ted\n"),
    (
        "GuardianRelationship.csv",
        "SIS ID,Email,Role\n\
         1,mum@x.org,Parent\n\
         1,Dad@x.org,GUARDIAN\n\
         1,mum@x.org,Relative\n\
         2,mum@x.org,Parent\n\
         1,doc@x.org,Doctor\n\
         1,dad@x.org,\n\
         9,mum@x.org,Parent\n\
         7,mum@x.org,Parent\n\
         2,nobody@x.org,Parent\n\
         2,no address,Parent\n\
         2,,Parent\n\
         ,mum@x.org,Parent\n",
    ),
    (
        "User.csv",
        "Email,First Name,Last Name,Phone,SIS ID\n\
         mum@x.org,Ms,Secret,4155552671,p1\n\
         dad@x.org,Mr,Secret,call me,\n\
         MUM@x.org,Ms,Secret,4155550000,\n\
         no address,Ms,Secret,,\n\
         ,Ms,Secret,,\n\
         doc@x.org,Dr,Secret,4155551111,\n",
    ),
];

#[tokio::test]
async fn contacts_of_v1_are_told_where_they_are_parents_or_guardians() {
    let (folder, ledger) = (export(&V1), Arc::new(Fake::default()));
    let report = imported(&folder, &ledger).await;
    assert_eq!(report.format, Format::SchoolDataSyncV1);
    assert_eq!(
        told(&report),
        [
            "User.csv:3 Phone W01 letters or an extension in a phone number",
            "User.csv:4 Email E04 this address was on an earlier line",
            "User.csv:5 Email W01 the address holds the character U+0020",
            "User.csv:6 Email E12 this must not be empty",
            &format!("GuardianRelationship.csv:6 Role {NO_GUARDIAN}"),
            &format!("GuardianRelationship.csv:7 Role {NO_GUARDIAN}"),
            "GuardianRelationship.csv:8 SIS ID E03 the export has no such pupil, or their row was left out",
            "GuardianRelationship.csv:9 SIS ID E03 the export has no such pupil, or their row was left out",
            "GuardianRelationship.csv:10 Email E03 User.csv has no such contact, or their row was left out",
            "GuardianRelationship.csv:11 Email W01 the address holds the character U+0020",
            "GuardianRelationship.csv:12 Email E12 this must not be empty",
            "GuardianRelationship.csv:13 SIS ID E12 this must not be empty",
        ]
    );
    let relations = Counts { read: 12, unchanged: 7, rejected: 5, warnings: 3, ..Counts::default() };
    assert_eq!(counts(&report, "GuardianRelationship.csv"), relations);
    assert_eq!(
        counts(&report, "User.csv"),
        Counts { read: 6, unchanged: 4, rejected: 2, warnings: 2, ..Counts::default() }
    );
    let mum = contact("mum@x.org", Some("+14155552671"));
    assert_eq!(relatives(&ledger, "student:1").unwrap(), [mum.clone(), contact("Dad@x.org", None)]);
    assert_eq!(relatives(&ledger, "student:2").unwrap(), [mum]);
    assert_eq!(relatives(&ledger, "student:3").unwrap(), []);
    assert_eq!(relatives(&ledger, "staff:9"), None);
    {
        let held = format!("{:?}{report:?}", ledger.0.lock().unwrap());
        assert!(!held.contains("Secret") && !held.contains("doc@x.org") && !held.contains("nobody@x.org"), "{held}");
    }
    let again = imported(&folder, &ledger).await;
    assert_eq!((again.total.created, again.total.updated), (0, 0), "{}", again.table());
    let seen = inspect(folder.path(), Options::default()).await.unwrap();
    let names: Vec<&str> = seen.files.iter().map(|file| &*file.file).collect();
    assert_eq!(names, ["School.csv", "User.csv", "Teacher.csv", "Student.csv", "GuardianRelationship.csv"]);
    assert_eq!(seen.report.total, report.total);
}

#[tokio::test]
async fn a_later_export_of_v1_takes_contacts_away_and_one_without_them_leaves_them() {
    let (folder, ledger) = (export(&V1), Arc::new(Fake::default()));
    imported(&folder, &ledger).await;
    let file = folder.path().join("GuardianRelationship.csv");
    // Without the contacts' own file, the addresses are what is known of them.
    fs::remove_file(folder.path().join("User.csv")).unwrap();
    fs::write(&file, "SIS ID,Email,Role\n1,aunt@x.org,Guardian\n").unwrap();
    let report = imported(&folder, &ledger).await;
    assert_eq!(counts(&report, "Student.csv"), Counts { read: 3, updated: 2, unchanged: 1, ..Counts::default() });
    assert_eq!(relatives(&ledger, "student:1").unwrap(), [contact("aunt@x.org", None)]);
    assert_eq!(relatives(&ledger, "student:2").unwrap(), []);
    // Files that cannot be read to their end take nothing away.
    fs::write(&file, "SIS ID,Email\n2,mum@x.org\n").unwrap();
    let report = imported(&folder, &ledger).await;
    assert!(told(&report)[0].starts_with("GuardianRelationship.csv:1 Role E01"), "{}", report.table());
    assert_eq!(
        report.files.iter().find(|file| file.file == "GuardianRelationship.csv").unwrap().outcome,
        Outcome::Refused
    );
    assert_eq!(relatives(&ledger, "student:1"), None, "what is not said stays");
    fs::write(&file, "SIS ID,Email,Role\n2,mum@x.org,Parent\n").unwrap();
    put(folder.path(), &[("User.csv", "Mail\nmum@x.org\n")]);
    let report = imported(&folder, &ledger).await;
    let reason = "GuardianRelationship.csv E13 User.csv could not be read to its end, and nobody's contacts are changed by a part";
    assert!(told(&report).contains(&reason.to_owned()), "{}", report.table());
    assert_eq!(relatives(&ledger, "student:2"), None);
    fs::remove_file(&file).unwrap();
    let report = imported(&folder, &ledger).await;
    assert_eq!(report.not_needed, ["user.csv"]);
    assert_eq!(relatives(&ledger, "student:1"), None);
}

/// As Microsoft's own example: contacts have no row of `roles.csv`.
const V21: [(&str, &str); 4] = [
    ("orgs.csv", "sourcedId,name,type,parentSourcedId\n1,North,school,\n"),
    (
        "users.csv",
        "sourcedId,username,givenName,familyName,password,activeDirectoryMatchId,email,phone,sms\n\
         u1,ann,Ann,B,P@ss,,,,\nu2,bob,Bob,B,P@ss,,,,\nt1,ted,Ted,D,P@ss,,,,\n\
         g1,gail@x.org,Gail,B,P@ss,,gail@x.org,,4155552671\ng2,gus@x.org,Gus,B,P@ss,,gus@x.org,,\nd1,doc@x.org,Di,D,P@ss,,doc@x.org,,\n",
    ),
    ("roles.csv", "userSourcedId,orgSourcedId,role\nu1,1,student\nu2,1,student\nt1,1,teacher\n"),
    (
        "relationships.csv",
        "userSourcedId,relationshipUserSourcedId,relationshipRole\n\
         u1,g2,relative\n\
         u2,g1,Guardian\n\
         u1,g1,guardian\n\
         u1,g1,guardian\n\
         u1,d1,doctor\n\
         u1,u2,guardian\n\
         u1,t1,parent\n\
         g1,g2,relative\n\
         u1,nobody,guardian\n\
         nobody,g1,guardian\n\
         u2,,guardian\n",
    ),
];

#[tokio::test]
async fn relations_of_v2_link_guardians_and_nobody_else() {
    let (folder, ledger) = (export(&V21), Arc::new(Fake::default()));
    let report = imported(&folder, &ledger).await;
    assert_eq!(report.format, Format::SchoolDataSyncV2);
    assert_eq!(
        told(&report),
        [
            "users.csv:7 sourcedId E14 the district does not know this person, and no row of roles.csv says what they are: \
             send the row of their role with them, or both files in bulk mode",
            &format!("relationships.csv:6 relationshipUserSourcedId {NOBODY}"),
            &format!("relationships.csv:7 relationshipUserSourcedId {NO_KIN}"),
            &format!("relationships.csv:8 relationshipUserSourcedId {NO_KIN}"),
            "relationships.csv:9 userSourcedId W05 nobody is told about a guardian, parent or relative",
            &format!("relationships.csv:10 relationshipUserSourcedId {NOBODY}"),
            &format!("relationships.csv:11 userSourcedId {NOBODY}"),
            "relationships.csv:12 relationshipUserSourcedId E12 this must not be empty",
        ]
    );
    let relations = Counts { read: 11, unchanged: 7, rejected: 4, warnings: 3, ..Counts::default() };
    assert_eq!(counts(&report, "relationships.csv"), relations);
    assert_eq!(guardians(&ledger, "u1"), ["g2", "g1"]);
    assert_eq!(guardians(&ledger, "u2"), ["g1"]);
    // The relation says what a contact is, and of nobody else what they are.
    assert_eq!(standing(&ledger, "g1"), ("guardian".to_owned(), 10));
    assert_eq!(standing(&ledger, "g2"), ("relative".to_owned(), 10));
    assert!(!ledger.0.lock().unwrap().people.contains_key("d1"), "nothing says what this contact is");
    assert_eq!((standing(&ledger, "u2").1, standing(&ledger, "t1").1), (10, 30));
    assert_eq!(ledger.0.lock().unwrap().people["g1"].sms.as_deref(), Some("+14155552671"));
    let again = imported(&folder, &ledger).await;
    assert_eq!((again.total.created, again.total.updated), (0, 0), "{}", again.table());
    let seen = inspect(folder.path(), Options::default()).await.unwrap();
    let names: Vec<&str> = seen.files.iter().map(|file| &*file.file).collect();
    assert_eq!(names, ["orgs.csv", "roles.csv", "users.csv", "relationships.csv"]);
    assert_eq!(seen.report.total, report.total);
}

#[tokio::test]
async fn in_v2_a_contact_has_a_role_of_its_own_or_that_of_the_relation() {
    let files = [
        V21[0],
        (
            "users.csv",
            "sourcedId,orgSourcedIds,givenName,familyName,username,role\nu1,1,Ann,B,ann,Student\nu2,1,Bob,B,bob,Student\n\
             g1,,Gail,B,gail,Parent\ng2,,Gus,B,gus,\n",
        ),
        (
            "relationships.csv",
            "userSourcedId,relationshipUserSourcedId,relationshipRole\nu1,g1,guardian\nu1,g2,parent\nu1,u2,parent\n",
        ),
    ];
    let ledger = Arc::new(Fake::default());
    let report = imported(&export(&files), &ledger).await;
    assert_eq!(told(&report), [format!("relationships.csv:4 relationshipUserSourcedId {NO_KIN}")]);
    assert_eq!(guardians(&ledger, "u1"), ["g1", "g2"]);
    assert_eq!(standing(&ledger, "g1"), ("parent".to_owned(), 10));
    assert_eq!(standing(&ledger, "g2"), ("parent".to_owned(), 10));
}

#[tokio::test]
async fn later_relations_of_v2_replace_the_earlier_ones_and_a_broken_file_none() {
    let (folder, ledger) = (export(&V21), Arc::new(Fake::default()));
    imported(&folder, &ledger).await;
    let head = V21[3].1.lines().next().unwrap();
    let file = folder.path().join("relationships.csv");
    let only = |row: &str| fs::write(&file, format!("{head}\n{row}")).unwrap();
    only("u1,g2,relative\n");
    let report = imported(&folder, &ledger).await;
    assert_eq!(guardians(&ledger, "u1"), ["g2"]);
    assert_eq!(guardians(&ledger, "u2"), [""; 0], "{}", report.table());
    // A contact whom no row names any more stays what they are, and is linked again when one does.
    assert_eq!(standing(&ledger, "g1"), ("guardian".to_owned(), 10));
    put(folder.path(), &[V21[3]]);
    imported(&folder, &ledger).await;
    assert_eq!(
        (guardians(&ledger, "u1"), guardians(&ledger, "u2")),
        (vec!["g2".into(), "g1".into()], vec!["g1".into()])
    );
    fs::remove_file(&file).unwrap();
    imported(&folder, &ledger).await;
    assert_eq!(standing(&ledger, "g1"), ("guardian".to_owned(), 10));
    assert_eq!(guardians(&ledger, "u2"), ["g1"]);
    only("u1,g2,relative\n");
    let report = imported(&folder, &ledger).await;
    // Who is known as more than a guardian does not become one because a file leaves the role out.
    assert_eq!(counts(&report, "users.csv").rejected, 1, "the doctor whom nobody knows");
    put(folder.path(), &[("roles.csv", "userSourcedId,orgSourcedId,role\nu1,1,student\nu2,1,student\n")]);
    only("u1,t1,parent\nu1,g2,relative\n");
    let report = imported(&folder, &ledger).await;
    assert!(
        told(&report).iter().any(|it| it.starts_with("users.csv:4 E16")) && standing(&ledger, "t1").1 == 30,
        "{}",
        report.table()
    );
    assert_eq!(guardians(&ledger, "u1"), ["g2"]);
    let options = Options { allow_lower: true, ..Options::default() };
    let report = import_with(&ledger, folder.path(), options).await.unwrap();
    assert_eq!(standing(&ledger, "t1"), ("parent".to_owned(), 10), "{}", report.table());
    assert_eq!(guardians(&ledger, "u1"), ["t1", "g2"]);
    // What is not whole takes nobody away, and neither does a folder without the file.
    fs::write(&file, "userSourcedId,relationshipRole\nu1,guardian\n").unwrap();
    let report = imported(&folder, &ledger).await;
    let said = "relationships.csv W05 it could not be read to its end, so nobody's guardians are changed";
    assert!(told(&report).contains(&said.to_owned()), "{}", report.table());
    fs::remove_file(&file).unwrap();
    imported(&folder, &ledger).await;
    assert_eq!(guardians(&ledger, "u1"), ["t1", "g2"]);
}

#[tokio::test]
async fn relations_are_refused_where_the_people_could_not_be_read() {
    let files = [V21[0], V21[1], ("roles.csv", "userSourcedId,role\nu1,student\n"), V21[3]];
    let ledger = Arc::new(Fake::default());
    let report = imported(&export(&files), &ledger).await;
    let said =
        "relationships.csv E13 users.csv could not be read to its end, and nobody's guardians are changed without it";
    assert!(told(&report).contains(&said.to_owned()), "{}", report.table());
    assert!(ledger.0.lock().unwrap().people.is_empty());
}

#[tokio::test]
async fn in_v2_a_pupil_whose_role_is_missing_is_nobodys_guardian() {
    let (folder, ledger) = (export(&V21), Arc::new(Fake::default()));
    imported(&folder, &ledger).await;
    let relations = "userSourcedId,relationshipUserSourcedId,relationshipRole\nu1,u2,relative\nu1,g1,guardian\n";
    let without_u2 =
        [("roles.csv", "userSourcedId,orgSourcedId,role\nu1,1,student\n"), ("relationships.csv", relations)];
    put(folder.path(), &without_u2);
    let report = imported(&folder, &ledger).await;
    assert!(told(&report).iter().any(|it| it.starts_with("users.csv:3 E16")), "{}", report.table());
    assert_eq!(standing(&ledger, "u2"), ("student".to_owned(), 10));
    assert_eq!(guardians(&ledger, "u1"), ["g1"]);
    // Nor is one whom nobody knows, if the file names contacts of theirs.
    let ledger = Arc::new(Fake::default());
    put(folder.path(), &[("relationships.csv", &format!("{relations}u2,g1,guardian\n"))]);
    imported(&folder, &ledger).await;
    assert!(!ledger.0.lock().unwrap().people.contains_key("u2"));
    assert_eq!(guardians(&ledger, "u1"), ["g1"]);
}

#[tokio::test]
async fn in_v2_a_guardian_whose_row_is_left_out_once_stays_one() {
    let (folder, ledger) = (export(&V21), Arc::new(Fake::default()));
    imported(&folder, &ledger).await;
    let users = V21[1].1.replace("g1,gail@x.org", "g1,");
    put(folder.path(), &[("users.csv", &users)]);
    let report = imported(&folder, &ledger).await;
    assert!(told(&report).iter().any(|it| it.starts_with("users.csv:5 username E12")), "{}", report.table());
    assert_eq!(guardians(&ledger, "u1"), ["g2", "g1"], "{}", report.table());
    assert_eq!(guardians(&ledger, "u2"), ["g1"]);
}
