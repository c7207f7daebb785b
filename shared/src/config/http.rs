//! The HTTP API.

use std::net::SocketAddr;

use serde::Deserialize;

use super::{ConfigError, fits};

/// The HTTP API.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Where it listens. TLS is the work of a proxy in front.
    pub listen: SocketAddr,
    /// How many requests per second one API key may make in the long run. Each API process counts for itself.
    pub requests_per_second: u32,
    /// How many requests one API key may make at once, after it was idle.
    pub burst: u32,
    /// How many sign-in checks and password changes per second one API key may ask for, and as many at once: a sign-in
    /// page speaks for everybody in its district, and the cost of the hash holds back the rest.
    pub sign_ins_per_second: u32,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            requests_per_second: 20,
            burst: 60,
            sign_ins_per_second: 1_000,
        }
    }
}

impl Http {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        for (field, value) in [
            ("http.requests_per_second", self.requests_per_second),
            ("http.burst", self.burst),
            ("http.sign_ins_per_second", self.sign_ins_per_second),
        ] {
            fits((1..=100_000).contains(&value), field, || "must be 1 to 100000".to_owned())?;
        }
        Ok(())
    }
}
