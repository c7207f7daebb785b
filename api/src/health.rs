//! `GET /healthz` and `GET /readyz`, for whoever starts and watches the process. Without authentication, so without
//! any detail: the reasons are words, the log has the rest.

use std::fmt::Display;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;

use crate::parts::Api;

/// How long each service may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// What a service is to the API.
#[derive(Serialize)]
pub(crate) struct Check {
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// The readiness of the API.
#[derive(Serialize)]
pub(crate) struct Readiness {
    /// `ready`, `degraded` (requests are answered, but work or the live view stands still) or `unavailable`.
    status: &'static str,
    ledger: Check,
    queue: Check,
    board: Check,
}

/// The process lives.
pub(crate) async fn alive() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "status": "alive" }))
}

/// The API can do its work. Only the ledger is needed for that: queue and board are caught up with later.
pub(crate) async fn ready(State(api): State<Api>) -> (StatusCode, Json<Readiness>) {
    let (ledger, queue, board) = tokio::join!(
        check("ledger", api.ledger.ping()),
        check("queue", api.queue.ping()),
        check("board", api.board.ping()),
    );
    let (status, word) = if ledger.reason.is_some() {
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    } else if queue.reason.is_some() || board.reason.is_some() {
        (StatusCode::OK, "degraded")
    } else {
        (StatusCode::OK, "ready")
    };
    (status, Json(Readiness { status: word, ledger, queue, board }))
}

async fn check<E: Display>(service: &'static str, ping: impl Future<Output = Result<(), E>>) -> Check {
    let reason = match tokio::time::timeout(ANSWER_WITHIN, ping).await {
        Ok(Ok(())) => return Check { result: "ok", reason: None },
        Ok(Err(error)) => {
            tracing::warn!(service, %error, "not ready");
            "it cannot be reached or refuses us; the log says more"
        }
        Err(_) => {
            tracing::warn!(service, "not ready: no answer within {ANSWER_WITHIN:?}");
            "it did not answer within a second"
        }
    };
    Check { result: "failed", reason: Some(reason) }
}
