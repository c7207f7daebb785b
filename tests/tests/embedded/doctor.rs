//! `keybell doctor` says what works and names what does not.

use serde_json::Value;
use tokio::net::TcpListener;

use crate::school::{School, text};

#[tokio::test]
async fn everything_is_fine_in_a_fresh_folder() {
    let school = School::empty();
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
