//! The history of sending: one row for each attempt that ended, with what the other side said.
//!
//! An attempt that is under way stands in its notification (fence, number, begin and lease), so that nothing is written twice for
//! it: its row is written when it ends, by its result or by the end of its lease.

use keybell_shared::clock::Millis;
use keybell_shared::ids::NotificationId;
use keybell_shared::ports::ledger::{SendOutcome, SendReport};

use super::sql::{Row, Sql, Tx, args, cells};

/// Inserts attempts that ended; continue with their columns and where they come from. A build before this one wrote a row when its
/// attempt began, and a row that is there already must not cost a result: its message would be sent again.
macro_rules! put_down {
    ($rows:literal) => {
        concat!(
            "INSERT INTO attempts (notification_id, fence, number, started_at, ended_at, outcome, detail) SELECT ",
            $rows,
            " ON CONFLICT (notification_id, fence) DO UPDATE SET
                 ended_at = excluded.ended_at, outcome = excluded.outcome, detail = excluded.detail"
        )
    };
}

/// Attempts that ended.
#[derive(Default)]
pub(super) struct Attempts {
    ended: Vec<Ended>,
    late: Vec<Ended>,
}

struct Ended {
    notification: NotificationId,
    fence: i64,
    number: i32,
    started: Millis,
    outcome: &'static str,
    detail: String,
}

impl Attempts {
    /// Notes a result, with the row of its notification. A late one belongs to an attempt whose row the end of its lease wrote.
    pub(super) fn ended(&mut self, row: &Row, report: &SendReport, late: bool) -> Sql<()> {
        let ended = Ended {
            notification: report.notification,
            fence: report.fence,
            number: row.get("attempts")?,
            started: row.get("changed_at")?,
            outcome: match report.outcome {
                SendOutcome::Accepted => "accepted",
                SendOutcome::Temporary { .. } => "temporary",
                SendOutcome::Permanent => "permanent",
                SendOutcome::ChannelDown { .. } => "channel_down",
            },
            detail: report.detail.chars().filter(|c| !c.is_control()).take(200).collect(),
        };
        if late {
            self.late.push(ended);
        } else {
            self.ended.push(ended);
        }
        Ok(())
    }

    /// Writes them down.
    pub(super) async fn store(self, tx: &mut Tx) -> Sql<()> {
        let rows: Vec<_> = self
            .ended
            .iter()
            .map(|one| cells![one.notification, one.fence, one.number, one.started.0, one.outcome, &one.detail])
            .collect();
        tx.run_rows(
            put_down!(
                "r.id, r.fence, r.number, r.started, {now}, r.outcome, r.detail
                 FROM {table $1: id bigint, fence bigint, number integer, started bigint, outcome text, detail text} AS r
                 WHERE TRUE"
            ),
            &rows,
            |rows| args![rows],
        )
        .await?;
        let rows: Vec<_> =
            self.late.iter().map(|one| cells![one.notification, one.fence, one.outcome, &one.detail]).collect();
        tx.run_rows(
            "UPDATE attempts SET ended_at = {now}, outcome = r.outcome, detail = r.detail
             FROM {table $1: id bigint, fence bigint, outcome text, detail text} AS r
             WHERE attempts.notification_id = r.id AND attempts.fence = r.fence",
            &rows,
            |rows| args![rows],
        )
        .await?;
        Ok(())
    }
}

/// Writes down attempts whose lease has ended: whether they reached anybody is not known. Their notifications still stand as
/// they were claimed.
pub(super) async fn unknown(tx: &mut Tx, notifications: &[NotificationId]) -> Sql<()> {
    tx.run(
        put_down!(
            "n.id, n.fence, n.attempts, n.changed_at, {now}, 'unknown', 'the lease expired'
             FROM notifications n WHERE n.id {any $1 bigint}"
        ),
        args![notifications],
    )
    .await?;
    Ok(())
}
