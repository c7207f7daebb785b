//! Notifications as they are inserted: by a reset, or as the next step of a cascade.

use keybell_shared::ids::{AccountId, DistrictId, ItemId, TaskId};
use keybell_shared::notice::Target;
use serde_json::{Value as Json, json};

use super::sql::{Row, Sql, Tx, args, json as json_arg};

/// A row for [`insert_notifications`]. The message id is made once and for all: whatever is sent again after a crash
/// carries the same one.
pub(super) fn notification_row(
    district: DistrictId,
    task: TaskId,
    item: ItemId,
    account: AccountId,
    version: i64,
    number: usize,
    target: &Target,
) -> Json {
    json!({
        "district": district, "task": task, "item": item, "account": account, "version": version,
        "channel": target.channel, "address": target.address, "guardian": target.guardian,
        "message_id": format!("{}.{item}.{version}.{number}@keybell", task.0.simple()),
    })
}

/// Inserts notifications that are due now and about to be published.
pub(super) async fn insert_notifications(tx: &mut Tx, rows: &[Json]) -> Sql<Vec<Row>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    tx.all(
        "INSERT INTO notifications (district_id, task_id, item_id, account_id, credential_version, channel, address,
             guardian, message_id, state, due_at, queued_at, changed_at)
         SELECT r.district, r.task, r.item, r.account, r.version, r.channel, r.address, r.guardian, r.message_id,
             'waiting', {now}, {now}, {now}
         FROM {rows $1: district uuid, task uuid, item bigint, account uuid, version bigint, channel text, address text,
             guardian boolean, message_id text} AS r
         RETURNING id, item_id, task_id, district_id, channel",
        args![json_arg(rows)],
    )
    .await
}
