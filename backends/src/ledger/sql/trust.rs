//! Which idle connections are taken to be alive without being asked.
//!
//! One that was used a moment ago nearly always is, and asking it costs as much as a small statement. But when the database
//! goes away, all of them break at once. The first that shows it takes the others' credit away: whatever is idle since
//! before is asked. What failed on it and had not begun is done once more, so that nobody sees a restart of the
//! database that is over.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use keybell_shared::clock::Stopwatch;

/// A connection that was used so recently is taken to be alive.
const BELIEVED: Duration = Duration::from_secs(1);

/// When a connection was last found broken; the same for all clones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trust(Arc<Mutex<Option<Stopwatch>>>);

impl Trust {
    /// Whether a connection that has been idle for so long is taken to be alive.
    pub(super) fn believes(&self, idle: Duration) -> bool {
        let lost = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        idle < lost.map_or(BELIEVED, |lost| lost.elapsed().min(BELIEVED))
    }

    /// Notes an error that says that a connection is broken; answers whether it is such a one.
    pub(super) fn is_lost_by(&self, error: &sqlx::Error) -> bool {
        let broken = matches!(error, sqlx::Error::Io(_));
        if broken {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Stopwatch::start());
        }
        broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_connection_takes_the_others_credit_away() {
        let trust = Trust::default();
        assert!(trust.believes(Duration::from_millis(999)));
        assert!(!trust.believes(Duration::from_secs(1)));
        assert!(!trust.is_lost_by(&sqlx::Error::RowNotFound));
        assert!(trust.believes(Duration::from_millis(900)));
        assert!(trust.clone().is_lost_by(&sqlx::Error::Io(std::io::ErrorKind::BrokenPipe.into())));
        assert!(!trust.believes(Duration::from_millis(900)), "idle since before");
        assert!(trust.believes(Duration::ZERO), "used after it");
    }
}
