//! Webhooks to upstream applications.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use super::{ConfigError, fits, seconds};

/// The longest wait that can be configured, and the longest that an endpoint may ask for.
pub const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// Webhooks to upstream applications.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhooks {
    /// Whether endpoints may be `http://`: for tests and development only.
    pub allow_http: bool,
    /// Whether endpoints may be on this machine or on private networks.
    pub allow_private: bool,
    /// One try must end within this.
    #[serde(rename = "timeout_seconds", deserialize_with = "seconds")]
    pub timeout: Duration,
    /// The waits between the tries; after the last one the endpoint is disabled.
    #[serde(rename = "retry_seconds", deserialize_with = "waits")]
    pub retry: Vec<Duration>,
    /// How far a wait may stray, as a share of it.
    pub retry_jitter: f64,
    /// Tries that run at the same time, per endpoint.
    pub connections: u32,
    /// How long the old secret signs beside the new one after a rotation.
    #[serde(rename = "overlap_seconds", deserialize_with = "seconds")]
    pub overlap: Duration,
    /// Messages that waited for longer are dropped.
    #[serde(rename = "keep_seconds", deserialize_with = "seconds")]
    pub keep: Duration,
    /// The most endpoints of a district.
    pub per_district: u32,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self {
            allow_http: false,
            allow_private: false,
            timeout: Duration::from_secs(10),
            retry: [5, 60, 600, 3_600, 21_600, 86_400].map(Duration::from_secs).to_vec(),
            retry_jitter: 0.2,
            connections: 16,
            overlap: Duration::from_hours(24),
            keep: Duration::from_hours(7 * 24),
            per_district: 20,
        }
    }
}

impl Webhooks {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let timeout = Duration::from_millis(100)..=Duration::from_secs(30);
        fits(timeout.contains(&self.timeout), "webhooks.timeout_seconds", || "must be 0.1 to 30".to_owned())?;
        fits((1..=20).contains(&self.retry.len()), "webhooks.retry_seconds", || "must be 1 to 20 waits".to_owned())?;
        let waits = self.retry.iter().all(|wait| !wait.is_zero() && *wait <= LONGEST_WAIT);
        fits(waits, "webhooks.retry_seconds", || "each must be more than 0 and at most 86400".to_owned())?;
        fits((0.0..=0.5).contains(&self.retry_jitter), "webhooks.retry_jitter", || "must be 0 to 0.5".to_owned())?;
        fits((1..=128).contains(&self.connections), "webhooks.connections", || "must be 1 to 128".to_owned())?;
        fits(self.overlap <= Duration::from_hours(30 * 24), "webhooks.overlap_seconds", || {
            "must be at most 2592000 (30 days)".to_owned()
        })?;
        fits(self.keep >= self.retry.iter().sum(), "webhooks.keep_seconds", || {
            "must cover all waits of webhooks.retry_seconds".to_owned()
        })?;
        fits((1..=1_000).contains(&self.per_district), "webhooks.per_district", || "must be 1 to 1000".to_owned())
    }
}

/// Reads a list of seconds, or from the environment the same as text: `5, 60, 600`.
fn waits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Duration>, D::Error> {
    struct Waits;

    fn wait<E: Error>(number: f64) -> Result<Duration, E> {
        Duration::try_from_secs_f64(number).map_err(|_| E::custom(format!("`{number}` is no number of seconds")))
    }

    impl<'de> Visitor<'de> for Waits {
        type Value = Vec<Duration>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of seconds")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            let number = |part: &str| {
                part.trim().parse().map_err(|_| E::custom(format!("`{}` is no number of seconds", part.trim())))
            };
            text.split(',').map(|part| wait(number(part)?)).collect()
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut waits = Vec::new();
            while let Some(number) = list.next_element::<f64>()? {
                waits.push(wait(number)?);
            }
            Ok(waits)
        }
    }

    deserializer.deserialize_any(Waits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_a_list_or_a_text() {
        let read = |json: &str| serde_json::from_str::<Webhooks>(json).map(|read| read.retry);
        let two = vec![Duration::from_millis(500), Duration::from_mins(1)];
        assert_eq!(read("{\"retry_seconds\": [0.5, 60]}").expect("a list"), two);
        assert_eq!(read("{\"retry_seconds\": \"0.5, 60\"}").expect("a text"), two);
        assert!(read("{\"retry_seconds\": [-1]}").is_err());
        assert!(read("{\"retry_seconds\": \"soon\"}").is_err());
    }

    #[test]
    fn the_defaults_fit_and_what_does_not_is_named() {
        let field = |webhooks: Webhooks| webhooks.check().err().map(|error| error.field);
        assert_eq!(field(Webhooks::default()), None);
        assert_eq!(field(Webhooks { retry: vec![], ..Webhooks::default() }), Some("webhooks.retry_seconds"));
        assert_eq!(field(Webhooks { keep: LONGEST_WAIT, ..Webhooks::default() }), Some("webhooks.keep_seconds"));
        assert_eq!(field(Webhooks { connections: 0, ..Webhooks::default() }), Some("webhooks.connections"));
    }
}
