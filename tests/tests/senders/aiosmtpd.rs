//! E-mail to a mail server that others wrote, over TLS and with credentials.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use keybell_shared::config::Email;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::{PASSWORD, message, smtp_sender, word};

const PATIENT: Duration = Duration::from_secs(10);
const ANNA: &str = "anna@example.org";

/// The server, and a certificate of its own for the address 127.0.0.1.
struct Server {
    port: u16,
    certificate: PathBuf,
    printed: Lines<BufReader<ChildStdout>>,
    // Both end with the test: the process when its standard input is closed, the folder with its files.
    process: Child,
    _home: tempfile::TempDir,
}

#[expect(clippy::disallowed_methods, reason = "where the tests' Python is, is no configuration of Keybell")]
fn python() -> String {
    std::env::var("KEYBELL_TEST_PYTHON").expect(
        "KEYBELL_TEST_PYTHON names no Python with aiosmtpd: run scripts/test, it prepares the Python environment",
    )
}

impl Server {
    async fn start(mode: &str) -> Self {
        let home = tempfile::tempdir().expect("folder");
        let (certificate, key) = (home.path().join("certificate.pem"), home.path().join("key.pem"));
        make_certificate(home.path(), &certificate, &key).await;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/senders/aiosmtpd_server.py");
        let mut process = Command::new(python())
            .arg(script)
            .arg(mode)
            .args([&certificate, &key])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Python starts");
        let mut printed = BufReader::new(process.stdout.take().expect("piped")).lines();
        let port = printed.next_line().await.expect("readable").expect("the server starts");
        let port = port.parse().unwrap_or_else(|_| panic!("no port: {port}"));
        Self { port, certificate, printed, process, _home: home }
    }

    fn config(&self, scheme: &str, host: &str, password: &str) -> Email {
        Email {
            url: format!("{scheme}://{host}:{}", self.port),
            username: "keybell".to_owned(),
            password: password.into(),
            ca_file: self.certificate.clone(),
            ..Email::default()
        }
    }

    async fn received(&mut self) -> Value {
        let line = tokio::time::timeout(PATIENT, self.printed.next_line()).await.expect("in time").expect("readable");
        serde_json::from_str(&line.expect("a message")).expect("JSON")
    }
}

async fn make_certificate(home: &Path, certificate: &Path, key: &Path) {
    let config = home.join("openssl.cnf");
    let text = "[req]\ndistinguished_name=dn\nx509_extensions=ext\nprompt=no\n[dn]\nCN=mail server of a test\n\
                [ext]\nbasicConstraints=critical,CA:FALSE\nsubjectAltName=IP:127.0.0.1\n";
    std::fs::write(&config, text).expect("written");
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .arg("-config")
        .arg(&config)
        .arg("-out")
        .arg(certificate)
        .arg("-keyout")
        .arg(key)
        .output()
        .await
        .expect("openssl is installed");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

#[tokio::test]
async fn a_message_goes_over_starttls_and_over_tls() {
    for (mode, scheme) in [("starttls", "smtp"), ("smtps", "smtps")] {
        let mut server = Server::start(mode).await;
        let sender = smtp_sender(server.config(scheme, "127.0.0.1", "mail-secret"), PATIENT);
        for _ in 0..3 {
            let sent = sender.send(&message(ANNA)).await;
            assert_eq!(word(&sent), "accepted", "{mode}: {sent:?}");
            let mail = server.received().await;
            assert_eq!(mail["tls"], true, "{mode}");
            assert_eq!(mail["user"], "keybell");
            assert_eq!(mail["to"][0], ANNA);
            assert_eq!(mail["from"], "keybell@example.org");
            assert_eq!(mail["message_id"], "<n-1@keybell.test>");
            assert_eq!(mail["subject"], message(ANNA).subject.as_str());
            let text = mail["text"].as_str().expect("text").replace("\r\n", "\n");
            assert_eq!(text.trim_end(), message(ANNA).text.trim_end());
            assert_eq!(keybell_tests::smtp::password_in(&text), Some(PASSWORD));
        }
    }
}

#[tokio::test]
async fn wrong_credentials_names_and_authorities_stop_the_channel() {
    for (mode, scheme) in [("starttls", "smtp"), ("smtps", "smtps")] {
        let mut server = Server::start(mode).await;
        let wrong = [
            ("credentials", server.config(scheme, "127.0.0.1", "another")),
            ("name", server.config(scheme, "localhost", "mail-secret")),
            ("authority", Email { ca_file: PathBuf::new(), ..server.config(scheme, "127.0.0.1", "mail-secret") }),
        ];
        for (what, config) in wrong {
            let sent = smtp_sender(config, PATIENT).send(&message(ANNA)).await;
            assert_eq!(word(&sent), "down", "{mode}, wrong {what}: {sent:?}");
        }
        let right = smtp_sender(server.config(scheme, "127.0.0.1", "mail-secret"), PATIENT);
        assert_eq!(word(&right.send(&message("ben@example.org")).await), "accepted");
        assert_eq!(server.received().await["to"][0], "ben@example.org", "the first that arrived");
    }
}

/// An answer that waits behind the one to STARTTLS must not be read as one that came inside TLS.
#[tokio::test]
async fn nothing_said_in_clear_is_heard_inside_tls() {
    let mut server = Server::start("sneak").await;
    let sender = smtp_sender(server.config("smtp", "127.0.0.1", "mail-secret"), PATIENT);
    let sent = sender.send(&message(ANNA)).await;
    assert_eq!(word(&sent), "down", "{sent:?}");
    drop(server.process.stdin.take());
    let rest = tokio::time::timeout(PATIENT, server.printed.next_line()).await.expect("it ends").expect("readable");
    assert_eq!(rest, None, "the handshake never came to its end");
}
