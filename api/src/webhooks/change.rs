//! `DELETE /v1/webhooks/{id}` and `POST /v1/webhooks/{id}/rotate`, `…/enable`, `…/test`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use keybell_shared::ids::WebhookId;
use keybell_shared::webhook::message_id;
use serde::Serialize;
use utoipa::ToSchema;

use super::view::{Webhook, WebhookWithSecret};
use crate::auth::Caller;
use crate::parts::Api;
use crate::path::Id;
use crate::refusal::Refusal;

/// Delete a webhook.
///
/// What waits for it is deleted, too. Roles: `district_admin`, `application` (its own).
#[utoipa::path(
    delete,
    path = "/v1/webhooks/{id}",
    operation_id = "deleteWebhook",
    tag = "Webhooks",
    params(("id" = inline(WebhookId), Path, description = "The webhook's id")),
    responses(
        (status = 204, description = "It is deleted"),
        (status = 403, description = "role.forbidden"),
    ),
)]
pub(super) async fn remove(
    State(api): State<Api>,
    Caller(actor): Caller,
    Id(id): Id<WebhookId>,
) -> Result<StatusCode, Refusal> {
    api.webhooks.remove(&actor, id).await?;
    tracing::info!(webhook = %id, by = ?actor.name, "webhook deleted");
    Ok(StatusCode::NO_CONTENT)
}

/// Give a webhook a new secret.
///
/// The answer shows it once. The old secret signs beside the new one for a day, so that both verify meanwhile. Repeating
/// the call makes yet another secret. Roles: `district_admin`, `application` (its own).
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/rotate",
    operation_id = "rotateWebhook",
    tag = "Webhooks",
    params(("id" = inline(WebhookId), Path, description = "The webhook's id")),
    responses(
        (status = 200, description = "The webhook and its new secret, shown this once", body = WebhookWithSecret,
         example = json!({
            "id": "019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11", "url": "https://hooks.example.com/keybell",
            "events": ["task.*"], "owner": "sis", "state": "active", "reason": null, "waiting": 0, "failures": 0,
            "dropped": 0, "created_at": "2026-11-02T08:00:00Z", "last_success_at": "2026-11-02T09:00:00Z",
            "last_failure_at": null, "last_failure": null, "previous_secret_until": "2026-11-04T08:00:00Z",
            "secret": "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
        })),
        (status = 403, description = "role.forbidden"),
        (status = 409, description = "webhook.rotating"),
        (status = 503, description = "webhook.no_key"),
    ),
)]
pub(super) async fn rotate(
    State(api): State<Api>,
    Caller(actor): Caller,
    Id(id): Id<WebhookId>,
) -> Result<Json<WebhookWithSecret>, Refusal> {
    let rotated = api.webhooks.rotate(&actor, id).await?;
    tracing::info!(webhook = %id, by = ?actor.name, "webhook has a new secret");
    Ok(Json(rotated.into()))
}

/// Enable a webhook.
///
/// What waits goes out at once, with all its tries before it. Enabling an active webhook changes nothing. Roles:
/// `district_admin`, `application` (its own).
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/enable",
    operation_id = "enableWebhook",
    tag = "Webhooks",
    params(("id" = inline(WebhookId), Path, description = "The webhook's id")),
    responses(
        (status = 200, description = "The webhook", body = Webhook, example = json!({
            "id": "019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11", "url": "https://hooks.example.com/keybell",
            "events": ["task.*"], "owner": "sis", "state": "active", "reason": null, "waiting": 12, "failures": 0,
            "dropped": 3, "created_at": "2026-11-02T08:00:00Z", "last_success_at": "2026-11-02T09:00:00Z",
            "last_failure_at": "2026-11-03T16:12:10Z", "last_failure": "the endpoint answered 500",
            "previous_secret_until": null
        })),
        (status = 403, description = "role.forbidden"),
    ),
)]
pub(super) async fn enable(
    State(api): State<Api>,
    Caller(actor): Caller,
    Id(id): Id<WebhookId>,
) -> Result<Json<Webhook>, Refusal> {
    Ok(Json(api.webhooks.enable(&actor, id).await?.into()))
}

/// A message that is on its way.
#[derive(Serialize, ToSchema)]
pub(crate) struct TestMessage {
    id: WebhookId,
    /// The `webhook-id` that the endpoint will see.
    #[schema(pattern = "^msg_[0-9a-f]{32}$")]
    message: String,
}

/// Try a webhook out.
///
/// Sends a message of type `webhook.test`, whatever the webhook listens to; look at the webhook to see how it fared.
/// Roles: `district_admin`, `application` (its own).
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/test",
    operation_id = "testWebhook",
    tag = "Webhooks",
    params(("id" = inline(WebhookId), Path, description = "The webhook's id")),
    responses(
        (status = 202, description = "It is on its way", body = TestMessage, example = json!({
            "id": "019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11", "message": "msg_019372f15b7a7c3e9d405a1e0c6b2f11"
        })),
        (status = 403, description = "role.forbidden"),
        (status = 409, description = "webhook.disabled"),
    ),
)]
pub(super) async fn test(
    State(api): State<Api>,
    Caller(actor): Caller,
    Id(id): Id<WebhookId>,
) -> Result<(StatusCode, Json<TestMessage>), Refusal> {
    let message = message_id(api.webhooks.test(&actor, id).await?);
    Ok((StatusCode::ACCEPTED, Json(TestMessage { id, message })))
}
