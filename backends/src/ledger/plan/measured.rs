//! How fast the fleet was, from tasks that ended.

use std::time::Duration;

use keybell_shared::clock::Millis;
use keybell_shared::ids::TaskId;
use keybell_shared::ports::ledger::{MEASURABLE, Measured};
use keybell_shared::request::ResetRequest;

use crate::ledger::SqlLedger;
use crate::ledger::periodic;
use crate::ledger::sql::{Row, Sql, args};

/// How many ended tasks are looked at.
const TASKS: u32 = 50;
/// How many of them are measured.
const ENOUGH: usize = 5;

impl SqlLedger {
    pub(super) async fn fastest(&self, told: bool) -> Sql<Option<Measured>> {
        let mut measured: Vec<Measured> = Vec::new();
        for row in self.db.read(periodic::ENDED_TASKS, args![TASKS]).await? {
            let request: String = row.get("request")?;
            if !serde_json::from_str(&request).is_ok_and(|request: ResetRequest| request.is_told() == told) {
                continue;
            }
            measured.extend(self.measure(&row).await?);
            if measured.len() == ENOUGH {
                break;
            }
        }
        Ok(measured.into_iter().max_by(|a, b| a.per_second().total_cmp(&b.per_second())))
    }

    /// From the first outcome, not from the request: a task may have waited for others, or for an approval.
    async fn measure(&self, row: &Row) -> Sql<Option<Measured>> {
        let task: TaskId = row.get("id")?;
        let accounts = u64::try_from(row.get::<i64>("changed")?).unwrap_or_default();
        if accounts < MEASURABLE {
            return Ok(None);
        }
        let first = self
            .db
            .read_first(
                "SELECT min(b.at) AS at FROM (
                     SELECT i.changed_at AS at FROM items i
                     WHERE i.task_id = $1 AND i.state = $2 ORDER BY i.id LIMIT 100) AS b",
                args![task, row.get::<String>("usual")?],
            )
            .await?;
        let ended_at: Millis = row.get("finished_at")?;
        let Some(began) = first.map(|row| row.get::<Option<Millis>>("at")).transpose()?.flatten() else {
            return Ok(None);
        };
        let took = Duration::from_millis(u64::try_from(ended_at.0 - began.0).unwrap_or_default());
        Ok((took > Duration::ZERO).then_some(Measured { task, accounts, took, ended_at }))
    }
}
