//! The load on real servers without any fault: everything is answered, everything ends, nothing is leaked.

use std::path::Path;

use keybell_shared::clock::Stopwatch;
use keybell_tests::fleet::World;
use keybell_tests::program;

use super::book::Pages;
use super::*;
use crate::checker::{self, Case, Finding, history};
use crate::evidence::{Action, Answer, Crashes, Door, Evidence, Mode};
use crate::fleet::settings::{self, Servers};
use crate::fleet::{Kind, Settings};

fn small(seed: u64, folder: &Path, ledger: Raw) -> LoadPlan {
    LoadPlan {
        people_per_district: 30,
        tasks_in_flight: 2,
        accounts_per_task: 6,
        accounts_per_second: 30.0,
        pause_millis: 50,
        orderly_tasks: 4,
        orderly_pause_millis: 100,
        control_percent: 70,
        follow_percent: 60,
        again_percent: 40,
        ..LoadPlan::new(seed, folder.to_owned(), ledger)
    }
}

/// Loads a fleet until it has done something of everything, and so much more.
async fn run(fleet: &Fleet, plan: &LoadPlan, amqp: Option<String>, enough: impl Fn(&Pages) -> bool) -> Seen {
    history::install(&plan.ledger).await;
    let load = Load::prepare(fleet, plan).await.expect("three districts");
    let running = load.begin(fleet.api_urls(), amqp).expect("a load");
    let watch = Stopwatch::start();
    let cancelled = |pages: &Pages| pages.controls.iter().any(|control| control.action == Action::Cancel);
    let all = |pages: &Pages| {
        pages.requests.len() > 15
            && pages.samples.len() > 20
            && pages.trespasses.len() > 5
            && cancelled(pages)
            && enough(pages)
    };
    while !all(&running.ground.book.pages()) {
        let so_far = running.ground.book.pages().requests.len();
        assert!(watch.elapsed() < program::PATIENCE, "only {so_far} requests, or nothing of some kind");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    running.finish().await.expect("an end")
}

/// What must be so without any fault, whatever the machine's speed.
async fn all_is_well(seen: &Seen, ledger: &Raw) {
    assert_eq!(seen.oddities, Vec::<String>::new());
    for request in &seen.requests {
        assert_ne!(request.answer, Answer::Unknown, "{} was not answered", request.key);
    }
    for trespass in &seen.trespasses {
        assert!(!trespass.leaked && (400..500).contains(&trespass.status), "{trespass:?}");
    }
    let orderly: Vec<_> = seen.requests.iter().filter(|request| request.district == ORDERLY).collect();
    assert_eq!(
        orderly.iter().map(|request| request.key.as_str()).collect::<Vec<_>>(),
        ["cedar-0", "cedar-1", "cedar-2", "cedar-3"]
    );
    assert!(seen.controls.iter().all(|control| [200, 409].contains(&control.status)));
    quiet(ledger).await;
    let answers = std::fs::read_to_string(&seen.answers).expect("captured answers");
    assert!(answers.lines().count() > seen.requests.len());
    for secret in &seen.secrets {
        assert!(!answers.contains(&secret.value), "an answer holds {}", secret.name);
    }
}

/// Waits until every task has ended.
async fn quiet(ledger: &Raw) {
    let watch = Stopwatch::start();
    let open = "SELECT count(*) FROM tasks WHERE state NOT IN ('completed', 'completed_with_errors', 'cancelled')";
    while ledger.number(open).await > 0 {
        assert!(watch.elapsed() < program::PATIENCE, "tasks do not end");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The checks that need no message.
async fn judged(seen: &Seen, ledger: &Raw) -> Vec<Finding> {
    let evidence = Evidence {
        districts: seen.districts.clone(),
        requests: seen.requests.clone(),
        controls: seen.controls.clone(),
        samples: seen.samples.clone(),
        trespasses: seen.trespasses.clone(),
        messages: Vec::new(),
        crashes: Crashes::default(),
        unexpected_exits: Vec::new(),
        in_flight: 100,
        retry_pauses: settings::RETRY_PAUSES,
        retry_jitter: settings::RETRY_JITTER,
        folders: Vec::new(),
        spared: Vec::new(),
        secrets: Vec::new(),
        processes: Vec::new(),
    };
    let case = Case { evidence: &evidence, ledger, queues: &[], board: &[] };
    let findings = checker::judge(&case).await;
    findings.into_iter().filter(|finding| [1, 3, 4, 5, 7, 11].contains(&finding.invariant)).collect()
}

fn hold(findings: &[Finding]) {
    for finding in findings {
        assert!(finding.checked > 0 && finding.violations.is_empty(), "{finding:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_bears_the_load() {
    let (world, home) = (World::new().await, tempfile::tempdir().expect("a folder"));
    let servers = Servers {
        database: world.database_url(),
        broker: world.broker.url().to_owned(),
        redis: world.live.url().to_owned(),
        prefix: world.broker.prefix().to_owned(),
    };
    let counts = [(Kind::Api, 2), (Kind::Scheduler, 1), (Kind::Reset, 1), (Kind::Email, 1), (Kind::Sms, 1)];
    let fleet = Fleet::start(Settings {
        mode: Mode::Cluster,
        program: program::path().to_owned(),
        folder: home.path().join("data"),
        variables: settings::cluster(&servers),
        counts: counts.into(),
        logs: home.path().join("logs"),
    })
    .await
    .expect("a fleet");
    let mut plan = small(7, &home.path().join("load"), world.sql().clone());
    plan.producer = Some("guest".to_owned());
    plan.prefix = world.broker.prefix().to_owned();
    plan.amqp_percent = 60;
    let seen = run(&fleet, &plan, Some(servers.broker), |pages| {
        pages.requests.iter().any(|request| request.door == Door::Amqp)
    })
    .await;
    all_is_well(&seen, world.sql()).await;
    hold(&judged(&seen, world.sql()).await);
    assert_eq!(fleet.unexpected_exits(), Vec::<String>::new());
    fleet.stop().await;
}

/// An embedded server below this folder, and its ledger.
async fn embedded(home: &Path) -> (Fleet, Raw) {
    let folder = home.join("data");
    let fleet = Fleet::start(Settings {
        mode: Mode::Embedded,
        program: program::path().to_owned(),
        folder: folder.clone(),
        variables: settings::embedded(),
        counts: [(Kind::Serve, 1)].into(),
        logs: home.join("logs"),
    })
    .await
    .expect("a server");
    (fleet, Raw::sqlite(&folder.join("keybell.sqlite")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_embedded_server_bears_the_load() {
    let home = tempfile::tempdir().expect("a folder");
    let (fleet, ledger) = embedded(home.path()).await;
    let plan = small(7, &home.path().join("load"), ledger.clone());
    let seen = run(&fleet, &plan, None, |_| true).await;
    all_is_well(&seen, &ledger).await;
    hold(&judged(&seen, &ledger).await);
    assert_eq!(fleet.unexpected_exits(), Vec::<String>::new());
    fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_killed_meanwhile_is_asked_again_until_it_answers() {
    let home = tempfile::tempdir().expect("a folder");
    let (fleet, ledger) = embedded(home.path()).await;
    let plan = small(8, &home.path().join("load"), ledger.clone());
    history::install(&ledger).await;
    let load = Load::prepare(&fleet, &plan).await.expect("three districts");
    let running = load.begin(fleet.api_urls(), None).expect("a load");
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(fleet.kill(Kind::Serve, 0, Duration::from_millis(700)).await);
    }
    fleet.ready().await.expect("it is back");
    let seen = running.finish().await.expect("an end");
    let broken = seen.requests.iter().flat_map(|request| &request.tries).filter(|one| one.status == 0).count();
    assert!(broken > 0, "nothing was interrupted");
    for request in &seen.requests {
        assert_ne!(request.answer, Answer::Unknown, "{} was not answered", request.key);
    }
    assert_eq!(seen.oddities, Vec::<String>::new());
    quiet(&ledger).await;
    hold(&judged(&seen, &ledger).await);
    fleet.stop().await;
}
