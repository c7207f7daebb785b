//! What the program says about itself: completions, manual pages, help at 80 columns.

use std::process::{Command, Stdio};

use keybell_shared::codes::Code;
use keybell_tests::program::Program;
use serde_json::{Value, json};

use crate::remote::READ;
use crate::school::{School, pupils};

#[tokio::test]
async fn completions_are_scripts_of_their_shells() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = Program::new(["completions", shell]).run_to(0).await.stdout;
        for word in ["reissue", "unreachable", "precautions"] {
            assert!(script.contains(word), "{shell}: no {word}");
        }
        // These complete values, too.
        let values = ["bash", "zsh", "fish"].contains(&shell);
        assert!(!values || script.contains("undelivered"), "{shell}: no states");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keybell.bash");
    std::fs::write(&file, Program::new(["completions", "bash"]).run_to(0).await.stdout).expect("a file");
    let parsed = Command::new("bash").arg("-n").arg(&file).status().expect("bash");
    assert!(parsed.success(), "bash cannot read its completions");
    Program::new(["completions", "cmd"]).run_to(2).await;
}

#[tokio::test]
async fn every_command_has_a_manual_page_that_can_be_set() {
    let folder = tempfile::tempdir().expect("a folder");
    let pages = folder.path().join("man1");
    Program::new(["man", "--out"]).arg(&pages).run_to(0).await;
    let names: Vec<String> = std::fs::read_dir(&pages)
        .expect("pages")
        .map(|page| page.expect("a page").file_name().to_string_lossy().into_owned())
        .collect();
    for page in ["keybell.1", "keybell-reset.1", "keybell-task-reissue.1", "keybell-webhook-rotate.1"] {
        assert!(names.iter().any(|name| name == page), "{page}: {names:?}");
    }
    let printed = Program::new(["man"]).run_to(0).await.stdout;
    assert!(printed.contains(".TH keybell 1"), "{printed}");
    // Where there is no groff, the pages are still checked for what it would trip over first.
    for name in &names {
        let text = std::fs::read_to_string(pages.join(name)).expect("a page");
        assert!(text.contains(".TH ") && text.contains(".SH NAME"), "{name}");
        let groff = Command::new("groff")
            .args(["-man", "-Tutf8", "-ww", "-z"])
            .arg(pages.join(name))
            .stderr(Stdio::piped())
            .output();
        if let Ok(groff) = groff {
            assert!(
                groff.status.success() && groff.stderr.is_empty(),
                "{name}: {}",
                String::from_utf8_lossy(&groff.stderr)
            );
        }
    }
}

#[tokio::test]
async fn help_and_tables_fit_80_columns() {
    let school = School::with(&pupils(3)).await;
    let arguments = ["reset", "--scope", "all", "--reason", "lost", "--yes", "--acknowledge", READ, "--output", "json"];
    let done: Value = school.program(arguments).run_to(0).await.json();
    let task = done.pointer("/task/id").and_then(Value::as_str).expect("a task").to_owned();
    school.key("a name that is rather long, as names of people and machines are", "operator").await;
    let shown: &[&[&str]] = &[
        &["--help"],
        &["reset", "--help"],
        &["task", "--help"],
        &["task", "list", "--help"],
        &["task", "report", "--help"],
        &["task", "reissue", "--help"],
        &["webhook", "--help"],
        &["webhook", "add", "--help"],
        &["purge", "--help"],
        &["task", "list"],
        &["task", "show", &task],
        &["task", "items", &task],
        &["apikey", "list"],
        &["fleet"],
        &["codes"],
        &["precautions"],
    ];
    for command in shown {
        let said = school.program(command.iter().copied()).env("COLUMNS", "80").run_to(0).await.stdout;
        for line in said.lines() {
            assert!(line.chars().count() <= 80, "{command:?}: {line}");
        }
        assert!(!said.contains('\u{1b}'), "{command:?}: colours in a pipe");
    }
    let list = school.program(["task", "list"]).env("COLUMNS", "80").run_to(0).await.stdout;
    assert!(list.contains(&task), "the id is cut: {list}");
    let coloured = school.program(["--color", "always", "task", "list"]).run_to(0).await.stdout;
    assert!(coloured.contains('\u{1b}'), "{coloured}");
    let forced = school.program(["task", "list"]).env("CLICOLOR_FORCE", "1").run_to(0).await.stdout;
    assert_eq!(forced, coloured);
    let not = school.program(["task", "list"]).env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1").run_to(0).await.stdout;
    assert!(!not.contains('\u{1b}'), "{not}");
}

#[tokio::test]
async fn the_description_of_the_api_is_that_of_the_server() {
    let school = School::with(&pupils(1)).await;
    let key = school.key("office", "district_admin").await;
    let printed: Value = Program::new(["openapi"]).run_to(0).await.json();
    let (_running, caller) = school.serve(&key).await;
    assert_eq!(caller.get("/v1/openapi.json").await.with_status(200).body, printed);
}

#[tokio::test]
async fn whoever_asks_is_shown_the_precautions_and_a_script_must_have_read_them() {
    let school = School::with(&pupils(1)).await;
    let reset = ["reset", "--scope", "all", "--reason", "other"];
    let asked = school.program(reset).run_to(3).await.stderr;
    let first = keybell_shared::precautions::TEXT.lines().next().expect("a text");
    assert!(asked.contains(first) && asked.contains(READ), "{asked}");
    let unread = school.program(reset).arg("--yes").run_to(2).await.stderr;
    assert!(unread.contains("keybell precautions") && unread.contains("--acknowledge"), "{unread}");
    let old = school.program(reset).args(["--yes", "--acknowledge", "2020-01"]).run_to(2).await.stderr;
    assert!(old.contains("acknowledgement.outdated") && old.contains(READ), "{old}");
    assert!(school.outbox().is_empty());
}

#[tokio::test]
async fn the_legend_of_codes_is_that_of_the_program() {
    let codes: Value = Program::new(["codes", "--output", "json"]).run_to(0).await.json();
    let all = Code::ALL.iter().map(|code| json!({"code": code.as_str(), "meaning": code.meaning()}));
    assert_eq!(codes["codes"], all.collect::<Value>());
    let shown = Program::new(["codes"]).env("COLUMNS", "400").run_to(0).await.stdout;
    for code in Code::ALL {
        let line = shown.lines().find(|line| line.starts_with(code.as_str()));
        assert!(line.is_some_and(|line| line.ends_with(code.meaning())), "{code}: {shown}");
    }
}
