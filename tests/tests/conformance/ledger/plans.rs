//! No periodic loop scans a table: read from the plans, with enough rows that a scan would be tempting.

use keybell_tests::ledgers::{TestLedger, district_with, request, task};
use keybell_tests::on_both;
use serde_json::json;

on_both!(no_periodic_statement_scans_a_table);

/// Tables that grow with accounts and items. Scanning an index over the open rows alone is what the indexes are for.
const LARGE: [&str; 10] = [
    "links",
    "items",
    "notifications",
    "accounts",
    "events",
    "audit",
    "sealed_passwords",
    "attempts",
    "counters",
    "webhook_deliveries",
];

async fn no_periodic_statement_scans_a_table(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 300).await;
    let asked = request(json!({"selection": {"scope": "all"}}));
    for _ in 0..40 {
        let done = task(&*on.ledger, &fixture.admin(), asked.clone()).await;
        on.raw.run(&format!("UPDATE items SET state = 'notified', code = 'N00' WHERE task_id = '{done}'")).await;
        on.raw.run(&format!("UPDATE tasks SET state = 'completed', finished_at = 1 WHERE id = '{done}'")).await;
    }
    on.raw
        .run(
            "INSERT INTO notifications (district_id, task_id, item_id, account_id, credential_version, channel, address,
                 guardian, message_id, state, due_at, changed_at)
             SELECT district_id, task_id, id, account_id, 1, 'email', 'x@example.org', FALSE, 'm', 'accepted', 1, 1
             FROM items",
        )
        .await;
    on.raw
        .run(
            "INSERT INTO sealed_passwords (item_id, account_id, attempt_id, key_id, sealed, expires_at)
             SELECT id, account_id, task_id, 'k', 'ab', 9000000000000 FROM items",
        )
        .await;
    on.raw
        .run(
            "INSERT INTO links (token_hash, account_id, item_id, channel, credential_version, kept_until, created_at)
             SELECT 'hash of ' || id, account_id, id, 'email', 1, 9000000000000, 1 FROM items",
        )
        .await;
    // As many events and audit rows as resets leave behind.
    on.raw.run("INSERT INTO events (district_id, kind, body, at) SELECT district_id, 'k', '{}', 1 FROM items").await;
    on.raw
        .run(
            "INSERT INTO audit (district_id, at, actor, action, subject, detail)
             SELECT district_id, 1, 'a', 'b', 'c', 'd' FROM items",
        )
        .await;
    // And as many tasks as years do.
    let id = if on.raw.is_postgres() {
        "('00000000-0000-7000-8000-' || lpad(id::text, 12, '0'))::uuid"
    } else {
        "'00000000-0000-7000-8000-' || printf('%012d', id)"
    };
    on.raw
        .run(&format!(
            "INSERT INTO tasks (id, district_id, state, requester, requester_role, request, created_at, finished_at)
             SELECT {id}, district_id, 'completed', 'old', 'district_admin', '{{}}', 1, 1 FROM items"
        ))
        .await;
    messages(on).await;
    on.raw.run("INSERT INTO counters (task_id, writer) SELECT id, 'w' FROM tasks WHERE requester = 'old'").await;
    on.raw.run("UPDATE events SET sent = TRUE, handed_out = TRUE").await;
    on.raw.run("UPDATE audit SET chain = 'x'").await;
    task(&*on.ledger, &fixture.admin(), asked).await;
    on.raw.run("ANALYZE").await;
    let plans = on.ledger.periodic_plans().await.expect("plans");
    assert!(plans.len() > 10);
    for (name, plan) in plans {
        if on.raw.is_postgres() && ["runnable", "runnable outside", "due webhooks"].contains(&name) {
            // As a join it might as well begin with all that is open and look for its task or endpoint.
            assert!(plan.contains("SubPlan"), "{name} is no longer one step into an index for each:\n{plan}");
        }
        for line in plan.lines() {
            for table in LARGE {
                assert!(!scans(line, table), "{name} scans {table}:\n{plan}");
            }
        }
    }
}

/// Endpoints with as many messages as there are items: one whose messages are due, one that waits to be tried again, and
/// one that is disabled. A fourth has none.
async fn messages(on: &TestLedger) {
    for (n, state, due) in [(1, "active", "1"), (2, "active", "9000000000000"), (3, "disabled", "1"), (4, "active", "")]
    {
        let (webhook, message) = if on.raw.is_postgres() {
            (
                format!("'00000000-0000-7000-8001-00000000000{n}'::uuid"),
                format!("('00000000-0000-7000-900{n}-' || lpad(id::text, 12, '0'))::uuid"),
            )
        } else {
            (
                format!("'00000000-0000-7000-8001-00000000000{n}'"),
                format!("'00000000-0000-7000-900{n}-' || printf('%012d', id)"),
            )
        };
        on.raw
            .run(&format!(
                "INSERT INTO webhooks (id, district_id, owner, url, events, key_id, state, created_at)
                 SELECT {webhook}, id, 'o', 'https://hooks.example.org/', '[\"*\"]', 'k', '{state}', 1
                 FROM districts LIMIT 1"
            ))
            .await;
        if !due.is_empty() {
            on.raw
                .run(&format!(
                    "INSERT INTO webhook_deliveries (id, webhook_id, subject, body, due_at, created_at)
                     SELECT {message}, {webhook}, 'account ' || account_id, '{{}}', {due}, 1 FROM items"
                ))
                .await;
        }
    }
}

/// Whether a line of a plan reads a whole table: PostgreSQL says `Seq Scan on items i`, SQLite `SCAN i` without an index,
/// or with one that holds every row.
fn scans(line: &str, table: &str) -> bool {
    if line.contains(&format!("Seq Scan on {table}")) {
        return true;
    }
    let Some(rest) = line.trim().strip_prefix("SCAN ") else { return false };
    let name = rest.split_whitespace().next().unwrap_or_default();
    let partial = [
        "tasks_open",
        "tasks_finished",
        "items_queued",
        "notifications_due",
        "notifications_queued",
        "notifications_one_sending",
        "events_unsent",
        "events_not_handed_out",
        "events_sent",
        "audit_unchained",
        // It holds every row; who reads it in its order stops at a LIMIT.
        "webhook_deliveries_by_age",
    ];
    // `w` is the table of the endpoints, of which there are few.
    let short = |name: &str| match table {
        "webhook_deliveries" => ["d", "o"].contains(&name),
        _ => name.len() == 1 && table.starts_with(name),
    };
    let alias = name == table || short(name);
    alias && !partial.iter().any(|index| rest.contains(index))
}
