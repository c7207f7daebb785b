//! The routes.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};

use crate::parts::{Api, ApiParts};
use crate::refusal::Refusal;
use crate::{auth, edge, health, tasks};

/// All routes of version 1, behind the edge.
pub fn router(parts: ApiParts) -> Router {
    let routes = Router::new()
        .route("/v1/tasks", post(tasks::start).get(tasks::list))
        .route("/v1/tasks/{id}", get(tasks::show))
        .route("/v1/tasks/{id}/items", get(tasks::items))
        .route("/v1/tasks/{id}/events", get(tasks::events))
        .route("/v1/tasks/{id}/pause", post(tasks::pause))
        .route("/v1/tasks/{id}/resume", post(tasks::resume))
        .route("/v1/tasks/{id}/cancel", post(tasks::cancel))
        .route("/v1/auth/verify", post(auth::verify))
        .route("/v1/auth/change", post(auth::change))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(|| async { Refusal::of_status(StatusCode::NOT_FOUND) })
        .with_state(Api::new(parts));
    edge::wrap(routes)
}
