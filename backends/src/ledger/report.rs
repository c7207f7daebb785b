//! A task's outcomes, one row per account, for whoever asked for them.

use keybell_shared::ids::{AccountId, DistrictId, TaskId};
use keybell_shared::ports::ledger::{ItemFilter, ReportRow};

use super::SqlLedger;
use super::paging::after_item;
use super::sql::{Row, Sql, args};
use uuid::Uuid;

/// A page of a report; after the condition on state and place, in the order of an index. What was sent is counted per row by an index of the
/// item's notifications, so that a page costs what its rows cost.
macro_rules! page {
    ($after:expr, $order:literal) => {
        concat!(
            "SELECT i.id, i.state, i.code, i.changed_at, a.username, a.source_id, a.given_name, a.family_name, a.role,
                 a.grade, s.name AS school,
                 (SELECT count(*) FROM notifications n WHERE n.item_id = i.id AND n.state = 'accepted') AS told,
                 (SELECT CAST(COALESCE(SUM(n.attempts), 0) AS BIGINT) FROM notifications n WHERE n.item_id = i.id)
                     AS attempts
             FROM items i JOIN accounts a ON a.id = i.account_id LEFT JOIN schools s ON s.id = a.school_id
             WHERE i.task_id = $1 AND i.district_id = $2
             AND ($5 = 0 OR a.last_reset_seq <= (SELECT t.seq FROM tasks t WHERE t.id = $1)) AND ",
            $after,
            " ORDER BY ",
            $order,
            " LIMIT $4"
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
        let rows = if let Some(state) = filter.state {
            let arguments = args![task, district, after, limit, current, state.as_str()];
            self.db.read(page!("i.state = $6 AND i.id > $3", "i.id"), arguments).await?
        } else {
            let arguments = args![task, district, after, limit, current, AccountId(Uuid::nil())];
            self.db.read(page!(after_item!("$3", "$6"), "i.account_id"), arguments).await?
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
