//! The stored hashes are Argon2id in the usual form: another implementation accepts them.

use std::process::Stdio;

use keybell_tests::outbox;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::check::rows;
use crate::school::{School, pupils, text};

/// Reads `[[hash, password], …]`; each must verify, and no hash with the next one's password.
const CHECK: &str = "
import json, sys
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError
pairs = json.load(sys.stdin)
for at, (stored, password) in enumerate(pairs):
    parameters = extract_parameters(stored)
    assert parameters.type.name == 'ID' and parameters.version == 19, parameters
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (19456, 2, 1), parameters
    assert parameters.salt_len >= 16 and parameters.hash_len >= 32, parameters
    assert PasswordHasher().verify(stored, password)
    try:
        PasswordHasher().verify(stored, pairs[at - 1][1])
        raise SystemExit('opened by another password')
    except VerifyMismatchError:
        pass
print(len(pairs), 'verified')
";

#[expect(clippy::disallowed_methods, reason = "where the tests' Python is, is no configuration of Keybell")]
fn python() -> String {
    std::env::var("KEYBELL_TEST_PYTHON").expect(
        "KEYBELL_TEST_PYTHON names no Python with argon2-cffi: run scripts/test, it prepares the Python environment",
    )
}

#[tokio::test]
async fn another_implementation_verifies_them() {
    let python = python();
    let school = School::with(&pupils(6)).await;
    let reset =
        ["reset", "--scope", "all", "--reason", "other", "--format", "phrase3", "--yes", "--acknowledge", "2026-11"];
    let done: Value = school.program(reset).json().await;
    assert_eq!(text(&done, "/task/state"), "completed", "{done}");
    let told = outbox::newest(&school.outbox(), |message| message.username.clone());
    let stored = rows(&school, "SELECT username, password_hash FROM accounts ORDER BY username").await;
    assert_eq!(stored.len(), 6);
    let pairs: Vec<(String, String)> =
        stored.into_iter().map(|(username, hash)| (hash, told[&username].password.clone())).collect();

    let mut checking = Command::new(python)
        .args(["-c", CHECK])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let mut stdin = checking.stdin.take().expect("piped");
    stdin.write_all(&serde_json::to_vec(&pairs).expect("JSON")).await.expect("Python reads");
    drop(stdin);
    let checked = checking.wait_with_output().await.expect("Python ends");
    let complaint = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{complaint}");
    assert_eq!(String::from_utf8_lossy(&checked.stdout).trim(), "6 verified", "{complaint}");
}
