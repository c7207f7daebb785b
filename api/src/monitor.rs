//! The listener for whoever watches a process: `GET /metrics`, `/healthz` and `/readyz`, for every kind of process.
//!
//! It is not the API: it has no authentication, knows no district, and belongs on an address that only the machines that
//! watch can reach. What it says is handed in by the command line ([`Monitored`]).

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::TcpListener;

use crate::edge::Gate;

/// The text forms of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsFormat {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// The text format of Prometheus, 0.0.4.
    Prometheus,
}

impl MetricsFormat {
    /// The form that a caller asks for; without a word about it, the older one, which everything reads.
    fn asked(headers: &HeaderMap) -> Self {
        let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let open = accepts
            .flat_map(|value| value.split(','))
            .any(|kind| kind.trim_start().starts_with("application/openmetrics-text"));
        if open { Self::OpenMetrics } else { Self::Prometheus }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// A process that can be watched.
#[async_trait]
pub trait Monitored: Send + Sync {
    /// Its metrics.
    async fn metrics(&self, format: MetricsFormat) -> String;

    /// Whether it does its work. The reason is told to anybody, so it is a few fixed words.
    async fn ready(&self) -> Result<(), &'static str>;
}

/// Serves until it is dropped.
///
/// # Errors
/// When the socket can no longer be used.
pub async fn monitor(listener: TcpListener, process: Arc<dyn Monitored>) -> io::Result<()> {
    axum::serve(Gate::new(listener), routes(process)).await
}

fn routes(process: Arc<dyn Monitored>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .with_state(process)
}

/// Answers as long as the process does.
async fn alive() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "status": "alive" }))
}

async fn metrics(State(process): State<Arc<dyn Monitored>>, headers: HeaderMap) -> Response {
    let format = MetricsFormat::asked(&headers);
    let kind = [(header::CONTENT_TYPE, format.content_type()), (header::CACHE_CONTROL, "no-store")];
    (kind, process.metrics(format).await).into_response()
}

async fn ready(State(process): State<Arc<dyn Monitored>>) -> Response {
    match process.ready().await {
        Ok(()) => Json(serde_json::json!({ "status": "ready" })).into_response(),
        Err(reason) => {
            let body = Json(serde_json::json!({ "status": "unavailable", "reason": reason }));
            (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;
    use tower::ServiceExt as _;

    use super::*;

    struct Idle;

    #[async_trait]
    impl Monitored for Idle {
        async fn metrics(&self, format: MetricsFormat) -> String {
            format!("{format:?}")
        }

        async fn ready(&self) -> Result<(), &'static str> {
            Err("it consumes nothing")
        }
    }

    async fn ask(path: &str, accept: Option<&str>) -> (StatusCode, String, String) {
        let mut request = Request::builder().uri(path);
        if let Some(accept) = accept {
            request = request.header(header::ACCEPT, accept);
        }
        let request = request.body(Body::empty()).expect("a request");
        let answer = routes(Arc::new(Idle)).oneshot(request).await.expect("infallible");
        let (parts, body) = answer.into_parts();
        let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let text = axum::body::to_bytes(body, 10_000).await.expect("a body");
        (parts.status, kind.to_owned(), String::from_utf8(text.to_vec()).expect("text"))
    }

    #[tokio::test]
    async fn the_form_is_the_one_that_was_asked_for() {
        let prometheus = "text/html;q=0.9,application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3";
        let (status, kind, text) = ask("/metrics", Some(prometheus)).await;
        assert_eq!((status, text.as_str()), (StatusCode::OK, "OpenMetrics"));
        assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"), "{kind}");
        let (_, kind, text) = ask("/metrics", None).await;
        assert_eq!((kind.as_str(), text.as_str()), ("text/plain; version=0.0.4; charset=utf-8", "Prometheus"));
    }

    #[tokio::test]
    async fn who_lives_need_not_be_ready() {
        assert_eq!(ask("/healthz", None).await.0, StatusCode::OK);
        let (status, _, text) = ask("/readyz", None).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(text.contains("it consumes nothing"), "{text}");
        assert_eq!(ask("/v1/tasks", None).await.0, StatusCode::NOT_FOUND);
    }
}
