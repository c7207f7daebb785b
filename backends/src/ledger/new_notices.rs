//! Notifications as they are inserted: by a reset, as the next step of a cascade, or by a re-send.

use keybell_shared::ids::{AccountId, DistrictId, ItemId, TaskId};
use keybell_shared::notice::Target;
use serde_json::{Value as Json, json};

use super::sql::{Row, Sql, Tx, args, json as json_arg};

/// Which message about an item a notification is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// How many messages about the item there were before: part of the message id, so that no two are the same.
    pub(super) number: usize,
    /// 0 for the messages that follow the reset, one more for each re-send.
    pub(super) round: i32,
}

/// A row for [`insert_notifications`]. The message id is made once and for all: whatever is sent again after a crash
/// carries the same one.
pub(super) fn notification_row(
    district: DistrictId,
    task: TaskId,
    item: ItemId,
    account: AccountId,
    version: i64,
    place: Place,
    target: &Target,
) -> Json {
    let Place { number, round } = place;
    json!({
        "district": district, "task": task, "item": item, "account": account, "version": version,
        "channel": target.channel, "address": target.address, "guardian": target.guardian, "round": round,
        "message_id": format!("{}.{item}.{version}.{number}@keybell", task.0.simple()),
    })
}

/// Whether whoever inserts notifications puts them on their queues itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Published {
    /// That is the very next thing that happens.
    AtOnce,
    /// The repair scan finds them due, and does.
    ByTheScan,
}

/// Inserts notifications that are due now.
pub(super) async fn insert_notifications(tx: &mut Tx, rows: &[Json], published: Published) -> Sql<Vec<Row>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    tx.all(
        "INSERT INTO notifications (district_id, task_id, item_id, account_id, credential_version, channel, address,
             guardian, round, message_id, state, due_at, queued_at, changed_at)
         SELECT r.district, r.task, r.item, r.account, r.version, r.channel, r.address, r.guardian, r.round,
             r.message_id, 'waiting', {now}, CASE WHEN $2 THEN {now} END, {now}
         FROM {rows $1: district uuid, task uuid, item bigint, account uuid, version bigint, channel text, address text,
             guardian boolean, round integer, message_id text} AS r
         RETURNING id, item_id, task_id, district_id, channel",
        args![json_arg(rows), published == Published::AtOnce],
    )
    .await
}
