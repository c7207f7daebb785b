//! OneRoster 1.2 in delta mode: people and roles that changed, in two files.
#![expect(clippy::unwrap_used, reason = "a test whose set-up fails has failed")]

mod support;

use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;

use keybell_roster::{Counts, Options, Outcome, Report, inspect};
use support::{Fake, import_into};
use tempfile::TempDir;

const ORGS: &str = "sourcedId,status,name,type\nd,,Green Valley,district\ns1,,North,school\ns2,,South,school\n\
     x,,Transport,department\n";
const USERS: &str =
    "sourcedId,status,dateLastModified,enabledUser,username,givenName,familyName,email,agentSourcedIds,password\n";
const ROLES: &str = "sourcedId,status,dateLastModified,userSourcedId,roleType,role,orgSourcedId\n";
const CLASSES: &str = "sourcedId,status,title,schoolSourcedId\nc1,,Maths,s1\n";
const ENROLMENTS: &str = "sourcedId,status,classSourcedId,userSourcedId,role\ne1,,c1,u1,student\n";

/// Three files with their modes; a file of mode `absent` is not there.
fn roster(orgs: (&str, &str), users: (&str, &str), roles: (&str, &str)) -> TempDir {
    let folder = TempDir::new().unwrap();
    let files = [
        ("orgs", orgs.0, orgs.1.to_owned()),
        ("classes", orgs.0, CLASSES.to_owned()),
        ("users", users.0, format!("{USERS}{}", users.1)),
        ("roles", roles.0, format!("{ROLES}{}", roles.1)),
        ("enrollments", orgs.0, ENROLMENTS.to_owned()),
    ];
    let mut manifest =
        "propertyName,value\nmanifest.version,1.0\noneroster.version,1.2\nfile.demographics,delta\n".to_owned();
    for (name, mode, text) in files {
        writeln!(manifest, "file.{name},{mode}").unwrap();
        if mode != "absent" {
            fs::write(folder.path().join(format!("{name}.csv")), text).unwrap();
        }
    }
    fs::write(folder.path().join("manifest.csv"), manifest).unwrap();
    fs::write(folder.path().join("demographics.csv"), "sourcedId,status\nu1,tobedeleted\n").unwrap();
    folder
}

const GONE: (&str, &str) = ("absent", "");

/// A district with a teacher of two schools who is a parent, too, two pupils, and an administrator of the district.
async fn begun() -> Arc<Fake> {
    let users = "t1,,,true,ted,Ted,Dean,ted@x.org,,Hunter2!\nu1,,,true,ann,Ann,Brown,,t1,Hunter2!\nu2,,,true,bob,Bob,Cole,,,Hunter2!\n\
                 a1,,,true,ada,Ada,Eve,,,Hunter2!\n";
    let roles = "r1,,,t1,primary,teacher,s1\nr2,,,t1,secondary,teacher,s2\nr3,,,t1,secondary,parent,d\n\
                 r4,,,u1,primary,student,s1\nr5,,,u2,primary,student,s1\nr6,,,a1,primary,districtAdministrator,d\n";
    let ledger = Arc::new(Fake::default());
    let report = import(&ledger, &roster(("bulk", ORGS), ("bulk", users), ("bulk", roles))).await;
    assert!(report.is_clean(), "{}", report.table());
    ledger
}

async fn import(ledger: &Arc<Fake>, folder: &TempDir) -> Report {
    let report = import_into(ledger, folder.path()).await.unwrap();
    assert!(!format!("{report:?}{ledger:?}").contains("Hunter2"));
    report
}

async fn delta(ledger: &Arc<Fake>, users: (&str, &str), roles: (&str, &str)) -> Report {
    import(ledger, &roster(GONE, users, roles)).await
}

fn counts(report: &Report, file: &str) -> Counts {
    report.files.iter().find(|known| known.file == file).unwrap().counts
}

fn told(report: &Report) -> Vec<String> {
    report.problems.iter().map(ToString::to_string).collect()
}

/// Role, rank, and places of a person.
fn standing(ledger: &Fake, id: &str) -> String {
    let held = ledger.0.lock().unwrap();
    let person = held.people.get(id).unwrap();
    let places: Vec<String> =
        person.memberships.iter().map(|place| format!("{}@{}", place.role, place.school)).collect();
    format!("{} {} {}", person.role, person.rank, places.join(" "))
}

#[tokio::test]
async fn who_is_known_keeps_every_role_that_no_row_changes() {
    let ledger = begun().await;
    assert_eq!(standing(&ledger, "t1"), "teacher 30 teacher@s1 teacher@s2");
    // A new name: the roles stay. A role alone: the name stays. One of three roles is gone, one moves.
    let users = ("delta", "t1,active,,true,ted.dean,Ted,Dean,,,\n");
    let roles = ("delta", "r2,tobedeleted,,t1,secondary,teacher,s2\nr5,active,,u2,primary,student,s2\n");
    let report = delta(&ledger, users, roles).await;
    assert!(report.is_clean(), "{}", report.table());
    assert_eq!(counts(&report, "users.csv"), Counts { read: 1, updated: 1, ..Counts::default() });
    assert_eq!(counts(&report, "roles.csv"), Counts { read: 2, updated: 1, inactive: 1, ..Counts::default() });
    assert_eq!(standing(&ledger, "t1"), "teacher 30 teacher@s1");
    assert_eq!(standing(&ledger, "u2"), "student 10 student@s2");
    assert_eq!(standing(&ledger, "u1"), "student 10 student@s1");
    // The same delta once more changes nothing.
    let again = delta(&ledger, users, roles).await;
    assert_eq!(counts(&again, "users.csv"), Counts { read: 1, unchanged: 1, ..Counts::default() });
    assert_eq!(counts(&again, "roles.csv"), Counts { read: 2, unchanged: 1, inactive: 1, ..Counts::default() });
    // Another role, however low, makes nobody less.
    let report = delta(&ledger, GONE, ("delta", "r7,active,,t1,secondary,student,s2\n")).await;
    assert!(report.is_clean(), "{}", report.table());
    assert_eq!(standing(&ledger, "t1"), "teacher 30 teacher@s1 student@s2");
    assert_eq!(ledger.0.lock().unwrap().people["t1"].username, "ted.dean");
    // And a row that says so does.
    delta(&ledger, GONE, ("delta", "r1,tobedeleted,,t1,primary,teacher,s1\n")).await;
    assert_eq!(standing(&ledger, "t1"), "parent 10 student@s2");
}

#[tokio::test]
async fn who_is_new_needs_a_role_in_the_same_delta() {
    let ledger = begun().await;
    let users = "n1,active,,true,nat,Nat,Orr,,,\nn2,active,,true,noa,Noa,Poe,,,\nn3,tobedeleted,,true,ned,Ned,Ray,,,\n";
    let roles =
        "r8,active,,n1,primary,aide,s2\nr9,active,,n9,primary,student,s1\nr10,tobedeleted,,n8,primary,student,s1\n";
    let report = delta(&ledger, ("delta", users), ("delta", roles)).await;
    assert_eq!(
        told(&report),
        [
            "users.csv:3 sourcedId E14 the district does not know this person, and no row of roles.csv says what they are: \
             send the row of their role with them, or both files in bulk mode",
            "roles.csv:3 userSourcedId E03 the district has nothing with this id",
        ]
    );
    assert_eq!(
        counts(&report, "users.csv"),
        Counts { read: 3, created: 1, inactive: 1, rejected: 1, ..Counts::default() }
    );
    assert_eq!(
        counts(&report, "roles.csv"),
        Counts { read: 3, created: 1, inactive: 1, rejected: 1, ..Counts::default() }
    );
    assert_eq!(standing(&ledger, "n1"), "aide 30 aide@s2");
    let held = ledger.0.lock().unwrap();
    assert!(!held.people.contains_key("n2") && !held.people.contains_key("n3"));
}

#[tokio::test]
async fn who_leaves_becomes_inactive_and_who_only_loses_the_last_role_keeps_what_they_were() {
    let ledger = begun().await;
    let users = ("delta", "u1,tobedeleted,,true,ann,Ann,Brown,,,\n");
    let roles = ("delta", "r4,tobedeleted,,u1,primary,student,s1\nr5,tobedeleted,,u2,primary,student,s1\n");
    let report = delta(&ledger, users, roles).await;
    assert_eq!(counts(&report, "users.csv"), Counts { read: 1, inactive: 1, ..Counts::default() });
    assert_eq!(counts(&report, "roles.csv"), Counts { read: 2, inactive: 2, warnings: 1, ..Counts::default() });
    assert!(
        told(&report)[0].starts_with("roles.csv:3 userSourcedId W06 the last role of this person is gone"),
        "{}",
        report.table()
    );
    assert!(!ledger.0.lock().unwrap().people["u1"].active);
    assert_eq!(standing(&ledger, "u1"), "student 10 student@s1");
    assert_eq!(standing(&ledger, "u2"), "student 10 ");
}

#[tokio::test]
async fn each_file_may_be_whole_or_of_changes_or_absent() {
    // Users whole, roles of changes: who is in the list and has no change keeps what they are.
    let ledger = begun().await;
    let users = "t1,,,true,ted,Ted,Dean,,,\nu1,,,true,ann,Ann,Brown,,,\nn1,,,true,nat,Nat,Orr,,,\n";
    let report = delta(
        &ledger,
        ("bulk", users),
        ("delta", "r4,active,,u1,primary,student,s2\nr5,active,,u2,primary,student,s2\n"),
    )
    .await;
    assert_eq!(counts(&report, "users.csv"), Counts { read: 3, updated: 2, rejected: 1, ..Counts::default() });
    assert_eq!(counts(&report, "roles.csv"), Counts { read: 2, updated: 2, ..Counts::default() });
    assert_eq!(
        [standing(&ledger, "t1"), standing(&ledger, "u1"), standing(&ledger, "u2")],
        ["teacher 30 teacher@s1 teacher@s2", "student 10 student@s2", "student 10 student@s2"]
    );

    // Users of changes, roles whole: the roles of everybody who is named are those and no others.
    let ledger = begun().await;
    let report = delta(
        &ledger,
        ("delta", "u1,active,,true,annie,Ann,Brown,,,\n"),
        ("bulk", "r1,,,t1,primary,aide,s1\nr4,,,u1,primary,student,s2\n"),
    )
    .await;
    assert!(report.is_clean(), "{}", report.table());
    assert_eq!(counts(&report, "roles.csv"), Counts { read: 2, updated: 2, ..Counts::default() });
    assert_eq!([standing(&ledger, "t1"), standing(&ledger, "u1")], ["aide 30 aide@s1", "student 10 student@s2"]);

    // Only users; only roles; and neither.
    let ledger = begun().await;
    let report = delta(&ledger, ("delta", "t1,active,,true,teddy,Ted,Dean,,,\n"), GONE).await;
    assert!(report.is_clean(), "{}", report.table());
    assert_eq!(standing(&ledger, "t1"), "teacher 30 teacher@s1 teacher@s2");
    let report = delta(&ledger, GONE, ("delta", "r1,active,,t1,primary,principal,s1\n")).await;
    assert!(report.is_clean(), "{}", report.table());
    assert_eq!(standing(&ledger, "t1"), "principal 40 principal@s1 teacher@s2");
    let only_orgs = roster(("delta", "sourcedId,status,name,type\ns3,,East,school\n"), GONE, GONE);
    let report = import(&ledger, &only_orgs).await;
    assert!(report.is_clean() && report.total.read == 3, "{}", report.table());

    // A list of roles that the manifest does not name is taken as changes where the people are.
    let ledger = begun().await;
    let folder =
        roster(GONE, ("delta", "t1,active,,true,ted,Ted,Dean,,,\n"), ("delta", "r7,,,t1,primary,student,s1\n"));
    let manifest = fs::read_to_string(folder.path().join("manifest.csv")).unwrap().replace("file.roles,delta\n", "");
    fs::write(folder.path().join("manifest.csv"), manifest).unwrap();
    import(&ledger, &folder).await;
    assert_eq!(standing(&ledger, "t1"), "teacher 30 teacher@s1 student@s1 teacher@s2");
}

#[tokio::test]
async fn changes_need_a_whole_roster_first() {
    let ledger = Arc::new(Fake::default());
    // The people came with the roles among them, as in 1.1.
    let folder = roster(("bulk", ORGS), GONE, GONE);
    let users = "sourcedId,status,enabledUser,orgSourcedIds,role,username,givenName,familyName\nt1,,true,s1,teacher,ted,Ted,Dean\n\
                 u1,,true,s1,student,ann,Ann,Brown\n";
    fs::write(folder.path().join("users.csv"), users).unwrap();
    let manifest = fs::read_to_string(folder.path().join("manifest.csv")).unwrap();
    fs::write(folder.path().join("manifest.csv"), manifest.replace("file.users,absent", "file.users,bulk")).unwrap();
    assert!(import(&ledger, &folder).await.is_clean());
    let users = "t1,active,,true,ted,Theo,Dean,,,\nu1,active,,true,anna,Ann,Brown,,,\n";
    let report = delta(&ledger, ("delta", users), ("delta", "r1,active,,t1,primary,student,s1\n")).await;
    assert_eq!(
        told(&report),
        [
            "users.csv:2 sourcedId E14 the district does not know the other roles of this person, so changes alone do not say \
             what they are: import users.csv and roles.csv in bulk mode once",
            "roles.csv:2 userSourcedId E03 this person's row was left out",
        ]
    );
    // Of whom no role changed, the rest is taken.
    assert_eq!(ledger.0.lock().unwrap().people["u1"].username, "anna");
    assert_eq!([standing(&ledger, "t1"), standing(&ledger, "u1")], ["teacher 30 teacher@s1", "student 10 student@s1"]);
    let report =
        delta(&ledger, GONE, ("delta", "r1,active,,t1,primary,student,s1\nr2,tobedeleted,,u1,primary,student,s1\n"))
            .await;
    assert_eq!(counts(&report, "roles.csv"), Counts { read: 2, rejected: 2, ..Counts::default() });
}

#[tokio::test]
async fn changes_refer_to_organisations_that_they_do_not_repeat() {
    let ledger = begun().await;
    // The district, a department that nobody worked at until now, and a school.
    let users = "n1,active,,true,nat,Nat,Orr,,,\nn2,active,,true,noa,Noa,Poe,,,\nn3,active,,true,ned,Ned,Ray,,,\n";
    let roles = "r8,active,,n1,primary,districtAdministrator,d\nr9,active,,n2,primary,aide,x\nr10,active,,n3,primary,aide,nowhere\n";
    let report = delta(&ledger, ("delta", users), ("delta", roles)).await;
    assert_eq!(
        counts(&report, "users.csv"),
        Counts { read: 3, created: 2, rejected: 1, ..Counts::default() },
        "{}",
        report.table()
    );
    assert_eq!([standing(&ledger, "n1"), standing(&ledger, "n2")], ["districtAdministrator 50 ", "aide 30 aide@x"]);
    assert_eq!(ledger.0.lock().unwrap().schools["x"].name, "Transport");
    assert!(!report.files.iter().any(|file| file.file == "orgs.csv"), "{}", report.table());
}

#[tokio::test]
async fn guardians_of_a_delta_are_those_who_are_known_as_such() {
    let ledger = begun().await;
    // The teacher is a parent by another role, which this delta does not repeat; the classmate is nobody's guardian.
    let users = "u1,active,,true,ann,Ann,Brown,,\"t1,u2\",\nt1,active,,true,ted,Theo,Dean,,,\n";
    let report = delta(&ledger, ("delta", users), GONE).await;
    assert_eq!(
        told(&report).into_iter().map(|it| it.split(" (").next().unwrap().to_owned()).collect::<Vec<_>>(),
        ["users.csv:2 agentSourcedIds W05 this person is no guardian, parent or relative"]
    );
    assert_eq!(ledger.0.lock().unwrap().guardians["u1"], ["t1"]);
}

#[tokio::test]
async fn a_role_at_an_unknown_organisation_still_tells_what_somebody_is() {
    let users = ("bulk", "t1,,,true,ted,Ted,Dean,,,\nt2,,,true,tim,Tim,Dean,,,\n");
    let roles =
        ("bulk", "r1,,,t1,primary,parent,s1\nr2,,,t1,secondary,teacher,nowhere\nr3,,,t2,primary,teacher,nowhere\n");
    let ledger = Arc::new(Fake::default());
    let report = import(&ledger, &roster(("bulk", ORGS), users, roles)).await;
    assert_eq!(counts(&report, "roles.csv"), Counts { read: 3, created: 1, rejected: 2, ..Counts::default() });
    assert_eq!(standing(&ledger, "t1"), "teacher 30 parent@s1");
    assert!(!ledger.0.lock().unwrap().people.contains_key("t2"));
}

#[tokio::test]
async fn roles_that_cannot_be_read_to_their_end_change_nobody() {
    let ledger = begun().await;
    let folder = roster(GONE, ("delta", "t1,active,,true,ted,Theo,Dean,,,\n"), ("delta", ""));
    fs::write(folder.path().join("roles.csv"), "sourcedId,userSourcedId,role\nr1,t1,student\n").unwrap();
    let report = import(&ledger, &folder).await;
    let refused: Vec<&str> =
        report.files.iter().filter(|it| it.outcome == Outcome::Refused).map(|it| &*it.file).collect();
    assert_eq!(refused, ["roles.csv", "users.csv"]);
    assert_eq!(standing(&ledger, "t1"), "teacher 30 teacher@s1 teacher@s2");
    assert_eq!(ledger.0.lock().unwrap().people["t1"].given_name, "Ted");
}

#[tokio::test]
async fn what_only_the_district_can_know_is_not_judged_by_a_look_at_changes() {
    let folder =
        roster(GONE, ("delta", "t1,active,,true,ted,Theo,Dean,,,\n"), ("delta", "r1,active,,n1,primary,aide,s1\n"));
    let seen = inspect(folder.path(), Options::default()).await.unwrap();
    assert!(seen.partial && seen.report.total.add_up(), "{}", seen.table());
    let unjudged = Counts { read: 1, unjudged: 1, warnings: 1, ..Counts::default() };
    assert_eq!([counts(&seen.report, "users.csv"), counts(&seen.report, "roles.csv")], [unjudged, unjudged]);
    let said = "nothing in these files says it, the district may know it: the import judges this row";
    assert_eq!(
        told(&seen.report),
        [format!("users.csv:2 sourcedId W10 {said}"), format!("roles.csv:2 userSourcedId W10 {said}")]
    );
    let table = seen.table();
    assert!(table.contains("the district is not asked") && table.contains("warnings  not judged"), "{table}");
    let named = |file: &str| seen.files.iter().any(|view| view.file == file && !view.columns.is_empty());
    assert!(named("users.csv") && named("roles.csv"), "{}", seen.table());
}

/// Classes, enrolments and schools that a delta does not repeat are not judged, either; what its own files show is.
#[tokio::test]
async fn a_look_at_changes_judges_what_they_show() {
    let users = "n1,active,,true,nat,Nat,Orr,,,\nn2,active,,true,noa,Noa,Poe,,,\nn3,tobedeleted,,true,ned,Ned,Ray,,,\nn1,active,,true,x,X,Y,,,\n";
    let roles = "r8,active,,n1,primary,aide,s9\nr9,active,,n2,primary,aide,s1\nr10,tobedeleted,,n8,primary,aide,s1\n";
    let folder = roster(GONE, ("delta", users), ("delta", roles));
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("orgs.csv", "sourcedId,status,name,type\ns9,active,New,school\n");
    write("classes.csv", "sourcedId,status,title,schoolSourcedId\nc8,active,Art,s1\nc9,active,Art,s9\n");
    write(
        "enrollments.csv",
        "sourcedId,status,classSourcedId,userSourcedId,role\ne1,active,c9,n1,aide\ne2,active,c1,n1,aide\n",
    );
    let manifest = fs::read_to_string(folder.path().join("manifest.csv")).unwrap();
    write("manifest.csv", &manifest.replace(",absent", ",delta"));
    let seen = inspect(folder.path(), Options::default()).await.unwrap().report;
    assert!(seen.total.add_up(), "{}", seen.table());
    let of = |file| counts(&seen, file);
    assert_eq!(of("classes.csv"), Counts { read: 2, created: 1, unjudged: 1, warnings: 1, ..Counts::default() });
    let people =
        Counts { read: 4, created: 1, inactive: 1, rejected: 1, unjudged: 1, warnings: 1, ..Counts::default() };
    assert_eq!(of("users.csv"), people, "{}", seen.table());
    assert_eq!(of("roles.csv"), Counts { read: 3, created: 1, unjudged: 2, warnings: 1, ..Counts::default() });
    assert_eq!(of("enrollments.csv"), Counts { read: 2, created: 1, unjudged: 1, warnings: 1, ..Counts::default() });
}

#[tokio::test]
async fn a_place_that_the_district_does_not_have_is_told_row_by_row() {
    let ledger = begun().await;
    // One who is known gets another name and a role nowhere; one role more at a school that is known, and one nowhere.
    let users = ("delta", "t1,active,,true,ted,Theo,Dean,,,\n");
    let roles = "r8,active,,t1,secondary,aide,nowhere\nr9,active,,u1,secondary,student,s2\nr10,active,,u2,secondary,aide,gone\n";
    let report = delta(&ledger, users, ("delta", roles)).await;
    assert_eq!(
        told(&report),
        [
            "roles.csv:2 orgSourcedId E03 the district has no such organisation (7 letters)",
            "roles.csv:4 orgSourcedId E03 the district has no such organisation (4 letters)",
        ]
    );
    assert_eq!(counts(&report, "users.csv"), Counts { read: 1, updated: 1, ..Counts::default() });
    assert_eq!(counts(&report, "roles.csv"), Counts { read: 3, updated: 1, rejected: 2, ..Counts::default() });
    assert_eq!(standing(&ledger, "t1"), "teacher 30 teacher@s1 teacher@s2");
    assert_eq!(ledger.0.lock().unwrap().people["t1"].given_name, "Theo");
    assert_eq!(
        [standing(&ledger, "u1"), standing(&ledger, "u2")].map(|it| it[..10].to_owned()),
        ["student 10", "student 10"]
    );
    // Somebody who is new and nowhere else stays out, and who leaves becomes inactive wherever they were.
    let users = "n1,active,,true,nat,Nat,Orr,,,\nu2,tobedeleted,,true,bob,Bob,Cole,,,\n";
    let roles = "r8,active,,n1,primary,aide,nowhere\nr9,active,,u2,secondary,aide,nowhere\n";
    let report = delta(&ledger, ("delta", users), ("delta", roles)).await;
    assert_eq!(counts(&report, "users.csv"), Counts { read: 2, inactive: 1, rejected: 1, ..Counts::default() });
    let held = ledger.0.lock().unwrap();
    assert!(!held.people.contains_key("n1") && !held.people["u2"].active);
}
