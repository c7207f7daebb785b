//! What the API is made of, handed in by the command line.

use std::ops::Deref;
use std::sync::Arc;

use keybell_scheduler::intake::Intake;
use keybell_scheduler::webhooks::Desk;
use keybell_shared::config::{Hashing, Http};
use keybell_shared::ports::board::Board;
use keybell_shared::ports::ledger::Ledger;
use keybell_shared::ports::queue::WorkQueue;
use tokio_util::sync::CancellationToken;

use crate::auth::Lane;
use crate::limit::Limits;
use crate::openapi::Document;
use crate::uploads::Reading;

/// The name under which this room writes to the ledger. All API processes share it: what they count (notifications
/// superseded by a password change) is so little that one row is never hot.
pub(crate) const WRITER: &str = "api";

/// Everything that the API needs.
pub struct ApiParts {
    /// The truth.
    pub ledger: Arc<dyn Ledger>,
    /// The live view.
    pub board: Arc<dyn Board>,
    /// The work queues; only asked whether they answer.
    pub queue: Arc<dyn WorkQueue>,
    /// Accepts requests.
    pub intake: Arc<Intake>,
    /// Manages webhooks.
    pub webhooks: Desk,
    /// The cost of a hash, for passwords that people choose.
    pub hashing: Hashing,
    /// How often a key may ask.
    pub http: Http,
    /// Cancelled when the process should end: no new connections, event streams end, requests in hand are finished.
    pub soft: CancellationToken,
}

/// The state of every handler.
#[derive(Clone)]
pub(crate) struct Api(Arc<Inner>);

/// The parts, and what the API makes of them.
pub(crate) struct Inner {
    parts: ApiParts,
    /// Where sign-in passwords are checked and hashed.
    pub(crate) lane: Lane,
    /// How often callers may ask.
    pub(crate) limits: Limits,
    /// Where uploaded files are read.
    pub(crate) reading: Reading,
    /// The description of the API.
    pub(crate) document: Document,
}

impl Api {
    /// Sets up the state.
    pub(crate) fn new(parts: ApiParts, document: Document) -> Self {
        let (lane, limits) = (Lane::new(parts.hashing), Limits::new(parts.http));
        Self(Arc::new(Inner { parts, lane, limits, reading: Reading::default(), document }))
    }
}

impl Deref for Api {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Deref for Inner {
    type Target = ApiParts;

    fn deref(&self) -> &ApiParts {
        &self.parts
    }
}
