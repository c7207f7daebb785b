//! What travels on the work queues: ids, never secrets.
//!
//! A forged or replayed message can do nothing that the ledger does not already allow.

use serde::{Deserialize, Serialize};

use crate::ids::{DistrictId, ItemId, NotificationId, TaskId};
use crate::stage::Stage;
use crate::trace::TraceParent;

/// The version of the wire format that this build writes.
pub const VERSION: u32 = 1;

/// The largest message that is looked at, in bytes; ours have about 200.
pub const MAX_BYTES: usize = 4096;

/// What a message asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Work {
    /// Reset the password of this item's account.
    Reset(ItemId),
    /// Send this notification by e-mail.
    Email(NotificationId),
    /// Send this notification by SMS.
    Sms(NotificationId),
}

impl Work {
    /// The stage that does this work.
    #[must_use]
    pub const fn stage(self) -> Stage {
        match self {
            Self::Reset(_) => Stage::Reset,
            Self::Email(_) => Stage::Email,
            Self::Sms(_) => Stage::Sms,
        }
    }
}

/// One message on a work queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// The district that everything in it belongs to.
    pub district: DistrictId,
    /// The task that caused it.
    pub task: TaskId,
    /// What is to be done.
    pub work: Work,
    /// How often this work was put on a queue, from 1; only for people who read logs.
    pub dispatch: u32,
    /// The trace that it belongs to. It travels beside the message (a header), not in it.
    pub trace: Option<TraceParent>,
}

/// The JSON text of a message.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    v: u32,
    kind: Stage,
    district: DistrictId,
    task: TaskId,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    item: Option<ItemId>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    notification: Option<NotificationId>,
    dispatch: u32,
}

/// Why bytes from a queue are no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    /// Larger than [`MAX_BYTES`].
    #[error("the message has {0} bytes; at most {MAX_BYTES} are read")]
    TooLarge(usize),
    /// Not the JSON that is expected.
    #[error("the message is no Keybell work message: {0}")]
    Malformed(String),
    /// Written by a newer version.
    #[error("the message has version {0}; this build reads version {VERSION}")]
    Version(u32),
}

impl Message {
    /// The stage, and with it the queue, of this message.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        self.work.stage()
    }

    /// The bytes that go on the queue.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (item, notification) = match self.work {
            Work::Reset(item) => (Some(item), None),
            Work::Email(notification) | Work::Sms(notification) => (None, Some(notification)),
        };
        let wire = Wire {
            v: VERSION,
            kind: self.stage(),
            district: self.district,
            task: self.task,
            item,
            notification,
            dispatch: self.dispatch,
        };
        // Numbers, UUIDs and fixed words cannot fail to serialise.
        serde_json::to_vec(&wire).unwrap_or_default()
    }

    /// Reads the bytes of a queue message.
    ///
    /// # Errors
    /// Says why the bytes are no message; such a message can never succeed and belongs to the dead letters.
    pub fn decode(bytes: &[u8]) -> Result<Self, Undecodable> {
        if bytes.len() > MAX_BYTES {
            return Err(Undecodable::TooLarge(bytes.len()));
        }
        let malformed = |reason: String| Undecodable::Malformed(reason);
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|e| malformed(e.to_string()))?;
        match value.get("v").and_then(serde_json::Value::as_u64) {
            Some(v) if v == u64::from(VERSION) => {}
            Some(v) => return Err(Undecodable::Version(u32::try_from(v).unwrap_or(u32::MAX))),
            None => return Err(malformed("the field `v` is missing".to_owned())),
        }
        let wire: Wire = serde_json::from_value(value).map_err(|e| malformed(e.to_string()))?;
        let work = match (wire.kind, wire.item, wire.notification) {
            (Stage::Reset, Some(item), None) => Work::Reset(item),
            (Stage::Email, None, Some(notification)) => Work::Email(notification),
            (Stage::Sms, None, Some(notification)) => Work::Sms(notification),
            _ => return Err(malformed(format!("kind `{}` does not fit the id it carries", wire.kind))),
        };
        Ok(Self { district: wire.district, task: wire.task, work, dispatch: wire.dispatch, trace: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_the_wire_and_carries_ids_only() {
        let message = Message {
            district: DistrictId::fresh(),
            task: TaskId::fresh(),
            work: Work::Email(NotificationId(7)),
            dispatch: 3,
            trace: None,
        };
        let bytes = message.encode();
        assert_eq!(Message::decode(&bytes), Ok(message));
        let value: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
        let mut keys: Vec<_> = value.as_object().expect("object").keys().cloned().collect();
        keys.sort();
        assert_eq!(keys, ["dispatch", "district", "kind", "notification", "task", "v"]);
    }

    #[test]
    fn strange_bytes_are_refused_with_the_reason() {
        assert!(matches!(Message::decode(b""), Err(Undecodable::Malformed(_))));
        assert!(matches!(Message::decode(b"[]"), Err(Undecodable::Malformed(_))));
        assert_eq!(Message::decode(br#"{"v":9}"#), Err(Undecodable::Version(9)));
        assert_eq!(Message::decode(&[b' '; 5000]), Err(Undecodable::TooLarge(5000)));
    }
}
