//! Where the program lies, and that it is fresh.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The `keybell` that belongs to this test run: built from the sources as they are, once per run. With
/// `KEYBELL_TEST_PROGRAM` it is that file, as it is.
///
/// # Panics
/// When it cannot be built.
pub fn path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(built)
}

#[expect(clippy::disallowed_methods, reason = "the test runner's variables are no configuration")]
fn built() -> PathBuf {
    if let Some(given) = std::env::var_os("KEYBELL_TEST_PROGRAM") {
        return PathBuf::from(given);
    }
    // target/debug/deps/suite-0123 → target/debug/keybell
    let suite = std::env::current_exe().unwrap_or_else(|error| panic!("where does this test lie? {error}"));
    let Some(folder) = suite.parent().and_then(Path::parent) else { panic!("{} has no folder", suite.display()) };
    let program = folder.join("keybell");
    let lock = folder.join(".keybell-for-tests.lock");
    let mut lock = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&lock)
        .unwrap_or_else(|error| panic!("{}: {error}", lock.display()));
    lock.lock().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    // nextest runs each test in its own process; its run has one name.
    let run = std::env::var("NEXTEST_RUN_ID").unwrap_or_default();
    let mut before = String::new();
    lock.read_to_string(&mut before).unwrap_or_default();
    if run.is_empty() || before != run || !program.exists() {
        build(folder);
        let noted = lock.set_len(0).and_then(|()| lock.rewind()).and_then(|()| lock.write_all(run.as_bytes()));
        noted.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    }
    assert!(program.exists(), "cargo has built no {}", program.display());
    program
}

#[expect(clippy::disallowed_methods, reason = "the build tool's variable is no configuration")]
fn build(folder: &Path) {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--package", "keybell"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    if folder.ends_with("release") {
        command.arg("--release");
    }
    if let Some(target) = folder.parent() {
        command.arg("--target-dir").arg(target);
    }
    let built = command.status().unwrap_or_else(|error| panic!("cargo cannot be started: {error}"));
    assert!(built.success(), "keybell cannot be built: {built}");
}
