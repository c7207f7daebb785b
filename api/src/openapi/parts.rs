//! Schemas that exist for the document only.

use serde::Serialize;
use utoipa::ToSchema;

/// A wrong request, explained (RFC 9457).
#[derive(Serialize, ToSchema)]
pub(crate) struct Problem {
    /// `urn:keybell:problem:` and the code.
    #[schema(example = "urn:keybell:problem:not_found", pattern = "^urn:keybell:problem:")]
    r#type: String,
    /// The words of the status.
    #[schema(example = "Not Found")]
    title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599, example = 404)]
    status: u16,
    /// The stable code, for programs.
    #[schema(example = "not_found", pattern = "^[a-z0-9_]+(\\.[a-z0-9_]+)*$")]
    code: String,
    /// The path of the field that is meant, if it is one.
    #[schema(value_type = String, required = false, example = "selection.accounts")]
    field: Option<String>,
    /// What happened and what to do next, for people.
    detail: String,
    /// The entries that are meant, for example all unknown accounts.
    #[schema(required = false)]
    entries: Vec<String>,
    /// The id of the request, as in the header `X-Request-Id`.
    #[schema(max_length = 64)]
    request_id: String,
}
