//! New passwords and usernames from a file: exported, filled in, tried out and started; by the command line and by HTTP.

use keybell_shared::upload::TITLES;
use keybell_tests::http::{Answer, Caller};
use keybell_tests::outbox::Message;
use serde_json::{Value, json};

use crate::remote::READ;
use crate::school::{Person, School, number, pupils, text, write_roster};

/// The rows of an export, each as its cells.
fn rows(csv: &str) -> Vec<Vec<String>> {
    let csv = csv.trim_start_matches('\u{feff}');
    csv.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

fn table(rows: &[Vec<String>]) -> String {
    rows.iter().map(|row| row.join(",")).collect::<Vec<_>>().join("\r\n")
}

/// An export with new passwords, and some new usernames: `(username, new username, password)`. Other rows are removed.
fn filled(export: &str, new: &[(&str, &str, &str)]) -> String {
    let mut rows = rows(export);
    let header = rows.remove(0);
    let filled = new.iter().map(|(username, new_username, password)| {
        let mut row = rows.iter().find(|row| row[1] == *username).expect("a row of the export").clone();
        (row[7], row[8]) = ((*new_username).to_owned(), (*password).to_owned());
        row
    });
    table(&std::iter::once(header).chain(filled).collect::<Vec<_>>())
}

/// A query with the rules, for `POST /v1/uploads`.
fn start(trial: &str, more: &str) -> String {
    format!("/v1/uploads?reason=lost&acknowledgement={READ}&trial={trial}{more}")
}

async fn tried(caller: &Caller, file: &str) -> Answer {
    caller.send_file("/v1/uploads/trial?reason=lost", "trial", file).await
}

/// The message to somebody.
fn to<'a>(outbox: &'a [Message], address: &str) -> Vec<&'a Message> {
    outbox.iter().filter(|message| message.to == address).collect()
}

#[tokio::test]
async fn an_export_is_filled_in_tried_out_and_started_on_a_terminal() {
    let school = School::with(&pupils(3)).await;
    let (export, file, result) = (school.beside("a.csv"), school.beside("b.csv"), school.beside("c.csv"));
    school.program(["upload", "export"]).arg(&export).run_to(0).await;
    let exported = std::fs::read_to_string(&export).expect("the export");
    assert_eq!(rows(&exported)[0], TITLES, "a fixed order");
    assert_eq!(rows(&exported).len(), 4);

    let bad = [("pupil1", "mary.jones", "Otter-lamp-47"), ("pupil2", "li", "Kite-marmot-88"), ("pupil3", "", "")];
    std::fs::write(&file, filled(&exported, &bad)).expect("a file");
    let rules = ["--reason", "lost"];
    let try_out = || school.program(["upload", "try"]).arg(&file).args(rules);
    let told = try_out().arg("--result").arg(&result).run_to(1).await;
    for words in
        ["line     3  E05  pupil2", "line     4  E09  pupil3", "1 password would be set (1 with a new username)"]
    {
        assert!(told.stdout.contains(words), "{words}: {}", told.stdout);
    }
    let status = std::fs::read_to_string(&result).expect("the result");
    assert!(status.contains("pupil2") && status.contains("E05") && status.contains("mary.jones"), "{status}");
    let go = || school.program(["upload", "start"]).arg(&file).args(rules).args(["--yes", "--acknowledge", READ]);
    let refused = go().run_to(2).await;
    assert!(refused.stderr.contains("upload.rows_refused"), "{}", refused.stderr);
    assert!(school.outbox().is_empty());

    let good = [("pupil1", "mary.jones", "Otter-lamp-47"), ("pupil2", "", "Kite-marmot-88")];
    std::fs::write(&file, filled(&exported, &good)).expect("a file");
    let trial: Value = try_out().json().await;
    let exact = ["--notify", "auto", "--trial", text(&trial, "/trial")];
    // Whatever was tried out before, by this flag or not: the same file is started.
    let done: Value = go().args(exact).json().await;
    assert_eq!(number(&done, "/task/progress/reset/reset"), 2, "{done}");
    assert!(school.outbox().is_empty(), "whoever made the file hands the passwords out");
    for output in [&told.stdout, &told.stderr, &status, &refused.stderr, &done.to_string()] {
        assert!(!output.contains("tter-lamp") && !output.contains("marmot"), "no password comes back: {output}");
    }
}

#[tokio::test]
async fn passwords_and_usernames_change_together_and_open_the_accounts() {
    let school = School::with(&pupils(4)).await;
    let key = school.key("office", "district_admin").await;
    let (running, caller) = school.serve(&key).await;
    let exported = caller.text_of("/v1/uploads/accounts.csv?where=%7B%22grades%22%3A%5B%2205%22%5D%7D").await;
    let file = filled(
        &exported,
        &[("pupil1", "Mary.Jones", "Otter-lamp-47"), ("pupil2", "", "Kite-marmot-88"), ("pupil3", "", "")],
    );
    let trial = tried(&caller, &file).await.with_status(200);
    let rows = trial.body.pointer("/rows").expect("rows");
    assert_eq!(*rows, json!({"total": 3, "ok": 2, "renamed": 1, "skipped": 0, "errors": 1}));
    assert_eq!((trial.text("/listed/0/code"), number(&trial.body, "/listed/0/line")), ("E09", 4));
    let path = start(trial.text("/trial"), "&notify=always");
    let changed = caller.send_file(&path, "one", &file).await.with_status(409);
    assert_eq!(changed.text("/code"), "upload.changed", "other rules than in the trial run");

    let rules = "/v1/uploads/trial?reason=lost&notify=always";
    let trial = caller.send_file(rules, "trial", &file).await.with_status(200);
    let path = start(trial.text("/trial"), "&notify=always");
    let refused = caller.send_file(&path, "one", &file).await.with_status(422);
    assert_eq!(refused.text("/code"), "upload.rows_refused");
    let path = format!("{path}&allow_partial=true");
    let task = caller.send_file(&path, "one", &file).await.with_status(202).task();
    let ended = caller.ended(task).await;
    assert_eq!((number(&ended, "/progress/total"), number(&ended, "/progress/notify/notified")), (2, 2), "{ended}");
    let again = caller.send_file(&path, "one", &file).await.with_status(202);
    assert_eq!((again.task(), again.headers.contains_key("idempotent-replayed")), (task, true));

    assert_eq!(caller.verify("mary.jones", "Otter-lamp-47").await, (200, "ok".to_owned()), "permanent");
    assert_eq!(caller.verify("pupil1", "Otter-lamp-47").await.0, 401, "the old username is gone");
    assert_eq!(caller.verify("pupil2", "Kite-marmot-88").await, (200, "ok".to_owned()));
    let outbox = school.outbox();
    let [told] = to(&outbox, "pupil1@example.org")[..] else { panic!("one message") };
    assert_eq!((told.username.as_deref(), told.password.as_str()), (Some("Mary.Jones"), "Otter-lamp-47"));
    assert!(to(&outbox, "pupil3@example.org").is_empty() && to(&outbox, "pupil4@example.org").is_empty());

    // An import says the old username once more, and something new besides.
    let mut people = pupils(4);
    people[0].sms = "+15550100".to_owned();
    let roster = school.beside("later");
    write_roster(&roster, "Rivermoor Schools", &people);
    running.terminate();
    running.wait(keybell_tests::program::PATIENCE).await.with_code(0);
    school.program(["roster", "import"]).arg(&roster).run_to(0).await;
    let (_running, caller) = school.serve(&key).await;
    assert_eq!(caller.verify("mary.jones", "Otter-lamp-47").await, (200, "ok".to_owned()), "no import takes it back");
}

#[tokio::test]
async fn an_upload_is_bound_to_its_trial_run() {
    let school = School::with(&pupils(3)).await;
    let key = school.key("office", "district_admin").await;
    let (_running, caller) = school.serve(&key).await;
    let exported = caller.text_of("/v1/uploads/accounts.csv").await;
    let file = filled(&exported, &[("pupil1", "", "Otter-lamp-47")]);
    let trial = tried(&caller, &file).await.with_status(200).text("/trial").to_owned();
    let other = filled(&exported, &[("pupil1", "", "Otter-lamp-48")]);
    let refused = caller.send_file(&start(&trial, ""), "one", &other).await.with_status(409);
    assert_eq!(refused.text("/code"), "upload.other_file");
    let refused = caller.send_file(&start("", ""), "one", &file).await.with_status(422);
    assert_eq!(refused.text("/code"), "upload.no_trial");
    // Their password changes in between.
    let lost =
        json!({"selection": {"scope": "selected", "accounts": ["pupil1"]}, "reason": "lost", "acknowledgement": READ});
    let task = caller.start("lost", &lost).await.with_status(202).task();
    caller.ended(task).await;
    let refused = caller.send_file(&start(&trial, ""), "one", &file).await.with_status(409);
    assert_eq!(refused.text("/code"), "upload.changed");
    let request = json!({"selection": {"scope": "all"}, "reason": "lost", "acknowledgement": READ,
        "password": {"source": "uploaded"}});
    let refused = caller.start("two", &request).await.with_status(422);
    assert_eq!(refused.text("/code"), "password.upload_only");
}

#[tokio::test]
async fn columns_that_are_missing_or_renamed_are_all_listed() {
    let school = School::with(&pupils(1)).await;
    let key = school.key("office", "district_admin").await;
    let (_running, caller) = school.serve(&key).await;
    let exported = caller.text_of("/v1/uploads/accounts.csv").await;
    let renamed = exported.replace("New password", "Kennwort").replace("Grade,", "");
    let refused = tried(&caller, &renamed).await.with_status(422);
    assert_eq!(refused.text("/code"), "upload.columns");
    let entries = refused.body.pointer("/entries").expect("entries").to_string();
    assert!(entries.contains("E01 `Grade`") && entries.contains("E02 `New password`"), "{entries}");
    let refused = tried(&caller, "%PDF-1.4").await.with_status(422);
    assert_eq!(refused.text("/code"), "upload.unreadable");
    let refused = caller.post("/v1/uploads/trial?reason=lost", &json!({})).await.with_status(415);
    assert_eq!(refused.text("/code"), "upload.media_type");
}

#[tokio::test]
async fn a_principal_uploads_for_the_own_school_only() {
    let mut people = pupils(2);
    people.push(Person::with_role("pat", "principal"));
    people.push(Person::with_role("boss", "administrator"));
    let school = School::with(&people).await;
    let made: Value =
        school.program(["apikey", "create", "--name", "pat", "--role", "principal", "--person", "pat"]).json().await;
    let admin = school.key("office", "district_admin").await;
    let (_running, caller) = school.serve(&admin).await;
    let exported = caller.text_of("/v1/uploads/accounts.csv").await;
    let file = filled(
        &exported,
        &[("pupil1", "", "Otter-lamp-47"), ("boss", "", "Kite-marmot-88"), ("pat", "", "Plum-river-19x")],
    );
    let trial = tried(&caller.with_key(text(&made, "/key")), &file).await.with_status(200);
    let rows = trial.body.pointer("/rows").expect("rows");
    assert_eq!(*rows, json!({"total": 3, "ok": 1, "renamed": 0, "skipped": 1, "errors": 1}), "{}", trial.body);
    assert_eq!((trial.text("/listed/0/code"), trial.text("/listed/1/code")), ("E10", "S05"), "{}", trial.body);
}
