//! One run: the real pipeline, from the submission of one bulk reset to its end.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use keybell_backends::ledger::SqlLedger;
use keybell_shared::actor::Role;
use keybell_shared::clock::Stopwatch;
use keybell_shared::config::RunMode;
use keybell_shared::ids::TaskId;
use keybell_shared::ports::ledger::{KeyLedger as _, NewKey};
use keybell_shared::precautions;
use keybell_shared::stage::Stage;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::super::children::Children;
use super::engines::Loops;
use super::figures::{Run, SERVERS};
use super::place::Place;
use super::sampling::{self, Seen};
use super::sink::Sink;
use super::timeline::Timeline;
use super::usage::{Others, Usage, by_name};
use super::{Plan, fleet, people};
use crate::configuration::keys_folder;
use crate::context::{Context, Server};
use crate::desk::shapes::Accepted;
use crate::desk::{Ask, Desk, read};
use crate::live::{View, follow_noting};
use crate::stop::Stop;
use crate::wiring::{Backends, open};

/// So long may the processes take until they are ready.
const READY: Duration = Duration::from_mins(1);
/// How often it is asked whether they are.
const AGAIN: Duration = Duration::from_millis(50);

/// Everything that one run saw.
pub(super) struct Measured {
    pub(super) seen: Seen,
    /// What the live stream told of the board.
    pub(super) shown: Timeline,
    /// When the request was submitted, on the bench's clock.
    pub(super) submitted: Duration,
    /// When the task was closed.
    pub(super) closed: Duration,
    /// What each process used from the submission to the end.
    pub(super) processes: Vec<(String, Usage)>,
    /// What this process used.
    pub(super) bench: Usage,
    /// The share of the processor that processes took that have nothing to do with the run.
    pub(super) others: f64,
    /// What all processes of the machine used, by name.
    pub(super) machine: BTreeMap<String, f64>,
}

/// Measures: engines, pipeline, engines.
///
/// # Errors
/// When the pipeline does not do its work, or something that is needed is away.
pub(super) async fn measure(plan: &Plan, place: &Place, context: Context, stop: &Stop) -> Result<Run> {
    let name = crate::configuration::mode_name(place.config.mode);
    plan.tell(&format!("{name}: bringing {} made-up pupils in", plan.arguments.accounts));
    let clock = Stopwatch::start();
    let sink = Sink::start(clock).await?;
    let listen = free_port().await?;
    let way = prepare(plan, place, context, listen).await?;
    let mut loops = None;
    if !plan.arguments.without_hashing {
        plan.tell(&format!("{name}: the tight loop of every hashing engine"));
        loops = Some(Loops::new(&place.config.hashing, plan.cores, plan.arguments.loop_seconds).run().await?);
    }
    plan.tell(&format!("{name}: the pipeline"));
    let mut children = fleet::start(plan, place, sink.address(), listen)?;
    let desk = ready(plan, place, &way, &mut children).await?;
    let measured = run(plan, place, &way, &desk, &sink, &mut children, clock, stop).await?;
    children.finish().await;
    desk.close().await;
    way.ledger.close().await;
    if let Some(first) = loops.take() {
        plan.tell(&format!("{name}: the tight loops once more"));
        loops = Some(first.run().await?);
    }
    Ok(sink.look(|tally| Run::of(plan, place, &measured, tally, loops)))
}

/// How the bench reaches the pipeline.
struct Way {
    /// Looks at the ledger.
    ledger: Arc<SqlLedger>,
    /// In cluster mode, the ports: requests go directly to the ledger.
    cluster: Option<(Arc<Backends>, keybell_shared::ports::ledger::District)>,
    context: Context,
}

/// Makes tables, keys and pupils.
async fn prepare(plan: &Plan, place: &Place, mut context: Context, listen: SocketAddr) -> Result<Way> {
    let config = &place.config;
    let backends = Arc::new(open(config).await?);
    if config.mode == RunMode::Cluster {
        crate::keys::create(&keys_folder(config))?;
        backends.ledger.migrate().await.context("the bench's database")?;
        let district = people::bring_in(&backends.ledger, plan.arguments.accounts).await?;
        let ledger = Arc::clone(&backends.ledger);
        return Ok(Way { ledger, cluster: Some((backends, district)), context });
    }
    let district = people::bring_in(&backends.ledger, plan.arguments.accounts).await?;
    let (id, text, secret_hash) = keybell_api::keys::mint();
    let (name, role) = ("bench".to_owned(), Role::DistrictAdmin);
    let key = NewKey { id, district: district.id, name, role, person: None, secret_hash, made_by: None };
    backends.ledger.add_key(key).await?;
    let key_file = config.folder.join("bench.key");
    // The folder is readable by its owner alone.
    std::fs::write(&key_file, text.expose_secret()).context("the bench's API key")?;
    // The folder belongs to the process that is measured; from here on the ledger's file is only looked at.
    backends.ledger.close().await;
    drop(backends);
    context.server = Some(Server { url: format!("http://{listen}"), key_file: Some(key_file) });
    let ledger = Arc::new(SqlLedger::sqlite(&config.folder.join("keybell.sqlite")).await?);
    Ok(Way { ledger, cluster: None, context })
}

/// A port that is free now; the process that is measured takes it in a moment.
async fn free_port() -> Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.context("no free port")?;
    Ok(listener.local_addr()?)
}

/// Waits until the processes take work. Answers the desk that asks them.
async fn ready(plan: &Plan, place: &Place, way: &Way, children: &mut Children) -> Result<Desk> {
    let watch = Stopwatch::start();
    let desk = match &way.cluster {
        Some((backends, district)) => Desk::over(&way.context, backends, district),
        None => Desk::open(&way.context, None).await?,
    };
    let workers = u64::try_from(plan.workers(place.config.mode)).unwrap_or(u64::MAX);
    loop {
        children.all_run()?;
        let ready = match &way.cluster {
            Some((backends, _)) => {
                let count = async |stage| backends.queue.consumers(stage).await.ok().flatten().unwrap_or_default();
                count(Stage::Reset).await >= workers && count(Stage::Email).await >= 1
            }
            None => desk.get("/v1/fleet").await.is_ok(),
        };
        if ready {
            return Ok(desk);
        }
        anyhow::ensure!(watch.elapsed() < READY, "the processes were not ready within {} s", READY.as_secs());
        tokio::time::sleep(AGAIN).await;
    }
}

#[expect(clippy::too_many_arguments, reason = "everything that takes part in the run")]
async fn run(
    plan: &Plan,
    place: &Place,
    way: &Way,
    desk: &Desk,
    sink: &Sink,
    children: &mut Children,
    clock: Stopwatch,
    stop: &Stop,
) -> Result<Measured> {
    let numbers = children.numbers();
    let usages = || numbers.iter().map(|(_, number)| Usage::of(*number)).collect::<Vec<_>>();
    let others = Others::begin();
    let (before, bench_before, machine_before) = (usages(), Usage::of(std::process::id()), by_name());
    let submitted = clock.elapsed();
    let task = submit(desk).await?;
    place.task.set(task).unwrap_or_default();
    let view = if plan.shown { View::new() } else { View::hidden() };
    let mut shown = Timeline::default();
    let note = |moment: &crate::desk::shapes::Moment| {
        let now = clock.elapsed();
        shown.note(now, now, moment.progress.reset.reset);
    };
    let (seen, _) = tokio::try_join!(
        sampling::watch(&way.ledger, task, sink, children, clock),
        follow_noting(desk, task, &stop.hard, view, note)
    )?;
    let closed = clock.elapsed();
    let after = usages();
    let used = after.into_iter().zip(before).map(|(after, before)| after.since(before));
    let processes: Vec<_> = numbers.iter().map(|(name, _)| name.clone()).zip(used).collect();
    let mut machine = by_name();
    for (name, used) in machine_before {
        *machine.entry(name).or_default() -= used;
    }
    let bench = Usage::of(std::process::id()).since(bench_before);
    let servers: f64 = match place.config.mode {
        RunMode::Embedded => 0.0,
        RunMode::Cluster => SERVERS.iter().filter_map(|(process, _)| machine.get(*process)).sum(),
    };
    let ours: f64 = processes.iter().map(|(_, usage)| usage.cpu).sum();
    let others = others.share(ours + servers + bench.cpu, plan.cores);
    Ok(Measured { seen, shown, submitted, closed, processes, bench, others, machine })
}

/// Asks for everybody's reset, each told by e-mail.
async fn submit(desk: &Desk) -> Result<TaskId> {
    let body = json!({
        "selection": {"scope": "all"},
        "password": {"source": "generated"},
        "channel": "email",
        "reason": "other",
        "acknowledgement": precautions::VERSION,
    });
    let key = uuid::Uuid::now_v7().to_string();
    let (answer, _) = desk.submit(Ask::post("/v1/tasks").with_json(&body)?.keyed(&key)).await?;
    let Accepted { task } = read(&answer)?;
    Ok(task)
}
