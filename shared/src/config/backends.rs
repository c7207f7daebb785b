//! Where PostgreSQL, RabbitMQ and Redis are.

use secrecy::SecretString;
use serde::Deserialize;

/// PostgreSQL.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `postgres://user:password@host:port/database`; environment `KEYBELL_DATABASE_URL`.
    pub url: SecretString,
    /// The most connections of one process.
    pub connections: u32,
}

impl Default for Database {
    fn default() -> Self {
        Self { url: SecretString::from(""), connections: 8 }
    }
}

/// RabbitMQ.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Broker {
    /// `amqp://user:password@host:port/%2f`; environment `KEYBELL_AMQP_URL`.
    pub url: SecretString,
    /// The first word of every exchange and queue.
    pub prefix: String,
}

impl Default for Broker {
    fn default() -> Self {
        Self { url: SecretString::from(""), prefix: "keybell".to_owned() }
    }
}

/// Redis.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Redis {
    /// `redis://user:password@host:port/0`; environment `KEYBELL_REDIS_URL`.
    pub url: SecretString,
    /// The first word of every key and channel.
    pub prefix: String,
}

impl Default for Redis {
    fn default() -> Self {
        Self { url: SecretString::from(""), prefix: "keybell".to_owned() }
    }
}
