//! One world from its beginning to its verdict: servers, sinks, our processes, load; then faults, which whoever drives
//! the world injects; then rest; then judgement.
//!
//! The same runner serves the long run, the crash windows and the mutations.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use keybell_shared::clock::Stopwatch;
use keybell_shared::progress::Snapshot;
use keybell_tests::ledgers::Raw;

use crate::checker::{Case, Finding, Queue, history, judge, parity};
use crate::evidence::{Crashes, Evidence, Mode};
use crate::fleet::{Fleet, Kind, Settings, settings};
use crate::load::{Load, LoadPlan, Running, Seen};
use crate::proxy::Proxy;
use crate::services::Services;
use crate::sinks::{Policy, Sinks};

/// Everything is at rest so long after the last fault, or a promise is broken.
pub(crate) const REST: Duration = Duration::from_mins(1);

/// What must be over before anybody judges; the checker looks closer.
const OPEN: &str = "SELECT (SELECT count(*) FROM tasks
         WHERE state IN ('expanding', 'awaiting_approval', 'running', 'paused', 'cancelling'))
     + (SELECT count(*) FROM items WHERE state IN ('pending', 'queued', 'reset'))
     + (SELECT count(*) FROM notifications WHERE state IN ('waiting', 'sending'))
     + (SELECT count(*) FROM events WHERE NOT sent OR NOT handed_out)
     + (SELECT count(*) FROM audit WHERE chain IS NULL)";

/// What a world is made of.
pub(crate) struct Setup {
    pub(crate) mode: Mode,
    /// The `keybell` program.
    pub(crate) program: PathBuf,
    /// Everything of this world is written below it: data folder, logs, captured answers; and the servers' data, when
    /// this world starts them.
    pub(crate) folder: PathBuf,
    /// Begins the names of its queues and keys; another one for each world on the same servers.
    pub(crate) prefix: String,
    /// How many processes of each kind.
    pub(crate) counts: BTreeMap<Kind, usize>,
    /// How the mail server and the SMS provider behave.
    pub(crate) policy: Policy,
    /// Whether there is a proxy before the broker, too.
    pub(crate) broker_by_proxy: bool,
    /// Further variables of our processes; they win over the harness's own.
    pub(crate) variables: Vec<(String, String)>,
}

impl Setup {
    /// The usual fleet, and nothing special.
    pub(crate) fn new(mode: Mode, program: PathBuf, folder: PathBuf, seed: u64) -> Self {
        let (prefix, counts) = ("keybell".to_owned(), settings::counts(mode));
        let (policy, variables) = (Policy::new(seed), Vec::new());
        Self { mode, program, folder, prefix, counts, policy, broker_by_proxy: false, variables }
    }
}

/// A running world.
pub(crate) struct World {
    pub(crate) prefix: String,
    pub(crate) folder: PathBuf,
    /// The cluster's servers; `None` in embedded mode.
    pub(crate) services: Option<Services>,
    /// Between our processes and PostgreSQL; `None` in embedded mode.
    pub(crate) proxy: Option<Proxy>,
    /// Between our processes and the broker, if somebody wanted that.
    pub(crate) broker: Option<Proxy>,
    pub(crate) fleet: Fleet,
    pub(crate) sinks: Sinks,
    /// The ledger, past the proxy.
    pub(crate) ledger: Raw,
    /// Whoever injects a fault counts it here.
    pub(crate) crashes: Crashes,
    in_flight: usize,
}

/// How a world was judged.
pub(crate) struct Verdict {
    /// Invariants 1 to 11.
    pub(crate) findings: Vec<Finding>,
    pub(crate) evidence: Evidence,
    /// For invariant 12: how everything of the orderly district ended.
    pub(crate) outcomes: BTreeMap<parity::Place, parity::Outcome>,
    /// How long it took until nothing was open; `None`: longer than [`REST`].
    pub(crate) quiet_after: Option<Duration>,
    /// What was waited for in vain.
    pub(crate) waited_for: Option<&'static str>,
    /// What the load itself can tell to be wrong.
    pub(crate) oddities: Vec<String>,
    /// The servers, for the next world.
    pub(crate) services: Option<Services>,
}

/// A world that has come to rest, with what its load saw.
pub(crate) struct AtRest {
    pub(crate) seen: Seen,
    pub(crate) quiet_after: Option<Duration>,
    /// What was waited for in vain.
    pub(crate) waited_for: Option<&'static str>,
}

impl World {
    /// Starts everything, with a fresh database; in cluster mode the servers too, unless they are given.
    pub(crate) async fn start(setup: Setup, services: Option<Services>) -> Result<Self> {
        let Setup { mode, program, folder, prefix, counts, policy, broker_by_proxy, variables: further } = setup;
        std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let folder = folder.canonicalize()?;
        let sinks = Sinks::start(policy).await?;
        let (mut services, mut proxy, mut broker) = (services, None, None);
        let data = folder.join("data");
        let (mut variables, ledger) = match mode {
            Mode::Embedded => (settings::embedded(), Raw::sqlite(&data.join("keybell.sqlite"))),
            Mode::Cluster => {
                let mut started = match services.take() {
                    Some(running) => running,
                    None => Services::start(&folder.join("servers")).await?,
                };
                // Always the same name, so that what is over takes no room.
                started.postgres.fresh_database("keybell").await?;
                let (address, direct) = (started.postgres.address(), started.postgres.url());
                let between = Proxy::start(address).await?;
                let mut queues = started.rabbitmq.url();
                if broker_by_proxy {
                    let address = started.rabbitmq.address();
                    let between = Proxy::start(address).await?;
                    queues = queues.replace(&address.to_string(), &between.address().to_string());
                    broker = Some(between);
                }
                let servers = settings::Servers {
                    database: direct.replace(&address.to_string(), &between.address().to_string()),
                    broker: queues,
                    redis: started.redis.url(),
                    prefix: prefix.clone(),
                };
                (services, proxy) = (Some(started), Some(between));
                (settings::cluster(&servers), Raw::postgres(&direct))
            }
        };
        variables.extend(sinks.variables());
        variables.extend(further);
        let (in_flight, crashes) = (settings::in_flight(&counts), crashes(mode, &counts));
        let fleet = Settings { mode, program, folder: data, variables, counts, logs: folder.join("logs") };
        let fleet = Fleet::start(fleet).await?;
        // Nothing has happened yet that could be missed.
        history::install(&ledger).await;
        Ok(Self { prefix, folder, services, proxy, broker, fleet, sinks, ledger, crashes, in_flight })
    }

    /// The usual load for this world.
    pub(crate) fn plan(&self, seed: u64) -> LoadPlan {
        let plan = LoadPlan::new(seed, self.folder.join("load"), self.ledger.clone());
        // The broker's own user is the producer.
        let producer = self.services.as_ref().map(|_| "guest".to_owned());
        LoadPlan { producer, prefix: self.prefix.clone(), ..plan }
    }

    /// Imports the rosters and begins to ask.
    pub(crate) async fn load(&self, plan: &LoadPlan) -> Result<Running> {
        let load = Load::prepare(&self.fleet, plan).await?;
        load.begin(self.fleet.api_urls(), self.services.as_ref().map(|services| services.rabbitmq.url()))
    }

    /// Brings everything back that is away, calms the sinks, lets the load come to its end, and waits until nothing is
    /// open, at most [`REST`].
    pub(crate) async fn quiesce(&mut self, load: Running) -> Result<AtRest> {
        self.restore().await?;
        let watch = Stopwatch::start();
        // The orderly district goes on for a while; what the faults left behind is settled at the same time.
        let (seen, _) = tokio::join!(load.finish(), self.rest());
        let seen = seen?;
        let waited_for = self.rest().await;
        let quiet_after = waited_for.is_none().then(|| watch.elapsed());
        Ok(AtRest { seen, quiet_after, waited_for })
    }

    /// The same for a load that has come to its end already.
    pub(crate) async fn settle(&mut self, seen: Seen) -> Result<AtRest> {
        self.restore().await?;
        let watch = Stopwatch::start();
        let waited_for = self.rest().await;
        let quiet_after = waited_for.is_none().then(|| watch.elapsed());
        Ok(AtRest { seen, quiet_after, waited_for })
    }

    /// Brings everything back that is away, and calms the sinks.
    pub(crate) async fn restore(&mut self) -> Result<()> {
        if let Some(services) = &mut self.services {
            let Services { postgres, rabbitmq, redis } = services;
            tokio::try_join!(postgres.start(), rabbitmq.start(), redis.start())?;
            services.postgres.limit_connections(None).await?;
        }
        self.sinks.mail_up().await;
        self.sinks.sms_up();
        self.sinks.calm();
        for kind in [Kind::Api, Kind::Scheduler, Kind::Reset, Kind::Email, Kind::Sms, Kind::Serve] {
            self.fleet.release(kind).await;
        }
        self.fleet.ready().await
    }

    /// Waits until nothing is open, and the board and the broker say so too; at most [`REST`]. Answers what it still waited
    /// for then.
    pub(crate) async fn rest(&self) -> Option<&'static str> {
        let watch = Stopwatch::start();
        loop {
            let open = self.restless().await?;
            if watch.elapsed() > REST {
                return Some(open);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// What is not at rest yet, the cheapest question first.
    async fn restless(&self) -> Option<&'static str> {
        if self.ledger.number(OPEN).await > 0 {
            return Some("the ledger");
        }
        if !self.board_is_right().await {
            return Some("the board");
        }
        let queues = self.queues().await.ok();
        let empty = queues.is_some_and(|all| all.iter().all(|queue| queue.ready + queue.unacknowledged == 0));
        (!empty).then_some("the queues")
    }

    /// Whether the board shows what the ledger has.
    async fn board_is_right(&self) -> bool {
        let Ok(board) = self.board().await else { return false };
        let versions =
            self.ledger.rows("SELECT task_id, CAST(SUM(revision) AS TEXT) FROM counters GROUP BY task_id").await;
        let versions: BTreeMap<String, String> =
            versions.into_iter().filter_map(|row| <[String; 2]>::try_from(row).ok()).map(Into::into).collect();
        board.iter().all(|(task, shown)| {
            let shown = serde_json::from_value::<Snapshot>(shown.clone()).map(|shown| shown.version.to_string());
            shown.is_ok_and(|version| versions.get(task) == Some(&version))
        })
    }

    /// This world's queues.
    async fn queues(&self) -> Result<Vec<Queue>> {
        let Some(services) = &self.services else { return Ok(Vec::new()) };
        let ours = format!("{}.", self.prefix);
        let queues = services.rabbitmq.queues().await?;
        Ok(queues.into_iter().filter(|queue| queue.name.starts_with(&ours)).collect())
    }

    async fn board(&self) -> Result<Vec<(String, serde_json::Value)>> {
        match &self.services {
            Some(services) => services.redis.snapshots(&self.prefix).await,
            None => Ok(Vec::new()),
        }
    }

    /// Judges the world at rest, and ends it. The servers go on.
    pub(crate) async fn judge(self, rest: AtRest) -> Result<Verdict> {
        let AtRest { seen, quiet_after, waited_for } = rest;
        self.sinks.settle().await;
        let (queues, board, processes) = (self.queues().await?, self.board().await?, self.fleet.processes_seen());
        let stopped = self.fleet.stop().await;
        let mut unexpected_exits = self.fleet.unexpected_exits();
        unexpected_exits.extend(stopped.iter().filter(|one| one.code != Some(0)).map(|one| {
            format!("{}-{} ended with {:?} when it was stopped at the end", one.kind.name(), one.index, one.code)
        }));
        let mut folders = vec![self.folder.clone()];
        folders.extend(self.services.iter().flat_map(Services::folders));
        let mut secrets = seen.secrets;
        secrets.extend(self.sinks.secrets());
        let evidence = Evidence {
            districts: seen.districts,
            requests: seen.requests,
            controls: seen.controls,
            samples: seen.samples,
            trespasses: seen.trespasses,
            messages: self.sinks.messages(),
            crashes: self.crashes,
            unexpected_exits,
            in_flight: self.in_flight,
            retry_pauses: settings::RETRY_PAUSES,
            retry_jitter: settings::RETRY_JITTER,
            folders,
            spared: self.fleet.key_files()?,
            secrets,
            processes,
        };
        let case = Case { evidence: &evidence, ledger: &self.ledger, queues: &queues, board: &board };
        let findings = judge(&case).await;
        let outcomes = parity::outcomes(&self.ledger, &evidence).await;
        Ok(Verdict {
            findings,
            outcomes,
            quiet_after,
            waited_for,
            oddities: seen.oddities,
            services: self.services,
            evidence,
        })
    }
}

/// Nothing has crashed yet.
fn crashes(mode: Mode, counts: &BTreeMap<Kind, usize>) -> Crashes {
    let senders = counts.iter().filter(|(kind, _)| matches!(kind, Kind::Email | Kind::Sms | Kind::Serve));
    let sender_processes = senders.map(|(_, count)| *count as u64).sum();
    Crashes { slots: settings::slots(mode), sender_processes, ..Crashes::default() }
}
