//! `keybell doctor` says what works and names what does not.

use serde_json::Value;
use tokio::net::TcpListener;

use crate::school::{School, pupils, text};

#[tokio::test]
async fn a_folder_that_is_not_there_is_said_to_be_so_and_is_not_made() {
    let school = School::empty();
    let told = school.program(["doctor"]).run_to(0).await.stdout;
    let line = told.lines().find(|line| line.contains("there is no folder")).expect("a line about the folder");
    assert!(line.starts_with("warn") && told.contains("roster import"), "{told}");
    assert!(!told.contains("WRONG") && told.contains("made together with the ledger"), "{told}");
    assert!(!school.folder().exists(), "looking changes nothing");
    // Keys that were made beforehand make no ledger.
    school.program(["keys", "create"]).run_to(0).await;
    let told = school.program(["doctor"]).run_to(0).await.stdout;
    assert!(told.contains("there is no ledger in") && told.contains("opens and seals"), "{told}");
}

#[tokio::test]
async fn a_folder_that_a_server_has_is_in_use_and_all_the_rest_is_looked_at() {
    let school = School::with(&pupils(1)).await;
    let (running, _caller) = school.serve(&school.key("office", "district_admin").await).await;
    let told = school.program(["doctor"]).run_to(0).await.stdout;
    let line = told.lines().find(|line| line.contains("in use")).expect("a line about the folder");
    assert!(line.starts_with("ok") && told.contains(&running.pid().to_string()), "{told}");
    assert!(!told.contains("WRONG") && told.contains("/readyz"), "{told}");
    for word in
        ["open to its owner alone", "MiB of disk", "opens and seals", "signs webhooks", "email.folder", "sms.folder"]
    {
        assert!(told.contains(word), "{word}: {told}");
    }
    let server = "smtp://mail.example.org?tls=maybe";
    let wrong = school.program(["doctor"]).env("KEYBELL_EMAIL__SENDER", "smtp").env("KEYBELL_EMAIL__URL", server);
    let wrong = wrong.run_to(1).await.stdout;
    assert!(wrong.lines().any(|line| line.starts_with("WRONG") && line.contains("email.url")), "{wrong}");
    running.kill().await;
    let told = school.program(["doctor"]).run_to(0).await.stdout;
    assert!(!told.contains("in use by"), "{told}");
}

#[tokio::test]
async fn everything_is_fine_in_a_fresh_folder() {
    let school = School::empty();
    school.program(["migrate"]).run_to(0).await;
    let told = school.program(["doctor"]).run_to(0).await;
    let keys = ["notifier key", "reset key", "webhooks key"];
    for word in keys.into_iter().chain(["configuration", "ledger", "queue", "board", "e-mail", "SMS", "ok"]) {
        assert!(told.stdout.contains(word), "{word}: {}", told.stdout);
    }
    assert!(!told.stdout.contains("WRONG"), "{}", told.stdout);
    let quiet = school.program(["doctor", "--quiet"]).run_to(0).await;
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
}

#[tokio::test]
async fn a_mail_server_that_is_away_is_named() {
    let school = School::empty();
    // A port of this machine where nobody listens any more.
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let program = || {
        let url = format!("smtp://{gone}?tls=none");
        school.program(["doctor"]).env("KEYBELL_EMAIL__SENDER", "smtp").env("KEYBELL_EMAIL__URL", url)
    };
    let told = program().run_to(1).await;
    let line = told.stdout.lines().find(|line| line.contains("email.url")).expect("a line about email.url");
    assert!(line.starts_with("WRONG") && line.contains(&gone.port().to_string()), "{}", told.stdout);
    assert_eq!(told.stdout.matches("WRONG").count(), 1, "{}", told.stdout);
    let findings: Vec<Value> = program().args(["--output", "json"]).run_to(1).await.json();
    let wrong: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.pointer("/fine") == Some(&Value::Bool(false)))
        .map(|finding| text(finding, "/field"))
        .collect();
    assert_eq!(wrong, ["email.url"]);
}

#[tokio::test]
async fn keys_that_are_no_pair_are_named() {
    let (school, other) = (School::empty(), School::empty());
    for school in [&school, &other] {
        school.program(["keys", "create"]).run_to(0).await;
        school.program(["doctor", "--quiet"]).run_to(0).await;
    }
    let place = |school: &School| school.folder().join("keys").join("notifier.pub");
    std::fs::copy(place(&other), place(&school)).expect("another key");
    let told = school.program(["doctor"]).run_to(1).await;
    let line = told.stdout.lines().find(|line| line.starts_with("WRONG")).expect("a wrong line");
    assert!(line.contains("notifier") && line.contains("no pair"), "{}", told.stdout);
}
