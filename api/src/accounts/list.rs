//! `GET /v1/accounts?where=&q=&account=&limit=&after=`: the accounts that a filter means.

use axum::Json;
use axum::extract::State;
use keybell_scheduler::intake::{Looking, json};
use keybell_shared::ids::AccountId;
use keybell_shared::problem::{Problem, ProblemKind};
use keybell_shared::request::Where;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::view::Account;
use crate::auth::Caller;
use crate::page::{self, List};
use crate::parts::Api;
use crate::query::{self, Parameters};
use crate::refusal::Refusal;

/// The query.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// The `where` of a selection, as JSON: the same members with the same meaning.
    #[serde(rename = "where")]
    #[param(value_type = String, required = false, example = r#"{"grades":["09","10"]}"#)]
    narrowed: Option<String>,
    /// How the username or the family name begins; case makes no difference, and accents none in family names.
    #[param(value_type = String, required = false, min_length = 1, max_length = 255, example = "mul")]
    q: Option<String>,
    /// One account: its id, username or roster id.
    #[param(value_type = String, required = false, min_length = 1, max_length = 255, example = "mjones")]
    account: Option<String>,
    /// How many on a page: 1 to 200; more is brought down to 200.
    #[param(value_type = u64, required = false, minimum = 1, default = 50, example = 50)]
    limit: Option<String>,
    /// `next` of the page before.
    #[param(value_type = String, required = false, pattern = "^[0-9a-f]{40}$")]
    after: Option<String>,
}

/// One page.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccountPage {
    /// In the order of their ids.
    accounts: Vec<Account>,
    /// The `after` of the next page; `null` on the last one. A page may hold fewer than were asked for, even none, and
    /// have a next one.
    #[schema(required = true, pattern = "^[0-9a-f]{40}$")]
    next: Option<String>,
}

/// Look for accounts.
///
/// Whoever a selection with the same `where` would mean, so that it can be looked at before it is used. No passwords, no
/// contacts. Roles: `district_admin` sees the district, `principal` the own school, `teacher` the pupils of the own classes.
#[utoipa::path(
    get,
    path = "/v1/accounts",
    operation_id = "listAccounts",
    tag = "Accounts",
    params(Asked),
    responses(
        (status = 200, description = "A page of accounts", body = AccountPage, example = json!({
            "accounts": [{
                "id": "019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11", "roster_id": "u-1204", "username": "mjones",
                "given_name": "Mary", "family_name": "Jones", "role": "student", "grade": "09",
                "graduation_year": 2030, "school": "North School", "managed_by": null, "active": true,
                "protected": false, "quick_login": false
            }],
            "next": null
        })),
        (status = 400, description = "query.limit query.cursor query.where"),
        (status = 403, description = "role.forbidden"),
        (status = 413, description = "selection.too_many"),
        (status = 414, description = "The URL has more than 64 KiB; ask with fewer names at a time. Without a body."),
        (status = 422, description = "selection.unknown_names selection.blank_entry selection.bad_entry \
            selection.empty_filter accounts.begins"),
    ),
)]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(actor): Caller,
    Parameters(asked): Parameters<Asked>,
) -> Result<Json<AccountPage>, Refusal> {
    let size = query::limit(asked.limit.as_deref())?;
    let cursors = List::Accounts(actor.district.0);
    let after = asked.after.map(|cursor| page::read_id(cursors, "after", &cursor)).transpose()?.map(AccountId);
    let narrowed = asked.narrowed.map(|text| filter(&text)).transpose()?.unwrap_or_default();
    // The database's text cannot hold it, so that nobody has such a name.
    let account = asked.account.map(|name| name.replace('\0', "\u{fffd}"));
    let looking = Looking { narrowed, begins: asked.q, account };
    let found = api.intake.look(&actor, looking, after, size).await?;
    let next = found.next.map(|next| page::write_id(cursors, next.0));
    Ok(Json(AccountPage { accounts: found.accounts.into_iter().map(Account::from).collect(), next }))
}

/// Reads the filter, as strictly as a request's. Whatever cannot be read has one code; the detail says what it is.
pub(crate) fn filter(text: &str) -> Result<Where, Refusal> {
    json::parse_filter(text.as_bytes()).map_err(|problem| {
        let field = problem.field.as_deref().map_or_else(|| "where".to_owned(), |field| format!("where.{field}"));
        let code = if problem.kind == ProblemKind::Malformed { "query.where" } else { problem.code };
        Problem { code, field: Some(field), ..problem }.into()
    })
}
