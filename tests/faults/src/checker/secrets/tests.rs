//! The scan finds what is there, in every encoding and place, and says so when it cannot see.

use std::fs;
use std::path::Path;

use super::*;

const PASSWORD: &str = "Falcon-river-47";

fn looked(secrets: &[(What, &str)], folder: &Path, spared: &[PathBuf], processes: &str) -> Looked {
    let secrets = secrets.iter().map(|(what, text)| (what.clone(), (*text).to_owned())).collect();
    look(secrets, &[folder.to_owned()], spared, processes.as_bytes()).expect("a pass")
}

fn password() -> Vec<(What, &'static str)> {
    vec![(What::Password, PASSWORD)]
}

#[test]
fn innocent_files_pass_and_the_canary_is_gone_afterwards() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("pg_wal")).expect("a folder");
    fs::write(folder.path().join("pg_wal/000001"), vec![7; 3 * scan::CHUNK + 5]).expect("a file");
    fs::write(folder.path().join("log"), "Falcon-river-48 Falcon-rover-47").expect("a file");
    let looked = looked(&password(), folder.path(), &[], "keybell\0worker\0");
    assert_eq!((looked.files, looked.violations), (3, Vec::new()));
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 2);
}

#[test]
fn every_encoding_is_found_wherever_it_begins_and_is_never_repeated_in_the_report() {
    for encoding in Encoding::ALL {
        for before in 0..3 {
            let folder = tempfile::tempdir().expect("a folder");
            let file = folder.path().join("some.log");
            let at = 2 * scan::CHUNK - 3 + before;
            let mut bytes = vec![b'='; at];
            bytes.extend(encoding.of(PASSWORD));
            bytes.extend(b"~~");
            fs::write(file, bytes).expect("a file");
            let violations = looked(&password(), folder.path(), &[], "").violations;
            assert_eq!(violations.len(), 1, "{encoding:?}: {violations:?}");
            assert!(violations[0].contains("some.log, "), "{violations:?}");
            assert!(violations[0].contains(&format!("at byte {at}")), "{violations:?}");
            assert!(!violations[0].contains(PASSWORD), "{violations:?}");
        }
    }
}

#[test]
fn base64_is_found_in_the_middle_of_other_text() {
    use base64::Engine as _;
    for before in ["", "a", "ab", "abc", "abcd"] {
        for behind in ["", "z", "zz", "zzz"] {
            let text = base64::engine::general_purpose::STANDARD.encode(format!("{before}{PASSWORD}{behind}"));
            let folder = tempfile::tempdir().expect("a folder");
            fs::write(folder.path().join("body"), text).expect("a file");
            assert_eq!(looked(&password(), folder.path(), &[], "").violations.len(), 1, "{before} {behind}");
        }
    }
}

#[test]
fn hits_are_gathered_by_file_and_kind() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("log"), format!("a {PASSWORD}\n").repeat(1_000)).expect("a file");
    let violations = looked(&password(), folder.path(), &[], "").violations;
    assert_eq!(violations.len(), 1, "{violations:?}");
    assert!(violations[0].contains("plain, at byte 2, 1000 times"), "{violations:?}");
}

#[test]
fn spared_files_and_credentials_in_an_environment_are_left_alone_but_no_password_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("keys");
    fs::create_dir(&keys).expect("a folder");
    fs::write(keys.join("seal.key"), "key-0123456789abcdef").expect("a file");
    let secrets = [(What::Named("the seal key".to_owned()), "key-0123456789abcdef"), (What::Password, PASSWORD)];
    let environment = "KEYBELL_KEY=key-0123456789abcdef\0";
    assert_eq!(
        looked(&secrets, folder.path(), std::slice::from_ref(&keys), environment).violations,
        Vec::<String>::new()
    );
    let violations = looked(&secrets, folder.path(), &[], environment).violations;
    assert_eq!(violations.len(), 1, "{violations:?}");
    assert!(violations[0].starts_with("the seal key in "), "{violations:?}");
    let violations = looked(&secrets, folder.path(), &[keys], &format!("worker\0{PASSWORD}\0")).violations;
    assert!(violations[0].contains("environment"), "{violations:?}");
}

#[test]
fn a_scan_that_cannot_see_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    // The folder is spared, and with it the canary.
    let blind = looked(&password(), folder.path(), &[folder.path().to_owned()], "");
    assert!(blind.violations.iter().any(|one| one.contains("the scan is blind")), "{:?}", blind.violations);
    let gone = folder.path().join("gone");
    assert!(look(Vec::new(), std::slice::from_ref(&gone), &[], &[]).is_err(), "nowhere to put a canary");
    let missing = look(Vec::new(), &[folder.path().to_owned(), gone], &[], &[]).expect("a pass");
    assert_eq!(missing.violations.len(), 1, "{:?}", missing.violations);
    let short = looked(&[(What::Password, "short")], folder.path(), &[], "");
    assert!(short.violations[0].contains("cannot be looked for"), "{:?}", short.violations);
}
