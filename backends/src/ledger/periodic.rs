//! Every statement that a periodic loop runs, in one place: a million accounts and ten million items must not make any of
//! them scan a table. `tests/tests/conformance/ledger/plans.rs` reads their plans on both databases.

use super::SqlLedger;
use super::counters::tasks_with_sums;
use super::sql::{Value, args};

macro_rules! expanding {
    () => {
        "FROM tasks WHERE state = 'expanding' AND state IN ('expanding', 'running', 'paused', 'cancelling')"
    };
}

/// Tasks to expand.
pub(super) const EXPANDING: &str = concat!("SELECT id ", expanding!(), " ORDER BY seq LIMIT $1");

/// How full the window is.
pub(super) const QUEUED: &str = "SELECT count(*) AS n FROM (SELECT 1 FROM items {lite INDEXED BY items_queued} WHERE state = 'queued' LIMIT $1) AS window_items";

// One step into an index for each task. Given EXISTS, PostgreSQL may also begin with the items and read every pending one of
// all tasks: on a fresh database it did, five times a second, until the statistics were renewed.
macro_rules! runnable {
    ($more:literal) => {
        concat!(
            "SELECT t.id, t.district_id, t.wave FROM tasks t
             WHERE t.state = 'running' AND t.state IN ('expanding', 'running', 'paused', 'cancelling')
             AND (t.start_at IS NULL OR t.start_at <= {now})
             AND (SELECT i.state FROM items i WHERE i.task_id = t.id AND i.state >= 'pending'
                 ORDER BY i.state, i.id LIMIT 1) = 'pending'
             AND (t.wave IS NULL OR (SELECT w.state FROM items w
                 WHERE w.task_id = t.id AND w.wave = t.wave AND w.wave IS NOT NULL AND w.state >= 'pending'
                 ORDER BY w.state, w.id LIMIT 1) = 'pending')",
            $more,
            " ORDER BY t.seq LIMIT $1"
        )
    };
}

/// Tasks with something to dispatch.
pub(super) const RUNNABLE: &str = runnable!("");

/// The same where there are blackout windows: one row for each window and district, `*` for all of them.
pub(super) const RUNNABLE_OUTSIDE: &str = runnable!(
    " AND (t.urgent OR t.district_id NOT IN (
         SELECT place.id FROM districts place JOIN {rows $2: slug text, begins bigint, ends bigint} AS shut
             ON shut.slug = '*' OR shut.slug = place.slug
         WHERE shut.begins <= {now} AND shut.ends > {now}))"
);

/// What a task dispatches next.
pub(super) const PENDING: &str =
    "SELECT id, dispatch FROM items WHERE task_id = $1 AND state = 'pending' ORDER BY id LIMIT $2";

/// What a task with waves dispatches next.
pub(super) const PENDING_IN_WAVE: &str = "SELECT id, dispatch FROM items
     WHERE task_id = $1 AND wave = $3 AND state = 'pending' AND wave IS NOT NULL ORDER BY id LIMIT $2";

macro_rules! settled_waves {
    () => {
        "FROM tasks t WHERE t.wave IS NOT NULL AND t.state = 'running'
         AND EXISTS (SELECT 1 FROM task_waves n WHERE n.task_id = t.id AND n.wave = t.wave + 1)
         AND NOT EXISTS (SELECT 1 FROM items i WHERE i.task_id = t.id AND i.wave = t.wave AND i.wave IS NOT NULL
             AND i.state IN ('pending', 'queued', 'reset'))"
    };
}

/// Tasks whose wave is settled, and that have another one.
pub(super) const SETTLED_WAVES: &str = concat!("SELECT t.id, t.wave ", settled_waves!(), " ORDER BY t.seq LIMIT $1");

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

/// Links that can neither be sent nor used any more.
pub(super) const OLD_LINKS: &str = "DELETE FROM links WHERE token_hash {pg = ANY (ARRAY}{lite IN }(
     SELECT token_hash FROM links WHERE kept_until <= {now} ORDER BY kept_until LIMIT $1){pg )}";

macro_rules! closable {
    ($or:literal) => {
        concat!(
            "FROM tasks t WHERE t.state IN ('running', 'paused', 'cancelling')
             AND t.state IN ('expanding', 'running', 'paused', 'cancelling')
             AND (",
            $or,
            "NOT EXISTS (SELECT 1 FROM items i WHERE i.task_id = t.id AND i.state IN ('pending', 'queued', 'reset')))"
        )
    };
}

/// Tasks that can be closed, and cancels that were interrupted.
pub(super) const CLOSABLE: &str =
    concat!("SELECT t.id, t.state ", closable!("t.state = 'cancelling' OR "), " ORDER BY t.seq LIMIT $1");

/// What waits for which loop. A cancel that waits for people to be told is nothing to do; one that was interrupted is found by the
/// scan.
pub(super) const PULSE: &str = concat!(
    "SELECT EXISTS (SELECT 1 ",
    expanding!(),
    ") AS expanding, EXISTS (SELECT 1 ",
    settled_waves!(),
    ") AS waves, EXISTS (SELECT 1 ",
    closable!(""),
    ") AS closable, EXISTS (SELECT 1 FROM events WHERE NOT sent) AS unsent,
     EXISTS (SELECT 1 FROM events {lite INDEXED BY events_not_handed_out} WHERE NOT handed_out) AS not_handed_out"
);

/// Events that were not handed on.
pub(super) const UNSENT: &str =
    "SELECT id, district_id, kind, body, at FROM events WHERE NOT sent ORDER BY id LIMIT $1";

/// How long the oldest queued item has been queued, in milliseconds.
pub(super) const OLDEST_QUEUED: &str = "SELECT {now} - queued_at AS age FROM items {lite INDEXED BY items_queued}
     WHERE state = 'queued' ORDER BY queued_at, id LIMIT 1";

/// How long the oldest notification that is on no queue has been due.
pub(super) const OLDEST_DUE: &str = "SELECT {now} - due_at AS age FROM notifications
     WHERE channel = $1 AND state = 'waiting' AND queued_at IS NULL AND due_at <= {now} ORDER BY due_at, id LIMIT 1";

/// How long the oldest notification that is on a queue has been there.
pub(super) const OLDEST_PUBLISHED: &str = "SELECT {now} - queued_at AS age FROM notifications
     WHERE channel = $1 AND state = 'waiting' AND queued_at IS NOT NULL ORDER BY queued_at, id LIMIT 1";

/// How long the oldest event has waited to be handed on.
pub(super) const OLDEST_UNSENT: &str = "SELECT {now} - at AS age FROM events WHERE NOT sent ORDER BY id LIMIT 1";

/// How many events wait to be handed on, counted up to a bound.
pub(super) const UNSENT_COUNT: &str =
    "SELECT count(*) AS n FROM (SELECT 1 FROM events WHERE NOT sent LIMIT 10000) AS unsent_events";

/// Events that were not looked at for the webhooks.
pub(super) const NOT_HANDED_OUT: &str = "SELECT id, district_id, kind, body, at FROM events {lite INDEXED BY events_not_handed_out} WHERE NOT handed_out ORDER BY id LIMIT $1 {lock}";

/// Endpoints with something to send.
pub(super) const DUE_WEBHOOKS: &str = "SELECT w.id, w.url, w.key_id, w.generation, w.failures,
         CASE WHEN w.previous_until > {now} THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END AS overlap
     FROM webhooks w WHERE w.state = 'active' AND w.not_before <= {now}
     AND (SELECT d.due_at FROM webhook_deliveries d WHERE d.webhook_id = w.id ORDER BY d.due_at, d.seq LIMIT 1) <= {now}
     ORDER BY w.id LIMIT $1";

macro_rules! claim_deliveries {
    ($order:literal) => {
        concat!(
            "UPDATE webhook_deliveries SET fence = fence + 1, due_at = {now} + $3, lease_until = {now} + $3
             WHERE seq IN (
             SELECT d.seq FROM webhook_deliveries d WHERE d.webhook_id = $1 AND d.due_at <= {now}
             AND NOT EXISTS (SELECT 1 FROM webhook_deliveries o
                 WHERE o.webhook_id = d.webhook_id AND o.subject = d.subject AND o.seq < d.seq)
             ORDER BY ",
            $order,
            " LIMIT $2 {skip})
             RETURNING id, fence, attempts, body"
        )
    };
}

/// What goes to an endpoint next.
pub(super) const CLAIM_DUE_FIRST: &str = claim_deliveries!("d.due_at, d.seq");

/// What goes next to an endpoint that only fails.
pub(super) const CLAIM_OLDEST_FIRST: &str = claim_deliveries!("d.seq");

/// Messages that waited for too long.
pub(super) const OLD_DELIVERIES: &str = "SELECT seq, webhook_id FROM webhook_deliveries WHERE created_at <= {now} - $1
     ORDER BY created_at, seq LIMIT $2";

/// How long the oldest message has waited for a webhook's endpoint.
pub(super) const OLDEST_DELIVERY: &str =
    "SELECT {now} - created_at AS age FROM webhook_deliveries ORDER BY created_at, seq LIMIT 1";

/// How many messages wait for endpoints, counted up to a bound.
pub(super) const DELIVERY_COUNT: &str = "SELECT count(*) AS n FROM (SELECT 1 FROM webhook_deliveries ORDER BY created_at, seq LIMIT 10000) AS open_deliveries";

/// Audit rows that are not chained.
pub(super) const UNCHAINED: &str = "SELECT * FROM audit WHERE chain IS NULL ORDER BY id LIMIT $1";

/// Snapshots of tasks that are not final, that wait for an approval, or that ended within the last minute. Each kind has its
/// index.
pub(super) const SNAPSHOTS: &str = concat!(
    tasks_with_sums!("WHERE t.state IN ('expanding', 'running', 'paused', 'cancelling') GROUP BY t.seq"),
    " UNION ALL ",
    tasks_with_sums!("WHERE t.state = 'awaiting_approval' GROUP BY t.seq"),
    " UNION ALL ",
    tasks_with_sums!("WHERE t.finished_at IS NOT NULL AND t.finished_at > {now} - 60000 GROUP BY t.seq"),
    " ORDER BY seq"
);

/// The newest ended tasks: how many passwords each changed, and the state in which most of its items ended.
pub(super) const ENDED_TASKS: &str = "SELECT t.id, t.request, t.finished_at,
         CAST(COALESCE(SUM(c.notified + c.silent + c.undelivered), 0) AS BIGINT) AS changed,
         CASE WHEN COALESCE(SUM(c.silent), 0) > COALESCE(SUM(c.notified), 0) THEN 'silent' ELSE 'notified' END AS usual
     FROM (SELECT seq, id, request, finished_at FROM tasks WHERE finished_at IS NOT NULL
         ORDER BY finished_at DESC LIMIT $1) AS t
     LEFT JOIN counters c ON c.task_id = t.id
     GROUP BY t.seq, t.id, t.request, t.finished_at ORDER BY t.finished_at DESC";

/// The plan that expired first, unless its task is still being written down.
pub(super) const EXPIRED_PLANS: &str = "SELECT p.seq FROM plans p WHERE p.expires_at <= {now}
     AND (p.task_id IS NULL OR NOT EXISTS (SELECT 1 FROM tasks t WHERE t.id = p.task_id AND t.state = 'expanding'))
     ORDER BY p.expires_at, p.seq LIMIT 1 {lock p}";

/// The oldest ended tasks that no other one comes from.
pub(super) const OLD_TASKS: &str = "SELECT t.id FROM tasks t
     WHERE t.finished_at IS NOT NULL AND t.finished_at <= {now} - $1
     AND NOT EXISTS (SELECT 1 FROM tasks c WHERE c.parent_id = t.id)
     ORDER BY t.finished_at LIMIT $2 {lock t}";

/// Events that were handed on long ago.
pub(super) const OLD_EVENTS: &str = "DELETE FROM events WHERE id {pg = ANY (ARRAY}{lite IN }(
     SELECT id FROM events WHERE sent AND handed_out AND at <= {now} - $1 ORDER BY at, id LIMIT $2){pg )}";

/// Idempotency keys that are too old to be repeated.
pub(super) const OLD_KEYS: &str = "DELETE FROM idempotency WHERE {pg ctid = ANY (ARRAY}{lite rowid IN }(
     SELECT {pg ctid}{lite rowid} FROM idempotency WHERE created_at <= {now} - $1 ORDER BY created_at LIMIT $2){pg )}";

/// A window, to explain statements with.
const WINDOWS: &str = r#"[{"slug": "x", "begins": 1, "ends": 9000000000000}]"#;

impl SqlLedger {
    /// The plan of every periodic statement, as the database explains it: for the tests that keep them cheap.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn periodic_plans(&self) -> keybell_shared::ports::ledger::LedgerResult<Vec<(&'static str, String)>> {
        let task = args![keybell_shared::ids::TaskId::fresh()];
        let page = |first: Vec<Value>| first.into_iter().chain(args![100_u32]).collect::<Vec<_>>();
        let grace = std::time::Duration::from_secs(30);
        let webhook = keybell_shared::ids::WebhookId::fresh();
        let statements: Vec<(&'static str, &'static str, Vec<Value>)> = vec![
            ("expanding", EXPANDING, page(args![])),
            ("queued", QUEUED, page(args![])),
            ("runnable", RUNNABLE, page(args![])),
            ("runnable outside", RUNNABLE_OUTSIDE, args![100_u32, WINDOWS]),
            ("pending", PENDING, page(task.clone())),
            ("pending in a wave", PENDING_IN_WAVE, task.into_iter().chain(args![100_u32, 1_u32]).collect()),
            ("settled waves", SETTLED_WAVES, page(args![])),
            ("expired leases", EXPIRED_LEASES, page(args![])),
            ("due", DUE, args!["email", 100_u32]),
            ("lost notifications", LOST_NOTIFICATIONS, args!["email", 100_u32, grace]),
            ("lost items", LOST_ITEMS, args![grace, 100_u32]),
            ("expired seals", EXPIRED_SEALS, page(args![])),
            ("old links", OLD_LINKS, page(args![])),
            ("closable", CLOSABLE, page(args![])),
            ("pulse", PULSE, args![]),
            ("unsent", UNSENT, page(args![])),
            ("not handed out", NOT_HANDED_OUT, page(args![])),
            ("due webhooks", DUE_WEBHOOKS, page(args![])),
            ("claim due first", CLAIM_DUE_FIRST, args![webhook, 64_u32, grace]),
            ("claim oldest first", CLAIM_OLDEST_FIRST, args![webhook, 1_u32, grace]),
            ("old deliveries", OLD_DELIVERIES, args![grace, 100_u32]),
            ("unchained", UNCHAINED, page(args![])),
            ("oldest queued", OLDEST_QUEUED, args![]),
            ("oldest due", OLDEST_DUE, args!["email"]),
            ("oldest published", OLDEST_PUBLISHED, args!["email"]),
            ("oldest unsent", OLDEST_UNSENT, args![]),
            ("unsent count", UNSENT_COUNT, args![]),
            ("oldest delivery", OLDEST_DELIVERY, args![]),
            ("delivery count", DELIVERY_COUNT, args![]),
            ("snapshots", SNAPSHOTS, args![]),
            ("expired plans", EXPIRED_PLANS, args![]),
            ("old tasks", OLD_TASKS, args![grace, 20_u32]),
            ("old events", OLD_EVENTS, args![grace, 100_u32]),
            ("old idempotency keys", OLD_KEYS, args![grace, 100_u32]),
        ];
        let mut plans = Vec::with_capacity(statements.len());
        for (name, statement, arguments) in statements {
            plans.push((name, self.db.explain(statement, arguments).await?));
        }
        Ok(plans)
    }
}
