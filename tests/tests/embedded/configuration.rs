//! A configuration that does not fit is refused at the start, by the name of its field.

use keybell_tests::program::Program;

use crate::school::School;

async fn refused(program: Program, words: &[&str]) {
    let ended = program.run_to(78).await;
    assert!(words.iter().all(|word| ended.stderr.contains(word)), "{words:?}: {}", ended.stderr);
    assert!(ended.stdout.is_empty(), "{}", ended.stdout);
}

#[tokio::test]
async fn wrong_fields_are_named() {
    let school = School::empty();
    let on = |name: &str, value: &str| Program::on(&school.folder(), ["serve"]).env(name, value);
    refused(on("KEYBELL_HASHING__MEMORY_KIB", "8"), &["hashing.memory_kib", "19456"]).await;
    let lease = on("KEYBELL_TIMING__LEASE_SECONDS", "30").env("KEYBELL_TIMING__SEND_DEADLINE_SECONDS", "20");
    refused(lease, &["timing.lease_seconds", "timing.send_deadline_seconds"]).await;
    refused(on("KEYBELL_HTTP__LISTEN", "everywhere"), &["listen"]).await;
    refused(on("KEYBELL_MODE", "clustre"), &["mode", "clustre"]).await;
    refused(on("KEYBELL_MODE", "cluster"), &["database.url"]).await;
    refused(on("KEYBELL_EMAIL__SENDER", "smtp"), &["email.url"]).await;
    refused(on("KEYBELL_WORKER__GROUPS", "3"), &["groups"]).await;

    let file = school.beside("school.toml");
    std::fs::write(&file, "[email]\nsendr = \"smtp\"\n").expect("a file");
    let with_file = || Program::on(&school.folder(), ["task", "list", "--config"]).arg(&file);
    refused(with_file(), &["sendr", "school.toml"]).await;
    std::fs::write(&file, "[email\n").expect("a file");
    refused(with_file(), &["school.toml"]).await;
    std::fs::write(&file, "[email]\npassword = \"hunter2-hunter2\"\nconnections = \"many\"\n").expect("a file");
    let ended = with_file().run_to(78).await;
    assert!(ended.stderr.contains("connections") && !ended.stderr.contains("hunter2"), "{}", ended.stderr);
    let missing = Program::on(&school.folder(), ["task", "list", "--config", "/no/such/file.toml"]);
    refused(missing, &["/no/such/file.toml"]).await;
    assert!(!school.folder().exists(), "a refused configuration leaves nothing behind");
}

#[tokio::test]
async fn the_printed_defaults_are_a_configuration() {
    let school = School::empty();
    let printed = Program::new(["config"]).run_to(0).await.stdout;
    let file = school.beside("keybell.toml");
    std::fs::write(&file, &printed).expect("a file");
    // Read where it lies, without being named; the folder of the environment goes before that of the file.
    let home = school.beside("");
    let there = |command: &str| Program::new([command]).working_in(&home).env("KEYBELL_FOLDER", school.folder());
    there("migrate").run_to(0).await;
    let found = there("doctor").run_to(0).await;
    assert!(found.stdout.contains("embedded mode"), "{}", found.stdout);
    assert!(school.folder().join("keybell.sqlite").exists());
}
