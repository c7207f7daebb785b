//! Invariant 6: some time after the last fault nothing is open, queued, leased or waiting any more.

use super::rows::rows;
use super::{Case, Finding};

/// The work queues, and the requests', by the end of their names: they begin with the fleet's prefix.
const QUEUES: [&str; 5] = [".reset", ".email", ".sms", ".requests", ".dead"];

/// What must not be there, with the statement that counts it.
const LEFT: [(&str, &str); 11] = [
    (
        "tasks are open",
        "SELECT count(*) FROM tasks
             WHERE state IN ('expanding', 'awaiting_approval', 'running', 'paused', 'cancelling')",
    ),
    ("items are open", "SELECT count(*) FROM items WHERE state IN ('pending', 'queued', 'reset')"),
    ("notifications are under a lease", "SELECT count(*) FROM notifications WHERE state = 'sending'"),
    ("notifications wait", "SELECT count(*) FROM notifications WHERE state = 'waiting'"),
    (
        "notifications have ended and are still noted as leased or queued",
        "SELECT count(*) FROM notifications WHERE state NOT IN ('waiting', 'sending')
             AND (lease_until IS NOT NULL OR queued_at IS NOT NULL)",
    ),
    ("events were not sent", "SELECT count(*) FROM events WHERE NOT sent"),
    // Where nobody holds the webhooks' key, nothing is ever handed out.
    (
        "events were not handed out to the webhooks",
        "SELECT count(*) FROM events WHERE NOT handed_out AND EXISTS (SELECT 1 FROM events WHERE handed_out)",
    ),
    ("messages wait for webhooks", "SELECT count(*) FROM webhook_deliveries"),
    ("audit rows are not chained", "SELECT count(*) FROM audit WHERE chain IS NULL"),
    (
        "sealed passwords are left of items that were told, or never reset",
        "SELECT count(*) FROM sealed_passwords p WHERE NOT EXISTS (
             SELECT 1 FROM items i WHERE i.id = p.item_id AND i.state = 'undelivered')",
    ),
    ("uploaded passwords are left of settled items", "SELECT count(*) FROM uploaded_passwords"),
];

pub(crate) async fn check(case: &Case<'_>) -> Finding {
    let mut finding = Finding::new(6, "queues are empty, no lease is live, nothing is stuck");
    for queue in case.queues.iter().filter(|queue| QUEUES.iter().any(|end| queue.name.ends_with(end))) {
        finding.expect(queue.ready == 0 && queue.unacknowledged == 0, || {
            format!(
                "the queue {} has {} messages, and {} with somebody who does not answer",
                queue.name, queue.ready, queue.unacknowledged
            )
        });
    }
    for (what, sql) in LEFT {
        let left = case.ledger.number(sql).await;
        finding.expect(left == 0, || format!("{left} {what}"));
    }
    // Which ones, for whoever looks for the reason.
    let sql = "SELECT id, state FROM tasks
         WHERE state IN ('expanding', 'awaiting_approval', 'running', 'paused', 'cancelling') ORDER BY seq";
    for [task, state] in rows(case.ledger, sql).await {
        finding.expect(false, || format!("task {task} is still {state}"));
    }
    finding
}

#[cfg(test)]
mod tests {
    use keybell_tests::ledgers::TestLedger;
    use keybell_tests::on_both;

    use super::*;
    use crate::checker::world::{World, caught, sound};

    on_both!(whatever_is_left_is_found);

    async fn whatever_is_left_is_found(on: &TestLedger) {
        let mut world = World::new(on).await;
        let mut before = check(&world.case()).await;
        sound(&before);
        world.queues[0].unacknowledged = 1;
        caught(&before, &check(&world.case()).await, "the queue faults.reset has 0 messages, and 1 with somebody");
        world.queues[0].name = "faults.answers".to_owned();
        sound(&check(&world.case()).await);
        for (sql, words) in [
            ("UPDATE events SET sent = FALSE WHERE id = (SELECT MIN(id) FROM events)", "1 events were not sent"),
            ("UPDATE events SET handed_out = FALSE WHERE id = 1", "1 events were not handed out"),
            ("UPDATE audit SET chain = NULL WHERE id = 1", "1 audit rows are not chained"),
            ("UPDATE notifications SET lease_until = 1 WHERE state = 'accepted'", "still noted as leased or queued"),
            ("UPDATE items SET state = 'notified' WHERE state = 'undelivered'", "1 sealed passwords are left"),
            (
                "INSERT INTO uploaded_passwords (task_id, account_id, key_id, sealed)
                     SELECT task_id, account_id, 'k', '00' FROM items WHERE state = 'cancelled' LIMIT 1",
                "1 uploaded passwords are left",
            ),
            ("UPDATE notifications SET state = 'sending' WHERE state = 'failed'", "1 notifications are under a lease"),
            ("UPDATE notifications SET state = 'waiting' WHERE state = 'sending'", "1 notifications wait"),
            ("UPDATE items SET state = 'queued' WHERE state = 'cancelled'", "1 items are open"),
            ("UPDATE tasks SET state = 'cancelling' WHERE state = 'cancelled'", "is still cancelling"),
        ] {
            world.tamper(sql).await;
            let after = check(&world.case()).await;
            caught(&before, &after, words);
            before = after;
        }
    }
}
