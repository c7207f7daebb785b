//! What a task waits for, as version 1 of the API writes it.

use keybell_scheduler::intake::{Waits as Known, Why};
use serde::Serialize;
use utoipa::ToSchema;

/// Why nothing of a task is handed out although nobody has paused it, and until when.
#[derive(Serialize, ToSchema)]
pub(crate) struct Waits {
    /// When its next password may change, as far as is known now. RFC 3339, UTC.
    #[schema(format = DateTime)]
    until: String,
    /// `start`: the request names a later time. `blackout`: a blackout window of the district is open then.
    #[schema(pattern = "^(start|blackout)$")]
    why: &'static str,
    /// What the blackout window was made for.
    #[schema(required = true)]
    reason: Option<String>,
}

impl From<Known> for Waits {
    fn from(known: Known) -> Self {
        let (why, reason) = match known.why {
            Why::Start => ("start", None),
            Why::Blackout(reason) => ("blackout", Some(reason)),
        };
        Self { until: known.until.rfc3339(), why, reason }
    }
}
