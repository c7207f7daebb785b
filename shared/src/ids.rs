//! Typed ids. A mixed-up id is silent corruption, so no function of Keybell takes a bare number or UUID.
//!
//! Things that people and applications name from outside (districts, accounts, tasks, keys) have UUIDs of version 7;
//! rows that exist by the ten million (items, notifications) have the ledger's own ascending numbers, which keep
//! indexes small and make keyset paging trivial.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[doc = $doc:literal])* $name:ident) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
                    .pattern(Some("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"))
                    .description(Some(concat!($($doc),*).trim()))
                    .examples(["019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11"])
                    .into()
            }
        }

        impl ToSchema for $name {}

        impl $name {
            /// Draws a new id, ascending in time.
            #[must_use]
            pub fn fresh() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::from_str(text).map(Self)
            }
        }
    };
}

macro_rules! row_id {
    ($(#[doc = $doc:literal])* $name:ident) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::Integer)
                    .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
                    .description(Some(concat!($($doc),*).trim()))
                    .examples([4711])
                    .into()
            }
        }

        impl ToSchema for $name {}

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

uuid_id!(
    /// A district: the tenant to which every row, message, key and event belongs.
    DistrictId
);
uuid_id!(
    /// One person's sign-in at a district.
    AccountId
);
uuid_id!(
    /// An accepted bulk reset.
    TaskId
);
uuid_id!(
    /// A stored trial run of a request.
    PlanId
);
uuid_id!(
    /// One try of one worker at one item; it tells, after a lost COMMIT answer, whose write it was.
    AttemptId
);
uuid_id!(
    /// An API key, without its secret.
    ApiKeyId
);
uuid_id!(
    /// A webhook endpoint.
    WebhookId
);
uuid_id!(
    /// One message to one webhook endpoint; the same on every try.
    WebhookMessageId
);
row_id!(
    /// One account within one task.
    ItemId
);
row_id!(
    /// One message to one recipient on one channel about one credential version.
    NotificationId
);
