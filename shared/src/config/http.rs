//! The HTTP API.

use std::net::SocketAddr;

use serde::Deserialize;

/// The HTTP API.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Where it listens. TLS is the work of a proxy in front.
    pub listen: SocketAddr,
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8080)) }
    }
}
