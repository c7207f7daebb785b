//! `GET /v1/tasks/{id}/report.csv` and `…/unreachable.csv`.

use axum::extract::State;
use axum::response::Response;
use keybell_shared::actor::Actor;
use keybell_shared::ids::TaskId;
use keybell_shared::ports::ledger::ItemFilter;

use super::Asked;
use super::pages::{Outcome, ReportPages, UNREACHABLE};
use crate::auth::Caller;
use crate::files;
use crate::parts::Api;
use crate::query::Parameters;
use crate::refusal::Refusal;
use crate::tasks::scope::{TaskPath, visible};

/// Download the outcome as CSV.
///
/// One row for each account: UTF-8 with a byte-order mark, commas, CRLF. Never a password or an address; texts that a
/// spreadsheet could take for a formula get an apostrophe in front. Without a length, because it is sent as it is read:
/// a file is whole when the transfer ends without an error.
#[utoipa::path(
    get,
    path = "/v1/tasks/{id}/report.csv",
    operation_id = "downloadReportCsv",
    tag = "Reports",
    params(("id" = inline(TaskId), Path, description = "The task's id"), Asked),
    responses(
        (status = 200, description = "The file", body = String, content_type = "text/csv; charset=utf-8",
            headers(("Content-Disposition" = String, description = "A plain file name"))),
        (status = 400, description = "query.state"),
    ),
)]
pub(super) async fn report(
    State(api): State<Api>,
    Caller(actor): Caller,
    TaskPath(id): TaskPath,
    Parameters(asked): Parameters<Asked>,
) -> Result<Response, Refusal> {
    sent(api, &actor, id, asked.filter()?, "report").await
}

/// Download who could not be told, as CSV.
///
/// The accounts whose password was changed and whom nobody could tell: the list for handing over by hand. Whom a newer
/// task has reset since is not in it. Columns and format as in the report.
#[utoipa::path(
    get,
    path = "/v1/tasks/{id}/unreachable.csv",
    operation_id = "downloadUnreachableCsv",
    tag = "Reports",
    params(("id" = inline(TaskId), Path, description = "The task's id")),
    responses(
        (status = 200, description = "The file", body = String, content_type = "text/csv; charset=utf-8",
            headers(("Content-Disposition" = String, description = "A plain file name"))),
    ),
)]
pub(super) async fn unreachable(
    State(api): State<Api>,
    Caller(actor): Caller,
    TaskPath(id): TaskPath,
) -> Result<Response, Refusal> {
    sent(api, &actor, id, UNREACHABLE, "unreachable").await
}

async fn sent(api: Api, actor: &Actor, task: TaskId, filter: ItemFilter, name: &str) -> Result<Response, Refusal> {
    visible(&api, actor, task).await?;
    let pages = ReportPages::new(api, actor.district, task, filter);
    files::csv::<Outcome>(&format!("{name}-{task}.csv"), pages).await
}
