//! A webhook endpoint for tests: answers as it is told and writes down what arrives.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::post;
use keybell_shared::clock::{Millis, wall};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::program::PATIENCE;

/// A call that arrived.
#[derive(Clone, Debug)]
pub struct Call {
    /// `webhook-id`.
    pub id: String,
    /// `webhook-timestamp`.
    pub timestamp: i64,
    /// `webhook-signature`.
    pub signature: String,
    /// The body as it came.
    pub body: String,
    /// When it arrived.
    pub at: Millis,
}

impl Call {
    /// The body.
    ///
    /// # Panics
    /// When it is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// What happened.
    #[must_use]
    pub fn kind(&self) -> String {
        self.json().get("type").and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

/// The answer to one call: status, a header, and how long it takes after the call was written down.
pub type Answer = (u16, Option<(&'static str, String)>, Duration);

#[derive(Debug, Default)]
struct State {
    answers: Mutex<VecDeque<Answer>>,
    journal: watch::Sender<Vec<Call>>,
}

/// The endpoint.
#[derive(Debug)]
pub struct HookServer {
    address: SocketAddr,
    state: Arc<State>,
    serving: JoinHandle<()>,
}

impl HookServer {
    /// Starts on a free port of this machine.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start() -> Self {
        let state = Arc::<State>::default();
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap_or_else(|error| panic!("{error}"));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("{error}"));
        let router = Router::new().route("/hook", post(call)).with_state(Arc::clone(&state));
        // It never ends by itself.
        let serving = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Self { address, state, serving }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// The answers to the next calls; after them everything is taken.
    pub fn script(&self, answers: impl IntoIterator<Item = Answer>) {
        self.state.answers.lock().unwrap_or_else(PoisonError::into_inner).extend(answers);
    }

    /// What arrived so far.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.state.journal.borrow().clone()
    }

    /// Waits until enough has arrived.
    ///
    /// # Panics
    /// When that takes too long.
    pub async fn calls_when(&self, what: &str, enough: impl Fn(&[Call]) -> bool) -> Vec<Call> {
        let mut journal = self.state.journal.subscribe();
        let waited = tokio::time::timeout(PATIENCE, journal.wait_for(|calls| enough(calls))).await;
        match waited {
            Ok(Ok(calls)) => calls.clone(),
            Ok(Err(_)) | Err(_) => panic!("{what}: {:#?}", self.calls()),
        }
    }
}

impl Drop for HookServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn call(Shared(state): Shared<Arc<State>>, headers: HeaderMap, body: String) -> Response<Body> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let timestamp = header("webhook-timestamp").parse().unwrap_or_default();
    let arrived =
        Call { id: header("webhook-id"), timestamp, signature: header("webhook-signature"), body, at: wall() };
    let answer = state.answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    state.journal.send_modify(|calls| calls.push(arrived));
    let (status, header, delay) = answer.unwrap_or((204, None, Duration::ZERO));
    tokio::time::sleep(delay).await;
    let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap_or(StatusCode::IM_A_TEAPOT));
    if let Some((name, value)) = header {
        response = response.header(name, value);
    }
    response.body(Body::empty()).unwrap_or_default()
}
