//! Rosters that others made. They are not part of this repository: the tests read the folder that `KEYBELL_REAL` names,
//! and say so when it is not set.

mod support;

use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use keybell_roster::{Counts, Format, Outcome, RosterError, contact, peek};
use support::{Fake, import_into};
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
    assert_eq!(peek(&path).unwrap().version, "1.1");
}

#[tokio::test]
async fn catalyst_delta_is_refused_file_by_file_and_goes_in_as_bulk() {
    let Some(real) = real("rosters") else { return };
    let path = real.join("rosters/catalyst/oneroster_test_data.zip");
    let ledger = Arc::new(Fake::default());
    let report = import_into(&ledger, &path).await.unwrap();
    let refused: Vec<&str> =
        report.files.iter().filter(|it| it.outcome == Outcome::Refused).map(|it| &*it.file).collect();
    assert_eq!(refused, ["orgs.csv", "classes.csv", "roles.csv", "users.csv", "enrollments.csv"]);
    assert_eq!(report.total, Counts::default());
    assert!(ledger.0.lock().unwrap().people.is_empty());

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
    assert_eq!(report.total, Counts { read: 5, created: 5, ..Counts::default() }, "{}", report.table());
    let held = ledger.0.lock().unwrap();
    let bruce = &held.people["USER_0"];
    assert_eq!((bruce.username.as_str(), bruce.role.as_str(), bruce.rank), ("brucewayne", "student", 10));
    assert_eq!(bruce.memberships[0].school, "ORG_1");
    assert!(!format!("{held:?}{report:?}").contains("Batman.Ru1ez"));
}

#[tokio::test]
async fn every_other_export_is_refused_by_its_name() {
    let Some(real) = real("rosters") else { return };
    let rosters = real.join("rosters");
    let known = [
        ("google", Format::GoogleWorkspace),
        ("moodle", Format::Moodle),
        ("sds-v1-25", Format::SchoolDataSyncV1),
        ("sds-v2", Format::SchoolDataSyncV2),
    ];
    for entry in fs::read_dir(&rosters).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name == "catalyst" {
            continue;
        }
        let expected = known.iter().find(|(folder, _)| *folder == name).map(|(_, format)| *format);
        let expected = expected.unwrap_or_else(|| panic!("{name} is new here and has no expected name"));
        let ledger = Arc::new(Fake::default());
        let mut paths = vec![rosters.join(&name)];
        if matches!(expected, Format::GoogleWorkspace | Format::Moodle) {
            paths.extend(fs::read_dir(rosters.join(&name)).unwrap().map(|file| file.unwrap().path()));
        }
        for path in paths {
            let refusal = import_into(&ledger, &path).await.unwrap_err();
            let found = matches!(&refusal, RosterError::Unsupported { format } if *format == expected);
            assert!(found, "{}: {refusal}", path.display());
            assert!(refusal.to_string().contains("Keybell imports OneRoster 1.1"));
        }
    }
}

#[tokio::test]
async fn naughty_strings_go_in_as_names_or_are_told() {
    let Some(real) = real("strings") else { return };
    let text = fs::read_to_string(real.join("strings/blns.json")).unwrap();
    let strings: Vec<String> = serde_json::from_str(&text).unwrap();
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
