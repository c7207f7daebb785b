//! The rows of a report, a page at a time.

use keybell_shared::ids::{DistrictId, ItemId, TaskId};
use keybell_shared::ports::ledger::{ItemFilter, LedgerResult, ReportRow};
use keybell_shared::states::ItemState;

use crate::parts::Api;

/// Rows of a page.
const PAGE: u32 = 1_000;

/// Where a reader of a report stands.
pub(super) struct Pages {
    api: Api,
    district: DistrictId,
    task: TaskId,
    filter: ItemFilter,
    ended: bool,
}

/// Whom nobody could tell and nobody has told since.
pub(super) const UNREACHABLE: ItemFilter =
    ItemFilter { state: Some(ItemState::Undelivered), after: None, current: true };

impl Pages {
    /// The rows of a task that the filter lets through.
    pub(super) fn new(api: Api, district: DistrictId, task: TaskId, filter: ItemFilter) -> Self {
        Self { api, district, task, filter, ended: false }
    }

    /// The next page; `None` after the last one.
    pub(super) async fn next(&mut self) -> LedgerResult<Option<Vec<ReportRow>>> {
        if self.ended {
            return Ok(None);
        }
        let rows = self.api.ledger.report(self.district, self.task, self.filter, PAGE).await?;
        self.ended = rows.len() < PAGE as usize;
        self.filter.after = rows.last().map(|row: &ReportRow| -> ItemId { row.item });
        Ok(if rows.is_empty() { None } else { Some(rows) })
    }
}
