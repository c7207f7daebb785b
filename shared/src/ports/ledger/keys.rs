//! Districts and API keys.

use async_trait::async_trait;
use serde::Serialize;

use super::LedgerResult;
use crate::actor::{Actor, Role};
use crate::clock::Millis;
use crate::ids::{ApiKeyId, DistrictId};

/// A district as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct District {
    /// Its id.
    pub id: DistrictId,
    /// Its short name, used on the command line.
    pub slug: String,
    /// Its full name.
    pub name: String,
}

/// A key to be stored: only the hash of its secret.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// The key's id, which is a part of its text.
    pub id: ApiKeyId,
    /// The district it is bound to.
    pub district: DistrictId,
    /// A name for people.
    pub name: String,
    /// What its holder is.
    pub role: Role,
    /// The username of the person behind it. Some roles need one, and so does an approval.
    pub person: Option<String>,
    /// SHA-256 of the secret (256 random bits, so a fast hash is enough).
    pub secret_hash: Vec<u8>,
    /// The key with which it is made; `None`: by the console.
    pub made_by: Option<ApiKeyId>,
}

/// What became of a new key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFate {
    /// It is valid from now on.
    Added,
    /// Its person is unknown in the district.
    UnknownPerson,
    /// Another valid key of the district has this name; tasks belong to names, so it must be another one.
    NameTaken,
    /// The name is the [console's](crate::actor::CONSOLE), or begins as those of AMQP producers do, with
    /// [`PRODUCER_PREFIX`](crate::actor::PRODUCER_PREFIX).
    NameReserved,
}

/// A key as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyView {
    /// Its id.
    pub id: ApiKeyId,
    /// Its name.
    pub name: String,
    /// What its holder is.
    pub role: Role,
    /// The username of the person behind it.
    pub person: Option<String>,
    /// When it was made.
    pub created_at: Millis,
    /// When it was revoked.
    pub revoked_at: Option<Millis>,
}

/// What authentication and the console ask of the ledger.
#[async_trait]
pub trait KeyLedger: Send + Sync {
    /// All districts, by slug.
    async fn districts(&self) -> LedgerResult<Vec<District>>;

    /// Makes the district if there is none of this slug; answers it either way.
    async fn ensure_district(&self, slug: &str, name: &str) -> LedgerResult<District>;

    /// Stores a key, unless its person is unknown or its name is taken.
    async fn add_key(&self, key: NewKey) -> LedgerResult<KeyFate>;

    /// The stored secret hash and the actor of a key that is not revoked.
    async fn key(&self, id: ApiKeyId) -> LedgerResult<Option<(Vec<u8>, Actor)>>;

    /// The district's keys, the oldest first.
    async fn keys(&self, district: DistrictId) -> LedgerResult<Vec<KeyView>>;

    /// How many sealed passwords, of accounts, of tasks and of uploads, only the key pair of this id can open. A pair is retired
    /// when there is none.
    async fn sealed_with(&self, key_id: &str) -> LedgerResult<u64>;

    /// When the last of an account's sealed passwords that only this key pair opens expires; `None` when there is none.
    /// Those of tasks end with their tasks.
    async fn sealed_until(&self, key_id: &str) -> LedgerResult<Option<Millis>>;

    /// Revokes a key of the actor's district. Answers whether there was one to revoke.
    async fn revoke_key(&self, actor: &Actor, id: ApiKeyId) -> LedgerResult<bool>;
}
