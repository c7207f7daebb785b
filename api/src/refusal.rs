//! Every wrong request as HTTP: a [`Problem`] with its status and headers, and its body of RFC 9457.
//!
//! A handler answers a [`Refusal`]; the edge writes the body, because only the edge knows the request id. What axum
//! and the layers answer themselves (404, 405, 408, …) is turned into a refusal by its status.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use keybell_shared::error::LedgerError;
use keybell_shared::problem::{Problem, ProblemKind};
use serde::Serialize;

/// When a caller may try again, if nothing better is known.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// A problem on its way out.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    problem: Problem,
    status: StatusCode,
    retry_after: Option<Duration>,
}

/// The body: RFC 9457 with the members `code`, `field`, `entries` and `request_id`.
#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    #[serde(flatten)]
    problem: &'a Problem,
    request_id: &'a str,
}

impl Refusal {
    /// A problem with a status that its kind does not have.
    pub(crate) fn with_status(status: StatusCode, code: &'static str, detail: &str) -> Self {
        Self { problem: Problem::new(kind(status), code, detail), status, retry_after: None }
    }

    /// A request that cannot be read.
    pub(crate) fn malformed(code: &'static str, detail: impl Into<String>) -> Self {
        Problem::new(ProblemKind::Malformed, code, detail).into()
    }

    /// Names the field.
    #[must_use]
    pub(crate) fn at(mut self, field: &str) -> Self {
        self.problem.field = Some(field.to_owned());
        self
    }

    /// Says when to try again; at least a second.
    #[must_use]
    pub(crate) fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// What a layer or axum itself meant by an error status.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let (code, detail) = match status {
            StatusCode::NOT_FOUND => ("route.unknown", "there is no such route; see the API description"),
            StatusCode::METHOD_NOT_ALLOWED => ("method.not_allowed", "this route has other methods; see `Allow`"),
            StatusCode::REQUEST_TIMEOUT => ("request.timeout", "the request took too long; send it again"),
            StatusCode::PAYLOAD_TOO_LARGE => ("body.too_large", "the body is too large"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => ("body.media_type", "send the body as application/json"),
            other if other.is_client_error() => ("request.invalid", "the request cannot be read"),
            _ => ("internal", "something is wrong inside Keybell; the log says more"),
        };
        Self::with_status(status, code, detail)
    }

    /// The status of the answer.
    pub(crate) const fn status(&self) -> StatusCode {
        self.status
    }

    /// The whole answer.
    pub(crate) fn answer(&self, request_id: &str) -> Response {
        let document = Document {
            r#type: format!("urn:keybell:problem:{}", self.problem.code),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            problem: &self.problem,
            request_id,
        };
        // Strings and numbers cannot fail to serialise.
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"keybell\""));
        }
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        response
    }
}

/// Rounded up, because a caller who comes back a moment too early is refused again.
fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// The HTTP status of a kind of problem.
const fn status(kind: ProblemKind) -> StatusCode {
    match kind {
        ProblemKind::Malformed => StatusCode::BAD_REQUEST,
        ProblemKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        ProblemKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        ProblemKind::Forbidden => StatusCode::FORBIDDEN,
        ProblemKind::NotFound => StatusCode::NOT_FOUND,
        ProblemKind::Conflict => StatusCode::CONFLICT,
        ProblemKind::Throttled => StatusCode::TOO_MANY_REQUESTS,
        ProblemKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ProblemKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ProblemKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The kind that is nearest to a status; it is not shown.
fn kind(status: StatusCode) -> ProblemKind {
    if status.is_client_error() { ProblemKind::Malformed } else { ProblemKind::Internal }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let retry_after =
            matches!(problem.kind, ProblemKind::Throttled | ProblemKind::Unavailable).then_some(RETRY_AFTER);
        Self { status: status(problem.kind), problem, retry_after }
    }
}

impl From<LedgerError> for Refusal {
    fn from(error: LedgerError) -> Self {
        Problem::from(error).into()
    }
}

impl IntoResponse for Refusal {
    /// Without a body; the edge writes it.
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn document(refusal: &Refusal) -> serde_json::Value {
        let body = refusal.answer("r-1").into_body();
        serde_json::from_slice(&axum::body::to_bytes(body, 10_000).await.expect("a body")).expect("JSON")
    }

    #[test]
    fn every_kind_has_its_status() {
        for (kind, status) in [
            (ProblemKind::Malformed, 400),
            (ProblemKind::Invalid, 422),
            (ProblemKind::Unauthenticated, 401),
            (ProblemKind::Forbidden, 403),
            (ProblemKind::NotFound, 404),
            (ProblemKind::Conflict, 409),
            (ProblemKind::Throttled, 429),
            (ProblemKind::TooLarge, 413),
            (ProblemKind::Unavailable, 503),
            (ProblemKind::Internal, 500),
        ] {
            let answer = Refusal::from(Problem::new(kind, "x", "y")).answer("r-1");
            assert_eq!(answer.status(), status, "{kind:?}");
            assert_eq!(answer.headers()["content-type"], "application/problem+json");
            assert_eq!(answer.headers().contains_key("retry-after"), [429, 503].contains(&status), "{kind:?}");
            assert_eq!(answer.headers().contains_key("www-authenticate"), status == 401, "{kind:?}");
        }
    }

    #[tokio::test]
    async fn the_document_is_flat_and_leaves_out_what_is_not_there() {
        let problem = Problem::invalid("selection.unknown_accounts", "selection.accounts", "two are unknown")
            .with_entries(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(
            document(&problem.into()).await,
            serde_json::json!({
                "type": "urn:keybell:problem:selection.unknown_accounts",
                "title": "Unprocessable Entity",
                "status": 422,
                "code": "selection.unknown_accounts",
                "field": "selection.accounts",
                "detail": "two are unknown",
                "entries": ["a", "b"],
                "request_id": "r-1",
            })
        );
        let bare = document(&Refusal::of_status(StatusCode::NOT_FOUND)).await;
        assert!(bare.get("field").is_none() && bare.get("entries").is_none(), "{bare}");
    }

    #[test]
    fn a_wait_is_rounded_up() {
        assert_eq!(whole_seconds(Duration::from_millis(1)), 1);
        assert_eq!(whole_seconds(Duration::ZERO), 1);
        assert_eq!(whole_seconds(Duration::from_millis(2_001)), 3);
        assert_eq!(whole_seconds(Duration::from_secs(901)), 901);
    }
}
