//! On real servers: what is done to processes, and that they come back.

use keybell_tests::fleet::World;
use keybell_tests::program;
use serde_json::Value;
use tempfile::TempDir;

use super::*;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

fn settings(mode: Mode, home: &TempDir, variables: Vec<(String, String)>, counts: &[(Kind, usize)]) -> Settings {
    Settings {
        mode,
        program: program::path().to_owned(),
        folder: home.path().join("data"),
        variables,
        counts: counts.iter().copied().collect(),
        logs: home.path().join("logs"),
    }
}

/// Names of its own on the servers; gone after it.
fn cluster(world: &World) -> Vec<(String, String)> {
    settings::cluster(&settings::Servers {
        database: world.database_url(),
        broker: world.broker.url().to_owned(),
        redis: world.live.url().to_owned(),
        prefix: world.broker.prefix().to_owned(),
    })
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let watch = Stopwatch::start();
    while !holds().await {
        assert!(watch.elapsed() < PATIENCE, "{what} does not come");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn pid(fleet: &Fleet, kind: Kind) -> Option<u32> {
    fleet.running().into_iter().find_map(|(found, pid)| (found == kind).then_some(pid))
}

async fn comes_back(fleet: &Fleet, kind: Kind, before: Option<u32>) {
    until("a new process", async || pid(fleet, kind).is_some_and(|pid| Some(pid) != before)).await;
}

/// The letter of the kernel for what a process does, such as `T` for stopped.
fn doing(pid: u32) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()).unwrap_or('?')
}

/// Waits until a log of the fleet holds this text so many times.
async fn logged(home: &TempDir, name: &str, text: &str, times: usize) {
    let path = home.path().join("logs").join(name);
    until(&format!("`{text}` in {name}"), async || {
        std::fs::read_to_string(&path).unwrap_or_default().matches(text).count() >= times
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_is_kept_alive() {
    let (world, home) = (World::new().await, tempfile::tempdir().expect("a folder"));
    let counts = [(Kind::Api, 2), (Kind::Scheduler, 1), (Kind::Reset, 1), (Kind::Email, 1), (Kind::Sms, 1)];
    let fleet = Fleet::start(settings(Mode::Cluster, &home, cluster(&world), &counts)).await.expect("a fleet");
    assert_eq!(fleet.running().len(), 6);
    assert_eq!((fleet.count(Kind::Api), fleet.count(Kind::Serve)), (2, 0));
    logged(&home, "reset-0.log", "worker started", 1).await;

    // Killed, and back at once; the same while it starts.
    let before = pid(&fleet, Kind::Reset);
    for _ in 0..3 {
        assert!(fleet.kill(Kind::Reset, 0, Duration::ZERO).await);
        comes_back(&fleet, Kind::Reset, before).await;
    }
    logged(&home, "reset-0.log", "worker started", 2).await;

    // Away, and back on the same port.
    let url = fleet.api_urls();
    assert!(fleet.kill(Kind::Api, 1, Duration::from_millis(300)).await);
    assert_eq!(fleet.running().len(), 5);
    assert!(!fleet.kill(Kind::Api, 1, Duration::ZERO).await, "there is none to kill");
    fleet.ready().await.expect("it is back");
    assert_eq!(fleet.api_urls(), url);

    // Frozen, and thawed; told to stop while frozen, it still stops well.
    let frozen = pid(&fleet, Kind::Reset).expect("it runs");
    let (freezing, length) = (Stopwatch::start(), Duration::from_millis(600));
    tokio::join!(fleet.freeze(Kind::Reset, 0, length), until("a stopped process", async || doing(frozen) == 'T'));
    assert!(freezing.elapsed() >= length && doing(frozen) != 'T');
    assert_eq!(pid(&fleet, Kind::Reset), Some(frozen));
    let ((), stopped) = tokio::join!(fleet.freeze(Kind::Reset, 0, PATIENCE), async {
        until("a stopped process", async || doing(frozen) == 'T').await;
        fleet.terminate(Kind::Reset, 0).await
    });
    let stopped = stopped.expect("it ran");
    assert_eq!((stopped.kind, stopped.code), (Kind::Reset, Some(0)), "{stopped:?}");
    assert!(stopped.took < process::GRANTED, "{stopped:?}");
    comes_back(&fleet, Kind::Reset, Some(frozen)).await;

    // Kept down, and brought back.
    let before = pid(&fleet, Kind::Email);
    fleet.hold(Kind::Email).await;
    assert_eq!(pid(&fleet, Kind::Email), None);
    assert!(!fleet.kill(Kind::Email, 0, Duration::ZERO).await);
    fleet.release(Kind::Email).await;
    comes_back(&fleet, Kind::Email, before).await;
    assert_eq!(fleet.unexpected_exits(), Vec::<String>::new());

    // An end that nobody caused.
    let before = pid(&fleet, Kind::Sms);
    signal::send("KILL", before.expect("it runs")).await.expect("a signal");
    comes_back(&fleet, Kind::Sms, before).await;
    let unexpected = fleet.unexpected_exits();
    assert!(
        matches!(unexpected.as_slice(), [one] if one.starts_with("sms-0 ended by itself with signal: 9")),
        "{unexpected:?}"
    );

    // Commands of this world.
    let made = fleet.command(&["keys", "list", "--output", "json"]).await.expect("a list");
    assert!(serde_json::from_str::<Value>(&made).is_ok(), "{made}");
    let refused = fleet.command(&["apikey", "list"]).await.expect_err("there is no district");
    assert!(refused.to_string().contains("Some(4)") && refused.to_string().contains("no district"), "{refused}");
    assert!(fleet.key_files().expect("keys").len() >= 2);

    let (commands, environments) = super::seen::parts(&fleet.processes_seen());
    let text = String::from_utf8_lossy(&commands).into_owned();
    assert!(text.contains("worker\0--stages\0email\0") && !text.contains("KEYBELL_"), "{text}");
    assert!(String::from_utf8_lossy(&environments).contains(&world.database_url()));

    // A worker stops well as soon as it can hear.
    logged(&home, "email-0.log", "worker started", 2).await;
    logged(&home, "sms-0.log", "worker started", 2).await;
    logged(&home, "reset-0.log", "worker started", 3).await;
    let stopped = fleet.stop().await;
    assert_eq!(stopped.len(), 6);
    assert!(stopped.iter().all(|one| one.code == Some(0)), "{stopped:?}");
    assert!(fleet.running().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_embedded_process_is_kept_alive_and_alone() {
    let home = tempfile::tempdir().expect("a folder");
    let fleet = Fleet::start(settings(Mode::Embedded, &home, settings::embedded(), &[(Kind::Serve, 1)])).await;
    let fleet = fleet.expect("a fleet");
    let url = fleet.api_url(0);
    let before = pid(&fleet, Kind::Serve);
    assert!(fleet.kill(Kind::Serve, 0, Duration::ZERO).await);
    fleet.ready().await.expect("it is back");
    comes_back(&fleet, Kind::Serve, before).await;
    assert_eq!(fleet.api_url(0), url);

    let (code, said) = fleet.second_process().await.expect("it was tried");
    assert_eq!(code, Some(69), "{said}");
    assert!(said.contains("is in use by another Keybell process"), "{said}");

    // A command has the folder for itself, and everything goes on afterwards.
    let before = pid(&fleet, Kind::Serve);
    let keys = fleet.command(&["keys", "list", "--output", "json"]).await.expect("a list");
    assert!(serde_json::from_str::<Value>(&keys).is_ok(), "{keys}");
    assert_ne!(pid(&fleet, Kind::Serve), before);
    fleet.hold(Kind::Serve).await;
    fleet.command(&["keys", "list"]).await.expect("a list");
    assert_eq!(pid(&fleet, Kind::Serve), None, "it stays held");
    fleet.release(Kind::Serve).await;
    fleet.ready().await.expect("it is back");

    let stopped = fleet.terminate(Kind::Serve, 0).await.expect("it ran");
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
    fleet.ready().await.expect("it is back");
    assert_eq!(fleet.unexpected_exits(), Vec::<String>::new());
    let stopped = fleet.stop().await;
    assert!(matches!(stopped.as_slice(), [one] if one.code == Some(0)), "{stopped:?}");
}
