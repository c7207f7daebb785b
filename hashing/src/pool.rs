//! The door: a fixed number of hashing threads, fed by a bounded channel.
//!
//! They are plain threads, one per core, each with its own reused memory; nothing of it touches the async runtime. More
//! threads than cores buy nothing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use keybell_shared::config::Hashing;
use keybell_shared::metrics;
use secrecy::SecretString;
use tokio::sync::{mpsc, oneshot};
use tracing::info;

use crate::backend::Backend;
use crate::courtesy::give_way;
#[cfg(any(test, feature = "simulated"))]
use crate::engine::Engine;
use crate::error::HashError;
use crate::lane::{Job, Lane};
use crate::phc::salt;
use crate::reference::Reference;
use crate::self_test::{Make, self_test};
use crate::trust::Trust;

/// Passwords that wait, for each that a thread has in hand; whoever brings more waits to hand them over.
const WAITING: usize = 2;

/// A pool of threads that hash passwords. It ends when it is dropped.
pub struct HashPool {
    jobs: mpsc::Sender<Job>,
    threads: usize,
    trust: Arc<Trust>,
}

/// How many threads hash, as configured: one per core without a word.
#[must_use]
pub fn threads_for(cost: &Hashing) -> usize {
    if cost.threads == 0 { cores() } else { cost.threads }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

impl HashPool {
    /// Tests the fastest engine of this machine against known answers and the reference, and starts `threads` hashing
    /// threads.
    ///
    /// # Errors
    /// When the cost is not possible, an engine gives a wrong answer, or the machine refuses threads or memory.
    pub fn new(cost: &Hashing, threads: usize) -> Result<Self, HashError> {
        let backend = Backend::fastest(cost);
        Self::with_engine(cost, threads, backend, &move |cost| backend.engine(cost))
    }

    /// Threads that wait instead of hashing, `each` for every hash. What they answer opens no account.
    #[cfg(feature = "simulated")]
    #[must_use]
    #[expect(
        clippy::missing_panics_doc,
        clippy::expect_used,
        reason = "for measurements only; never built into the product"
    )]
    pub fn simulated(each: std::time::Duration, threads: usize) -> Self {
        let make = move |_: &Hashing| Ok(Box::new(crate::simulated::Simulated::new(each)) as Box<dyn Engine>);
        Self::start(&Hashing::default(), threads, Arc::new(Trust::blind()), &make).expect("threads that wait")
    }

    fn with_engine(cost: &Hashing, threads: usize, backend: Backend, make: &Make) -> Result<Self, HashError> {
        self_test(cost, make)?;
        let pool = Self::start(cost, threads, Arc::new(Trust::new(backend)), make)?;
        info!(
            threads,
            memory_kib = cost.memory_kib,
            passes = cost.passes,
            lanes = cost.lanes,
            backend = backend.as_str(),
            "hashing threads started; the self-test passed"
        );
        Ok(pool)
    }

    fn start(cost: &Hashing, threads: usize, trust: Arc<Trust>, make: &Make) -> Result<Self, HashError> {
        let engines = (0..threads).map(|_| make(cost)).collect::<Result<Vec<_>, _>>()?;
        let width: usize = engines.iter().map(|engine| engine.width()).sum();
        let (jobs, waiting) = mpsc::channel(width.max(1) * WAITING);
        let waiting = Arc::new(Waiting { jobs: Mutex::new(waiting), idle: AtomicUsize::new(0) });
        for (number, fast) in engines.into_iter().enumerate() {
            let reference = Reference::new(cost)?;
            let mut lane = Lane { cost: *cost, fast, reference, trust: Arc::clone(&trust) };
            let waiting = Arc::clone(&waiting);
            let work = move || {
                give_way();
                while let Some(jobs) = waiting.next(lane.fast.width()) {
                    lane.serve(jobs);
                }
            };
            let started = thread::Builder::new().name(format!("hash-{number}")).spawn(work);
            started.map(drop).map_err(|error| HashError::Threads(error.to_string()))?;
        }
        metrics::get().worker.hash_threads.set(i64::try_from(threads).unwrap_or(i64::MAX));
        Ok(Self { jobs, threads, trust })
    }

    /// Hashes a password with a salt of its own. Answers the PHC string. Waits while the pool is busy.
    ///
    /// # Errors
    /// When the engines fail or the pool has ended.
    pub async fn hash(&self, password: SecretString) -> Result<String, HashError> {
        let salt = salt()?;
        let (answer, hash) = oneshot::channel();
        let place = self.jobs.reserve().await.map_err(|_| HashError::Ended)?;
        metrics::get().worker.hash_waiting.inc();
        place.send(Job { password, salt, answer });
        hash.await.map_err(|_| HashError::Ended)?
    }

    /// How many threads hash.
    pub const fn threads(&self) -> usize {
        self.threads
    }

    /// Whether the fast engine is still trusted; `false` means that it once disagreed with the reference, which has done
    /// all the work since.
    pub fn is_fast(&self) -> bool {
        self.trust.holds()
    }
}

/// The jobs that wait, and how many threads wait for jobs.
struct Waiting {
    jobs: Mutex<mpsc::Receiver<Job>>,
    idle: AtomicUsize,
}

impl Waiting {
    /// The next jobs, at most `width`; the threads take turns at waiting. A thread takes more than one only if enough
    /// is left for those that have nothing to do. `None` when the pool has ended.
    fn next(&self, width: usize) -> Option<Vec<Job>> {
        self.idle.fetch_add(1, Ordering::Relaxed);
        let mut waiting = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let first = waiting.blocking_recv();
        let others = self.idle.fetch_sub(1, Ordering::Relaxed) - 1;
        let mut jobs = vec![first?];
        while jobs.len() < width
            && waiting.len() > others
            && let Ok(job) = waiting.try_recv()
        {
            jobs.push(job);
        }
        Some(jobs)
    }
}

#[cfg(test)]
mod tests;
