//! Rosters that others made. They are not part of this repository: the tests read the folder that `KEYBELL_REAL` names,
//! and say so when it is not set.

mod support;

use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use keybell_roster::{Counts, Format, Options, RosterError, RowCode, contact, inspect, peek};
use rust_xlsxwriter::Workbook;
use support::{Fake, import_into, import_with};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

/// The folder with the real material, if there is one.
#[expect(clippy::print_stdout, reason = "a test that checks nothing must say so")]
fn real(what: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("KEYBELL_REAL").map(PathBuf::from);
    if folder.is_none() {
        println!("KEYBELL_REAL is not set: real {what} not checked");
    }
    folder
}

#[tokio::test]
async fn catalyst_minimal_goes_in_whole() {
    let Some(real) = real("rosters") else { return };
    let path = real.join("rosters/catalyst/Test_minimal_data_set.zip");
    let ledger = Arc::new(Fake::default());
    let report = import_into(&ledger, &path).await.unwrap();
    assert!(report.is_clean(), "{}", report.table());
    let created = |read| Counts { read, created: read, ..Counts::default() };
    let counts: Vec<(&str, Counts)> = report.files.iter().map(|file| (&*file.file, file.counts)).collect();
    let expected = [
        ("orgs.csv", created(1)),
        ("classes.csv", created(2)),
        ("users.csv", created(6)),
        ("enrollments.csv", created(6)),
    ];
    assert_eq!(counts, expected);
    assert_eq!(report.not_needed, ["academicSessions.csv"]);
    let held = ledger.0.lock().unwrap();
    // Its only organisation is a department, and everybody belongs to it.
    assert_eq!(held.schools["org-sch-222-456"].name, "History Department");
    assert_eq!(held.people["usr-222-1234561"].role, "parent");
    let again = format!("{held:?}{report:?}");
    assert!(!again.contains("Password1-"));
    assert_eq!(peek(&path, &Options::default()).unwrap().version, "1.1");
}

#[tokio::test]
async fn catalyst_delta_goes_in_with_its_people_and_again_as_bulk() {
    let Some(real) = real("rosters") else { return };
    let path = real.join("rosters/catalyst/oneroster_test_data.zip");
    let ledger = Arc::new(Fake::default());
    let report = import_into(&ledger, &path).await.unwrap();
    assert!(report.is_clean(), "{}", report.table());
    let created = |read| Counts { read, created: read, ..Counts::default() };
    let counts: Vec<(&str, Counts)> = report.files.iter().map(|file| (&*file.file, file.counts)).collect();
    let files = ["orgs.csv", "classes.csv", "roles.csv", "users.csv", "enrollments.csv"];
    assert_eq!(counts, files.map(|file| (file, created(1))), "{}", report.table());
    {
        let held = ledger.0.lock().unwrap();
        let bruce = &held.people["USER_0"];
        assert_eq!((bruce.username.as_str(), bruce.role.as_str(), bruce.rank), ("brucewayne", "student", 10));
        assert_eq!(bruce.memberships[0].school, "ORG_1");
        assert!(!format!("{held:?}{report:?}").contains("Batman.Ru1ez"));
    }

    // The same rows under a manifest that says bulk.
    let mut zip = ZipArchive::new(fs::File::open(&path).unwrap()).unwrap();
    let mut bulk = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for index in 0..zip.len() {
        let mut file = zip.by_index(index).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        bulk.start_file(file.name().unwrap(), SimpleFileOptions::default()).unwrap();
        bulk.write_all(text.replace(",delta", ",bulk").as_bytes()).unwrap();
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("bulk.zip");
    fs::write(&path, bulk.finish().unwrap().into_inner()).unwrap();
    let report = import_into(&ledger, &path).await.unwrap();
    assert!(report.is_clean(), "{}", report.table());
    assert_eq!(report.total, Counts { read: 5, unchanged: 5, ..Counts::default() }, "{}", report.table());
}

fn pupils() -> Options {
    Options { role: Some("student".to_owned()), ..Options::default() }
}

#[tokio::test]
async fn every_real_roster_goes_in_and_every_row_has_one_fate() {
    let Some(real) = real("rosters") else { return };
    let rosters = real.join("rosters");
    let mut imported = 0;
    for entry in fs::read_dir(&rosters).unwrap() {
        let folder = entry.unwrap();
        let (format, one_by_one) = match folder.file_name().to_str().unwrap() {
            "catalyst" => (Format::OneRoster, true),
            "google" => (Format::GoogleWorkspace, true),
            "moodle" => (Format::Moodle, true),
            "sds-v1-25" => (Format::SchoolDataSyncV1, false),
            "sds-v2" => (Format::SchoolDataSyncV2, false),
            name => panic!("{name} is new here and has no expected format"),
        };
        let inside = || fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path());
        let paths: Vec<PathBuf> = if one_by_one { inside().collect() } else { vec![folder.path()] };
        for path in paths {
            let ledger = Arc::new(Fake::default());
            // `import_with` checks the sum of each file.
            let report = import_with(&ledger, &path, pupils()).await.unwrap();
            assert_eq!(report.format, format, "{}", path.display());
            let has_rows = path.ends_with("header.csv") || report.total.read > 0;
            assert!(has_rows, "{}\n{}", path.display(), report.table());
            let again = import_with(&ledger, &path, pupils()).await.unwrap();
            assert_eq!((again.total.created, again.total.updated), (0, 0), "{}", again.table());
            assert_eq!((again.total.read, again.total.rejected), (report.total.read, report.total.rejected));
            imported += 1;
        }
        if !one_by_one {
            // A file of an export alone says too little.
            for path in inside() {
                let refusal = import_into(&Arc::new(Fake::default()), &path).await.unwrap_err();
                assert!(matches!(refusal, RosterError::Unsupported { format: Format::LoneFile }), "{refusal}");
            }
        }
    }
    assert_eq!(imported, 9);
}

#[tokio::test]
async fn moodles_lists_give_groups_and_no_passwords() {
    let Some(real) = real("rosters") else { return };
    let moodle = real.join("rosters/moodle");
    let ledger = Arc::new(Fake::default());
    for name in ["upload_users_cohorts.csv", "upload_users_emailstop.csv"] {
        let report = import_with(&ledger, &moodle.join(name), pupils()).await.unwrap();
        assert!(report.is_clean(), "{}", report.table());
    }
    {
        let held = ledger.0.lock().unwrap();
        assert_eq!(held.people["tomjones"].groups, ["ASD"]);
        assert_eq!(held.people["fbloggs"].email.as_deref(), Some("fbloggs@example.com"));
        assert_eq!(held.people["jbloggs"].email, None);
        assert!(held.people.values().all(|person| person.rank == 10));
        let told = format!("{held:?}");
        assert!(!told.contains("Pass1234") && !told.contains("hunter42"));
    }
    // Nobody said what these people are.
    let report = import_into(&ledger, &moodle.join("upload_users.csv")).await.unwrap();
    assert_eq!((report.total.rejected, report.problems[0].code), (1, RowCode::E14));
}

#[tokio::test]
async fn school_data_sync_goes_in_with_classes_and_without_passwords() {
    let Some(real) = real("rosters") else { return };
    let ledger = Arc::new(Fake::default());
    let report = import_into(&ledger, &real.join("rosters/sds-v1-25")).await.unwrap();
    assert!(report.is_clean() && report.problems.is_empty(), "{}", report.table());
    {
        let held = ledger.0.lock().unwrap();
        let ora = &held.people["student:13001"];
        assert_eq!((ora.username.as_str(), ora.role.as_str(), ora.rank), ("OKlein", "student", 10));
        assert_eq!((ora.grade.as_deref(), ora.graduation_year), (Some("9"), Some(2019)));
        assert_eq!(ora.memberships[0].school, "10001");
        assert_eq!(held.people["staff:14001"].rank, 30);
        assert_eq!(held.enrolments[&("11001".to_owned(), "staff:14001".to_owned())].role, "teacher");
        assert!(!format!("{held:?}{report:?}").contains("P@ss"));
    }
    let ledger = Arc::new(Fake::default());
    let report = import_into(&ledger, &real.join("rosters/sds-v2")).await.unwrap();
    assert!(report.is_clean(), "{}", report.table());
    let held = ledger.0.lock().unwrap();
    assert_eq!(held.people["13001"].rank, 10);
    assert_eq!(held.people["13001"].grade.as_deref(), Some("6"));
    // A word that is no role of OneRoster counts as staff of the highest rank, and is told.
    assert!(report.problems.iter().any(|problem| problem.code == RowCode::W04));
    assert!(held.schools.contains_key("10003"), "a college that people are at is a school");
    assert!(!format!("{held:?}{report:?}").contains("P@ss"));
}

#[tokio::test]
async fn googles_real_header_is_understood_whole() {
    let Some(real) = real("rosters") else { return };
    let header = fs::read_to_string(real.join("rosters/google/header.csv")).unwrap();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("Users.csv");
    let blank = ",".repeat(header.matches(',').count() - 5);
    let rows = format!(
        "{}\nAnn,Brown,ann@x.org,Hunter2!,,/Pupils/North/7b{blank}\nTed,Dean,ted@x.org,Hunter2!,,/Staff{blank}\n",
        header.trim_end()
    );
    fs::write(&path, rows).unwrap();
    let options = Options {
        roles: vec![("/Pupils".to_owned(), "student".to_owned()), ("/Staff".to_owned(), "teacher".to_owned())],
        school_level: Some(2),
        ..Options::default()
    };
    let seen = inspect(&path, options.clone()).await.unwrap();
    assert_eq!(seen.files[0].columns.len(), 29);
    assert!(seen.files[0].columns.iter().all(|column| column.note != Some("unknown: ignored")), "{}", seen.table());
    let ledger = Arc::new(Fake::default());
    let report = import_with(&ledger, &path, options).await.unwrap();
    assert_eq!(report.total, Counts { read: 2, created: 2, warnings: 1, ..Counts::default() }, "{}", report.table());
    let held = ledger.0.lock().unwrap();
    let ann = &held.people["ann@x.org"];
    assert_eq!(ann.groups, ["/Pupils", "/Pupils/North", "/Pupils/North/7b"]);
    assert_eq!((held.schools[&ann.memberships[0].school].name.as_str(), ann.rank), ("North", 10));
    assert_eq!(held.people["ted@x.org"].rank, 30);
    assert!(!format!("{held:?}{report:?}").contains("Hunter2"));
}

/// What a name becomes: what cannot be seen is taken out, line ends and tabs are spaces, and nothing else changes.
fn as_a_name(text: &str) -> String {
    let unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{200B}' | '\u{2060}' | '\u{FEFF}' | '\u{61C}' | '\u{200E}' | '\u{200F}')
            || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{E0000}'..='\u{E007F}')
    };
    let spaced = text.trim().replace(['\t', '\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'], " ");
    let seen: String = spaced.chars().filter(|c| !unseen(*c)).collect();
    seen.trim().to_owned()
}

#[expect(clippy::unwrap_used, reason = "a test whose set-up fails has failed")]
fn naughty(real: &std::path::Path) -> Vec<String> {
    let text = fs::read_to_string(real.join("strings/blns.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn every_naughty_string_survives_as_a_name_in_csv_and_in_a_workbook() {
    let Some(real) = real("strings") else { return };
    let strings = naughty(&real);
    let folder = TempDir::new().unwrap();
    let (csv, xlsx) = (folder.path().join("people.csv"), folder.path().join("people.xlsx"));
    let mut text = csv::Writer::from_path(&csv).unwrap();
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    let columns = ["username", "given name", "family name", "role"];
    text.write_record(columns).unwrap();
    sheet.write_row(0, 0, columns).unwrap();
    for (n, odd) in strings.iter().enumerate() {
        let row = [&format!("user{n}"), odd, odd, "student"];
        text.write_record(row).unwrap();
        sheet.write_row(u32::try_from(n).unwrap() + 1, 0, row).unwrap();
    }
    text.flush().unwrap();
    workbook.save(&xlsx).unwrap();
    for path in [csv, xlsx] {
        let ledger = Arc::new(Fake::default());
        let report = import_into(&ledger, &path).await.unwrap();
        let held = ledger.0.lock().unwrap();
        // Only a length that is no name's keeps a row out, and letters that were lost before.
        let fits = |odd: &&String| odd.chars().count() <= 255 && !odd.contains('\u{FFFD}');
        let out = strings.iter().filter(|odd| !fits(odd)).count();
        assert_eq!(report.total.rejected, out as u64, "{}", report.table());
        assert!(out < 3);
        for (n, odd) in strings.iter().enumerate().filter(|(_, odd)| fits(odd)) {
            let person = &held.people[&format!("user{n}")];
            assert_eq!(person.given_name, as_a_name(odd), "string {n} in {}", path.display());
            assert_eq!(person.family_name, person.given_name);
        }
    }
}

#[tokio::test]
async fn naughty_strings_go_in_as_names_or_are_told() {
    let Some(real) = real("strings") else { return };
    let strings = naughty(&real);
    let folder = TempDir::new().unwrap();
    let file = |name: &str| folder.path().join(name);
    fs::write(file("manifest.csv"), "propertyName,value\noneroster.version,1.1\n").unwrap();
    fs::write(file("orgs.csv"), "sourcedId,name,type\ns,School,school\n").unwrap();
    let mut users = csv::Writer::from_path(file("users.csv")).unwrap();
    let columns = ["sourcedId", "enabledUser", "orgSourcedIds", "role", "username", "givenName", "familyName", "email"];
    users.write_record(columns).unwrap();
    for (n, odd) in strings.iter().enumerate() {
        let id = n.to_string();
        users.write_record([&id, "true", "s", "student", &format!("user{n}"), odd, odd, odd]).unwrap();
        users.write_record([&format!("name{n}"), "true", "s", "student", odd, "Given", "Family", ""]).unwrap();
    }
    users.flush().unwrap();
    let ledger = Arc::new(Fake::default());
    let report = import_into(&ledger, folder.path()).await.unwrap();
    let told = report.table();
    assert_eq!(report.total.read, 2 * strings.len() as u64 + 1, "{told}");
    let held = ledger.0.lock().unwrap();
    let mut names = 0;
    for (n, odd) in strings.iter().enumerate() {
        let Some(person) = held.people.get(&n.to_string()) else { continue };
        names += 1;
        assert!(!person.given_name.chars().any(char::is_control));
        // What is plain text is kept to the letter.
        if odd.chars().all(|c| c.is_ascii_graphic()) {
            assert_eq!(person.given_name, *odd);
        }
    }
    println!("{names} of {} strings went in as names, {} rows were left out", strings.len(), report.total.rejected);
    assert!(names + 10 > strings.len(), "{told}");
}

#[test]
fn odd_addresses_are_judged_as_isemail_does() {
    let Some(real) = real("addresses") else { return };
    let text = fs::read_to_string(real.join("email/isemail-odd.json")).unwrap();
    let cases: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert!(cases.len() > 50);
    for case in cases {
        let field = |name: &str| case[name].as_str().unwrap_or_default();
        // The list writes control characters as their pictures.
        let shown = |c: char| match u32::from(c) {
            picture @ 0x2400..=0x2420 => char::from_u32(picture - 0x2400).unwrap(),
            _ => c,
        };
        let address: String = field("address").chars().map(shown).collect();
        let checked = contact::email(&address);
        match field("category") {
            "ISEMAIL_ERR" => assert!(checked.is_err(), "{case} went through"),
            "ISEMAIL_VALID_CATEGORY" | "ISEMAIL_DNSWARN" => assert!(checked.is_ok(), "{case}: {checked:?}"),
            _ => {}
        }
    }
}
