//! Arguments of statements.

use std::time::Duration;

use keybell_shared::clock::Millis;
use keybell_shared::ids::{
    AccountId, ApiKeyId, AttemptId, DistrictId, ItemId, NotificationId, PlanId, TaskId, WebhookId, WebhookMessageId,
};
use serde::Serialize;
use uuid::Uuid;

/// One argument. `None` is NULL of that type: PostgreSQL wants to know the type even of nothing.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Uuid(Option<Uuid>),
    Bool(bool),
    /// Ids, taken apart by `{any …}`.
    Uuids(Vec<Uuid>),
    /// Ids that are numbers, taken apart by `{any …}`.
    Longs(Vec<i64>),
    /// Where the rows of a `{table …}` go; they are handed over beside the arguments.
    Rows,
}

/// The arguments of a statement, in the order of `$1`, `$2`, …
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::ledger::sql::Value::from($value)),*] };
}
pub(crate) use args;

/// Rows or ids as one JSON argument, to be taken apart by the markers `{rows …}` and `{in …}`.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> Value {
    // Ids, numbers and strings always serialise.
    Value::Text(Some(serde_json::to_string(value).unwrap_or_default()))
}

macro_rules! from_lists {
    (uuid: $($uuid:ident),+; row: $($row:ident),+) => {
        $(impl From<&[$uuid]> for Value {
            fn from(ids: &[$uuid]) -> Self {
                Self::Uuids(ids.iter().map(|id| id.0).collect())
            }
        })+
        $(impl From<&[$row]> for Value {
            fn from(ids: &[$row]) -> Self {
                Self::Longs(ids.iter().map(|id| id.0).collect())
            }
        })+
    };
}
from_lists!(uuid: AccountId; row: ItemId, NotificationId);

impl From<&[i64]> for Value {
    fn from(ids: &[i64]) -> Self {
        Self::Longs(ids.to_vec())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(Some(text.clone()))
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(str::to_owned))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(Some(number))
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Int(Some(i64::from(number)))
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Int(Some(i64::from(number)))
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<Millis> for Value {
    fn from(at: Millis) -> Self {
        Self::Int(Some(at.0))
    }
}

/// A length of time in milliseconds, small enough to be added to any time.
pub(crate) fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX / 4)
}

/// A length of time, in milliseconds.
impl From<Duration> for Value {
    fn from(span: Duration) -> Self {
        Self::Int(Some(millis(span)))
    }
}

macro_rules! from_ids {
    (uuid: $($uuid:ident),+; row: $($row:ident),+) => {
        $(impl From<$uuid> for Value {
            fn from(id: $uuid) -> Self {
                Self::Uuid(Some(id.0))
            }
        }
        impl From<Option<$uuid>> for Value {
            fn from(id: Option<$uuid>) -> Self {
                Self::Uuid(id.map(|id| id.0))
            }
        })+
        $(impl From<$row> for Value {
            fn from(id: $row) -> Self {
                Self::Int(Some(id.0))
            }
        })+
    };
}
from_ids!(uuid: DistrictId, AccountId, TaskId, AttemptId, ApiKeyId, WebhookId, WebhookMessageId, PlanId; row: ItemId, NotificationId);
