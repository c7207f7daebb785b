//! `POST /v1/webhooks`: makes an endpoint.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::view::WebhookWithSecret;
use crate::auth::Caller;
use crate::body::{self, JsonBytes};
use crate::parts::Api;
use crate::refusal::Refusal;

/// The largest body.
const MAX_BODY: usize = 16 * 1024;

/// A webhook that is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookRequest {
    /// Where messages go: `https`, without credentials and fragment, not on a private network.
    #[schema(min_length = 1, max_length = 2000, example = "https://hooks.example.com/keybell")]
    url: String,
    /// The events to listen to: a kind such as `task.completed`, a family such as `task.*`, or `*`.
    #[schema(min_items = 1, max_items = 20)]
    events: Vec<String>,
}

/// Make a webhook.
///
/// What happens from now on is sent to the URL, signed as Standard Webhooks says. The answer shows the secret once.
/// Roles: `district_admin`, `application`.
#[utoipa::path(
    post,
    path = "/v1/webhooks",
    operation_id = "createWebhook",
    tag = "Webhooks",
    request_body(
        content = WebhookRequest, description = "Where to, and which events",
        example = json!({ "url": "https://hooks.example.com/keybell", "events": ["account.credential_reset", "task.*"] }),
    ),
    responses(
        (status = 201, description = "The webhook and its secret, shown this once", body = WebhookWithSecret,
         example = json!({
            "id": "019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11", "url": "https://hooks.example.com/keybell",
            "events": ["account.credential_reset", "task.*"], "owner": "sis", "state": "active", "reason": null,
            "waiting": 0, "failures": 0, "dropped": 0, "created_at": "2026-11-02T08:00:00Z", "last_success_at": null,
            "last_failure_at": null, "last_failure": null, "previous_secret_until": null,
            "secret": "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
        })),
        (status = 403, description = "role.forbidden"),
        (status = 409, description = "webhook.too_many"),
        (status = 422, description = "webhook.url webhook.events"),
        (status = 503, description = "webhook.no_key"),
    ),
)]
pub(super) async fn create(
    State(api): State<Api>,
    Caller(actor): Caller,
    JsonBytes(bytes): JsonBytes<MAX_BODY>,
) -> Result<(StatusCode, Json<WebhookWithSecret>), Refusal> {
    let WebhookRequest { url, events } = body::read(&bytes, || json!({ "url": "", "events": [] }))?;
    let made = api.webhooks.create(&actor, &url, &events).await?;
    tracing::info!(webhook = %made.0.id, by = ?actor.name, "webhook made");
    Ok((StatusCode::CREATED, Json(made.into())))
}
