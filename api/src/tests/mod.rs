//! The routes as callers see them, over a small ledger in memory.

mod auth;
mod bad_input;
mod board;
mod claim;
mod described;
mod events;
mod fake;
mod health;
mod outcome;
mod restart;
mod service;
mod socket;
mod tasks;
mod unused;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use keybell_scheduler::intake::Intake;
use keybell_shared::actor::{Actor, Role};
use keybell_shared::config::{Hashing, Http};
use keybell_shared::ids::DistrictId;
use keybell_shared::ports::ledger::Ledger;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::ApiParts;

/// A request that nothing is wrong with.
const FINE: &str =
    r#"{"selection":{"scope":"selected","accounts":["pupil1","pupil2"]},"reason":"lost","acknowledgement":"2026-11"}"#;

/// The API with everything around it.
struct World {
    ledger: Arc<fake::FakeLedger>,
    board: Arc<board::FakeBoard>,
    queue: Arc<board::FakeQueue>,
    soft: CancellationToken,
    district: DistrictId,
    routes: Router,
    /// The key of an application called `sis`.
    key: String,
}

/// An answer, read.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    /// Status and problem code.
    fn short(&self) -> (u16, &str) {
        (self.status.as_u16(), self.body["code"].as_str().unwrap_or_default())
    }
}

impl World {
    fn new() -> Self {
        let (ledger, board, queue) = (Arc::default(), Arc::default(), Arc::default());
        let district = DistrictId::fresh();
        let mut world = Self {
            ledger,
            board,
            queue,
            soft: CancellationToken::new(),
            district,
            routes: Router::new(),
            key: String::new(),
        };
        world.routes = crate::router(world.parts());
        world.key = world.key_of(district, Role::Application, "sis");
        world
    }

    fn parts(&self) -> ApiParts {
        let ledger: Arc<dyn Ledger> = Arc::<fake::FakeLedger>::clone(&self.ledger);
        ApiParts {
            intake: Arc::new(Intake::new(Arc::clone(&ledger), None)),
            ledger,
            board: Arc::<board::FakeBoard>::clone(&self.board),
            queue: Arc::<board::FakeQueue>::clone(&self.queue),
            webhooks: fake::desk(&self.ledger),
            hashing: Hashing::default(),
            http: Http { requests_per_second: 10_000, burst: 10_000, ..Http::default() },
            soft: self.soft.clone(),
        }
    }

    /// Makes a key.
    fn key_of(&self, district: DistrictId, role: Role, name: &str) -> String {
        let (id, text, hash) = crate::keys::mint();
        let actor = Actor { district, role, name: name.to_owned(), key: Some(id), person: None };
        self.ledger.memory().keys.insert(id, (hash, actor));
        text.expose_secret().to_owned()
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let without_body = request.method() == Method::HEAD;
        let response = self.routes.clone().oneshot(request).await.expect("infallible");
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        described::check(&method, &path, parts.status, &body);
        let answer = Answer { status: parts.status, headers: parts.headers, body };
        let kept = answer.headers.contains_key("etag");
        assert_eq!(answer.headers["cache-control"], if kept { "private, no-cache" } else { "no-store" }, "{path}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        if answer.status.as_u16() >= 400 && !without_body && answer.body.get("ledger").is_none() {
            assert_eq!(answer.headers["content-type"], "application/problem+json", "{answer:?}");
            assert_eq!(answer.body["status"], answer.status.as_u16());
            assert_eq!(answer.headers["x-request-id"], answer.body["request_id"].as_str().expect("an id"));
        }
        answer
    }

    async fn get(&self, key: &str, path: &str) -> Answer {
        self.send(request("GET", path, key).body(Body::empty()).expect("a request")).await
    }

    async fn post(&self, key: &str, path: &str, body: impl Into<Body>) -> Answer {
        let request = request("POST", path, key).header("content-type", "application/json");
        self.send(request.header("idempotency-key", "k-1").body(body.into()).expect("a request")).await
    }

    /// Starts a task under an idempotency key; answers its id.
    async fn start(&self, key: &str, idempotency: &str) -> String {
        let request = request("POST", "/v1/tasks", key)
            .header("content-type", "application/json")
            .header("idempotency-key", idempotency);
        let answer = self.send(request.body(FINE.into()).expect("a request")).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.body["task"].as_str().expect("an id").to_owned()
    }
}

fn request(method: &str, path: &str, key: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path).header("authorization", format!("Bearer {key}"))
}
