//! `GET /healthz` and `GET /readyz`, for whoever starts and watches the process. Without authentication, so without
//! any detail: the reasons are words, the log has the rest.

use std::fmt::Display;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::parts::Api;

/// How long each service may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// What a service is to the API.
#[derive(Serialize, ToSchema)]
pub(crate) struct Check {
    /// `ok` or `failed`.
    result: &'static str,
    /// Why it failed, without any detail.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    reason: Option<&'static str>,
}

/// The readiness of the API.
#[derive(Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// `ready`, `degraded` (requests are answered, but work or the live view stands still) or `unavailable`.
    status: &'static str,
    /// The database: without it nothing can be answered.
    ledger: Check,
    /// The work queues: without them work waits.
    queue: Check,
    /// The live view: without it progress comes from the database.
    board: Check,
}

/// The process lives.
#[derive(Serialize, ToSchema)]
pub(crate) struct Alive {
    /// `alive`.
    status: &'static str,
}

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(alive)).routes(routes!(ready))
}

/// Is the process alive?
///
/// Answers as long as the process does, whatever else is broken. Needs no key.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "getHealth",
    tag = "Service",
    security(()),
    responses((status = 200, description = "It is", body = Alive, example = json!({ "status": "alive" }))),
)]
pub(crate) async fn alive() -> Json<Alive> {
    Json(Alive { status: "alive" })
}

/// Can requests be answered?
///
/// Only the database is needed for that; queue and board are caught up with later. Needs no key.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "getReadiness",
    tag = "Service",
    security(()),
    responses(
        (status = 200, description = "They can", body = Readiness, example = json!({
            "status": "ready", "ledger": { "result": "ok" }, "queue": { "result": "ok" }, "board": { "result": "ok" }
        })),
        (status = 503, description = "They cannot", body = Readiness, example = json!({
            "status": "unavailable",
            "ledger": { "result": "failed", "reason": "it did not answer within a second" },
            "queue": { "result": "ok" }, "board": { "result": "ok" }
        })),
    ),
)]
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
