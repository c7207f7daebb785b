//! What is refused, and in which words: a folder in use, rosters of others, wrong command lines.

use std::path::{Path, PathBuf};

use keybell_tests::program::Program;
use serde_json::Value;

use crate::check::rows;
use crate::school::{School, number, pupils};

#[tokio::test]
async fn a_folder_belongs_to_one_process() {
    let school = School::with(&pupils(1)).await;
    let key = school.key("office", "district_admin").await;
    let (running, _caller) = school.serve(&key).await;
    let folder = school.folder();
    for arguments in [&["task", "list"][..], &["serve"], &["demo"], &["reset", "--scope", "all", "--reason", "other"]] {
        let refused = school.program(arguments.iter().copied()).run_to(69).await;
        let said = &refused.stderr;
        assert!(said.contains(&*folder.to_string_lossy()) && said.contains("in use"), "{arguments:?}: {said}");
        assert!(said.contains(&running.pid().to_string()) && said.contains("--folder"), "{arguments:?}: {said}");
    }
    // The lock ends with its process, even a killed one.
    running.kill().await;
    school.program(["task", "list"]).run_to(0).await;
}

#[tokio::test]
async fn a_roster_that_cannot_be_read_is_refused_with_what_can() {
    let school = School::empty();
    let empty = school.beside("empty");
    std::fs::create_dir(&empty).expect("a folder");
    let photo = school.beside("photo.jpg");
    std::fs::write(&photo, b"\xff\xd8\xff\xe0 no roster").expect("a file");
    let broken = school.beside("broken.zip");
    std::fs::write(&broken, b"PK\x03\x04 and nothing").expect("a file");
    for path in [&empty, &photo, &broken] {
        let refused = school.program(["roster", "import"]).arg(path).run_to(1).await;
        assert!(refused.stderr.contains("OneRoster 1.1, 1.2 and 1.2.1"), "{}: {}", path.display(), refused.stderr);
        assert!(refused.stdout.is_empty(), "{}", refused.stdout);
    }
    let missing = school.program(["roster", "import", "/no/such/roster"]).run_to(1).await;
    assert!(missing.stderr.contains("/no/such/roster"), "{}", missing.stderr);
    assert!(!school.folder().exists(), "a refused roster leaves nothing behind");
}

/// Rosters that others made; they are not part of this repository.
#[expect(clippy::print_stdout, reason = "a test that checks nothing must say so")]
fn real() -> Option<PathBuf> {
    let folder = std::env::var_os("KEYBELL_REAL").map(|folder| PathBuf::from(folder).join("rosters"));
    if folder.is_none() {
        println!("KEYBELL_REAL is not set: real rosters were not checked");
    }
    folder
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

#[tokio::test]
async fn real_rosters_go_in_or_are_refused_by_their_name() {
    let Some(rosters) = real() else { return };
    // Who says what everybody is goes in; a list that does not is left out row by row; several lists are no roster.
    let known = [
        ("google", 0, "This is a Google Workspace user list."),
        ("moodle", 1, "this is several lists"),
        ("sds-v1-25", 0, "This is a Microsoft School Data Sync v1 export."),
        ("sds-v2", 0, "This is a Microsoft School Data Sync v2 export."),
    ];
    for folder in entries(&rosters).into_iter().filter(|path| !path.ends_with("catalyst")) {
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        let expected = known.iter().find(|(known, ..)| *known == name);
        let (_, exit, words) = expected.unwrap_or_else(|| panic!("{name} is new here and has no expected words"));
        let school = School::empty();
        let ended = school.program(["roster", "import"]).arg(&folder).run_to(*exit).await;
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(said.contains(words), "{name}: {said}");
    }
    for list in entries(&rosters.join("moodle")) {
        let school = School::empty();
        let ended = school.program(["roster", "import"]).arg(&list).run_to(1).await;
        assert!(ended.stdout.contains("This is a Moodle user list."), "{}", ended.stdout);
        assert!(ended.stdout.contains("E14 the file does not say what this person is"), "{}", ended.stdout);
    }
    for zip in entries(&rosters.join("catalyst")) {
        let school = School::empty();
        let arguments = ["--output", "json", "roster", "import"];
        let ended = school.program(arguments).arg(&zip).run_to(0).await;
        let report: Value = serde_json::from_str(&ended.stdout).expect("a report");
        assert!(report.pointer("/total/read").is_some(), "{}: {report}", zip.display());
        let files = report["files"].as_array().expect("files");
        let people = files.iter().find(|file| file["file"] == "users.csv").expect("people");
        assert!(number(people, "/counts/created") > 0, "{}: {report}", zip.display());
        assert!(!report.to_string().contains("Password1-") && !report.to_string().contains("Batman.Ru1ez"), "{report}");
    }
}

#[tokio::test]
async fn another_districts_roster_does_not_go_into_the_only_district() {
    let school = School::empty();
    let one = school.folder().join("one");
    let two = school.folder().join("two");
    for (folder, district, address) in
        [(&one, "Tiny District", "a@x.example.org"), (&two, "Other District", "b@y.example.org")]
    {
        std::fs::create_dir_all(folder).expect("a folder");
        let write = |name: &str, text: String| std::fs::write(folder.join(name), text).expect("a file");
        write(
            "manifest.csv",
            "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\nfile.orgs,bulk\nfile.users,bulk\n"
                .to_owned(),
        );
        write(
            "orgs.csv",
            format!("sourcedId,name,type,parentSourcedId\no1,{district},district,\no2,School,school,o1\n"),
        );
        write(
            "users.csv",
            format!(
                "sourcedId,enabledUser,orgSourcedIds,role,username,givenName,familyName,email\n\
                 u1,true,o2,student,anna,Anna,A,{address}\n"
            ),
        );
    }
    school.program(["roster", "import"]).arg(&one).run_to(0).await;
    let refused = school.program(["roster", "import"]).arg(&two).run_to(1).await;
    assert!(refused.stderr.contains("--district other-district"), "{}", refused.stderr);
    let address = rows(&school, "SELECT email, username FROM accounts").await;
    assert_eq!(address, [("a@x.example.org".to_owned(), "anna".to_owned())], "nothing was changed");
    school.program(["roster", "import", "--district", "other-district"]).arg(&two).run_to(0).await;
}

/// A misspelt `--folder` finds nothing, and leaves nothing behind.
#[tokio::test]
async fn a_folder_that_is_not_there_is_not_made_by_whoever_only_looks() {
    let school = School::empty();
    let plan = ["plan", "--scope", "all", "--reason", "lost"];
    for arguments in [
        &["task", "list"][..],
        &["account", "search"],
        &["apikey", "list"],
        &["webhook", "list"],
        &["keys", "list"],
        &["fleet"],
        &["purge", "--dry-run"],
        &["producer", "list"],
        &plan,
    ] {
        let refused = school.program(arguments.iter().copied()).run_to(4).await;
        let said = &refused.stderr;
        assert!(
            said.contains("no folder") && said.contains(&*school.folder().to_string_lossy()),
            "{arguments:?}: {said}"
        );
        assert!(said.contains("--folder") && said.contains("roster import"), "{arguments:?}: {said}");
        assert!(refused.stdout.is_empty(), "{arguments:?}: {}", refused.stdout);
        assert!(!school.folder().exists(), "{arguments:?} made it");
    }
    std::fs::create_dir(school.folder()).expect("another folder");
    let refused = school.program(["task", "list"]).run_to(4).await.stderr;
    assert!(refused.contains("no ledger in"), "{refused}");
    assert_eq!(entries(&school.folder()), Vec::<PathBuf>::new());
}

/// Who works on a task themselves is told before it is accepted that they cannot.
#[tokio::test]
async fn a_sender_that_cannot_be_is_said_before_anything_is_accepted() {
    let school = School::with(&pupils(2)).await;
    let yes = ["--yes", "--acknowledge", "2026-11"];
    let server = "smtp://mail.example.org?tls=maybe";
    let wrong = |program: Program| program.env("KEYBELL_EMAIL__SENDER", "smtp").env("KEYBELL_EMAIL__URL", server);
    let all = ["--scope", "all", "--reason", "other"];
    for more in [&yes[..], &["--yes", "--acknowledge", "2026-11", "--detach"], &[]] {
        let refused = wrong(school.program(["reset"]).args(all).args(more)).run_to(78).await;
        assert!(refused.stderr.contains("email.url"), "{more:?}: {}", refused.stderr);
        assert!(!refused.stderr.contains("would be reset"), "nobody is asked first: {}", refused.stderr);
    }
    untouched(&school).await;
    let plan: Value = wrong(school.program(["plan"]).args(all)).json().await;
    let id = plan["plan"].as_str().expect("a plan can be looked at all the same").to_owned();
    wrong(school.program(["plan", "apply", &id]).args(yes)).run_to(78).await;
    untouched(&school).await;
    let done: Value = school.program(["plan", "apply", &id]).args(yes).json().await;
    let task = done.pointer("/task/id").and_then(Value::as_str).expect("a task").to_owned();
    for again in ["reissue", "resend"] {
        let more = if again == "reissue" { &yes[..] } else { &[] };
        wrong(school.program(["task", again, &task, "--account", "pupil1"]).args(more)).run_to(78).await;
    }
    let tasks = rows(&school, "SELECT id, state FROM tasks").await;
    assert_eq!(tasks.len(), 1, "{tasks:?}");
}

async fn untouched(school: &School) {
    let changed = rows(school, "SELECT username, password_hash FROM accounts WHERE credential_version > 0").await;
    assert!(changed.is_empty(), "{changed:?}");
    let tasks = rows(school, "SELECT id, state FROM tasks").await;
    assert!(tasks.is_empty(), "{tasks:?}");
    assert!(school.outbox().is_empty());
}

#[tokio::test]
async fn wrong_requests_change_nothing_and_say_what_is_wrong() {
    let school = School::empty();
    let all = ["reset", "--scope", "all", "--reason", "other"];
    let early = school.program(all).run_to(4).await;
    assert!(early.stderr.contains("no district yet") && early.stderr.contains("roster import"), "{}", early.stderr);

    let school = School::with(&pupils(3)).await;
    let selected = ["reset", "--scope", "selected", "--reason", "lost", "--yes", "--acknowledge", "2026-11"];
    let accounts = ["--account", "pupil1", "--account", "ghost", "--account", "id-phantom", "--account", "pupil1 "];
    let unknown = school.program(selected).args(accounts).run_to(2).await;
    assert!(unknown.stderr.contains("ghost") && unknown.stderr.contains("id-phantom"), "{}", unknown.stderr);
    let unanswered = school.program(all).run_to(3).await;
    assert!(
        unanswered.stderr.contains("--yes") && unanswered.stderr.contains("nothing was changed"),
        "{}",
        unanswered.stderr
    );
    // Not even a piped yes is an answer: nobody is there.
    school.program(all).input("yes\n").run_to(3).await;

    let shared = school.beside("shared");
    std::fs::write(&shared, "Abc-1x9\n").expect("a file");
    let request = school.beside("request.json");
    std::fs::write(&request, br#"{"selection": {"scope": "all"}, "reason": "lost", "chanel": "sms"}"#).expect("a file");
    let confirmed = || school.program(all).args(["--yes", "--acknowledge", "2026-11"]);
    let cases: [(Program, i32, &[&str]); 8] = [
        (school.program(["reset", "--reason", "lost", "--yes"]), 2, &["--scope"]),
        (school.program(["reset", "--scope", "all", "--yes"]), 2, &["--reason", "suspected_compromise"]),
        (school.program(["reset", "--scope", "some", "--reason", "lost", "--yes"]), 2, &["without_role"]),
        (school.program(selected), 2, &["selection.accounts"]),
        (confirmed().args(["--school", "Southgate"]), 2, &["Southgate"]),
        (confirmed().arg("--shared-password-file").arg(&shared), 2, &["at least 8 characters"]),
        (school.program(["reset", "--yes", "--request"]).arg(&request), 2, &["chanel", "channel"]),
        (school.program(all).args(["--yes", "--format", "rude"]), 2, &["rude"]),
    ];
    for (program, code, words) in cases {
        let refused = program.run_to(code).await;
        assert!(words.iter().all(|word| refused.stderr.contains(word)), "{words:?}: {}", refused.stderr);
        assert!(!refused.stderr.contains("Abc-1x9"), "it repeats the password: {}", refused.stderr);
    }
    untouched(&school).await;
}
