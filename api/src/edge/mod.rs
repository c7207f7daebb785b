//! What every request passes, whatever its route.

mod connection;
mod head;
mod pass;

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::response::{IntoResponse as _, Response};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

pub(crate) use connection::{Gate, Peer};

use crate::refusal::Refusal;

/// From the head of a request to the head of its answer. Event streams answer their head at once.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Puts the edge around all routes, the fallback included.
pub(crate) fn wrap(routes: Router) -> Router {
    wrap_within(routes, ANSWER_WITHIN)
}

fn wrap_within(routes: Router, answer: Duration) -> Router {
    routes.layer(
        ServiceBuilder::new()
            .layer(from_fn(pass::pass))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, answer)),
    )
}

/// A panic is a defect. Its message is left to the panic hook: it is not ours, so nobody knows what it holds.
fn panicked(_: Box<dyn Any + Send + 'static>) -> Response<Body> {
    tracing::error!("a handler panicked");
    Refusal::of_status(StatusCode::INTERNAL_SERVER_ERROR).into_response()
}

#[cfg(test)]
mod tests {
    use axum::extract::Request;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn what_takes_too_long_is_a_problem_too() {
        let slow = Router::new().route("/slow", get(std::future::pending::<StatusCode>));
        let request = Request::builder().uri("/slow").header("x-request-id", "mine").body(Body::empty());
        let answer = wrap_within(slow, Duration::from_millis(50)).oneshot(request.expect("a request")).await;
        let answer = answer.expect("infallible");
        assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert_eq!(answer.headers()["connection"], "close");
        assert_eq!(answer.headers()["x-request-id"], "mine");
        let body = axum::body::to_bytes(answer.into_body(), 1_000).await.expect("a body");
        let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!((&body["code"], &body["request_id"]), (&"request.timeout".into(), &"mine".into()));
    }
}
