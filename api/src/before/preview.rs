//! `POST /v1/tasks/preview`: a trial run.

use axum::Json;
use axum::extract::State;
use keybell_scheduler::intake::json;
use keybell_shared::codes::Code;
use keybell_shared::ports::ledger::Preview;
use keybell_shared::request::{Mode, ResetRequest};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::body::{self, JsonBytes};
use crate::parts::Api;
use crate::refusal::Refusal;

/// Whom a request means right now.
#[derive(Serialize, ToSchema)]
pub(crate) struct Plan {
    /// How many accounts would be reset, or asked to choose a password.
    #[schema(minimum = 0)]
    eligible: u64,
    /// How many would be left as they are, by the reason.
    skipped: Vec<Left>,
    /// How their passwords would change.
    mode: Mode,
    /// What would happen to each of them, in plain words.
    effect: &'static str,
}

/// Accounts that are left as they are for one reason.
#[derive(Serialize, ToSchema)]
pub(crate) struct Left {
    code: Code,
    /// What the code means.
    meaning: &'static str,
    /// How many.
    #[schema(minimum = 0)]
    accounts: u64,
}

impl From<(Code, u64)> for Left {
    fn from((code, accounts): (Code, u64)) -> Self {
        Self { code, meaning: code.meaning(), accounts }
    }
}

impl Plan {
    fn of(request: &ResetRequest, preview: Preview) -> Self {
        let skipped = preview.skipped.into_iter().filter(|(_, accounts)| *accounts > 0).map(Left::from).collect();
        Self { eligible: preview.eligible, skipped, mode: request.mode, effect: request.effect() }
    }
}

/// Try a request out.
///
/// Checks the request as `POST /v1/tasks` does and counts whom it means, as of now. Nothing is changed, and it can be
/// done as often as wanted. The precautions need not be acknowledged for it.
#[utoipa::path(
    post,
    path = "/v1/tasks/preview",
    operation_id = "previewTask",
    tag = "Before",
    request_body(content = ResetRequest, description = "The request", examples(
        ("everybody" = (summary = "A new school year", value = json!({
            "selection": { "scope": "without_role", "where": { "grades": ["09", "10"] } },
            "password": { "source": "generated", "format": "by-grade" },
            "channel": "cascade", "reason": "start_of_year"
        }))),
        ("some" = (summary = "Two who lost theirs", value = json!({
            "selection": { "scope": "selected", "accounts": ["mjones", "lchen"] },
            "reason": "lost"
        }))),
    )),
    responses(
        (status = 200, description = "Whom it means", body = Plan, example = json!({
            "eligible": 412,
            "skipped": [{ "code": "S03", "meaning": "skipped: the account is not active", "accounts": 7 }],
            "mode": "force", "effect": "a new password is set at once, and sessions end"
        })),
        (status = 403, description = "confirm.not_permitted role.may_not_reset role.needs_person district.unknown"),
        (status = 413, description = "selection.too_many"),
        (status = 422, description = "version.unsupported selection.empty selection.unexpected_accounts selection.unexpected_where selection.blank_entry \
            selection.bad_entry selection.empty_filter selection.nobody selection.unknown_accounts \
            selection.unknown_names notify.nobody_would_know notify.link_is_sent unreachable.nobody_is_told links.no_url mode.sets_no_password mode.nothing_temporary mode.nothing_expires password.too_short password.too_long \
            password.control_character password.no_capital password.no_lower_case password.no_digit password.common \
            password.personal password.expiry_without_temporary password.expiry_out_of_range \
            password.shared_unacknowledged password.shared_must_be_temporary password.shared_expiry_too_long \
            password.grades_without_temporary password.too_many_grades password.upload_only \
            start.no_instant start.past start.too_far start.zone waves.canary_too_large waves.percent_out_of_range"),
        (status = 503, description = "keys.reset_missing"),
    ),
)]
pub(super) async fn preview(
    State(api): State<Api>,
    Caller(actor): Caller,
    JsonBytes(bytes): JsonBytes<{ json::MAX_BYTES }>,
) -> Result<Json<Plan>, Refusal> {
    body::must_be_object(&bytes)?;
    let request = json::parse(&bytes)?;
    let preview = api.intake.preview(&actor, &request).await?;
    Ok(Json(Plan::of(&request, preview)))
}
