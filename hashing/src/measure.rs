//! The tight loop: how many hashes this machine can compute when it does nothing else. For benches.

use std::thread;
use std::time::Duration;

use keybell_shared::clock::Stopwatch;
use keybell_shared::config::Hashing;

use crate::backend::Backend;
use crate::engine::{Engine, Input};
use crate::error::HashError;
use crate::phc::salt;

/// What a tight loop did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tight {
    /// Hashes of all threads.
    pub hashes: u64,
    /// The time of the slowest thread.
    pub seconds: f64,
}

impl Tight {
    /// Hashes per second of all threads together.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "never more than 2^52 hashes")]
    pub fn per_second(&self) -> f64 {
        if self.seconds > 0.0 { self.hashes as f64 / self.seconds } else { 0.0 }
    }
}

/// Hashes with `threads` plain threads for about `lasting`, and does nothing else.
///
/// # Errors
/// When the engine cannot compute the cost, or the machine refuses threads or memory.
pub fn tight_loop(backend: Backend, cost: &Hashing, threads: usize, lasting: Duration) -> Result<Tight, HashError> {
    let engines = (0..threads.max(1)).map(|_| backend.engine(cost)).collect::<Result<Vec<_>, _>>()?;
    let results = thread::scope(|scope| {
        let running: Vec<_> =
            engines.into_iter().map(|engine| scope.spawn(move || hash_for(engine, lasting))).collect();
        running
            .into_iter()
            .map(|thread| thread.join().map_err(|_| HashError::Engine("a measuring thread panicked".to_owned()))?)
            .collect::<Result<Vec<_>, HashError>>()
    })?;
    Ok(Tight {
        hashes: results.iter().map(|tight| tight.hashes).sum(),
        seconds: results.iter().map(|tight| tight.seconds).fold(0.0, f64::max),
    })
}

fn hash_for(mut engine: Box<dyn Engine>, lasting: Duration) -> Result<Tight, HashError> {
    let salt = salt()?;
    let input = Input { password: b"Otter-lamp-47", salt: &salt };
    let inputs = vec![input; engine.width()];
    // The first touch of memory and code is not what is measured.
    engine.tags(&inputs)?;
    let watch = Stopwatch::start();
    let mut hashes = 0;
    while watch.elapsed() < lasting {
        hashes += engine.tags(&inputs)?.len() as u64;
    }
    Ok(Tight { hashes, seconds: watch.elapsed().as_secs_f64() })
}
