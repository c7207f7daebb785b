//! The exit codes that `keybell --help` promises, each one.

use keybell_tests::program::Program;

use crate::remote::READ;
use crate::school::{Person, School, pupils};

#[tokio::test]
async fn each_exit_code_is_what_the_table_says() {
    let school = School::with(&[Person::pupil("anna"), Person::pupil("lonely").unreachable()]).await;
    let reset = |who: &str| {
        let arguments = ["reset", "--scope", "selected", "--reason", "lost", "--account", who];
        school.program(arguments)
    };
    let yes = |program: Program| program.args(["--yes", "--acknowledge", READ]);
    yes(reset("anna")).run_to(0).await;
    yes(reset("lonely")).run_to(1).await;
    yes(reset("ghost")).run_to(2).await;
    reset("anna").arg("--yes").run_to(2).await;
    reset("anna").args(["--no-such-flag"]).run_to(2).await;
    reset("anna").run_to(3).await;
    school.program(["task", "show", "0198f2f0-0000-7000-8000-000000000000"]).run_to(4).await;
    school.program(["task", "list", "--district", "nowhere"]).run_to(4).await;
    let away = ["--server", "http://127.0.0.1:1", "task", "list"];
    Program::new(away).env("KEYBELL_API_KEY", "kb_x").run_to(69).await;
    // 77 needs a server: see `remote.rs`.
    school.program(["api"]).run_to(78).await;
    school.program(["task", "list"]).env("KEYBELL_TIMING__LEASE_SECONDS", "1").run_to(78).await;
    let help = Program::new(["--help"]).run_to(0).await.stdout;
    for code in ["   0  ", "   1  ", "   2  ", "   3  ", "   4  ", "  69  ", "  77  ", "  78  "] {
        assert!(help.lines().any(|line| line.starts_with(code)), "{code} is not in the help: {help}");
    }
}

#[tokio::test]
async fn an_unknown_word_in_the_configuration_is_answered_with_the_known_ones() {
    let school = School::with(&pupils(1)).await;
    for (variable, words) in [
        ("KEYBELL_MODE", ["embedded", "cluster"]),
        ("KEYBELL_EMAIL__SENDER", ["folder", "smtp"]),
        ("KEYBELL_SMS__SENDER", ["folder", "http"]),
    ] {
        let refused = school.program(["task", "list"]).env(variable, "pigeon").run_to(78).await;
        let said = &refused.stderr;
        assert!(said.contains("pigeon") && words.iter().all(|word| said.contains(word)), "{variable}: {said}");
    }
}

#[tokio::test]
async fn what_is_done_on_the_machine_itself_refuses_a_server() {
    let roster: &[&str] = &["roster", "import", "/tmp"];
    for command in [
        &["serve"][..],
        &["worker"],
        &["migrate"],
        &["purge"],
        &["doctor"],
        &["keys", "create"],
        &["demo"],
        &["bench"],
        roster,
    ] {
        let program = Program::new(["--server", "https://keybell.example.org"]).args(command.iter().copied());
        let refused = program.env("KEYBELL_API_KEY", "kb_x").run_to(2).await;
        let said = &refused.stderr;
        assert!(said.contains(command[0]) && said.contains("on the machine itself"), "{command:?}: {said}");
    }
    let plain = Program::new(["--server", "http://keybell.example.org", "task", "list"]).env("KEYBELL_API_KEY", "kb_x");
    assert!(plain.run_to(2).await.stderr.contains("https"));
}

#[tokio::test]
async fn nothing_is_old_enough_to_be_forgotten() {
    let school = School::with(&pupils(1)).await;
    for arguments in [&["purge", "--dry-run"][..], &["purge"], &["purge", "--yes"]] {
        let told = school.program(arguments.iter().copied()).run_to(0).await;
        assert!(told.stdout.contains("nothing is old enough"), "{arguments:?}: {}", told.stdout);
    }
    school.program(["purge"]).env("KEYBELL_RETENTION__TASKS_DAYS", "0").run_to(78).await;
}

/// A key is shown once: when it could not be shown, nobody may believe that all is well.
#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let full = std::fs::File::options().write(true).open("/dev/full").expect("/dev/full");
    let mut codes = std::process::Command::new(keybell_tests::program::path());
    let ended = codes.arg("codes").stdout(full).output().expect("keybell");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("could not be written to standard output"), "{said}");
}
