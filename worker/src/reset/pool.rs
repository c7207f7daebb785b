//! The hashing threads.
//!
//! Hashing is the work of this program. It runs on plain threads of its own, one per core, each with its own reused
//! memory; nothing of it touches the async runtime. Sign-in checks have a lane of their own, so that nobody waits behind
//! a bulk reset.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use keybell_shared::clock::Stopwatch;
use keybell_shared::config::{Config, Hashing, RunMode};
use keybell_shared::metrics;
use keybell_shared::password::normalise;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info};

use super::engine::{self, Engine, HashError, MakeEngine, Reference, Salted, Tag};

/// One in this many hashes of the fast engine is checked by the reference.
const CHECKED: u64 = 1000;
/// Hashes that wait for each thread; whoever brings more waits to hand them over.
const WAITING: usize = 2;
/// Sign-in checks that wait; whoever brings more waits to hand them over.
const CHECKS: usize = 64;
/// Threads for sign-in checks, at most.
const CHECK_THREADS: usize = 2;

type Answer<T> = oneshot::Sender<Result<T, HashError>>;

struct HashJob {
    password: SecretString,
    salt: Salted,
    answer: Answer<String>,
}

struct CheckJob {
    password: SecretString,
    phc: String,
    answer: Answer<bool>,
}

/// A pool of threads that hash and check passwords. It ends when it is dropped.
pub struct HashPool {
    hashes: mpsc::Sender<HashJob>,
    checks: mpsc::Sender<CheckJob>,
    threads: usize,
    decoy: String,
    trust: Arc<Trust>,
}

/// Whether the fast engine is trusted; shared by all threads.
#[derive(Default)]
struct Trust {
    lost: AtomicBool,
    count: AtomicU64,
}

/// How many threads hash, as configured: one per core without a word, and one core is left free when everything runs in
/// one process.
#[must_use]
pub fn threads_for(config: &Config) -> usize {
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    match (config.hashing.threads, config.mode) {
        (0, RunMode::Cluster) => cores,
        (0, RunMode::Embedded) => cores.saturating_sub(1).max(1),
        (threads, RunMode::Cluster | RunMode::Embedded) => threads,
    }
}

impl HashPool {
    /// Tests the engines against known answers and each other, and starts `threads` hashing threads (0: one per core)
    /// and the sign-in lane.
    ///
    /// # Errors
    /// When the cost is not possible, an engine gives a wrong answer, or the machine refuses threads or memory.
    pub fn new(cost: &Hashing, threads: usize) -> Result<Self, HashError> {
        Self::with_engine(cost, threads, engine::fast)
    }

    fn with_engine(cost: &Hashing, threads: usize, make: MakeEngine) -> Result<Self, HashError> {
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = if threads == 0 { cores } else { threads };
        let decoy = engine::self_test(cost, make)?;
        let (hashes, waiting) = mpsc::channel(threads * WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        let trust = Arc::new(Trust::default());
        for number in 0..threads {
            let mut lane = Lane { cost: *cost, fast: make(cost)?, reference: None, trust: Arc::clone(&trust) };
            let waiting = Arc::clone(&waiting);
            spawn(format!("hash-{number}"), move || {
                while let Some(job) = next(&waiting) {
                    lane.serve(job);
                }
            })?;
        }
        let (checks, waiting) = mpsc::channel(CHECKS);
        let waiting = Arc::new(Mutex::new(waiting));
        for number in 0..cores.min(CHECK_THREADS) {
            let mut reference = Reference::new(cost)?;
            let waiting = Arc::clone(&waiting);
            spawn(format!("sign-in-{number}"), move || {
                while let Some(job) = next(&waiting) {
                    check(&mut reference, job);
                }
            })?;
        }
        metrics::get().worker.hash_threads.set(i64::try_from(threads).unwrap_or(i64::MAX));
        info!(threads, memory_kib = cost.memory_kib, passes = cost.passes, lanes = cost.lanes,
            backend = %argon2_rust::detected_backend(), "hashing threads started; the self-test passed");
        Ok(Self { hashes, checks, threads, decoy, trust })
    }

    /// Hashes a password with a salt of its own. Answers the PHC string. Waits while the pool is busy.
    ///
    /// # Errors
    /// When the engines fail or the pool has ended.
    pub async fn hash(&self, password: SecretString) -> Result<String, HashError> {
        let salt = engine::salt()?;
        let (answer, hash) = oneshot::channel();
        let place = self.hashes.reserve().await.map_err(|_| HashError::Ended)?;
        metrics::get().worker.hash_waiting.inc();
        place.send(HashJob { password, salt, answer });
        hash.await.map_err(|_| HashError::Ended)?
    }

    /// Whether a password is the one of a stored hash. Runs on the sign-in lane.
    ///
    /// # Errors
    /// When the stored hash is unreadable or the pool has ended.
    pub async fn verify(&self, password: SecretString, phc: &str) -> Result<bool, HashError> {
        let (answer, verdict) = oneshot::channel();
        let job = CheckJob { password, phc: phc.to_owned(), answer };
        self.checks.send(job).await.map_err(|_| HashError::Ended)?;
        verdict.await.map_err(|_| HashError::Ended)?
    }

    /// The hash of a password that nobody knows: check against it when a username is unknown, so that the answer takes
    /// as long as for a known one.
    pub fn decoy(&self) -> &str {
        &self.decoy
    }

    /// How many threads hash.
    pub const fn threads(&self) -> usize {
        self.threads
    }

    /// Whether the fast engine is still trusted; `false` means that it once disagreed with the reference, which has done
    /// all the work since.
    pub fn is_fast(&self) -> bool {
        !self.trust.lost.load(Ordering::Relaxed)
    }
}

/// One hashing thread.
struct Lane {
    cost: Hashing,
    fast: Box<dyn Engine>,
    /// Made when the fast engine lost its trust.
    reference: Option<Reference>,
    trust: Arc<Trust>,
}

impl Lane {
    fn serve(&mut self, job: HashJob) {
        let HashJob { password, salt, answer } = job;
        if answer.is_closed() {
            // Nobody waits any more: the worker was stopped at once.
            metrics::get().worker.hash_waiting.dec();
            return;
        }
        let metrics = &metrics::get().worker;
        metrics.hash_waiting.dec();
        metrics.hash_busy.inc();
        let watch = Stopwatch::start();
        let text = normalise(password.expose_secret());
        drop(password);
        let phc = self.tag(text.as_bytes(), &salt).and_then(|tag| engine::phc(&self.cost, &salt, &tag));
        metrics.hash_seconds.observe(watch.elapsed().as_secs_f64());
        metrics.hash_busy.dec();
        // An error only says that nobody waits any more.
        drop(answer.send(phc));
    }

    fn tag(&mut self, password: &[u8], salt: &Salted) -> Result<Tag, HashError> {
        if !self.trust.lost.load(Ordering::Relaxed) {
            match catch_unwind(AssertUnwindSafe(|| self.fast.tag(password, salt))) {
                Ok(Ok(tag)) => {
                    if !self.trust.count.fetch_add(1, Ordering::Relaxed).is_multiple_of(CHECKED) {
                        return Ok(tag);
                    }
                    let checked = Reference::new(&self.cost)?.tag(password, salt)?;
                    if checked != tag {
                        self.distrust("it disagrees with the reference engine");
                    }
                    return Ok(checked);
                }
                Ok(Err(error)) => self.distrust(&error.to_string()),
                Err(_) => self.distrust("it panicked"),
            }
        }
        if self.reference.is_none() {
            self.reference = Some(Reference::new(&self.cost)?);
        }
        self.reference.as_mut().ok_or(HashError::Ended)?.tag(password, salt)
    }

    fn distrust(&self, reason: &str) {
        if !self.trust.lost.swap(true, Ordering::Relaxed) {
            metrics::get().worker.hash_distrusted.set(1);
            error!(reason, backend = %argon2_rust::detected_backend(),
                "THE FAST HASHING ENGINE IS SWITCHED OFF; the slower reference engine goes on. Passwords hashed by this \
                 process may not open their accounts: reset them again, and report the processor");
        }
    }
}

fn check(reference: &mut Reference, job: CheckJob) {
    let CheckJob { password, phc, answer } = job;
    if !answer.is_closed() {
        drop(answer.send(reference.verify(&password, &phc)));
    }
}

/// The next job; the threads of a lane take turns at waiting. `None` when the pool has ended.
fn next<T>(jobs: &Mutex<mpsc::Receiver<T>>) -> Option<T> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv()
}

fn spawn(name: String, work: impl FnOnce() + Send + 'static) -> Result<(), HashError> {
    let started = thread::Builder::new().name(name).spawn(work);
    started.map(drop).map_err(|error| HashError::Threads(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt as _;

    use super::*;

    fn cheap() -> Hashing {
        Hashing { memory_kib: 256, passes: 1, lanes: 1, threads: 1 }
    }

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    #[tokio::test]
    async fn hashes_verify_and_have_salts_of_their_own() {
        let pool = HashPool::new(&Hashing::default(), 2).expect("pool");
        let first = pool.hash(secret("Otter-lamp-47")).await.expect("hash");
        let second = pool.hash(secret("Otter-lamp-47")).await.expect("hash");
        assert_ne!(first, second);
        assert!(first.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{first}");
        assert_eq!(pool.verify(secret("Otter-lamp-47"), &first).await, Ok(true));
        assert_eq!(pool.verify(secret("otter-lamp-47"), &first).await, Ok(false));
        assert_eq!(pool.verify(secret("x"), pool.decoy()).await, Ok(false));
        assert!(matches!(pool.verify(secret("x"), "md5").await, Err(HashError::Stored(_))));
        assert!(pool.is_fast());
    }

    #[tokio::test]
    async fn other_writings_of_the_same_text_open_the_account() {
        let pool = HashPool::new(&cheap(), 1).expect("pool");
        let composed = pool.hash(secret("Caf\u{e9}-Lamp-47")).await.expect("hash");
        assert_eq!(pool.verify(secret("Cafe\u{301}-Lamp-47"), &composed).await, Ok(true));
    }

    #[tokio::test]
    async fn a_busy_pool_makes_callers_wait_and_sign_in_passes_them() {
        // No thread serves these lanes, so that they stay full.
        let (hashes, _stuck) = mpsc::channel(WAITING);
        let real = HashPool::new(&cheap(), 1).expect("pool");
        let pool = HashPool { hashes, ..real };
        let mut waiting: Vec<_> = (0..=WAITING).map(|_| Box::pin(pool.hash(secret("Otter-lamp-47")))).collect();
        for hash in &mut waiting {
            assert!(hash.now_or_never().is_none());
        }
        assert_eq!(pool.hashes.capacity(), 0, "the last one waits to hand its password over");
        assert_eq!(pool.verify(secret("x"), pool.decoy()).await, Ok(false));
    }

    #[tokio::test]
    async fn an_ended_pool_says_so() {
        let (hashes, ended) = mpsc::channel(1);
        drop(ended);
        let pool = HashPool { hashes, ..HashPool::new(&cheap(), 1).expect("pool") };
        assert_eq!(pool.hash(secret("x")).await, Err(HashError::Ended));
    }

    /// Right until it has computed a few tags.
    struct Tiring {
        fast: engine::Fast,
        left: u32,
        panics: bool,
    }

    impl Engine for Tiring {
        fn tag(&mut self, password: &[u8], salt: &[u8]) -> Result<Tag, HashError> {
            let mut tag = self.fast.tag(password, salt)?;
            if self.left == 0 {
                assert!(!self.panics, "tired");
                tag[0] ^= 1;
            }
            self.left = self.left.saturating_sub(1);
            Ok(tag)
        }
    }

    async fn all_hashes_verify_although(make: MakeEngine) {
        let pool = HashPool::with_engine(&cheap(), 1, make).expect("the self-test makes its own engines");
        // The wrong tags between two checks cannot be seen; that they end at the check is what counts.
        for _ in 0..=CHECKED {
            pool.hash(secret("Otter-lamp-47")).await.expect("hash");
        }
        assert!(!pool.is_fast());
        for _ in 0..3 {
            let phc = pool.hash(secret("Otter-lamp-47")).await.expect("hash");
            assert_eq!(pool.verify(secret("Otter-lamp-47"), &phc).await, Ok(true));
        }
    }

    #[tokio::test]
    async fn a_disagreement_switches_the_fast_engine_off() {
        all_hashes_verify_although(|cost| {
            Ok(Box::new(Tiring { fast: engine::Fast::new(cost)?, left: 10, panics: false }))
        })
        .await;
    }

    #[tokio::test]
    async fn a_panic_switches_the_fast_engine_off() {
        all_hashes_verify_although(|cost| {
            Ok(Box::new(Tiring { fast: engine::Fast::new(cost)?, left: 10, panics: true }))
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_callers_share_few_threads() {
        let pool = Arc::new(HashPool::new(&cheap(), 2).expect("pool"));
        let calls = (0..200).map(|n| {
            let pool = Arc::clone(&pool);
            async move {
                let phc = pool.hash(secret(&format!("Otter-lamp-{n}"))).await.expect("hash");
                pool.verify(secret(&format!("Otter-lamp-{n}")), &phc).await.expect("check")
            }
        });
        let verified = tokio::time::timeout(Duration::from_mins(1), futures_util::future::join_all(calls)).await;
        assert!(verified.expect("in time").into_iter().all(|fine| fine));
    }
}
