//! A task's outcomes, one row per account, for whoever asked for them.

use keybell_shared::ids::{DistrictId, TaskId};
use keybell_shared::ports::ledger::{ItemFilter, ReportRow};

use super::SqlLedger;
use super::sql::{Row, Sql, args};

/// A page of a report; continue with the condition on the state. What was sent is counted per row by an index of the
/// item's notifications, so that a page costs what its rows cost.
macro_rules! page {
    ($state:literal) => {
        concat!(
            "SELECT i.id, i.state, i.code, i.changed_at, a.username, a.source_id, a.given_name, a.family_name, a.role,
                 a.grade, s.name AS school,
                 (SELECT count(*) FROM notifications n WHERE n.item_id = i.id AND n.state = 'accepted') AS told,
                 (SELECT CAST(COALESCE(SUM(n.attempts), 0) AS BIGINT) FROM notifications n WHERE n.item_id = i.id)
                     AS attempts
             FROM items i JOIN accounts a ON a.id = i.account_id LEFT JOIN schools s ON s.id = a.school_id
             WHERE i.task_id = $1 AND i.district_id = $2 AND i.id > $3
             AND ($5 = 0 OR a.last_reset_seq <= (SELECT t.seq FROM tasks t WHERE t.id = $1)) ",
            $state,
            " ORDER BY i.id LIMIT $4"
        )
    };
}

impl SqlLedger {
    pub(super) async fn report_page(
        &self,
        district: DistrictId,
        task: TaskId,
        filter: ItemFilter,
        limit: u32,
    ) -> Sql<Vec<ReportRow>> {
        let after = filter.after.map_or(0, |id| id.0);
        let current = u32::from(filter.current);
        let rows = match filter.state {
            Some(state) => {
                let arguments = args![task, district, after, limit, current, state.as_str()];
                self.db.read(page!("AND i.state = $6"), arguments).await?
            }
            None => self.db.read(page!(""), args![task, district, after, limit, current]).await?,
        };
        rows.iter().map(outcome).collect()
    }
}

fn outcome(row: &Row) -> Sql<ReportRow> {
    let count = |name| Ok::<_, super::sql::Failure>(u32::try_from(row.get::<i64>(name)?).unwrap_or(u32::MAX));
    Ok(ReportRow {
        item: row.get("id")?,
        username: row.get("username")?,
        source_id: row.get("source_id")?,
        given_name: row.get("given_name")?,
        family_name: row.get("family_name")?,
        role: row.get("role")?,
        grade: row.get("grade")?,
        school: row.get("school")?,
        state: row.word("state")?,
        code: row.maybe_word("code")?,
        changed_at: row.get("changed_at")?,
        told: count("told")?,
        attempts: count("attempts")?,
    })
}
