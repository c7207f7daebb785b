//! Notifications as they are inserted: by a reset, as the next step of a cascade, or by a re-send.

use keybell_shared::ids::{AccountId, DistrictId, ItemId, TaskId};
use keybell_shared::notice::Target;

use super::sql::{Row, Sql, Tx, args, cells};

/// Which message about an item a notification is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// How many messages about the item there were before: part of the message id, so that no two are the same.
    pub(super) number: usize,
    /// 0 for the messages that follow the reset, one more for each re-send.
    pub(super) round: i32,
}

/// A notification for [`insert_notifications`].
#[derive(Clone, Debug)]
pub(super) struct NewNotice {
    pub(super) district: DistrictId,
    pub(super) task: TaskId,
    pub(super) item: ItemId,
    pub(super) account: AccountId,
    pub(super) version: i64,
    pub(super) place: Place,
    pub(super) target: Target,
}

impl NewNotice {
    /// Made once and for all: whatever is sent again after a crash carries the same one.
    fn message_id(&self) -> String {
        format!("{}.{}.{}.{}@keybell", self.task.0.simple(), self.item, self.version, self.place.number)
    }
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
pub(super) async fn insert_notifications(tx: &mut Tx, notices: &[NewNotice], published: Published) -> Sql<Vec<Row>> {
    let ids: Vec<String> = notices.iter().map(NewNotice::message_id).collect();
    let rows: Vec<_> = notices
        .iter()
        .zip(&ids)
        .map(|(notice, message_id)| {
            let NewNotice { district, task, item, account, version, place, ref target } = *notice;
            let (channel, address) = (target.channel.as_str(), &target.address);
            cells![district, task, item, account, version, channel, address, target.guardian, place.round, message_id]
        })
        .collect();
    tx.all_rows(
        "INSERT INTO notifications (district_id, task_id, item_id, account_id, credential_version, channel, address,
             guardian, round, message_id, state, due_at, queued_at, changed_at)
         SELECT r.district, r.task, r.item, r.account, r.version, r.channel, r.address, r.guardian, r.round,
             r.message_id, 'waiting', {now}, CASE WHEN $2 THEN {now} END, {now}
         FROM {table $1: district uuid, task uuid, item bigint, account uuid, version bigint, channel text,
             address text, guardian boolean, round integer, message_id text} AS r
         RETURNING id, item_id, task_id, district_id, channel",
        &rows,
        |rows| args![rows, published == Published::AtOnce],
    )
    .await
}
