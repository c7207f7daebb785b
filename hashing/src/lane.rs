//! What one hashing thread does: it takes as many jobs as its engine computes at a time, and answers each.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use keybell_shared::clock::Stopwatch;
use keybell_shared::config::Hashing;
use keybell_shared::metrics;
use keybell_shared::password::normalise;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::engine::{Engine, Input, Salted, Tag};
use crate::error::HashError;
use crate::phc::phc;
use crate::reference::Reference;
use crate::trust::Trust;

/// A password that is to be hashed, and who waits for it.
pub(crate) struct Job {
    pub(crate) password: SecretString,
    pub(crate) salt: Salted,
    pub(crate) answer: oneshot::Sender<Result<String, HashError>>,
}

/// One hashing thread.
pub(crate) struct Lane {
    pub(crate) cost: Hashing,
    pub(crate) fast: Box<dyn Engine>,
    /// Checks the fast engine, in memory that that one lends, and does its work when it lost its trust.
    pub(crate) reference: Reference,
    pub(crate) trust: Arc<Trust>,
}

impl Lane {
    /// Hashes some jobs side by side.
    pub(crate) fn serve(&mut self, mut jobs: Vec<Job>) {
        let metrics = &metrics::get().worker;
        metrics.hash_waiting.dec_by(count(&jobs));
        // Nobody waits for them any more: the worker was stopped at once.
        jobs.retain(|job| !job.answer.is_closed());
        if jobs.is_empty() {
            return;
        }
        metrics.hash_busy.inc();
        let watch = Stopwatch::start();
        let texts: Vec<_> =
            jobs.iter().map(|job| Zeroizing::new(normalise(job.password.expose_secret()).to_string())).collect();
        let inputs: Vec<Input<'_>> =
            texts.iter().zip(&jobs).map(|(text, job)| Input { password: text.as_bytes(), salt: &job.salt }).collect();
        let tags = self.tags(&inputs);
        let seconds = watch.elapsed().as_secs_f64();
        metrics.hash_busy.dec();
        match tags {
            Ok(tags) => {
                for (job, tag) in jobs.into_iter().zip(tags) {
                    metrics.hash_seconds.observe(seconds);
                    // An error only says that nobody waits any more.
                    drop(job.answer.send(phc(&self.cost, &job.salt, &tag)));
                }
            }
            Err(error) => jobs.into_iter().for_each(|job| drop(job.answer.send(Err(error.clone())))),
        }
    }

    fn tags(&mut self, inputs: &[Input<'_>]) -> Result<Vec<Tag>, HashError> {
        if self.trust.holds() {
            match catch_unwind(AssertUnwindSafe(|| self.fast.tags(inputs))) {
                Ok(Ok(tags)) if tags.len() == inputs.len() => return self.check(inputs, tags),
                Ok(Ok(_)) => self.trust.lose("it left hashes out"),
                Ok(Err(error)) => self.trust.lose(&error.to_string()),
                Err(_) => self.trust.lose("it panicked"),
            }
        }
        inputs.iter().map(|input| self.reference.tag(*input)).collect()
    }

    /// Checks those that are to be checked. After a disagreement the reference computes the others again, too.
    fn check(&mut self, inputs: &[Input<'_>], tags: Vec<Tag>) -> Result<Vec<Tag>, HashError> {
        for (input, tag) in inputs.iter().zip(&tags) {
            if self.trust.is_checked() && self.reference.tag_in(*input, self.fast.lend())? != *tag {
                self.trust.lose("it disagrees with the reference engine");
                return inputs.iter().map(|input| self.reference.tag(*input)).collect();
            }
        }
        Ok(tags)
    }
}

/// How many jobs, for a gauge.
pub(crate) fn count(jobs: &[Job]) -> i64 {
    i64::try_from(jobs.len()).unwrap_or(i64::MAX)
}
