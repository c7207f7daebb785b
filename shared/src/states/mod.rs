//! The state machines of task, item and notification, and the only edges that exist between their states.
//!
//! The ledger changes a state only by a guarded update (`… WHERE state = …`); these tables say which updates may be
//! written at all, and the property tests replay every recorded transition through them.

mod item;
mod notification;
mod task;

pub use item::ItemState;
pub use notification::NotificationState;
pub use task::TaskState;

/// A word was read from the ledger or a message that is no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no {kind} state")]
pub struct UnknownState {
    kind: &'static str,
    word: String,
}

/// Gives a state enum its stored words: `as_str`, `Display`, `FromStr`, serde and the list of all states.
macro_rules! state_words {
    ($name:ident, $kind:literal, { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $name {
            /// Every state, in the order of a life.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that is stored and shown.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = super::UnknownState;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    other => Err(super::UnknownState { kind: $kind, word: other.to_owned() }),
                }
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::schema::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .description(Some(concat!("Where the ", $kind, " stands.")))
                    .enum_values(Some(Self::ALL.iter().map(|state| state.as_str())))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                word.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
use state_words;
