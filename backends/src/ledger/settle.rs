//! The end of items whose people have been told, or cannot be.

use std::collections::BTreeSet;

use keybell_shared::codes::Code;
use keybell_shared::fault::{self, Mechanism};
use keybell_shared::ids::{ItemId, TaskId};
use keybell_shared::states::ItemState;

use super::counters::Deltas;
use super::sql::{Cell, Sql, Tx, args, cells};

/// Settles those of the items that were reset and have no open notification any more.
///
/// Somebody was told, or a link that was sent was used: `notified`. Nobody, but a newer reset made this one obsolete: `silent`, its person hears of the
/// newer one. Nobody: `undelivered`, with the code of the newest round of messages: what failed before a re-send says
/// nothing about it. Sealed passwords of told and obsolete
/// items are deleted; those of undelivered ones live on until their own expiry, so that they can be sent again.
pub(super) async fn settle(tx: &mut Tx, deltas: &mut Deltas, items: &[ItemId]) -> Sql<()> {
    let items: Vec<ItemId> = items.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    if items.is_empty() {
        return Ok(());
    }
    let rows = tx
        .all(
            // Written so that PostgreSQL can only look items up by their id: a plan that it made while the table was small would read
            // a whole index of states.
            "SELECT i.id AS id, i.task_id AS task_id,
                 MAX(CASE WHEN i.code = 'N07' THEN 1 ELSE 0 END) AS claimed,
                 MAX(CASE WHEN n.state = 'accepted' THEN 1 ELSE 0 END) AS told,
                 MAX(CASE WHEN n.state IN ('waiting', 'sending') THEN 1 ELSE 0 END) AS open,
                 MAX(CASE WHEN n.state = 'superseded' THEN 1 ELSE 0 END) AS obsolete,
                 MAX(CASE WHEN n.state IN ('failed', 'expired') AND n.round = (
                     SELECT MAX(o.round) FROM notifications o WHERE o.item_id = i.id) THEN n.code END) AS code
             FROM items i JOIN notifications n ON n.item_id = i.id
             WHERE i.id {any $1 bigint} AND i.state || '' = 'reset'
             GROUP BY i.id, i.task_id ORDER BY i.id",
            args![&*items],
        )
        .await?;
    let mut ends: Vec<[Cell<'_>; 3]> = Vec::new();
    for row in &rows {
        if row.get::<i32>("open")? == 1 {
            continue;
        }
        let (state, code) = if row.get::<i32>("claimed")? == 1 {
            // Whatever the server says of the message: its link was used.
            (ItemState::Notified, Code::N07)
        } else if row.get::<i32>("told")? == 1 || fault::off(Mechanism::Undelivered) {
            (ItemState::Notified, Code::N00)
        } else if row.get::<i32>("obsolete")? == 1 {
            (ItemState::Silent, Code::S06)
        } else {
            (ItemState::Undelivered, row.maybe_word("code")?.unwrap_or(Code::N04))
        };
        deltas.of(row.get::<TaskId>("task_id")?).step(ItemState::Reset, state);
        ends.push(cells![row.get::<ItemId>("id")?, state.as_str(), code.as_str()]);
    }
    tx.run_rows(
        "UPDATE items SET state = r.state, code = r.code, changed_at = {now}
         FROM {table $1: item bigint, state text, code text} AS r
         WHERE items.id = r.item AND items.state = 'reset'",
        &ends,
        |rows| args![rows],
    )
    .await?;
    if fault::off(Mechanism::SealDeletion) {
        return Ok(());
    }
    tx.run_rows(
        "DELETE FROM sealed_passwords WHERE item_id IN (
             SELECT r.item FROM {table $1: item bigint, state text, code text} AS r WHERE r.state <> 'undelivered')",
        &ends,
        |rows| args![rows],
    )
    .await?;
    Ok(())
}
