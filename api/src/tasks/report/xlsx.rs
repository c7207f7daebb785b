//! `GET /v1/tasks/{id}/report.xlsx` and `…/unreachable.xlsx`.

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

/// Download the outcome as XLSX.
///
/// As the CSV file, for spreadsheets; every cell is text or a number, never a formula. At most 1 048 575 accounts.
#[utoipa::path(
    get,
    path = "/v1/tasks/{id}/report.xlsx",
    operation_id = "downloadReportXlsx",
    tag = "Reports",
    params(("id" = inline(TaskId), Path, description = "The task's id"), Asked),
    responses(
        (status = 200, description = "The file",
            body = Vec<u8>,
            content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            headers(("Content-Disposition" = String, description = "A plain file name"))),
        (status = 400, description = "query.state"),
        (status = 422, description = "export.too_large"),
        (status = 500, description = "export.failed"),
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

/// Download who could not be told, as XLSX.
///
/// As the CSV file, for spreadsheets.
#[utoipa::path(
    get,
    path = "/v1/tasks/{id}/unreachable.xlsx",
    operation_id = "downloadUnreachableXlsx",
    tag = "Reports",
    params(("id" = inline(TaskId), Path, description = "The task's id")),
    responses(
        (status = 200, description = "The file",
            body = Vec<u8>,
            content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            headers(("Content-Disposition" = String, description = "A plain file name"))),
        (status = 422, description = "export.too_large"),
        (status = 500, description = "export.failed"),
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
    let view = visible(&api, actor, task).await?;
    let counts = view.progress.counts;
    // A number that may be too large must not refuse a file that would fit.
    let expected = if filter.state.is_none() { u64::try_from(counts.total()).unwrap_or_default() } else { 0 };
    let pages = ReportPages::new(api, actor.district, task, filter);
    files::xlsx::<Outcome>(&format!("{name}-{task}.xlsx"), expected, pages).await
}
