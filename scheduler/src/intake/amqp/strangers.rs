//! Requests of nobody: without a `user_id`, or of a broker user that is no producer. They are dropped, because there is
//! nobody to answer, and no district whose audit they would belong to. One line per minute says how many.

use std::time::Duration;

use keybell_shared::clock::Stopwatch;

/// The log says so at most this often: whoever may write to the exchange must not be able to fill the disk with it.
const QUIET: Duration = Duration::from_mins(1);

/// Counts what is dropped.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    told: Option<Stopwatch>,
    untold: u64,
}

impl Strangers {
    /// One more was dropped, of this `user_id`.
    pub(super) fn dropped(&mut self, user_id: Option<&str>) {
        self.untold += 1;
        if self.told.is_some_and(|told| told.elapsed() < QUIET) {
            return;
        }
        let dropped = self.untold;
        if let Some(user) = user_id {
            tracing::warn!(
                code = "origin.unknown",
                user,
                dropped,
                "a published request is dropped: its broker user is no producer; `keybell producer allow` makes it one, \
                 and the application has to publish the request again"
            );
        } else {
            tracing::warn!(
                code = "origin.unknown",
                dropped,
                "a published request is dropped: it has no `user_id`, so that nobody vouches for its sender; the \
                 application has to set it to its own broker user and to publish the request again"
            );
        }
        self.told = Some(Stopwatch::start());
        self.untold = 0;
    }
}
