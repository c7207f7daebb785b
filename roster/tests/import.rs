//! Whole rosters, from files to the ledger and the report.
#![expect(clippy::unwrap_used, reason = "a test whose set-up fails has failed")]

mod support;

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use keybell_roster::{Counts, Options, Outcome, Report, RosterError, RowCode, import, peek};
use keybell_shared::eligibility::Ranks;
use keybell_shared::ids::DistrictId;
use keybell_shared::ports::ledger::{Membership, RosterLedger};
use proptest::prelude::*;
use support::{Fake, import_into, import_with};
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const MANIFEST: &str = "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\nfile.orgs,bulk\n\
     file.classes,bulk\nfile.users,bulk\nfile.enrollments,bulk\nfile.demographics,bulk\nfile.courses,absent\n";
const ORGS: &str = "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\n\
     d,,,Green Valley,district,,\ns1,,,North,school,,d\ns2,,,South,school,,d\nx,,,Transport,department,,d\n";
const CLASSES: &str = "sourcedId,status,dateLastModified,title,schoolSourcedId\nc1,,,Maths,s1\nc2,,,Art,s2\n";
const USERS_HEAD: &str = "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,\
     givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password\n";
const ENROLMENTS: &str = "sourcedId,classSourcedId,userSourcedId,role\ne1,c1,u1,student\n";

/// One row of `users.csv` in 1.1.
fn user(id: &str, org: &str, role: &str, username: &str) -> String {
    format!("{id},,,true,{org},{role},{username},,Given,Family,,,,,,,,Hunter2!\n")
}

fn roster(files: &[(&str, &[u8])]) -> TempDir {
    let folder = TempDir::new().unwrap();
    let users = format!("{USERS_HEAD}{}", user("u1", "s1", "student", "ann"));
    let usual = [
        ("manifest.csv", MANIFEST.as_bytes()),
        ("orgs.csv", ORGS.as_bytes()),
        ("classes.csv", CLASSES.as_bytes()),
        ("users.csv", users.as_bytes()),
        ("enrollments.csv", ENROLMENTS.as_bytes()),
    ];
    for (name, bytes) in usual.iter().chain(files) {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

async fn imported(files: &[(&str, &[u8])]) -> (Report, Arc<Fake>) {
    let ledger = Arc::new(Fake::default());
    let folder = roster(files);
    (import_into(&ledger, folder.path()).await.unwrap(), ledger)
}

async fn users(rows: &str) -> (Report, Arc<Fake>) {
    imported(&[
        ("users.csv", format!("{USERS_HEAD}{rows}").as_bytes()),
        ("enrollments.csv", b"sourcedId,classSourcedId,userSourcedId,role\n"),
    ])
    .await
}

fn told(report: &Report) -> Vec<String> {
    report.problems.iter().map(ToString::to_string).collect()
}

fn counts(report: &Report, file: &str) -> Counts {
    report.files.iter().find(|known| known.file == file).unwrap().counts
}

#[tokio::test]
async fn a_sound_roster_goes_in_and_a_second_time_changes_nothing() {
    let rows = [
        user("t1", "\"s1,s2\"", "Teacher", "Mr.T"),
        user("g1", "s1", "parent", "gail"),
        "u1,,2024-13-77,TRUE,s1,STUDENT, Ann.B ,, Ann ,Brown,,,Ann+x@Example.org,(415) 555-2671,,g1,09,Hunter2!\n"
            .to_owned(),
        "u2,tobedeleted,,TRUE,s2,student,cy,,Cy,D,,,,,,,10,\n".to_owned(),
        "u3,,,false,s2,student,di,,Di,E,,,,,,,10,\n".to_owned(),
    ];
    let folder = roster(&[
        ("users.csv", format!("{USERS_HEAD}{}", rows.concat()).as_bytes()),
        ("demographics.csv", b"whatever"),
        ("notes.txt", b"whatever"),
    ]);
    let ledger = Arc::new(Fake::default());
    let report = import_into(&ledger, folder.path()).await.unwrap();
    assert_eq!(told(&report), [""; 0]);
    assert!(report.is_clean());
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!((&json["total"]["created"], &json["files"][0]["outcome"]), (&8.into(), &"read".into()));
    assert_eq!(counts(&report, "users.csv"), Counts { read: 5, created: 3, inactive: 2, ..Counts::default() });
    // The district's row and the department that nobody refers to are read and not stored.
    assert_eq!(counts(&report, "orgs.csv"), Counts { read: 4, created: 2, unchanged: 2, ..Counts::default() });
    assert_eq!(report.district_name.as_deref(), Some("Green Valley"));
    assert_eq!(report.not_needed, ["demographics.csv"]);
    {
        let held = ledger.0.lock().unwrap();
        let ann = &held.people["u1"];
        assert_eq!((ann.username.as_str(), ann.given_name.as_str(), ann.role.as_str()), ("Ann.B", "Ann", "student"));
        assert_eq!((ann.rank, ann.grade.as_deref()), (10, Some("09")));
        assert_eq!((ann.email.as_deref(), ann.sms.as_deref()), (Some("Ann+x@Example.org"), Some("+14155552671")));
        let at = |school: &str| Membership { school: school.to_owned(), role: "teacher".to_owned() };
        assert_eq!(held.people["t1"].memberships, [at("s1"), at("s2")]);
        assert!(!held.people["u2"].active && !held.people["u3"].active);
        assert_eq!(held.guardians["u1"], ["g1"]);
        assert!(!held.guardians.contains_key("g1"));
        assert!(!format!("{held:?}").contains("Hunter2"));
    }
    let again = import_into(&ledger, folder.path()).await.unwrap();
    assert_eq!(counts(&again, "users.csv"), Counts { read: 5, unchanged: 3, inactive: 2, ..Counts::default() });
    assert_eq!(again.total.created, 0);
}

#[tokio::test]
async fn every_bad_row_is_told_and_costs_nobody_else() {
    let cases = [
        (user("", "s1", "student", "bob"), "users.csv:3 sourcedId E12 this must not be empty (empty)"),
        (user("u2", "s1", "student", ""), "users.csv:3 username E12 this must not be empty (empty)"),
        (
            user("u1", "s1", "student", "bob"),
            "users.csv:3 sourcedId E04 this id was on an earlier line (2 characters: letters, digits)",
        ),
        (
            user("u2", "s1", "student", "ANN"),
            "users.csv:3 username E04 this username was on an earlier line (3 letters)",
        ),
        (
            user("u2", "s9", "student", "bob"),
            "users.csv:3 orgSourcedIds E03 orgs.csv has no such organisation (2 characters: letters, digits)",
        ),
        (
            "u2,,,perhaps,s1,student,bob,,B,B,,,,,,,,\n".to_owned(),
            "users.csv:3 enabledUser E12 this is neither true nor false (7 letters)",
        ),
        (
            "u2,gone,,true,s1,student,bob,,B,B,,,,,,,,\n".to_owned(),
            "users.csv:3 status E12 the status is neither active nor tobedeleted (4 letters)",
        ),
        (
            "u2,,,true,s1\n".to_owned(),
            "users.csv:3 role E12 the row ends before this column: it has 5 columns and the header 18",
        ),
        (
            "u2,,,true,s1,student,bob,,B,B,,,,,,,,Hunter2!,more\n".to_owned(),
            "users.csv:3 E12 the row has 19 columns and the header 18",
        ),
        (USERS_HEAD.to_uppercase(), "users.csv:3 E12 the header is repeated here"),
        (
            "u2,,,true,s1,student,bob,,\"B\"x,B,,,,,,,,\n".to_owned(),
            "users.csv:3 E12 there is text between a closing quote and the next comma",
        ),
        (user("u2", "s1", "student", &"b".repeat(5000)), "users.csv:3 E12 a field is longer than 4 KiB"),
        (
            user("u2", "s1", "student", &"b".repeat(300)),
            "users.csv:3 username E12 this is longer than 255 characters (300 letters)",
        ),
        (user("u2", "s1", "student", "b\0b"), "users.csv:3 E12 the row holds NUL bytes"),
        (
            user("u2", "s1", "student", "b\u{FFFD}b"),
            "users.csv:3 username E11 letters were lost before the file came here (U+FFFD); export it again as UTF-8 (5 bytes)",
        ),
    ];
    for (bad, expected) in cases {
        let rows = [user("u1", "s1", "student", "ann"), bad, "\n,,,\n".to_owned(), user("u9", "s2", "student", "zoe")];
        let (report, ledger) = users(&rows.concat()).await;
        assert_eq!(told(&report)[0], expected);
        assert_eq!(counts(&report, "users.csv"), Counts { read: 3, created: 2, rejected: 1, ..Counts::default() });
        assert!(ledger.0.lock().unwrap().people.contains_key("u9"));
        assert!(!format!("{report:?}").contains("Hunter2"));
    }
}

#[tokio::test]
async fn an_unclosed_quote_does_not_swallow_the_rest() {
    let rows = ["u1,,,true,s1,student,\"ann,,A,B,,,,,,,,\n".to_owned(), user("u2", "s1", "student", "bob")];
    let (report, ledger) = users(&rows.concat()).await;
    assert_eq!(told(&report)[0], "users.csv:2 E12 a quote is opened and not closed");
    assert!(ledger.0.lock().unwrap().people.contains_key("u2"));
}

#[tokio::test]
async fn unusable_contacts_cost_the_contact_only() {
    let row = "u1,,,true,s1,student,ann,,A,B,,,a@x..org,12345,,,,\n";
    let (report, ledger) = users(row).await;
    let expected = [
        "users.csv:2 email W01 the address is not valid: a sub-domain is empty (8 characters: letters, signs)",
        "users.csv:2 sms W01 no country code: write it as +, country code, number (5 digits)",
    ];
    assert_eq!(told(&report), [expected[0], expected[1], "enrollments.csv W08 there are no rows below the header"]);
    assert_eq!(counts(&report, "users.csv"), Counts { read: 1, created: 1, warnings: 2, ..Counts::default() });
    assert_eq!(ledger.0.lock().unwrap().people["u1"].email, None);
}

#[tokio::test]
async fn names_are_decoded_and_cleaned() {
    let mut rows = format!("{USERS_HEAD}u1,,,true,s1,student,ann,,Ma\u{202E}ria,Lop\u{200B}ez,,,,,,,,\n").into_bytes();
    rows.extend_from_slice(b"u2,,,true,s1,student,bob,,Ren\xE9,M\xFCller,,,,,,,,\r\nu3,,,true,s1,student,cy,,\"Zo\xC3\xAB\",O'Neil,,,,,,,,\r");
    let (report, ledger) = imported(&[("users.csv", &rows)]).await;
    let held = ledger.0.lock().unwrap();
    let name = |id: &str| format!("{} {}", held.people[id].given_name, held.people[id].family_name);
    assert_eq!([name("u1"), name("u2"), name("u3")], ["Maria Lopez", "René Müller", "Zoë O'Neil"]);
    let codes: Vec<RowCode> = report.problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, [RowCode::W07, RowCode::W03]);
}

#[tokio::test]
async fn utf16_with_a_mark_is_read() {
    let utf16: Vec<u8> = format!("\u{FEFF}{USERS_HEAD}{}", user("u1", "s1", "student", "zoë"))
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let (report, ledger) = imported(&[("users.csv", &utf16)]).await;
    assert!(report.is_clean(), "{}", report.table());
    assert_eq!(ledger.0.lock().unwrap().people["u1"].username, "zoë");
}

#[tokio::test]
async fn roles_and_schools_have_their_rules() {
    let rows = [
        user("u1", "s1", "Faculty", "ann"),
        user("u2", "\"s1,s9\"", "student", "bob"),
        user("u3", "d", "administrator", "cy"),
        user("u4", "x", "aide", "di"),
        user("u5", "", "parent", "ed"),
        user("u6", "", "student", "flo"),
        user("u7", "s1", "p@ss1", "gus"),
    ];
    let (report, ledger) = users(&rows.concat()).await;
    assert_eq!(
        told(&report)[..4],
        [
            "users.csv:2 role W04 no role of OneRoster; the person counts as staff of the highest rank (7 letters)",
            "users.csv:3 orgSourcedIds W06 1 of 2 organisations are not in orgs.csv (5 characters: letters, digits, signs)",
            "users.csv:7 orgSourcedIds W06 no school is given (empty)",
            "users.csv:8 role W04 no role of OneRoster; the person counts as staff of the highest rank (5 characters: letters, digits, signs)",
        ]
    );
    let held = ledger.0.lock().unwrap();
    assert_eq!((held.people["u1"].role.as_str(), held.people["u1"].rank), ("Faculty", 60));
    assert_eq!((held.people["u7"].role.as_str(), held.people["u7"].rank), ("unknown", 60));
    assert_eq!(held.people["u2"].memberships.len(), 1);
    assert!(held.people["u3"].memberships.is_empty());
    // The department became a school because somebody works there.
    assert!(held.schools.contains_key("x"));
    assert_eq!(counts(&report, "orgs.csv"), Counts { read: 4, created: 3, unchanged: 1, ..Counts::default() });
}

#[tokio::test]
async fn guardians_are_linked_when_everybody_is_there() {
    let agents =
        |id: &str, name: &str, agents: &str| format!("{id},,,true,s1,student,{name},,A,B,,,,,,\"{agents}\",,\n");
    let rows = [
        agents("u1", "ann", "g1, g2,g1,u1,nobody"),
        agents("u2", "bob", "u1,t1"),
        agents("u2", "bob2", "g1"),
        user("t1", "s1", "teacher", "ted"),
        user("g1", "s1", "guardian", "gail"),
        user("g2", "s1", "relative", "gus"),
    ];
    let (report, ledger) = users(&rows.concat()).await;
    let w05: Vec<String> = told(&report).into_iter().filter(|it| it.contains("W05")).collect();
    assert_eq!(w05.len(), 3, "{w05:?}");
    assert!(w05[2].starts_with("users.csv:2 agentSourcedIds W05 nobody has this id"), "{w05:?}");
    let held = ledger.0.lock().unwrap();
    assert_eq!(held.guardians["u1"], ["g1", "g2"]);
    assert_eq!(held.guardians["u2"], [""; 0]);
    assert_eq!(counts(&report, "users.csv").rejected, 1);
}

#[tokio::test]
async fn enrolments_and_classes_name_what_they_miss() {
    let classes = "sourcedId,title,schoolSourcedId\nc1,Maths,s1\nc3,Chess,nowhere\nc4,Bus,d\nc1,Maths,s1\n";
    let enrolments = "sourcedId,status,classSourcedId,userSourcedId,role\ne1,,c1,u1,student\ne2,,c1,u1,teacher\n\
         e3,,c9,u1,student\ne4,,c1,u9,student\ne1,,c1,u1,student\ne5,,c1,,student\ne6,tobedeleted,c1,u1,student\n";
    let files = [("classes.csv", classes.as_bytes()), ("enrollments.csv", enrolments.as_bytes())];
    let (report, ledger) = imported(&files).await;
    let mut lines =
        told(&report).into_iter().map(|line| line.split(" (").next().unwrap().to_owned()).collect::<Vec<_>>();
    lines.sort();
    assert_eq!(
        lines,
        [
            "classes.csv:3 schoolSourcedId E03 orgs.csv has no such organisation",
            "classes.csv:4 schoolSourcedId E03 this is the district and no school",
            "classes.csv:5 sourcedId E04 this id was on an earlier line",
            "enrollments.csv:4 classSourcedId E03 the district has nothing with this id",
            "enrollments.csv:5 userSourcedId E03 the district has nothing with this id",
            "enrollments.csv:6 sourcedId E04 this id was on an earlier line",
            "enrollments.csv:7 userSourcedId E12 this must not be empty",
        ]
    );
    let expected = Counts { read: 7, created: 1, updated: 1, inactive: 1, rejected: 4, ..Counts::default() };
    assert_eq!(counts(&report, "enrollments.csv"), expected);
    assert!(!ledger.0.lock().unwrap().enrolments[&("c1".to_owned(), "u1".to_owned())].active);
}

#[tokio::test]
async fn a_username_that_the_district_has_already_is_told() {
    let ledger = Arc::new(Fake::default());
    import_into(&ledger, roster(&[]).path()).await.unwrap();
    let other = format!("{USERS_HEAD}{}", user("u77", "s1", "student", "Ann"));
    let report = import_into(&ledger, roster(&[("users.csv", other.as_bytes())]).path()).await.unwrap();
    assert_eq!(told(&report)[0], "users.csv:2 username E06 another person of the district has this username");
}

fn version_1_2(roles: &str) -> Vec<(&'static str, Vec<u8>)> {
    let manifest = MANIFEST.replace(",1.1\n", ",1.2.1\n") + "file.roles,bulk\n";
    let users = "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,middleName,\
         identifier,email,sms,phone,agentSourcedIds,grades,password,metadata.identityProvider\n\
         u1,,,true,ann,,A,B,,,,,,g1,4,Hunter2!,clever\nt1,,,true,ted,,T,D,,,,,,,,,\ng1,,,true,gail,,G,L,,,,,,,,,\n";
    let head = "sourcedId,status,userSourcedId,roleType,role,orgSourcedId\n";
    vec![
        ("manifest.csv", manifest.into_bytes()),
        ("users.csv", users.as_bytes().to_vec()),
        ("roles.csv", format!("{head}{roles}").into_bytes()),
        ("userProfiles.csv", b"sourcedId,username,password\np1,ann,Hunter2!\n".to_vec()),
    ]
}

fn borrowed<'a>(files: &'a [(&'static str, Vec<u8>)]) -> Vec<(&'static str, &'a [u8])> {
    files.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect()
}

#[tokio::test]
async fn in_1_2_the_roles_come_from_their_own_file() {
    let files = version_1_2(
        "r1,,u1,primary,student,s1\nr2,,t1,secondary,principal,s2\nr3,,t1,primary,teacher,s1\n\
         r4,,t1,secondary,parent,d\nr5,,g1,primary,guardian,s1\nr6,tobedeleted,u1,primary,teacher,s1\n\
         r7,,nobody,primary,student,s1\nr8,,u1,secondary,student,s9\nr9,,u1,secondary,coach,s1\nr1,,g1,primary,parent,s1\n",
    );
    let (report, ledger) = imported(&borrowed(&files)).await;
    let held = ledger.0.lock().unwrap();
    let at = |school: &str, role: &str| Membership { school: school.to_owned(), role: role.to_owned() };
    let ted = &held.people["t1"];
    assert_eq!((ted.role.as_str(), ted.rank), ("principal", 40));
    assert_eq!(ted.memberships, [at("s1", "teacher"), at("s2", "principal")]);
    let ann = &held.people["u1"];
    assert_eq!(ann.memberships, [at("s1", "student"), at("s1", "coach")]);
    assert_eq!((ann.rank, ann.managed_by.as_deref()), (60, Some("clever")));
    assert_eq!(held.guardians["u1"], ["g1"]);
    let expected = Counts { read: 10, created: 6, inactive: 1, rejected: 3, warnings: 1, ..Counts::default() };
    assert_eq!(counts(&report, "roles.csv"), expected, "{}", report.table());
    assert!(
        told(&report).contains(
            &"roles.csv:8 userSourcedId E03 users.csv has no such person, or their row was left out".to_owned()
        )
    );
    assert_eq!(report.not_needed, ["userProfiles.csv"]);
    assert_eq!(report.version, "1.2.1");
}

#[tokio::test]
async fn in_1_2_who_leaves_becomes_inactive_also_with_roles_at_unknown_schools() {
    let mut files = version_1_2("r1,,u1,primary,student,s9\nr2,,t1,primary,teacher,s9\n");
    let users =
        "sourcedId,status,enabledUser,username,givenName,familyName\nu1,tobedeleted,true,ann,A,B\nt1,,true,ted,T,D\n";
    files[1].1 = users.as_bytes().to_vec();
    let (report, ledger) = imported(&borrowed(&files)).await;
    assert_eq!(
        counts(&report, "users.csv"),
        Counts { read: 2, inactive: 1, rejected: 1, ..Counts::default() },
        "{}",
        report.table()
    );
    let held = ledger.0.lock().unwrap();
    assert!(!held.people["u1"].active && !held.people.contains_key("t1"));
}

#[tokio::test]
async fn what_is_configured_decides_who_is_unprivileged_also_of_several_roles() {
    let files = version_1_2("r1,,u1,primary,student,s1\nr2,,u1,secondary,guardian,d\nr3,,t1,primary,aide,s1\n");
    let (path, ledger) = (roster(&borrowed(&files)), Arc::new(Fake::default()));
    let rank = |id: &str| ledger.0.lock().unwrap().people[id].rank;
    import_into(&ledger, path.path()).await.unwrap();
    assert_eq!((rank("u1"), rank("t1")), (10, 30));
    let ranks = Ranks::with_unprivileged(&["student".to_owned(), "aide".to_owned()]);
    let report = import_with(&ledger, path.path(), Options { ranks, ..Options::default() }).await.unwrap();
    // Who is a pupil and a guardian counts as a guardian, once guardians count as staff.
    assert_eq!((rank("u1"), rank("t1")), (30, 10));
    assert_eq!(ledger.0.lock().unwrap().people["u1"].role, "guardian");
    assert_eq!(counts(&report, "users.csv").updated, 2, "{}", report.table());
}

#[tokio::test]
async fn in_1_2_nobody_goes_in_without_readable_roles() {
    let mut files = version_1_2("r1,,u1,primary,student,s9\nr2,,t1,primary,teacher,s1\n");
    let (report, ledger) = imported(&borrowed(&files)).await;
    assert!(!ledger.0.lock().unwrap().people.contains_key("u1"));
    assert!(told(&report).iter().any(|it| it.starts_with("users.csv:2 sourcedId E03 all roles of this person")));
    // A person without any role goes in with the highest rank, which is safe, and is told.
    assert_eq!(ledger.0.lock().unwrap().people["g1"].rank, 60);
    files[2].1 = b"sourcedId,userSourcedId,role\nr1,u1,student\n".to_vec();
    let (report, ledger) = imported(&borrowed(&files)).await;
    assert!(ledger.0.lock().unwrap().people.is_empty());
    assert!(told(&report).contains(&"roles.csv:1 roleType E01 the column is missing".to_owned()));
    assert!(told(&report).iter().any(|it| it.starts_with("users.csv E13 roles.csv could not be read")));
}

#[tokio::test]
async fn a_1_2_roster_may_have_its_roles_among_the_users() {
    let manifest = MANIFEST.replace(",1.1\n", ",1.2\n") + "file.roles,bulk\n";
    let (report, ledger) = imported(&[("manifest.csv", manifest.as_bytes())]).await;
    assert_eq!(told(&report), ["roles.csv E13 the manifest announces it, and it is not there"]);
    assert_eq!(ledger.0.lock().unwrap().people["u1"].role, "student");
}

#[tokio::test]
async fn files_are_refused_one_by_one() {
    let manifest = MANIFEST.replace("file.enrollments,bulk", "file.enrollments,sometimes");
    let manifest = manifest.replace("file.classes,bulk", "file.classes,absent");
    let files = [("manifest.csv", manifest.as_bytes()), ("orgs.csv", b"sourcedId,type\ns1,school\n")];
    let (report, ledger) = imported(&files).await;
    assert_eq!(
        told(&report),
        [
            "orgs.csv:1 name E01 the column is missing",
            "classes.csv E13 it is there, and the manifest says that it is absent: correct the manifest",
            "users.csv:2 orgSourcedIds E03 the district has no such organisation (2 characters: letters, digits)",
            "enrollments.csv E13 the manifest names a mode for it that is neither bulk, delta nor absent",
        ]
    );
    assert!(report.files.iter().filter(|file| file.outcome == Outcome::Refused).count() == 3);
    assert!(ledger.0.lock().unwrap().people.is_empty());
    assert!(!report.is_clean());
}

#[tokio::test]
async fn a_delta_changes_what_it_names_and_nothing_else() {
    let ledger = Arc::new(Fake::default());
    let rows =
        [user("u1", "s1", "student", "ann"), user("u2", "s1", "student", "bob"), user("u3", "s2", "teacher", "cy")];
    let whole = roster(&[("users.csv", format!("{USERS_HEAD}{}", rows.concat()).as_bytes())]);
    import_into(&ledger, whole.path()).await.unwrap();
    let rows = format!(
        "{USERS_HEAD}u1,tobedeleted,,true,s1,student,ann,,Given,Family,,,,,,,,\n{}",
        user("u2", "s1", "student", "bobby")
    );
    let delta = roster(&[
        ("manifest.csv", MANIFEST.replace(",bulk", ",delta").as_bytes()),
        ("orgs.csv", b"sourcedId,status,name,type\ns3,active,East,school\n"),
        ("classes.csv", b"sourcedId,status,title,schoolSourcedId\nc3,active,Chess,s2\n"),
        ("users.csv", rows.as_bytes()),
        ("enrollments.csv", b"sourcedId,status,classSourcedId,userSourcedId,role\ne1,tobedeleted,c1,u1,student\n"),
    ]);
    let report = import_into(&ledger, delta.path()).await.unwrap();
    assert!(report.is_clean(), "{}", report.table());
    assert_eq!(counts(&report, "users.csv"), Counts { read: 2, updated: 1, inactive: 1, ..Counts::default() });
    {
        let held = ledger.0.lock().unwrap();
        assert_eq!((held.people.len(), held.schools.len(), held.classes.len()), (3, 3, 3));
        assert!(!held.people["u1"].active && held.people["u3"].active);
        assert_eq!(held.people["u2"].username, "bobby");
    }
}

/// Schools that a delta does not repeat are those of the district; what it does not have is told, row by row.
#[tokio::test]
async fn a_delta_loses_no_place_in_silence() {
    let ledger = Arc::new(Fake::default());
    let users = |rows: &[String]| format!("{USERS_HEAD}{}", rows.concat());
    let whole = users(&[user("u1", "s1", "student", "ann"), user("u2", "s1", "student", "bob")]);
    import_into(&ledger, roster(&[("users.csv", whole.as_bytes())]).path()).await.unwrap();
    let rows = [
        user("u1", "\"s2,nowhere\"", "student", "ann"),
        user("u3", "nowhere", "student", "cy"),
        "u2,tobedeleted,,true,nowhere,student,bob,,Given,Family,,,,,,,,\n".to_owned(),
    ];
    let files = |manifest: &str| [("manifest.csv", manifest.to_owned()), ("users.csv", users(&rows))];
    let manifest = MANIFEST.replace("file.users,bulk", "file.users,delta").replace("file.orgs,bulk", "file.orgs,delta");
    let delta = roster(&files(&manifest).each_ref().map(|(name, text)| (*name, text.as_bytes())));
    std::fs::write(delta.path().join("orgs.csv"), "sourcedId,status,name,type\n").unwrap();
    let report = import_into(&ledger, delta.path()).await.unwrap();
    let of_users: Vec<String> = told(&report).into_iter().filter(|it| it.starts_with("users.csv")).collect();
    let of_users: Vec<&str> = of_users.iter().map(|it| it.split(" (").next().unwrap()).collect();
    assert_eq!(
        of_users,
        [
            "users.csv:2 orgSourcedIds W06 1 of 2 organisations are not in orgs.csv or the district",
            "users.csv:3 orgSourcedIds E03 the district has no such organisation",
            "users.csv:4 orgSourcedIds W06 1 of 1 organisations are not in orgs.csv or the district",
        ]
    );
    let held = ledger.0.lock().unwrap();
    assert_eq!(held.people["u1"].memberships.iter().map(|place| place.school.as_str()).collect::<Vec<_>>(), ["s2"]);
    assert!(!held.people["u2"].active && !held.people.contains_key("u3"));
}

#[tokio::test]
async fn several_grades_are_told_and_the_first_one_counts() {
    let row = |id: &str, grades: &str| {
        user(id, "s1", "student", id).replace(",,Hunter2!", &format!(",\"{grades}\",Hunter2!"))
    };
    let (report, ledger) = users(&[row("u1", "09,10"), row("u2", "9,09"), row("u3", "10")].concat()).await;
    assert_eq!(
        told(&report)[..1],
        ["users.csv:2 grades W09 there are several grades; only the first one counts (5 characters: digits, signs)"]
    );
    assert_eq!(counts(&report, "users.csv").warnings, 1, "another spelling is no other grade");
    let held = ledger.0.lock().unwrap();
    assert_eq!(["u1", "u2", "u3"].map(|id| held.people[id].grade.clone().unwrap()), ["09", "9", "10"]);
}

#[tokio::test]
async fn a_zip_is_as_good_as_a_folder() {
    let folder = roster(&[]);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let name = format!("Export 2026/{}", entry.file_name().to_string_lossy());
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(&fs::read(entry.path()).unwrap()).unwrap();
    }
    let packed = folder.path().join("roster.zip");
    let mut bytes = zip.finish().unwrap().into_inner();
    fs::write(&packed, &bytes).unwrap();
    let by_folder = import_into(&Arc::new(Fake::default()), folder.path()).await.unwrap();
    let by_zip = import_into(&Arc::new(Fake::default()), &packed).await.unwrap();
    assert_eq!(by_zip, by_folder);
    assert_eq!(peek(&packed, &Options::default()).unwrap().district_name.as_deref(), Some("Green Valley"));
    // A damaged entry breaks off that file only, and says so.
    let users = bytes.windows(9).position(|window| window == b"users.csv").unwrap();
    bytes[users + 20] ^= 0xFF;
    fs::write(&packed, &bytes).unwrap();
    let broken = import_into(&Arc::new(Fake::default()), &packed).await.unwrap();
    assert!(
        broken.files.iter().any(|file| file.file == "users.csv" && file.outcome != Outcome::Read),
        "{}",
        broken.table()
    );
}

#[tokio::test]
async fn whole_rosters_are_refused_by_name() {
    let manifest = |text: &str| MANIFEST.replace("1.1", text);
    let refusal = async |folder: TempDir| {
        let ledger = Arc::new(Fake::default());
        import_into(&ledger, folder.path()).await.unwrap_err().to_string()
    };
    let old = refusal(roster(&[("manifest.csv", manifest("1.0").as_bytes())])).await;
    assert!(old.starts_with("manifest.csv says OneRoster version 1.0, which is not supported."), "{old}");
    let none = refusal(roster(&[("manifest.csv", b"propertyName,value\nx,y\n")])).await;
    assert!(none.contains("it does not say oneroster.version"), "{none}");
    let folder = roster(&[]);
    fs::remove_file(folder.path().join("manifest.csv")).unwrap();
    assert!(refusal(folder).await.starts_with("there is no manifest.csv"));
    let folder = roster(&[]);
    fs::remove_file(folder.path().join("users.csv")).unwrap();
    assert!(refusal(folder).await.starts_with("there is no users.csv"));
    assert!(refusal(TempDir::new().unwrap()).await.starts_with("this is a folder of something else"));
    let lists = TempDir::new().unwrap();
    for name in ["7a.csv", "7b.csv"] {
        fs::write(lists.path().join(name), "username,given name,family name\n").unwrap();
    }
    assert!(
        refusal(lists).await.starts_with("this is several lists, which cannot be imported; import them one by one")
    );
    let gone = peek(Path::new("/no/such/roster"), &Options::default()).unwrap_err();
    assert!(matches!(gone, RosterError::Unreadable { .. }));
}

#[tokio::test]
async fn progress_is_told_batch_by_batch() {
    let rows: String = (0..4801).map(|n| user(&format!("u{n}"), "s1", "student", &format!("name{n}"))).collect();
    let folder = roster(&[("users.csv", format!("{USERS_HEAD}{rows}").as_bytes())]);
    let told = Mutex::new(Vec::new());
    let ledger: Arc<dyn RosterLedger> = Arc::new(Fake::default());
    let import = import(folder.path(), Options::default(), DistrictId::fresh(), ledger, |progress| {
        told.lock().unwrap().push(progress);
    });
    let report = import.await.unwrap();
    assert_eq!(report.total.rejected, 0);
    let told = told.into_inner().unwrap();
    let of_users: Vec<u64> = told.iter().filter(|it| it.file == "users.csv").map(|it| it.rows).collect();
    assert_eq!(of_users, [2000, 4000, 4801]);
}

#[test]
fn an_import_may_move_between_threads() {
    fn is_send<T: Send>(_: T) {}
    let ledger: Arc<dyn RosterLedger> = Arc::new(Fake::default());
    is_send(import(Path::new("x"), Options::default(), DistrictId::fresh(), ledger, |_| {}));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is in `users.csv`: no panic, and every row has one fate (asserted by `import_into`).
    #[test]
    fn any_bytes_are_survived(
        noise in prop::collection::vec(prop_oneof![
            3 => Just(b','), 1 => Just(b'"'), 1 => Just(b'\n'), 1 => Just(b'\r'), 2 => b'a'..b'e', 2 => any::<u8>()], 0..600),
        with_header in any::<bool>(),
        rows in prop::collection::vec(("[a-e\"]{0,2}", "s1|s9|d|x|", "student|parent|boss|", "[a-e\"\n]{0,2}"), 0..20),
    ) {
        let mut bytes = if with_header { USERS_HEAD.as_bytes().to_vec() } else { Vec::new() };
        for (id, org, role, name) in rows {
            bytes.extend_from_slice(user(&id, &org, &role, &name).as_bytes());
        }
        bytes.extend_from_slice(&noise);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(imported(&[("users.csv", &bytes)]));
    }
}
