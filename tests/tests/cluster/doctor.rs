//! `keybell doctor` on real servers: what is wrong is named, with what to do; and silent servers do not keep it.

use std::time::Duration;

use keybell_shared::clock::Stopwatch;
use keybell_tests::fleet::{Person, World};
use keybell_tests::smtp::{Manner, SmtpServer};
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ConnectionProperties};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::until;

/// The findings about one thing.
fn about<'a>(findings: &'a [Value], what: &str) -> Vec<&'a str> {
    let ours = findings.iter().filter(|finding| finding["what"] == what);
    ours.map(|finding| finding["detail"].as_str().unwrap_or_default()).collect()
}

fn wrong(findings: &[Value]) -> Vec<&str> {
    findings
        .iter()
        .filter(|finding| finding["fine"] == false)
        .filter_map(|finding| finding["detail"].as_str())
        .collect()
}

async fn doctor(world: &World, code: i32) -> Vec<Value> {
    world.program(["doctor", "--output", "json"]).run_to(code).await.json()
}

/// Whether a finding warns of nothing; that the tests' own database does not wait for its disk is told rightly.
fn quiet(finding: &Value) -> bool {
    finding["warning"] == false || finding["detail"].as_str().is_some_and(|detail| detail.starts_with("fsync/"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_fleet_is_fine_and_every_version_is_told() {
    let smtp = SmtpServer::start().await;
    let mut world = World::new().await;
    world.tell_by(&smtp.url(), None);
    world.import(&[Person::pupil(1)]).await;
    let fleet = world.fleet().await;
    until("somebody leads", || async {
        world.sql().number("SELECT count(*) FROM leases WHERE name = 'scheduler'").await == 1
    })
    .await;
    let mut findings = Vec::new();
    // Workers take a moment to consume; until then that is a warning.
    for _ in 0..20 {
        findings = doctor(&world, 0).await;
        if about(&findings, "queue").iter().any(|detail| detail.contains(".reset: 0 messages wait, 2 consumers"))
            && findings.iter().all(quiet)
        {
            break;
        }
    }
    assert!(findings.iter().all(quiet), "{findings:#?}");
    let ledger = about(&findings, "ledger").join("; ");
    for words in
        ["PostgreSQL 1", "connections in use", "clock differs", "read, write and migrate", "leads the scheduler"]
    {
        assert!(ledger.contains(words), "{words}: {ledger}");
    }
    let queue = about(&findings, "queue").join("; ");
    for words in ["RabbitMQ 3.", "declared as this build needs", ".reset: 0 messages wait, 2 consumers", "came back"] {
        assert!(queue.contains(words), "{words}: {queue}");
    }
    let board = about(&findings, "board").join("; ");
    assert!(board.contains("Redis ") && board.contains("write, publish and listen"), "{board}");
    assert!(about(&findings, "e-mail")[0].contains("greets us, without TLS (tls=none)"), "{findings:#?}");
    assert!(world.broker.ready().await.iter().all(|(_, ready)| *ready == 0), "the doctor left nothing behind");
    fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_with_other_arguments_and_a_refused_sign_in_are_named() {
    let smtp = SmtpServer::start().await;
    let mut world = World::new().await;
    smtp.manner(|manner| *manner = Manner { auth: Some((535, "5.7.8 wrong password")), ..Manner::default() });
    world.tell_by(&smtp.url(), None);
    world.set("KEYBELL_EMAIL__USERNAME", "keybell");
    world.set("KEYBELL_EMAIL__PASSWORD", "not-the-password");
    let connection = Connection::connect(world.broker.url(), ConnectionProperties::default()).await.expect("a broker");
    let channel = connection.create_channel().await.expect("a channel");
    let mut other = FieldTable::default();
    other.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    other.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(7));
    let name = world.broker.name("reset");
    channel.queue_declare(name.clone().into(), QueueDeclareOptions::durable(), other).await.expect("a queue");

    let findings = doctor(&world, 1).await;
    let wrong = wrong(&findings);
    assert_eq!(wrong.len(), 2, "{wrong:#?}");
    for words in [name.as_str(), "other arguments", "rabbitmqctl delete_queue"] {
        assert!(wrong[0].contains(words), "{words}: {}", wrong[0]);
    }
    // What differs, in the broker's words.
    assert!(wrong[0].contains("x-delivery-limit") || wrong[0].contains("x-dead-letter-exchange"), "{}", wrong[0]);
    assert!(wrong[1].contains("535") && wrong[1].contains("signing in"), "{}", wrong[1]);
    assert!(!wrong[1].contains("not-the-password"));
    world.broker.delete_queue("reset").await;
    smtp.manner(|manner| *manner = Manner { auth: Some((235, "2.7.0 welcome")), ..Manner::default() });
    let findings = doctor(&world, 0).await;
    assert!(about(&findings, "e-mail")[0].contains("our credentials are accepted"), "{findings:#?}");
    // What is not there is told and not made: the prefix may be mistyped.
    for _ in 0..2 {
        let findings = doctor(&world, 0).await;
        let missing = format!("the queue {name} is not there yet");
        let told = |finding: &Value| finding["detail"].as_str().is_some_and(|detail| detail.starts_with(&missing));
        assert!(findings.iter().any(told), "{findings:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_without_rights_and_migrations_that_do_not_fit_are_named() {
    let mut world = World::new().await;
    let (mine, role) = (world.database_url(), format!("doctor_{}", uuid::Uuid::new_v4().simple()));
    world.sql().run(&format!("CREATE ROLE {role} LOGIN PASSWORD 'doctor'")).await;
    let mut theirs = reqwest::Url::parse(&mine).expect("a URL");
    theirs.set_username(&role).and_then(|()| theirs.set_password(Some("doctor"))).expect("credentials");
    world.set("KEYBELL_DATABASE_URL", theirs.as_str());
    let findings = doctor(&world, 1).await;
    assert!(wrong(&findings).iter().any(|detail| detail.contains("may not read and write")), "{findings:#?}");

    let (own, grant) =
        ("_sqlx_migrations", format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"));
    world.sql().run(&grant).await;
    let findings = doctor(&world, 0).await;
    let ledger = about(&findings, "ledger").join("; ");
    assert!(ledger.contains("may read and write, but not migrate"), "{ledger}");

    world
        .sql()
        .run(&format!("UPDATE {own} SET version = version + 9000 WHERE version = (SELECT max(version) FROM {own})"))
        .await;
    let findings = doctor(&world, 0).await;
    let ledger = about(&findings, "ledger").join("; ");
    assert!(ledger.contains("newer than this build"), "{ledger}");
    world.sql().run(&format!("DELETE FROM {own} WHERE version > 1")).await;
    let findings = doctor(&world, 1).await;
    assert!(wrong(&findings).iter().any(|detail| detail.contains("run keybell migrate")), "{findings:#?}");
    world.sql().run(&format!("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}")).await;
    world.sql().run(&format!("DROP ROLE {role}")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_say_nothing_are_all_named_within_eight_seconds() {
    let mut world = World::new().await;
    // It accepts connections, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = silent.local_addr().expect("an address");
    let connections = tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = silent.accept().await {
            kept.push(stream);
        }
    });
    // The names that the test's end deletes.
    world.program(["doctor", "--quiet"]).run_to(0).await;
    world.set("KEYBELL_DATABASE_URL", &format!("postgres://keybell:secret@{at}/keybell"));
    world.set("KEYBELL_AMQP_URL", &format!("amqp://keybell:secret@{at}/%2f"));
    world.set("KEYBELL_REDIS_URL", &format!("redis://keybell:secret@{at}/0"));
    world.tell_by(&format!("smtp://{at}?tls=none"), None);
    let watch = Stopwatch::start();
    let told = world.program(["doctor"]).run_to(1).await;
    assert!(watch.elapsed() < Duration::from_secs(8), "{:?}", watch.elapsed());
    for field in ["database.url", "broker.url", "redis.url", "email.url"] {
        let line = told.stdout.lines().find(|line| line.starts_with("WRONG") && line.contains(field));
        assert!(line.is_some(), "{field}: {}", told.stdout);
    }
    assert!(!told.stdout.contains("secret") && !told.stderr.contains("secret"), "{}{}", told.stdout, told.stderr);
    connections.abort();
}
