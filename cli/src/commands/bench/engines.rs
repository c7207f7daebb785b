//! The tight loop of every hashing engine: the physical limit that the pipeline is measured against.

use std::time::Duration;

use anyhow::{Context as _, Result};
use keybell_hashing::{Backend, available, tight_loop};
use keybell_shared::config::Hashing;
use serde::Serialize;

use super::usage::{Others, Usage};

/// The engines take turns so often, before the pipeline and after it: what disturbs one disturbs all.
const TURNS: u32 = 3;

/// Loops of all engines so far.
pub(super) struct Loops {
    cost: Hashing,
    threads: usize,
    turn: Duration,
    rates: Vec<(Backend, Vec<f64>)>,
    /// The share of the processor that others took, at worst.
    pub(super) others: f64,
}

/// What came out for one engine.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Engine {
    /// Its name.
    pub(super) name: String,
    /// Whether it is our own.
    pub(super) own: bool,
    /// The median over all turns, of all threads together.
    pub(super) hashes_per_second: f64,
    /// Every turn.
    pub(super) samples: Vec<f64>,
}

impl Loops {
    /// None yet. Each engine will run for `seconds` before and after the pipeline.
    pub(super) fn new(cost: &Hashing, threads: usize, seconds: f64) -> Self {
        // Our own engines know one lane only.
        let able = |backend: &Backend| cost.lanes == 1 || !is_own(*backend);
        let rates = available().into_iter().filter(able).map(|backend| (backend, Vec::new())).collect();
        Self { cost: *cost, threads, turn: Duration::from_secs_f64(seconds / f64::from(TURNS)), rates, others: 0.0 }
    }

    /// Runs every engine in turn. Nothing else should happen meanwhile.
    ///
    /// # Errors
    /// When an engine fails.
    pub(super) async fn run(mut self) -> Result<Self> {
        // On no thread of the runtime: it hashes all the time.
        let running = tokio::task::spawn_blocking(move || {
            let (others, own) = (Others::begin(), Usage::of(std::process::id()));
            for _ in 0..TURNS {
                for (backend, rates) in &mut self.rates {
                    rates.push(tight_loop(*backend, &self.cost, self.threads, self.turn)?.per_second());
                }
            }
            let used = Usage::of(std::process::id()).since(own).cpu;
            self.others = self.others.max(others.share(used, self.threads));
            Ok::<_, keybell_hashing::HashError>(self)
        });
        running.await.context("the tight loop broke")?.context("the tight loop of the hashing engines")
    }

    /// What came out, the engines in their order.
    pub(super) fn engines(self) -> Vec<Engine> {
        let engine = |(backend, samples): (Backend, Vec<f64>)| Engine {
            name: backend.to_string(),
            own: is_own(backend),
            hashes_per_second: median(&samples),
            samples,
        };
        self.rates.into_iter().map(engine).collect()
    }
}

/// L: the fastest engine of our own; where none runs, the fastest there is.
pub(super) fn limit(engines: &[Engine]) -> Option<&Engine> {
    let fastest = |own: bool| {
        let some = engines.iter().filter(|engine| engine.own || !own);
        some.max_by(|a, b| a.hashes_per_second.total_cmp(&b.hashes_per_second))
    };
    fastest(true).or_else(|| fastest(false))
}

/// LB: the crate `argon2-rust`.
pub(super) fn library(engines: &[Engine]) -> Option<&Engine> {
    engines.iter().find(|engine| engine.name == Backend::Library.to_string())
}

const fn is_own(backend: Backend) -> bool {
    match backend {
        Backend::Avx512 | Backend::Avx2 => true,
        Backend::Library | Backend::Reference => false,
    }
}

/// The median; 0 of nothing.
pub(super) fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    if sorted.len() % 2 == 1 {
        return upper;
    }
    let lower = (sorted.len() / 2).checked_sub(1).and_then(|at| sorted.get(at)).copied().unwrap_or_default();
    f64::midpoint(lower, upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_all_turns_counts() {
        assert!(median(&[]).abs() < f64::EPSILON);
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
    }

    #[test]
    fn the_limit_is_an_engine_of_our_own_where_one_runs() {
        let engine =
            |name: &str, own, rate| Engine { name: name.to_owned(), own, hashes_per_second: rate, samples: Vec::new() };
        let all = [engine("own", true, 10.0), engine("argon2-rust", false, 12.0), engine("argon2", false, 1.0)];
        assert_eq!(limit(&all).map(|engine| engine.name.as_str()), Some("own"));
        assert_eq!(limit(&all[1..]).map(|engine| engine.name.as_str()), Some("argon2-rust"));
        assert_eq!(library(&all).map(|engine| engine.name.as_str()), Some("argon2-rust"));
        assert!(limit(&[]).is_none());
    }
}
