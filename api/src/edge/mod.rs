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

pub(crate) use connection::Gate;

use crate::refusal::Refusal;

/// From the head of a request to the head of its answer. Event streams answer their head at once.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Puts the edge around all routes, the fallback included.
pub(crate) fn wrap(routes: Router) -> Router {
    routes.layer(
        ServiceBuilder::new()
            .layer(from_fn(pass::pass))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, ANSWER_WITHIN)),
    )
}

/// A panic is a defect. Its message is left to the panic hook: it is not ours, so nobody knows what it holds.
#[expect(clippy::needless_pass_by_value, reason = "the signature that the layer asks for")]
fn panicked(_: Box<dyn Any + Send + 'static>) -> Response<Body> {
    tracing::error!("a handler panicked");
    Refusal::of_status(StatusCode::INTERNAL_SERVER_ERROR).into_response()
}
