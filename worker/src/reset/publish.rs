//! Putting the notifications of committed resets on their queues.

use std::collections::HashSet;
use std::sync::Arc;

use keybell_shared::error::LedgerError;
use keybell_shared::ids::{ItemId, NotificationId};
use keybell_shared::message::{Message, Work};
use keybell_shared::ports::ledger::ResetLedger;
use keybell_shared::ports::queue::WorkQueue;
use tracing::{debug, error};

/// Publishes notifications, each with the item that caused it. Those that the queue does not confirm are given back to the
/// ledger, so that the repair scan brings them. Answers the items for which neither worked, with the reason.
pub(super) async fn publish(
    ledger: &Arc<dyn ResetLedger>,
    queue: &dyn WorkQueue,
    notices: &[(ItemId, Message)],
) -> Option<(HashSet<ItemId>, LedgerError)> {
    if notices.is_empty() {
        return None;
    }
    let messages: Vec<Message> = notices.iter().map(|(_, message)| *message).collect();
    let confirmed = match queue.publish(&messages).await {
        Ok(confirmed) => confirmed,
        Err(error) => {
            debug!(%error, messages = messages.len(), "nothing is known of a publication; the scan will repeat it");
            Vec::new()
        }
    };
    let confirmed = confirmed.into_iter().chain(std::iter::repeat(false));
    let missing: Vec<&(ItemId, Message)> =
        notices.iter().zip(confirmed).filter_map(|(notice, there)| (!there).then_some(notice)).collect();
    if missing.is_empty() {
        return None;
    }
    let ids: Vec<NotificationId> = missing.iter().filter_map(|(_, message)| notification(message)).collect();
    match ledger.unpublish(&ids).await {
        Ok(()) => None,
        Err(error) => Some((missing.iter().map(|(item, _)| *item).collect(), error)),
    }
}

fn notification(message: &Message) -> Option<NotificationId> {
    match message.work {
        Work::Email(id) | Work::Sms(id) => Some(id),
        Work::Reset(item) => {
            error!(%item, "the ledger gave a reset where a notification was expected");
            None
        }
    }
}
