//! Journeys of the cluster mode: processes of `keybell` on real PostgreSQL, RabbitMQ and Redis, used through their real
//! doors. Every test has its own database, broker prefix, Redis prefix and folder.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "what fails here fails the test, with its reason")]

mod amqp;
mod bench;
mod broker;
mod checks;
mod database;
mod demo;
mod doctor;
mod journey;
mod keys;
mod latency;
mod links;
mod mail;
mod modes;
mod order;
mod rolling;
mod uploads;

use std::time::Duration;

use keybell_shared::clock::Stopwatch;

/// Nothing that a test waits for takes longer.
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until the answer is yes.
async fn until<F: Future<Output = bool>>(what: &str, answer: impl Fn() -> F) {
    let watch = Stopwatch::start();
    while !answer().await {
        assert!(watch.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The Python of the tests, which has pika and aiosmtpd.
#[expect(clippy::disallowed_methods, reason = "where the tests' Python is, is no configuration of Keybell")]
fn python() -> String {
    std::env::var("KEYBELL_TEST_PYTHON").expect(
        "KEYBELL_TEST_PYTHON names no Python with pika and aiosmtpd: run scripts/test, it prepares the environment",
    )
}

/// A Node program of the tests, which finds amqplib and the AsyncAPI parser.
#[expect(clippy::disallowed_methods, reason = "where the tests' Node modules are, is no configuration of Keybell")]
fn node(program: impl AsRef<std::ffi::OsStr>) -> tokio::process::Command {
    let modules = std::env::var("KEYBELL_TEST_NODE_PATH").expect(
        "KEYBELL_TEST_NODE_PATH names no Node modules with amqplib and @asyncapi/parser: run scripts/test, it installs \
         them",
    );
    let mut command = tokio::process::Command::new("node");
    command.arg(program).env("NODE_PATH", modules);
    command
}

/// A script beside this file.
fn script(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster").join(name)
}
