//! What an operation does not have, it does not take. A parameter or a body that nobody reads is refused, because
//! whoever sent it expects something of it. Which operation has what is read from the description of the API.
//!
//! Operations without a key (health, the description itself) are left alone: load balancers add parameters of their own.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use serde_json::Value;

use crate::refusal::Refusal;

/// So much of an unexpected body is read before it is refused.
const LOOKED_AT: usize = 1_024;

/// What an operation takes besides its path.
#[derive(Clone, Copy, Debug)]
struct Takes {
    parameters: bool,
    body: bool,
}

/// What each operation takes, by path and method.
#[derive(Clone, Debug)]
pub(crate) struct Operations(Arc<HashMap<(String, Method), Takes>>);

impl Operations {
    /// Reads the description.
    pub(crate) fn of(document: &Value) -> Self {
        let mut operations = HashMap::new();
        for (path, item) in document.get("paths").and_then(Value::as_object).into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                let Ok(method) = Method::from_bytes(method.to_ascii_uppercase().as_bytes()) else { continue };
                if operation.pointer("/security/0/key").is_none() {
                    continue;
                }
                let parameters = operation.get("parameters").and_then(Value::as_array);
                let is_query = |parameter: &Value| parameter.get("in").is_some_and(|place| place == "query");
                let takes = Takes {
                    parameters: parameters.is_some_and(|all| all.iter().any(is_query)),
                    body: operation.get("requestBody").is_some(),
                };
                operations.insert((path.clone(), method), takes);
            }
        }
        Self(Arc::new(operations))
    }

    fn get(&self, request: &Request) -> Option<Takes> {
        let path = request.extensions().get::<MatchedPath>()?.as_str().to_owned();
        let method = if request.method() == Method::HEAD { Method::GET } else { request.method().clone() };
        self.0.get(&(path, method)).copied()
    }
}

/// Lets a request through that asks for nothing which its operation does not have.
pub(crate) async fn refuse(
    State(operations): State<Operations>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let Some(takes) = operations.get(&request) else { return Ok(next.run(request).await) };
    if !takes.parameters && request.uri().query().is_some_and(|query| !query.is_empty()) {
        return Err(Refusal::malformed(
            "query.invalid",
            "this operation has no parameters; leave out what follows `?`",
        ));
    }
    if takes.body || request.body().is_end_stream() {
        return Ok(next.run(request).await);
    }
    let (head, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, LOOKED_AT).await;
    if !bytes.is_ok_and(|bytes| says_nothing(&bytes)) {
        let detail = "this operation takes no body: nothing in it would be read; leave it out, or send `{}`";
        return Err(Refusal::malformed("body.unexpected", detail));
    }
    Ok(next.run(Request::from_parts(head, Body::empty())).await)
}

/// Some clients send an empty object with every POST.
fn says_nothing(bytes: &[u8]) -> bool {
    let visible: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    visible.is_empty() || visible == b"{}"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_says_what_an_operation_takes() {
        let operations = Operations::of(&crate::description());
        let takes = |method: Method, path: &str| {
            operations.0.get(&(path.to_owned(), method)).map(|takes| (takes.parameters, takes.body))
        };
        assert_eq!(takes(Method::GET, "/v1/tasks"), Some((true, false)));
        assert_eq!(takes(Method::POST, "/v1/tasks"), Some((false, true)));
        assert_eq!(takes(Method::POST, "/v1/tasks/{id}/pause"), Some((false, false)));
        assert_eq!(takes(Method::GET, "/healthz"), None);
    }

    #[test]
    fn nothing_may_be_said_in_two_ways() {
        for nothing in ["", " \n", "{}", "{ }\r\n"] {
            assert!(says_nothing(nothing.as_bytes()), "{nothing:?}");
        }
        for something in ["[]", "null", "{\"a\":1}", "0"] {
            assert!(!says_nothing(something.as_bytes()), "{something:?}");
        }
    }
}
