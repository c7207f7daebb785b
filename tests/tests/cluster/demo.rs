//! `keybell demo --cluster`: with a mail server that we did not write, and a reset worker that is killed meanwhile.
//!
//! The demo has fixed names on broker and Redis, so it is run by this one test only.

use std::process::Stdio;
use std::sync::{Arc, Mutex};

use keybell_tests::fleet::World;
use keybell_tests::outbox;
use keybell_tests::program::Program;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::checks::{Told, bare, changed_at_most, no_duplicates, passwords_are_right};
use crate::{PATIENCE, python, script, until};

/// aiosmtpd; it ends when its standard input is closed.
struct MailServer {
    port: u16,
    mails: Arc<Mutex<Vec<Value>>>,
    _process: Child,
}

impl MailServer {
    async fn start() -> Self {
        let mut process = Command::new(python())
            .arg(script("mailserver.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Python starts");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let port = lines.next_line().await.expect("readable").expect("the server starts").parse().expect("a port");
        let mails: Arc<Mutex<Vec<Value>>> = Arc::default();
        let heard = Arc::clone(&mails);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                heard.lock().expect("lock").push(serde_json::from_str(&line).expect("JSON"));
            }
        });
        Self { port, mails, _process: process }
    }

    fn told(&self) -> Vec<Told> {
        let mails = self.mails.lock().expect("lock");
        let field = |mail: &Value, name: &str| mail[name].as_str().expect("text").replace("\r\n", "\n");
        mails
            .iter()
            .map(|mail| {
                let text = field(mail, "text");
                let password = keybell_tests::smtp::password_in(&text).expect("a password").to_owned();
                (bare(&field(mail, "message_id")), password)
            })
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_survives_a_killed_worker_and_everybody_is_told_the_right_password() {
    let world = World::new().await;
    // The demo makes its own tables.
    world.sql().run("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await;
    let mails = MailServer::start().await;
    let folder = world.folder().join("demo");
    let mut demo = Program::on(&folder, ["--output", "json", "demo", "--cluster"])
        .env("KEYBELL_DATABASE_URL", world.database_url())
        .env("KEYBELL_AMQP_URL", world.broker.url())
        .env("KEYBELL_REDIS_URL", world.live.url())
        .env("KEYBELL_EMAIL__SENDER", "smtp")
        .env("KEYBELL_EMAIL__URL", format!("smtp://127.0.0.1:{}?tls=none", mails.port))
        .start();
    let line = demo.line_with("reset-worker-1").await;
    let pid = line.split_whitespace().last().expect("a number").to_owned();
    until("a tenth is reset", || async {
        world.sql().number("SELECT count(*) FROM items WHERE credential_version IS NOT NULL").await > 90
    })
    .await;
    let killed = Command::new("sh").args(["-c", "kill -9 \"$0\"", &pid]).status().await.expect("a shell");
    assert!(killed.success(), "the worker {pid} still ran");

    let ended = demo.wait(PATIENCE * 2).await.with_code(0);
    let summary: Value = ended.json();
    for (field, expected) in
        [("total", 960), ("reset", 915), ("notified", 857), ("unreachable", 58), ("skipped", 45), ("failed", 0)]
    {
        assert_eq!(summary[field], expected, "{field}: {summary}");
    }
    changed_at_most(&world, 1).await;
    let mut told = mails.told();
    assert!(!told.is_empty(), "nothing came by mail");
    told.extend(outbox::read(&folder.join("outbox")).into_iter().map(|sms| (sms.message_id, sms.password)));
    // The worker that was killed sends no messages, so that none may come twice.
    no_duplicates(&told);
    assert_eq!(passwords_are_right(&world, &told).await, 857);
}
