//! The outermost layer: request id, head checks, problem bodies, standing headers, one line in the access log.

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use keybell_shared::clock::Stopwatch;
use keybell_shared::metrics;
use keybell_shared::trace::{self, TARGET, TraceParent};
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::head;
use crate::refusal::Refusal;

/// Lets a request through and finishes its answer.
pub(super) async fn pass(request: Request, next: Next) -> Response {
    let watch = Stopwatch::start();
    let id = head::request_id(request.headers());
    let span = tracing::info_span!(target: TARGET, "request", id, route = Empty, status = Empty, trace_id = Empty);
    trace::begin(&span, trace_of(request.headers()));
    let in_flight = InFlight::new();
    async move {
        let method = request.method().clone();
        // Never the raw URL: a query may hold what a log must not.
        let path = request.extensions().get::<MatchedPath>().cloned();
        let response = match head::check(request.headers()) {
            Ok(()) => next.run(request).await,
            Err(refusal) => refusal.into_response(),
        };
        let response = finish(response, &id);
        let status = response.status().as_u16();
        let ms = u64::try_from(watch.elapsed().as_millis()).unwrap_or(u64::MAX);
        let path = path.as_ref().map_or("-", MatchedPath::as_str);
        tracing::info!(%method, path, status, ms, "answered");
        Span::current().record("route", path).record("status", status);
        metrics::get().api.answered(method.as_str(), path, status, watch.elapsed().as_secs_f64());
        drop(in_flight);
        response
    }
    .instrument(span)
    .await
}

/// A request that is being answered; counted off also when its connection is gone and it is dropped.
struct InFlight;

impl InFlight {
    fn new() -> Self {
        metrics::get().api.in_flight.inc();
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        metrics::get().api.in_flight.dec();
    }
}

/// The trace that the caller's request belongs to, if it says so in the W3C form.
fn trace_of(headers: &HeaderMap) -> Option<TraceParent> {
    headers.get(trace::HEADER)?.to_str().ok()?.parse().ok()
}

/// Writes the problem body of an error, and the headers that every answer has.
fn finish(mut response: Response, id: &str) -> Response {
    let refusal = response.extensions_mut().remove::<Refusal>();
    let bare = response.status().is_client_error() || response.status().is_server_error();
    // What a page for people says is left as it is.
    let ours = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/json" || kind == "text/html; charset=utf-8");
    if let Some(refusal) = refusal.or_else(|| (bare && !ours).then(|| Refusal::of_status(response.status()))) {
        let allow = response.headers_mut().remove(header::ALLOW);
        response = refusal.answer(id);
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
    }
    let status = response.status();
    standing(response.headers_mut(), status, id);
    response
}

fn standing(headers: &mut HeaderMap, status: StatusCode, id: &str) {
    // What has a tag may be kept, and is checked again by it.
    if !headers.contains_key(header::ETAG) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert("x-request-id", id);
    }
    // Of these requests a part may still be on its way; nothing after it could be trusted to be a request.
    if matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::PAYLOAD_TOO_LARGE) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}
