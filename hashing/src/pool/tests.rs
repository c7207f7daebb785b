//! The pool: it hashes, makes callers wait, and survives an engine that lies.

use std::time::Duration;

use futures_util::FutureExt as _;

use super::*;
use crate::engine::{Input, Tag};
use crate::reference::verify;
use crate::trust::CHECKED;

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
    assert_eq!(verify(&secret("Otter-lamp-47"), &first), Ok(true));
    assert_eq!(verify(&secret("otter-lamp-47"), &first), Ok(false));
    assert!(pool.is_fast());
}

#[tokio::test]
async fn other_verifiers_accept_the_stored_form() {
    use argon2::PasswordVerifier as _;
    let pool = HashPool::new(&Hashing::default(), 1).expect("pool");
    let phc = pool.hash(secret("Otter-lamp-47")).await.expect("hash");
    let hash = argon2::password_hash::phc::PasswordHash::new(&phc).expect("PHC");
    assert_eq!(argon2::Argon2::default().verify_password(b"Otter-lamp-47", &hash), Ok(()));
    assert_eq!(argon2_rust::Argon2::verify_encoded(&phc, b"Otter-lamp-47", argon2_rust::Algorithm::Argon2id), Ok(()));
}

#[tokio::test]
async fn every_number_of_lanes_is_hashed() {
    for lanes in [1, 2, 4] {
        let pool = HashPool::new(&Hashing { lanes, ..cheap() }, 1).expect("pool");
        let phc = pool.hash(secret("Otter-lamp-47")).await.expect("hash");
        assert_eq!(verify(&secret("Otter-lamp-47"), &phc), Ok(true), "{phc}");
    }
}

#[tokio::test]
async fn other_writings_of_the_same_text_open_the_account() {
    let pool = HashPool::new(&cheap(), 1).expect("pool");
    let composed = pool.hash(secret("Caf\u{e9}-Lamp-47")).await.expect("hash");
    assert_eq!(verify(&secret("Cafe\u{301}-Lamp-47"), &composed), Ok(true));
}

#[tokio::test]
async fn a_busy_pool_makes_callers_wait() {
    // No thread serves this lane, so that it stays full.
    let (jobs, _stuck) = mpsc::channel(WAITING);
    let pool = HashPool { jobs, ..HashPool::new(&cheap(), 1).expect("pool") };
    let mut waiting: Vec<_> = (0..=WAITING).map(|_| Box::pin(pool.hash(secret("Otter-lamp-47")))).collect();
    for hash in &mut waiting {
        assert!(hash.now_or_never().is_none());
    }
    assert_eq!(pool.jobs.capacity(), 0, "the last one waits to hand its password over");
}

#[tokio::test]
async fn an_ended_pool_says_so() {
    let (jobs, ended) = mpsc::channel(1);
    drop(ended);
    let pool = HashPool { jobs, ..HashPool::new(&cheap(), 1).expect("pool") };
    assert_eq!(pool.hash(secret("x")).await, Err(HashError::Ended));
}

#[test]
fn a_thread_leaves_jobs_to_those_that_have_nothing_to_do() {
    let job = || Job { password: secret("x"), salt: [0; 16], answer: oneshot::channel().0 };
    let (sender, jobs) = mpsc::channel(8);
    let waiting = Waiting { jobs: Mutex::new(jobs), idle: AtomicUsize::new(1) };
    for _ in 0..4 {
        sender.try_send(job()).expect("room");
    }
    // One other thread is idle: of the four, one is left to it.
    assert_eq!(waiting.next(4).expect("jobs").len(), 3);
    assert_eq!(waiting.next(4).expect("jobs").len(), 1);
}

/// Right until it has computed a few tags.
struct Tiring {
    fast: Box<dyn Engine>,
    left: u32,
    panics: bool,
}

impl Engine for Tiring {
    fn width(&self) -> usize {
        self.fast.width()
    }

    fn tags(&mut self, inputs: &[Input<'_>]) -> Result<Vec<Tag>, HashError> {
        let mut tags = self.fast.tags(inputs)?;
        if self.left == 0 {
            assert!(!self.panics, "tired");
            for tag in &mut tags {
                tag[0] ^= 1;
            }
        }
        self.left = self.left.saturating_sub(1);
        Ok(tags)
    }
}

async fn all_hashes_verify_although_it(panics: bool) {
    let backend = Backend::fastest(&cheap());
    let make =
        move |cost: &Hashing| Ok(Box::new(Tiring { fast: backend.engine(cost)?, left: 10, panics }) as Box<dyn Engine>);
    let pool = HashPool::with_engine(&cheap(), 1, backend, &make).expect("the self-test makes its own engines");
    // The wrong tags between two checks cannot be seen; that they end at the check is what counts.
    for _ in 0..=CHECKED {
        pool.hash(secret("Otter-lamp-47")).await.expect("hash");
    }
    assert!(!pool.is_fast());
    for _ in 0..3 {
        let phc = pool.hash(secret("Otter-lamp-47")).await.expect("hash");
        assert_eq!(verify(&secret("Otter-lamp-47"), &phc), Ok(true));
    }
}

#[tokio::test]
async fn a_disagreement_switches_the_fast_engine_off() {
    all_hashes_verify_although_it(false).await;
}

#[tokio::test]
async fn a_panic_switches_the_fast_engine_off() {
    all_hashes_verify_although_it(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_share_few_threads() {
    let pool = Arc::new(HashPool::new(&cheap(), 2).expect("pool"));
    let calls = (0..200).map(|n| {
        let pool = Arc::clone(&pool);
        async move {
            let phc = pool.hash(secret(&format!("Otter-lamp-{n}"))).await.expect("hash");
            verify(&secret(&format!("Otter-lamp-{n}")), &phc).expect("check")
        }
    });
    let verified = tokio::time::timeout(Duration::from_mins(1), futures_util::future::join_all(calls)).await;
    assert!(verified.expect("in time").into_iter().all(|fine| fine));
}
