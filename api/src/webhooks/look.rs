//! `GET /v1/webhooks` and `GET /v1/webhooks/{id}`.

use axum::Json;
use axum::extract::State;
use keybell_shared::ids::WebhookId;

use super::view::{Webhook, Webhooks};
use crate::auth::Caller;
use crate::parts::Api;
use crate::path::Id;
use crate::refusal::Refusal;

/// List the webhooks.
///
/// Of an administrator all of the district, of an application its own; never with a secret. Roles: `district_admin`,
/// `application`.
#[utoipa::path(
    get,
    path = "/v1/webhooks",
    operation_id = "listWebhooks",
    tag = "Webhooks",
    responses(
        (status = 200, description = "The webhooks", body = Webhooks, example = json!({ "webhooks": [{
            "id": "019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11", "url": "https://hooks.example.com/keybell",
            "events": ["task.*"], "owner": "sis", "state": "disabled", "reason": "exhausted", "waiting": 12,
            "failures": 7, "dropped": 0, "created_at": "2026-11-02T08:00:00Z",
            "last_success_at": "2026-11-02T09:00:00Z", "last_failure_at": "2026-11-03T16:12:10Z",
            "last_failure": "the endpoint answered 500", "previous_secret_until": null
        }] })),
        (status = 403, description = "role.forbidden"),
    ),
)]
pub(super) async fn list(State(api): State<Api>, Caller(actor): Caller) -> Result<Json<Webhooks>, Refusal> {
    let webhooks = api.webhooks.list(&actor).await?.into_iter().map(Webhook::from).collect();
    Ok(Json(Webhooks { webhooks }))
}

/// Show a webhook.
///
/// With how its messages fare, without its secret. Roles: `district_admin`, `application` (its own).
#[utoipa::path(
    get,
    path = "/v1/webhooks/{id}",
    operation_id = "showWebhook",
    tag = "Webhooks",
    params(("id" = inline(WebhookId), Path, description = "The webhook's id")),
    responses(
        (status = 200, description = "The webhook", body = Webhook, example = json!({
            "id": "019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11", "url": "https://hooks.example.com/keybell",
            "events": ["task.*"], "owner": "sis", "state": "active", "reason": null, "waiting": 0, "failures": 0,
            "dropped": 0, "created_at": "2026-11-02T08:00:00Z", "last_success_at": "2026-11-02T09:00:00Z",
            "last_failure_at": null, "last_failure": null, "previous_secret_until": null
        })),
        (status = 403, description = "role.forbidden"),
    ),
)]
pub(super) async fn show(
    State(api): State<Api>,
    Caller(actor): Caller,
    Id(id): Id<WebhookId>,
) -> Result<Json<Webhook>, Refusal> {
    Ok(Json(api.webhooks.show(&actor, id).await?.into()))
}
