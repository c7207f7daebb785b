//! `GET /v1/uploads/accounts.csv` and `…xlsx`: the list that is filled in and uploaded.

use axum::extract::State;
use axum::response::Response;
use keybell_roster::export::{ExportError, XlsxSheet, upload};
use keybell_scheduler::intake::Looking;
use keybell_shared::actor::Actor;
use keybell_shared::ids::AccountId;
use keybell_shared::ports::ledger::AccountView;
use keybell_shared::problem::Problem;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::accounts::filter;
use crate::auth::Caller;
use crate::files::{self, Pages, Table};
use crate::parts::Api;
use crate::query::Parameters;
use crate::refusal::Refusal;

/// Accounts of a page.
const PAGE: u32 = 1_000;

/// The query.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// The `where` of a selection, as JSON: the same members with the same meaning.
    #[serde(rename = "where")]
    #[param(value_type = String, required = false, example = r#"{"grades":["09","10"]}"#)]
    narrowed: Option<String>,
    /// How the username or the family name begins; case makes no difference, and accents none in family names.
    #[param(value_type = String, required = false, min_length = 1, max_length = 255, example = "mul")]
    q: Option<String>,
}

/// Export accounts for an upload, as CSV.
///
/// One row for each account that the filter means, in a fixed order of columns, with `New username` and `New password`
/// empty: fill them in, remove the rows of everybody else, try the file out and upload it. Active accounts only, and none
/// that an outside identity provider manages. Roles and filter as in `GET /v1/accounts`. Without a length, because it is
/// sent as it is read: a file is whole when the transfer ends without an error.
#[utoipa::path(
    get,
    path = "/v1/uploads/accounts.csv",
    operation_id = "exportAccountsCsv",
    tag = "Uploads",
    params(Asked),
    responses(
        (status = 200, description = "The file", body = String, content_type = "text/csv; charset=utf-8",
            headers(("Content-Disposition" = String, description = "A plain file name"))),
        (status = 400, description = "query.where"),
        (status = 403, description = "role.forbidden"),
        (status = 413, description = "selection.too_many"),
        (status = 414, description = "The URL has more than 64 KiB; ask with fewer names at a time. Without a body."),
        (status = 422, description = "selection.unknown_names selection.blank_entry selection.bad_entry \
            selection.empty_filter accounts.begins"),
        (status = 500, description = "export.failed"),
    ),
)]
pub(super) async fn csv(
    State(api): State<Api>,
    Caller(actor): Caller,
    Parameters(asked): Parameters<Asked>,
) -> Result<Response, Refusal> {
    files::csv::<Accounts>("accounts.csv", AccountPages::new(api, actor, asked)?).await
}

/// Export accounts for an upload, as XLSX.
///
/// As the CSV file, for spreadsheets: the cells to be filled in are formatted as text, so that leading zeros stay, and a
/// second sheet says how. At most 1 048 575 accounts.
#[utoipa::path(
    get,
    path = "/v1/uploads/accounts.xlsx",
    operation_id = "exportAccountsXlsx",
    tag = "Uploads",
    params(Asked),
    responses(
        (status = 200, description = "The file",
            body = Vec<u8>,
            content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            headers(("Content-Disposition" = String, description = "A plain file name"))),
        (status = 400, description = "query.where"),
        (status = 403, description = "role.forbidden"),
        (status = 413, description = "selection.too_many"),
        (status = 414, description = "The URL has more than 64 KiB; ask with fewer names at a time. Without a body."),
        (status = 422, description = "selection.unknown_names selection.blank_entry selection.bad_entry \
            selection.empty_filter accounts.begins export.too_large"),
        (status = 500, description = "export.failed"),
    ),
)]
pub(super) async fn xlsx(
    State(api): State<Api>,
    Caller(actor): Caller,
    Parameters(asked): Parameters<Asked>,
) -> Result<Response, Refusal> {
    files::xlsx::<Accounts>("accounts.xlsx", 0, AccountPages::new(api, actor, asked)?).await
}

/// The accounts of an export, a page at a time.
struct AccountPages {
    api: Api,
    actor: Actor,
    looking: Looking,
    after: Option<AccountId>,
    ended: bool,
}

impl AccountPages {
    fn new(api: Api, actor: Actor, asked: Asked) -> Result<Self, Refusal> {
        let narrowed = asked.narrowed.map(|text| filter(&text)).transpose()?.unwrap_or_default();
        let looking = Looking { narrowed, begins: asked.q, account: None };
        Ok(Self { api, actor, looking, after: None, ended: false })
    }
}

impl Pages for AccountPages {
    type Row = AccountView;

    async fn next(&mut self) -> Result<Option<Vec<AccountView>>, Problem> {
        while !self.ended {
            let page = self.api.intake.look(&self.actor, self.looking.clone(), self.after, PAGE).await?;
            self.after = page.next;
            self.ended = page.next.is_none();
            let mut accounts = page.accounts;
            accounts.retain(|account| account.active && account.managed_by.is_none());
            if !accounts.is_empty() {
                return Ok(Some(accounts));
            }
        }
        Ok(None)
    }
}

/// The table of an export for upload.
struct Accounts;

impl Table for Accounts {
    type Row = AccountView;

    fn csv_page(first: bool, rows: &[AccountView]) -> Result<Vec<u8>, ExportError> {
        upload::csv_page(first, rows)
    }

    fn sheet(expected: u64) -> Result<XlsxSheet, ExportError> {
        upload::xlsx(expected)
    }

    fn push(sheet: &mut XlsxSheet, rows: &[AccountView]) -> Result<(), ExportError> {
        upload::push(sheet, rows)
    }
}
