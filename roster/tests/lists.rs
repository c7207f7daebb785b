//! Lists of accounts as text: Google Workspace, Moodle, and any list with a header.
#![expect(clippy::unwrap_used, reason = "a test whose set-up fails has failed")]

mod support;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use keybell_roster::{Counts, Delimiter, Format, Mark, Options, Report, RowCode, inspect, parse_map};
use keybell_shared::notice::Contact;
use support::{Fake, import_into, import_with};
use tempfile::TempDir;

fn list(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("people.csv");
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

async fn imported(text: &str, options: Options) -> (Report, Arc<Fake>) {
    let (_folder, path) = list(text.as_bytes());
    let ledger = Arc::new(Fake::default());
    let report = import_with(&ledger, &path, options).await.unwrap();
    (report, ledger)
}

fn told(report: &Report) -> Vec<String> {
    report.problems.iter().map(ToString::to_string).collect()
}

fn role_of(pairs: &[(&str, &str)]) -> Options {
    let roles = pairs.iter().map(|(of, role)| ((*of).to_owned(), (*role).to_owned())).collect();
    Options { roles, ..Options::default() }
}

#[tokio::test]
async fn a_plain_list_goes_in_and_is_told_row_by_row() {
    let text = "Login Name;First name;Last-Name;Student ID;Role;School;Grade Level;Grad year;Group;E-Mail;Mobile;Status;Initial password;Shoe\n\
         ann;Ann;Brown;007;pupil;North;09;2030;\"7b, Chess\";ann@x.org;415-555-2671;active;Hunter2!;38\n\
         ted;Ted;Dean;T1;Teacher;North;;;;;;;Hunter2!;\n\
         bob;Bob;Cole;008;boss;;4;soon;;nobody@@x;;enabled;Hunter2!;\n\
         cy;Cy;Dale;009;;North;;;;;;;Hunter2!;\n\
         ANN;Ann;Other;010;pupil;North;;;;;;;Hunter2!;\n\
         login name;first name;last-name;student id;role;school;grade level;grad year;group;e-mail;mobile;status;Initial password;shoe\n\
         di;Di;Eck;011;pupil;South;;;;;;perhaps;Hunter2!;\n\
         ed;Ed;Fox;;pupil;South;;;;;;;Hunter2!;\n\
         gus;Gus;Hill;012;pupil;South;;;;;;left;Hunter2!;\n";
    let (report, ledger) =
        imported(text, Options { school: Some("Green Valley".to_owned()), ..Options::default() }).await;
    assert_eq!(report.format, Format::PlainList);
    assert_eq!(
        told(&report),
        [
            "people.csv:1 Shoe W02 nothing is known by this name; it is ignored, unless --map says what it is",
            "people.csv:4 School W06 no school is given; the person is at the district's own (empty)",
            "people.csv:4 Role W04 this is no role that is known; the person counts as staff of the highest rank (4 letters)",
            "people.csv:4 Grad year W09 this is no year; the person went in without it (4 letters)",
            "people.csv:4 E-Mail W01 the address is not valid: invalid character (9 characters: letters, signs)",
            "people.csv:5 Role E14 the file does not say what this person is; say it with --role, or with --role-of for a group (empty)",
            "people.csv:6 Login Name E04 this username was on an earlier line (3 letters)",
            "people.csv:7 E12 the header is repeated here",
            "people.csv:8 Status E12 this says neither active nor inactive (7 letters)",
            "people.csv:9 Student ID E12 this must not be empty (empty)",
        ],
        "{}",
        report.table()
    );
    assert_eq!(
        report.total,
        Counts { read: 9, created: 3, inactive: 1, rejected: 5, warnings: 5, ..Counts::default() }
    );
    let held = ledger.0.lock().unwrap();
    let ann = &held.people["007"];
    assert_eq!((ann.username.as_str(), ann.role.as_str(), ann.rank), ("ann", "student", 10));
    assert_eq!((ann.grade.as_deref(), ann.graduation_year), (Some("09"), Some(2030)));
    assert_eq!(
        (ann.groups.as_slice(), ann.sms.as_deref()),
        (&["7b".to_owned(), "Chess".to_owned()][..], Some("+14155552671"))
    );
    assert_eq!(ann.memberships[0].school, "North");
    let bob = &held.people["008"];
    assert_eq!((bob.rank, bob.email.as_deref()), (60, None));
    assert_eq!(held.schools[&bob.memberships[0].school].name, "Green Valley");
    assert!(!format!("{held:?}{report:?}").contains("Hunter2"));
}

#[tokio::test]
async fn nobody_gets_a_role_that_nobody_said() {
    let text = "username,given name,family name,groups\nann,Ann,B,7b\nted,Ted,D,Staff\npam,Pam,E,Staff|Office\n";
    let (report, ledger) = imported(text, Options::default()).await;
    assert!(report.problems.iter().all(|problem| problem.code == RowCode::E14), "{}", report.table());
    assert_eq!((report.total.rejected, ledger.0.lock().unwrap().people.len()), (3, 0));
    let (report, ledger) = imported(text, role_of(&[("staff", "teacher"), ("Office", "principal")])).await;
    assert_eq!(report.total.rejected, 1, "who is in no group that was named stays out");
    let held = ledger.0.lock().unwrap();
    assert_eq!((held.people["ted"].rank, held.people["pam"].rank), (30, 40));
}

#[tokio::test]
async fn a_list_may_be_written_in_any_usual_way_and_that_is_shown() {
    let rows = |delimiter: &str| {
        ["username,given name,family name,role", "zoë,Zoë,Müller,student"].join("\r\n").replace(',', delimiter)
    };
    let utf16 = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
        format!("\u{FEFF}{}", rows("\t")).encode_utf16().flat_map(order).collect()
    };
    let latin: Vec<u8> = rows(";").chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let marked = format!("\u{FEFF}{}", rows("|")).into_bytes();
    for (bytes, encoding, mark, delimiter) in [
        (rows(",").into_bytes(), "UTF-8", None, Delimiter::Comma),
        (marked, "UTF-8", Some(Mark::Utf8), Delimiter::Pipe),
        (utf16(u16::to_le_bytes), "UTF-16", Some(Mark::Utf16Le), Delimiter::Tab),
        (utf16(u16::to_be_bytes), "UTF-16", Some(Mark::Utf16Be), Delimiter::Tab),
        (latin, "Windows-1252", None, Delimiter::Semicolon),
    ] {
        let (_folder, path) = list(&bytes);
        let seen = inspect(&path, Options::default()).await.unwrap();
        let file = &seen.files[0];
        assert_eq!(
            (file.encoding, file.mark, file.delimiter),
            (Some(encoding), mark, Some(delimiter)),
            "{}",
            seen.table()
        );
        let ledger = Arc::new(Fake::default());
        let report = import_into(&ledger, &path).await.unwrap();
        assert_eq!(report.total.created, 1, "{}", report.table());
        let held = ledger.0.lock().unwrap();
        assert_eq!(
            (held.people["zoë"].given_name.as_str(), held.people["zoë"].family_name.as_str()),
            ("Zoë", "Müller")
        );
    }
}

#[tokio::test]
async fn the_mapping_is_shown_and_can_be_corrected() {
    let text = "Kürzel,Rufname,Nachname,Passwort,role\nann,Ann,Brown,Hunter2!,student\n";
    let (_folder, path) = list(text.as_bytes());
    let ledger = Arc::new(Fake::default());
    let report = import_into(&ledger, &path).await.unwrap();
    assert_eq!(
        told(&report),
        [
            "people.csv:1 username E01 the column is missing; say which one it is with --map",
            "people.csv:1 given name E01 the column is missing; say which one it is with --map",
        ]
    );
    let mapping = ["Kürzel=username", "rufname = given name"].map(|text| parse_map(text).unwrap()).to_vec();
    let options = Options { mapping, ..Options::default() };
    let seen = inspect(&path, options.clone()).await.unwrap();
    let shown: Vec<_> =
        seen.files[0].columns.iter().map(|it| (it.header.as_str(), it.field.or(it.note).unwrap())).collect();
    let expected = [
        ("Kürzel", "username"),
        ("Rufname", "given_name"),
        ("Nachname", "family_name"),
        ("Passwort", "password: never read"),
        ("role", "role"),
    ];
    assert_eq!(shown, expected);
    assert!(seen.table().contains("→ username") && !seen.table().contains("Hunter2"));
    assert!(serde_json::to_string(&seen).unwrap().contains("\"delimiter\":\"comma\""));
    let report = import_with(&ledger, &path, options).await.unwrap();
    assert_eq!(report.total.created, 1, "{}", report.table());
    let mapping = vec![parse_map("Konto=username").unwrap()];
    let report = import_with(&ledger, &path, Options { mapping, ..Options::default() }).await.unwrap();
    assert!(
        told(&report).iter().any(|it| it == "people.csv:1 Konto E01 the file has no such column, which --map names")
    );
    // Two columns that can both be the id: nobody guesses.
    let (report, _) =
        imported("username,given name,family name,role,id,student id\na,b,c,student,1,2\n", Options::default()).await;
    assert_eq!(told(&report), ["people.csv:1 id E12 two columns can be this one; say which with --map"]);
}

#[tokio::test]
async fn ids_that_a_spreadsheet_damaged_keep_their_rows_out() {
    let text = "username,given name,family name,id,role,grade\n\
         ann,A,B,1.23457E+12,student,4\nbob,B,C,2,student,5-Jun\nzoe,Z,Y,3,student,06\n";
    let (report, ledger) = imported(text, Options::default()).await;
    assert_eq!(
        told(&report),
        [
            "people.csv:2 id E15 the id was turned into a number in scientific notation; export it again without a \
             spreadsheet (11 characters: letters, digits, signs)",
            "people.csv:3 grade E15 this is a date, which a spreadsheet made of something else (5 characters: letters, \
             digits, signs)",
        ]
    );
    let held = ledger.0.lock().unwrap();
    assert_eq!(held.people.keys().collect::<Vec<_>>(), ["3"]);
}

#[tokio::test]
async fn google_needs_roles_and_knows_who_is_suspended() {
    let columns = "First Name [Required],Last Name [Required],Email Address [Required],Password [Required],\
         Org Unit Path [Required],New Primary Email [UPLOAD ONLY],Recovery Email,Recovery Phone [MUST BE IN THE E.164 FORMAT],\
         Status [READ ONLY],New Status [UPLOAD ONLY]\n";
    let rows = "Ann,B,Ann@x.org,****,/Pupils/7b,,ann@home.org,+14155552671,Active,\n\
         Bob,C,bob@x.org,****,/Pupils/7b,,,,Active,Suspended\nCy,D,cy@x.org,****,/,,,,Suspended,\n\
         Di,E,di@x.org,****,/Pupils/7b,dina@x.org,,,Active,\n";
    let (report, ledger) = imported(&format!("{columns}{rows}"), role_of(&[("/pupils", "student")])).await;
    assert_eq!(report.format, Format::GoogleWorkspace);
    let lines = told(&report);
    assert!(lines[0].starts_with("people.csv:4 Org Unit Path [Required] E14 the file does not say"), "{lines:?}");
    assert!(
        lines[1].starts_with("people.csv:5 New Primary Email [UPLOAD ONLY] E12 a change of the address"),
        "{lines:?}"
    );
    assert_eq!(report.total, Counts { read: 4, created: 1, inactive: 1, rejected: 2, ..Counts::default() });
    let held = ledger.0.lock().unwrap();
    let ann = &held.people["ann@x.org"];
    assert_eq!((ann.username.as_str(), ann.email.as_deref()), ("Ann@x.org", Some("ann@home.org")));
    assert_eq!(ann.sms.as_deref(), Some("+14155552671"));
    assert_eq!(held.people["bob@x.org"].email.as_deref(), Some("bob@x.org"));
}

#[tokio::test]
async fn moodle_never_makes_somebody_less_than_their_roles() {
    let text = "username,password,firstname,lastname,email,auth,suspended,deleted,cohort1,cohort2,course1,role1,sysrole1,oldusername\n\
         ann,Hunter2!,A,B,a@x.org,manual,0,0,7b,Chess,maths,student,,\n\
         ted,Hunter2!,T,D,,saml2,0,0,7b,,maths,editingteacher,,\n\
         pam,Hunter2!,P,E,,,0,0,,,,,manager,\n\
         odd,Hunter2!,O,F,,,0,0,,,,,dean,\n\
         gus,Hunter2!,G,H,,,1,0,,,,,,\n\
         hal,Hunter2!,H,I,,,0,yes,,,,,,\n\
         ivy,Hunter2!,I,J,,,0,0,,,,,,iva\n\
         kim,Hunter2!,K,L,,,maybe,0,,,,,,\n";
    let options = Options { role: Some("student".to_owned()), ..Options::default() };
    let (report, ledger) = imported(text, options).await;
    assert_eq!(report.format, Format::Moodle);
    assert_eq!(
        report.total,
        Counts { read: 8, created: 4, inactive: 2, rejected: 2, ..Counts::default() },
        "{}",
        report.table()
    );
    let held = ledger.0.lock().unwrap();
    let rank = |name: &str| held.people[name].rank;
    assert_eq!([rank("ann"), rank("ted"), rank("pam"), rank("odd")], [10, 30, 50, 60]);
    assert_eq!(held.people["ann"].groups, ["7b", "Chess"]);
    assert_eq!(held.people["ted"].managed_by.as_deref(), Some("saml2"));
    assert_eq!(held.people["ann"].managed_by, None);
    assert!(!format!("{held:?}{report:?}").contains("Hunter2"));
}

#[tokio::test]
async fn a_second_import_updates_and_a_third_changes_nothing() {
    let (_folder, path) =
        list(b"username,given name,family name,role,status\nann,Ann,B,student,\nbob,Bob,C,student,\n");
    let ledger = Arc::new(Fake::default());
    import_into(&ledger, &path).await.unwrap();
    fs::write(
        &path,
        "username,given name,family name,role,status\nann,Anna,B,student,\nbob,Bob,C,student,left\ncy,Cy,D,student,\n",
    )
    .unwrap();
    let report = import_into(&ledger, &path).await.unwrap();
    assert_eq!(report.total, Counts { read: 3, created: 1, updated: 1, inactive: 1, ..Counts::default() });
    let report = import_into(&ledger, &path).await.unwrap();
    assert_eq!(report.total, Counts { read: 3, unchanged: 2, inactive: 1, ..Counts::default() });
}

#[tokio::test]
async fn an_assumed_role_makes_nobody_less_privileged() {
    let (_folder, path) = list(b"username,given name,family name,role\nted,Ted,D,teacher\n");
    let ledger = Arc::new(Fake::default());
    import_into(&ledger, &path).await.unwrap();
    fs::write(&path, "username,given name,family name\nted,Ted,D\nann,Ann,B\n").unwrap();
    let options = Options { role: Some("student".to_owned()), ..Options::default() };
    let report = import_with(&ledger, &path, options.clone()).await.unwrap();
    assert!(
        told(&report)[0].starts_with("people.csv:2 username E16 the district knows this person"),
        "{}",
        report.table()
    );
    assert_eq!(report.total, Counts { read: 2, created: 1, rejected: 1, ..Counts::default() });
    assert_eq!(ledger.0.lock().unwrap().people["ted"].rank, 30);
    let report = import_with(&ledger, &path, Options { allow_lower: true, ..options }).await.unwrap();
    assert_eq!((report.total.updated, ledger.0.lock().unwrap().people["ted"].rank), (1, 10));
}

/// Addresses of relatives beside a pupil: they are told, and nothing else of them is kept.
#[tokio::test]
async fn relatives_beside_a_pupil_go_in_without_their_names() {
    let text = "username,given name,family name,role,Guardian name,Guardian E-mail,Parent 1 phone,Parent 2 Email,Uncle\n\
         ann,Ann,B,student,Ms Secret,mum@x.org,(415) 555-2671,dad@x.org,x\n\
         bob,Bob,C,student,Mr Secret,nobody@@x,,dad@x.org,\n\
         cy,Cy,D,student,,,,,\n";
    let (report, ledger) = imported(text, Options::default()).await;
    assert_eq!(
        told(&report),
        [
            "people.csv:1 Uncle W02 nothing is known by this name; it is ignored, unless --map says what it is",
            "people.csv:3 Guardian E-mail W01 the address is not valid: invalid character (9 characters: letters, signs)",
        ]
    );
    {
        let held = ledger.0.lock().unwrap();
        let contact = |email: Option<&str>, sms: Option<&str>| Contact {
            email: email.map(str::to_owned),
            sms: sms.map(str::to_owned),
        };
        let dad = contact(Some("dad@x.org"), None);
        let of = |id: &str| held.people[id].relatives.clone().unwrap();
        assert_eq!(of("ann"), [contact(Some("mum@x.org"), Some("+14155552671")), dad.clone()]);
        assert_eq!((of("bob"), of("cy")), (vec![dad], Vec::new()));
        assert!(!format!("{held:?}").contains("Secret"));
    }
    let (_, ledger) = imported("username,given name,family name,role\nann,Ann,B,student\n", Options::default()).await;
    assert_eq!(ledger.0.lock().unwrap().people["ann"].relatives, None, "what is not said stays");
}
