//! Webhooks: telling an upstream application by HTTP what happened, signed as the Standard Webhooks specification says.
//!
//! <https://github.com/standard-webhooks/standard-webhooks>. An endpoint's secret is stored nowhere: it is derived from
//! the master key in `webhooks.key` (see [`WebhookKey`]), shown once, and derived again whenever something is signed.

mod address;
mod key;
mod pattern;

pub use address::{AddressClass, class_of};
pub use key::{KeyTextError, WebhookKey, sign};
pub use pattern::{Pattern, PatternError};

use std::time::Duration;

use crate::clock::Millis;
use crate::ids::WebhookMessageId;

/// The kind of the message that tries out an endpoint; every endpoint gets it when asked for, whatever it listens to.
pub const TEST_EVENT: &str = "webhook.test";

/// The header with the message's id: the same on every try.
pub const ID_HEADER: &str = "webhook-id";
/// The header with the time of this try, in seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// The header with the signatures, separated by spaces.
pub const SIGNATURE_HEADER: &str = "webhook-signature";

/// The id of a message as its receiver sees it.
#[must_use]
pub fn message_id(id: WebhookMessageId) -> String {
    format!("msg_{}", id.0.simple())
}

/// Reads `Retry-After`, in seconds or as a date (RFC 9110); `None` when it is neither.
#[must_use]
pub fn retry_after(value: &str, now: Millis) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number holds mean very long.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = chrono::DateTime::parse_from_rfc2822(value).ok()?;
    let wait = date.timestamp_millis().saturating_sub(now.0);
    Some(Duration::from_millis(u64::try_from(wait).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now = Millis(784_111_777_000); // Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110
        assert_eq!(retry_after("2", now), Some(Duration::from_secs(2)));
        assert_eq!(retry_after("99999999999999999999999", now), Some(Duration::from_secs(u64::MAX)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:50:37 GMT", now), Some(Duration::from_mins(1)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", now), None);
        assert_eq!(retry_after("-1", now), None);
    }
}
