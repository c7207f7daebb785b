//! Every statement that a periodic loop runs, in one place: a million accounts and ten million items must not make any of
//! them scan a table. `tests/tests/conformance/ledger/plans.rs` reads their plans on both databases.

use super::SqlLedger;
use super::counters::tasks_with_sums;
use super::sql::{Value, args};

/// Tasks to expand.
pub(super) const EXPANDING: &str = "SELECT id FROM tasks
     WHERE state = 'expanding' AND state IN ('expanding', 'running', 'paused', 'cancelling')
     ORDER BY seq LIMIT $1";

/// How full the window is.
pub(super) const QUEUED: &str = "SELECT count(*) AS n FROM (SELECT 1 FROM items {lite INDEXED BY items_queued} WHERE state = 'queued' LIMIT $1) AS window_items";

/// Tasks with something to dispatch.
pub(super) const RUNNABLE: &str = "SELECT t.id, t.district_id FROM tasks t
     WHERE t.state = 'running' AND t.state IN ('expanding', 'running', 'paused', 'cancelling')
     AND EXISTS (SELECT 1 FROM items i WHERE i.task_id = t.id AND i.state = 'pending')
     ORDER BY t.seq LIMIT $1";

/// What a task dispatches next.
pub(super) const PENDING: &str =
    "SELECT id, dispatch FROM items WHERE task_id = $1 AND state = 'pending' ORDER BY id LIMIT $2";

/// Claims whose lease has ended.
pub(super) const EXPIRED_LEASES: &str = "SELECT id FROM notifications WHERE state = 'sending' AND lease_until <= {now}
     ORDER BY lease_until, id LIMIT $1";

/// Notifications that are due and on no queue.
pub(super) const DUE: &str = "UPDATE notifications SET queued_at = {now} WHERE id IN (
     SELECT id FROM notifications
     WHERE channel = $1 AND state = 'waiting' AND queued_at IS NULL AND due_at <= {now}
     ORDER BY due_at, id LIMIT $2 {skip})
     RETURNING id, item_id, task_id, district_id, channel, republished";

/// Notifications that an empty queue has lost.
pub(super) const LOST_NOTIFICATIONS: &str =
    "UPDATE notifications SET queued_at = {now}, republished = republished + 1 WHERE id IN (
     SELECT id FROM notifications
     WHERE channel = $1 AND state = 'waiting' AND queued_at IS NOT NULL AND queued_at <= {now} - $3
     ORDER BY queued_at, id LIMIT $2 {skip})
     RETURNING id, item_id, task_id, district_id, channel, republished";

/// Items that an empty queue has lost.
pub(super) const LOST_ITEMS: &str =
    "UPDATE items SET queued_at = {now}, republished = republished + 1, dispatch = dispatch + 1
     WHERE id IN (
     SELECT id FROM items WHERE state = 'queued' AND queued_at <= {now} - $1
     ORDER BY queued_at, id LIMIT $2 {skip})
     RETURNING id, task_id, district_id, republished, dispatch";

/// Sealed passwords past their own expiry.
pub(super) const EXPIRED_SEALS: &str =
    "SELECT item_id FROM sealed_passwords WHERE expires_at <= {now} ORDER BY expires_at, item_id LIMIT $1";

/// Tasks that can be closed, and cancels that were interrupted.
pub(super) const CLOSABLE: &str = "SELECT t.id, t.state FROM tasks t
     WHERE t.state IN ('running', 'paused', 'cancelling')
     AND t.state IN ('expanding', 'running', 'paused', 'cancelling')
     AND (t.state = 'cancelling' OR NOT EXISTS (
     SELECT 1 FROM items i WHERE i.task_id = t.id AND i.state IN ('pending', 'queued', 'reset')))
     ORDER BY t.seq LIMIT $1";

/// Events that were not handed on.
pub(super) const UNSENT: &str =
    "SELECT id, district_id, kind, body, at FROM events WHERE NOT sent ORDER BY id LIMIT $1";

/// Audit rows that are not chained.
pub(super) const UNCHAINED: &str = "SELECT * FROM audit WHERE chain IS NULL ORDER BY id LIMIT $1";

/// Snapshots of tasks that are not final.
pub(super) const OPEN_TASKS: &str =
    tasks_with_sums!("WHERE t.state IN ('expanding', 'running', 'paused', 'cancelling') GROUP BY t.seq ORDER BY t.seq");

/// Snapshots of tasks that ended within the last minute.
pub(super) const JUST_FINISHED: &str =
    tasks_with_sums!("WHERE t.finished_at IS NOT NULL AND t.finished_at > {now} - 60000 GROUP BY t.seq ORDER BY t.seq");

impl SqlLedger {
    /// The plan of every periodic statement, as the database explains it: for the tests that keep them cheap.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn periodic_plans(&self) -> keybell_shared::ports::ledger::LedgerResult<Vec<(&'static str, String)>> {
        let task = args![keybell_shared::ids::TaskId::fresh()];
        let page = |first: Vec<Value>| first.into_iter().chain(args![100_u32]).collect::<Vec<_>>();
        let grace = std::time::Duration::from_secs(30);
        let statements: Vec<(&'static str, &'static str, Vec<Value>)> = vec![
            ("expanding", EXPANDING, page(args![])),
            ("queued", QUEUED, page(args![])),
            ("runnable", RUNNABLE, page(args![])),
            ("pending", PENDING, page(task)),
            ("expired leases", EXPIRED_LEASES, page(args![])),
            ("due", DUE, args!["email", 100_u32]),
            ("lost notifications", LOST_NOTIFICATIONS, args!["email", 100_u32, grace]),
            ("lost items", LOST_ITEMS, args![grace, 100_u32]),
            ("expired seals", EXPIRED_SEALS, page(args![])),
            ("closable", CLOSABLE, page(args![])),
            ("unsent", UNSENT, page(args![])),
            ("unchained", UNCHAINED, page(args![])),
            ("open tasks", OPEN_TASKS, args![]),
            ("just finished", JUST_FINISHED, args![]),
        ];
        let mut plans = Vec::with_capacity(statements.len());
        for (name, statement, arguments) in statements {
            plans.push((name, self.db.explain(statement, arguments).await?));
        }
        Ok(plans)
    }
}
