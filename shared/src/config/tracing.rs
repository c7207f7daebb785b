//! Recording spans.

use serde::Deserialize;

use super::{ConfigError, fits};

/// Recording spans: one trace from a request to the delivery of its messages.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tracing {
    /// Where spans are sent by OTLP over HTTP, such as `http://127.0.0.1:4318`; empty: spans are not recorded.
    pub otlp_endpoint: String,
    /// The share of traces that are recorded, 0 to 1. It must be the same in all processes.
    pub sample_ratio: f64,
}

impl Default for Tracing {
    fn default() -> Self {
        Self { otlp_endpoint: String::new(), sample_ratio: 1.0 }
    }
}

impl Tracing {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let known = ["http://", "https://"].iter().any(|scheme| self.otlp_endpoint.starts_with(scheme));
        fits(self.otlp_endpoint.is_empty() || known, "tracing.otlp_endpoint", || {
            "must be empty, or begin with http:// or https://".to_owned()
        })?;
        fits((0.0..=1.0).contains(&self.sample_ratio), "tracing.sample_ratio", || "must be 0 to 1".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_url_and_a_share_fit() {
        assert!(Tracing::default().check().is_ok());
        let other = |otlp_endpoint: &str, sample_ratio| Tracing { otlp_endpoint: otlp_endpoint.into(), sample_ratio };
        assert!(other("http://127.0.0.1:4318", 0.5).check().is_ok());
        assert_eq!(other("127.0.0.1:4318", 1.0).check().map_err(|e| e.field), Err("tracing.otlp_endpoint"));
        assert_eq!(other("", 1.5).check().map_err(|e| e.field), Err("tracing.sample_ratio"));
        assert_eq!(other("", f64::NAN).check().map_err(|e| e.field), Err("tracing.sample_ratio"));
    }
}
