//! Metrics, and whether the process is well.

use std::net::SocketAddr;

use serde::{Deserialize, Deserializer};

/// Metrics, and whether the process is well, on a listener of its own.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Where `/metrics`, `/healthz` and `/readyz` are served, such as `127.0.0.1:9464`; empty: nowhere. There is no
    /// authentication, so it must not be reachable from outside.
    #[serde(deserialize_with = "address")]
    pub listen: Option<SocketAddr>,
}

/// An address; an empty text is none.
fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = |_| serde::de::Error::custom("metrics.listen must be empty or an address such as 127.0.0.1:9464");
    text.parse().map(Some).map_err(wrong)
}
