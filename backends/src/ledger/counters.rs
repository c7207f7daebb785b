//! The one helper that changes progress counters, in the same transaction as the items.

use std::collections::BTreeMap;

use keybell_shared::ids::TaskId;
use keybell_shared::progress::Counts;

use super::sql::{Row, Sql, Tx, args, cells};

/// Changes of counts by task, gathered while a transaction runs.
#[derive(Debug, Default)]
pub(super) struct Deltas(BTreeMap<TaskId, Counts>);

impl Deltas {
    /// The changes of one task.
    pub(super) fn of(&mut self, task: TaskId) -> &mut Counts {
        self.0.entry(task).or_default()
    }

    /// Adds them to the writer's own rows, so that no row is hot. In task order: counters come last in the lock order.
    pub(super) async fn store(self, tx: &mut Tx, writer: &str) -> Sql<()> {
        let rows: Vec<_> = self
            .0
            .iter()
            .map(|(task, counts)| {
                let Counts { open, telling, notified, silent, undelivered, .. } = *counts;
                let Counts { skipped, cancelled, superseded, failed, retries, .. } = *counts;
                cells![
                    *task,
                    open,
                    telling,
                    notified,
                    silent,
                    undelivered,
                    skipped,
                    cancelled,
                    superseded,
                    failed,
                    retries
                ]
            })
            .collect();
        tx.run_rows(
            "INSERT INTO counters (task_id, writer, revision, open, telling, notified, silent, undelivered, skipped, \
                 cancelled, superseded, failed, retries)
             SELECT r.task, $2, 1, r.open, r.telling, r.notified, r.silent, r.undelivered, r.skipped, r.cancelled,
                 r.superseded, r.failed, r.retries
             FROM {table $1: task uuid, open bigint, telling bigint, notified bigint, silent bigint, undelivered bigint,
                 skipped bigint, cancelled bigint, superseded bigint, failed bigint, retries bigint} AS r
             WHERE TRUE
             ON CONFLICT (task_id, writer) DO UPDATE SET
                 revision = counters.revision + 1,
                 open = counters.open + excluded.open,
                 telling = counters.telling + excluded.telling,
                 notified = counters.notified + excluded.notified,
                 silent = counters.silent + excluded.silent,
                 undelivered = counters.undelivered + excluded.undelivered,
                 skipped = counters.skipped + excluded.skipped,
                 cancelled = counters.cancelled + excluded.cancelled,
                 superseded = counters.superseded + excluded.superseded,
                 failed = counters.failed + excluded.failed,
                 retries = counters.retries + excluded.retries",
            &rows,
            |rows| args![rows, writer],
        )
        .await?;
        Ok(())
    }
}

/// The columns of a sum over all writers, for a `LEFT JOIN counters c … GROUP BY`.
macro_rules! counter_sums {
    () => {
        "CAST(COALESCE(SUM(c.revision), 0) AS BIGINT) AS revision, CAST(COALESCE(SUM(c.open), 0) AS BIGINT) AS open, \
         CAST(COALESCE(SUM(c.telling), 0) AS BIGINT) AS telling, \
         CAST(COALESCE(SUM(c.notified), 0) AS BIGINT) AS notified, \
         CAST(COALESCE(SUM(c.silent), 0) AS BIGINT) AS silent, \
         CAST(COALESCE(SUM(c.undelivered), 0) AS BIGINT) AS undelivered, \
         CAST(COALESCE(SUM(c.skipped), 0) AS BIGINT) AS skipped, \
         CAST(COALESCE(SUM(c.cancelled), 0) AS BIGINT) AS cancelled, \
         CAST(COALESCE(SUM(c.superseded), 0) AS BIGINT) AS superseded, \
         CAST(COALESCE(SUM(c.failed), 0) AS BIGINT) AS failed, \
         CAST(COALESCE(SUM(c.retries), 0) AS BIGINT) AS retries"
    };
}
pub(super) use counter_sums;

/// Tasks `t` with their sums; continue with `WHERE … GROUP BY t.seq`.
macro_rules! tasks_with_sums {
    ($rest:literal) => {
        concat!(
            "SELECT t.seq, t.id, t.district_id, t.state, t.requester, t.request, t.digest, t.created_at, t.finished_at,
                 t.parent_id, t.held, t.plan_id, t.approved_by, t.start_at, t.start_said, t.waves, t.wave, t.halted,
                 CASE WHEN t.wave IS NOT NULL THEN (SELECT w.label FROM task_waves w WHERE w.task_id = t.id AND w.wave = t.wave) END AS wave_label,
                 CASE WHEN t.wave IS NOT NULL THEN (SELECT count(*) FROM task_waves w WHERE w.task_id = t.id) END AS wave_count,
                 (SELECT epoch FROM meta) AS epoch, {now} AS now, ",
            $crate::ledger::counters::counter_sums!(),
            " FROM tasks t LEFT JOIN counters c ON c.task_id = t.id ",
            $rest
        )
    };
}

pub(super) use tasks_with_sums;

/// Reads the columns of [`counter_sums`].
pub(super) fn counts(row: &Row) -> Sql<Counts> {
    Ok(Counts {
        open: row.get("open")?,
        telling: row.get("telling")?,
        notified: row.get("notified")?,
        silent: row.get("silent")?,
        undelivered: row.get("undelivered")?,
        skipped: row.get("skipped")?,
        cancelled: row.get("cancelled")?,
        superseded: row.get("superseded")?,
        failed: row.get("failed")?,
        retries: row.get("retries")?,
    })
}
