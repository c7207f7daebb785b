//! The rows of a report, a page at a time.

use keybell_roster::export::{ExportError, XlsxSheet, outcome};
use keybell_shared::ids::{DistrictId, ItemId, TaskId};
use keybell_shared::ports::ledger::{ItemFilter, ReportRow};
use keybell_shared::problem::Problem;
use keybell_shared::states::ItemState;

use crate::files::{Pages, Table};
use crate::parts::Api;

/// Rows of a page.
const PAGE: u32 = 1_000;

/// Where a reader of a report stands.
pub(super) struct ReportPages {
    api: Api,
    district: DistrictId,
    task: TaskId,
    filter: ItemFilter,
    ended: bool,
}

/// Whom nobody could tell and nobody has told since.
pub(super) const UNREACHABLE: ItemFilter =
    ItemFilter { state: Some(ItemState::Undelivered), after: None, current: true };

impl ReportPages {
    /// The rows of a task that the filter lets through.
    pub(super) fn new(api: Api, district: DistrictId, task: TaskId, filter: ItemFilter) -> Self {
        Self { api, district, task, filter, ended: false }
    }
}

impl Pages for ReportPages {
    type Row = ReportRow;

    async fn next(&mut self) -> Result<Option<Vec<ReportRow>>, Problem> {
        if self.ended {
            return Ok(None);
        }
        let rows = self.api.ledger.report(self.district, self.task, self.filter, PAGE).await?;
        self.ended = rows.len() < PAGE as usize;
        self.filter.after = rows.last().map(|row: &ReportRow| -> ItemId { row.item });
        Ok(if rows.is_empty() { None } else { Some(rows) })
    }
}

/// The table of outcomes.
pub(super) struct Outcome;

impl Table for Outcome {
    type Row = ReportRow;

    fn csv_page(first: bool, rows: &[ReportRow]) -> Result<Vec<u8>, ExportError> {
        outcome::csv_page(first, rows)
    }

    fn sheet(expected: u64) -> Result<XlsxSheet, ExportError> {
        outcome::xlsx(expected)
    }

    fn push(sheet: &mut XlsxSheet, rows: &[ReportRow]) -> Result<(), ExportError> {
        outcome::push(sheet, rows)
    }
}
