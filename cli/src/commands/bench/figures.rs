//! What came out, as programs read it. Every field says its unit.

use anyhow::Result;
use keybell_shared::config::RunMode;
use serde::Serialize;

use super::Plan;
use super::engines::{Engine, Loops, library, limit};
use super::pipeline::Measured;
use super::place::Place;
use super::projection::Projection;
use super::sink::Tally;
use super::timeline::percentile;
use super::usage::{Usage, processor};

/// The processes of the servers that a cluster needs: the name in `/proc`, and the one that people know.
pub(super) const SERVERS: [(&str, &str); 3] =
    [("postgres", "PostgreSQL"), ("beam.smp", "RabbitMQ"), ("redis-server", "Redis")];
/// More than this share of the processor for others disturbs.
const DISTURBED: f64 = 0.03;
/// A steady part that is shorter says little.
const STEADY_LEAST: f64 = 3.0;

/// Everything that `keybell bench` found out.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The program's version.
    pub(super) version: &'static str,
    /// Whether it is a release build.
    pub(super) release_build: bool,
    /// Accounts that were reset in each run.
    pub(super) accounts: u32,
    /// Cores of this machine that this process may use.
    pub(super) cores: usize,
    /// Their name.
    pub(super) processor: String,
    /// Whether the cost of hashing was removed, so that nothing here is a safe setting.
    pub(super) without_hashing: bool,
    /// What was measured, in order.
    pub(super) runs: Vec<Run>,
    /// Accounts per second of the embedded run ÷ those of the cluster's.
    pub(super) embedded_to_cluster: Option<f64>,
    /// From the last run; nothing when the cost of hashing was removed.
    pub(super) projection: Option<Projection>,
    /// What whoever reads the figures should know.
    pub(super) notes: Vec<String>,
}

/// One run of the pipeline.
#[derive(Debug, Serialize)]
pub(super) struct Run {
    pub(super) mode: RunMode,
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
    pub(super) reset_workers: usize,
    /// Of all reset workers together.
    pub(super) hashing_threads: usize,
    /// The slower one of the two steady rates; every ratio is made from it.
    pub(super) accounts_per_second: Option<f64>,
    /// Between 20 % and 90 % of the accounts being committed.
    pub(super) steady_commits_per_second: Option<f64>,
    /// Between 20 % and 90 % of the e-mails being accepted.
    pub(super) steady_emails_per_second: Option<f64>,
    /// How long the part between 20 % and 90 % of the commits lasted.
    pub(super) steady_seconds: f64,
    /// All accounts ÷ the time from the submission to the last e-mail.
    pub(super) accounts_per_second_from_submission_to_last_email: f64,
    pub(super) seconds_to_last_commit: Option<f64>,
    pub(super) seconds_to_last_email: f64,
    pub(super) seconds_to_closed_task: f64,
    /// The tight loop of each engine, on all cores, right before and right after.
    pub(super) engines: Vec<Engine>,
    pub(super) tight_loop_threads: usize,
    /// L: the fastest engine of our own.
    pub(super) limit_hashes_per_second: Option<f64>,
    /// LB: the crate argon2-rust.
    pub(super) library_hashes_per_second: Option<f64>,
    /// `accounts_per_second` ÷ L.
    pub(super) ratio_to_limit: Option<f64>,
    /// `accounts_per_second` ÷ LB.
    pub(super) ratio_to_library: Option<f64>,
    /// Keybell's processes and, in cluster mode, the servers.
    pub(super) processes: Vec<Process>,
    /// Of all processes here, the bench's own left out.
    pub(super) cpu_ms_per_account: f64,
    /// The same without the hashing threads.
    pub(super) cpu_ms_per_account_outside_hashing: f64,
    /// The bench's own: mail sink and measuring. In no sum.
    pub(super) bench_cpu_ms_per_account: f64,
    /// From a commit to the moment at which the live stream has told what the board shows.
    pub(super) board_delay_p50_ms: Option<f64>,
    pub(super) board_delay_p99_ms: Option<f64>,
    /// So many changes of the ledger were followed to the board.
    pub(super) board_changes: usize,
    /// The share of all cores that other processes of this machine took meanwhile.
    pub(super) others_cpu_share_in_pipeline: f64,
    /// The same during the tight loops, at worst.
    pub(super) others_cpu_share_in_tight_loops: Option<f64>,
    pub(super) counted: Counted,
}

/// Every account, row and mail, counted at the end.
#[derive(Debug, Serialize)]
pub(super) struct Counted {
    /// Accounts that were to be reset.
    pub(super) wanted: u64,
    /// Accounts whose password was changed, in the ledger.
    pub(super) reset: u64,
    /// Accounts that were told, in the ledger.
    pub(super) notified: u64,
    /// E-mails that the sink took.
    pub(super) emails: u64,
    /// Pupils they were for.
    pub(super) pupils_told: u64,
    /// E-mails to anybody else.
    pub(super) strangers: u64,
}

/// A process, or all processes of one server.
#[derive(Debug, Serialize)]
pub(super) struct Process {
    pub(super) name: String,
    /// Nothing when it runs elsewhere.
    pub(super) cpu_ms_per_account: Option<f64>,
    /// Of that, the hashing threads.
    pub(super) hashing_cpu_ms_per_account: Option<f64>,
    /// The most that was resident; not told of servers.
    pub(super) peak_memory_mib: Option<f64>,
}

impl Run {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    pub(super) fn of(plan: &Plan, place: &Place, measured: &Measured, tally: &Tally, loops: Option<Loops>) -> Self {
        let Measured { seen, shown, submitted, .. } = measured;
        let others_in_loops = loops.as_ref().map(|loops| loops.others);
        let engines = loops.map(Loops::engines).unwrap_or_default();
        let (config, all) = (&place.config, u64::from(plan.arguments.accounts));
        let each = |seconds: f64| seconds * 1_000.0 / all as f64;
        let processes = processes(measured, place, each);
        let cpu: f64 = processes.iter().filter_map(|process| process.cpu_ms_per_account).sum();
        let hashing: f64 = processes.iter().filter_map(|process| process.hashing_cpu_ms_per_account).sum();
        let (commits, emails) = (seen.committed.steady(all), seen.told.steady(all));
        let rate = commits.zip(emails).map(|(commits, emails)| commits.min(emails));
        let limit = limit(&engines).map(|engine| engine.hashes_per_second);
        let library = library(&engines).map(|engine| engine.hashes_per_second);
        let ratio = |to: Option<f64>| Some(rate? / to.filter(|to| *to > 0.0)?);
        let delays = seen.committed.delays(shown);
        let delay = |share| percentile(&delays, share).map(|delay| delay.as_secs_f64() * 1_000.0);
        let last_email = tally.last.saturating_sub(*submitted).as_secs_f64();
        let workers = plan.workers(config.mode);
        Self {
            mode: config.mode,
            memory_kib: config.hashing.memory_kib,
            passes: config.hashing.passes,
            lanes: config.hashing.lanes,
            reset_workers: workers,
            hashing_threads: workers * config.hashing.threads,
            accounts_per_second: rate,
            steady_commits_per_second: commits,
            steady_emails_per_second: emails,
            steady_seconds: seen.committed.steady_lasted(all).as_secs_f64(),
            accounts_per_second_from_submission_to_last_email: if last_email > 0.0 {
                all as f64 / last_email
            } else {
                0.0
            },
            seconds_to_last_commit: seen.committed.reached(all).map(|at| at.saturating_sub(*submitted).as_secs_f64()),
            seconds_to_last_email: last_email,
            seconds_to_closed_task: measured.closed.saturating_sub(*submitted).as_secs_f64(),
            tight_loop_threads: plan.cores,
            limit_hashes_per_second: limit,
            library_hashes_per_second: library,
            ratio_to_limit: ratio(limit),
            ratio_to_library: ratio(library),
            engines,
            cpu_ms_per_account: cpu,
            cpu_ms_per_account_outside_hashing: cpu - hashing,
            processes,
            bench_cpu_ms_per_account: each(measured.bench.cpu),
            board_delay_p50_ms: delay(0.5),
            board_delay_p99_ms: delay(0.99),
            board_changes: delays.len(),
            others_cpu_share_in_pipeline: measured.others,
            others_cpu_share_in_tight_loops: others_in_loops,
            counted: Counted {
                wanted: all,
                reset: u64::try_from(seen.counts.changed()).unwrap_or_default(),
                notified: u64::try_from(seen.counts.notified).unwrap_or_default(),
                emails: tally.messages,
                pupils_told: tally.pupils.len() as u64,
                strangers: tally.strangers,
            },
        }
    }
}

fn processes(measured: &Measured, place: &Place, each: impl Fn(f64) -> f64) -> Vec<Process> {
    #[expect(clippy::cast_precision_loss, reason = "a size for people")]
    let own = |(name, usage): &(String, Usage)| Process {
        name: name.clone(),
        cpu_ms_per_account: Some(each(usage.cpu)),
        hashing_cpu_ms_per_account: (usage.hashing > 0.0).then(|| each(usage.hashing)),
        peak_memory_mib: Some(usage.peak_kib as f64 / 1_024.0),
    };
    let mut processes: Vec<Process> = measured.processes.iter().map(own).collect();
    if place.config.mode == RunMode::Cluster {
        let urls = [&place.config.database.url, &place.config.broker.url, &place.config.redis.url];
        for ((process, name), url) in SERVERS.into_iter().zip(urls) {
            let used = measured.machine.get(process).filter(|_| Place::is_here(url));
            processes.push(Process {
                name: name.to_owned(),
                cpu_ms_per_account: used.map(|seconds| each(*seconds)),
                hashing_cpu_ms_per_account: None,
                peak_memory_mib: None,
            });
        }
    }
    processes
}

impl Counted {
    /// Whether every account was reset once and told once, and nobody else.
    pub(super) const fn adds_up(&self) -> bool {
        self.reset == self.wanted
            && self.notified == self.wanted
            && self.emails == self.wanted
            && self.pupils_told == self.wanted
            && self.strangers == 0
    }
}

impl Report {
    /// Puts the runs together.
    pub(super) fn of(plan: &Plan, runs: Vec<Run>) -> Result<Self> {
        let arguments = &plan.arguments;
        let rate = |mode: RunMode| runs.iter().find(|run| run.mode == mode)?.accounts_per_second;
        let here = u32::try_from(plan.cores)?;
        let projection = runs.last().filter(|_| !arguments.without_hashing).and_then(|run| {
            let cores = arguments.cores.unwrap_or(here);
            Projection::of(run.accounts_per_second?, plan.cores, arguments.accounts_wanted, cores, arguments.by)
        });
        Ok(Self {
            version: env!("CARGO_PKG_VERSION"),
            release_build: !cfg!(debug_assertions),
            accounts: arguments.accounts,
            cores: plan.cores,
            processor: processor(),
            without_hashing: arguments.without_hashing,
            embedded_to_cluster: rate(RunMode::Embedded).zip(rate(RunMode::Cluster)).map(|(one, many)| one / many),
            projection,
            notes: runs.iter().flat_map(notes).collect(),
            runs,
        })
    }

    /// Whether every run's counts add up.
    pub(super) fn adds_up(&self) -> bool {
        self.runs.iter().all(|run| run.counted.adds_up())
    }
}

/// What whoever reads a run's figures should know.
fn notes(run: &Run) -> Vec<String> {
    let name = crate::configuration::mode_name(run.mode);
    let mut notes = Vec::new();
    if run.steady_seconds < STEADY_LEAST {
        notes.push(format!(
            "{name}: the steady part lasted {:.1} s, which says little; take more --accounts",
            run.steady_seconds
        ));
    }
    let (loops, pipeline) = (run.others_cpu_share_in_tight_loops.unwrap_or_default(), run.others_cpu_share_in_pipeline);
    if loops.max(pipeline) > DISTURBED {
        let beside = match run.others_cpu_share_in_tight_loops {
            Some(loops) => format!(" and up to {:.0} % during the tight loops", loops * 100.0),
            None => String::new(),
        };
        notes.push(format!(
            "{name}: other programs took {:.0} % of the processor during the pipeline{beside}, so these figures and ratios are \
             not this machine's; measure again when it is quiet",
            pipeline * 100.0
        ));
    } else if run.ratio_to_limit.is_some_and(|ratio| ratio > 1.02) {
        notes.push(format!(
            "{name}: no pipeline is faster than its tight loop, so the machine changed its speed in between; measure again"
        ));
    }
    if run.hashing_threads != run.tight_loop_threads {
        notes.push(format!(
            "{name}: {} threads hashed, and {} in the tight loops",
            run.hashing_threads, run.tight_loop_threads
        ));
    }
    if run.processes.iter().any(|process| process.cpu_ms_per_account.is_none()) {
        notes.push(format!("{name}: what runs elsewhere is in no sum"));
    }
    if run.mode == RunMode::Cluster {
        notes.push(format!(
            "{name}: PostgreSQL, RabbitMQ and Redis: all that their processes on this machine used meanwhile, whoever asked them"
        ));
    }
    notes
}
