//! SMS to an HTTP provider that speaks as Twilio does: a form with `To`, `From` and `Body`, basic authentication.
//!
//! An answer is judged by its documented fields, never by its status alone: a proxy's friendly page with status 200 is no
//! promise to deliver.

use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use keybell_shared::clock::wall;
use lettre::message::header::{Date, Header as _};
use reqwest::header::RETRY_AFTER;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::smtp::is_loopback;
use super::{Outgoing, Sender, Sent};

/// More of an answer is not read.
const MOST: usize = 64 * 1024;

/// A connection that did nothing for this long is closed.
const IDLE: Duration = Duration::from_secs(10);

/// Twilio's codes for recipients that will never get the message: no valid number, opted out, no mobile, not reachable
/// from this account, a landline. <https://www.twilio.com/docs/api/errors>
const RECIPIENT: [u32; 10] = [21211, 21214, 21217, 21265, 21408, 21610, 21612, 21614, 30005, 30006];
/// Twilio's codes that are about our own number or account, whoever the recipient is.
const OURS: [u32; 9] = [21212, 21602, 21603, 21606, 21659, 21660, 21661, 21703, 63038];

/// An SMS provider.
pub struct Gateway {
    client: Client,
    url: Url,
    username: String,
    password: SecretString,
    from: String,
}

/// What a provider answers; everything else in it is ignored.
#[derive(Debug, Default, Deserialize)]
struct Answer {
    sid: Option<String>,
    status: Option<serde_json::Value>,
    code: Option<u32>,
    error_code: Option<u32>,
    message: Option<String>,
}

impl Gateway {
    /// A provider's messages resource. Each call ends within `deadline`.
    ///
    /// # Errors
    /// Says what does not fit. Credentials and passwords leave this machine only inside TLS.
    pub(super) fn new(
        url: &str,
        username: &str,
        password: SecretString,
        from: &str,
        deadline: Duration,
    ) -> Result<Self, String> {
        let url = Url::parse(url).map_err(|error| format!("is no URL ({error})"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not hold credentials; use sms.username and sms.password_file".to_owned());
        }
        let host = url.host_str().ok_or("names no host")?.trim_start_matches('[').trim_end_matches(']').to_owned();
        if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&host)) {
            return Err("must begin with https://".to_owned());
        }
        keybell_shared::tls::init();
        let client = Client::builder()
            .timeout(deadline)
            // A failure to connect is certain to have delivered nothing; a time-out of the whole is not.
            .connect_timeout(deadline / 2)
            // A request over a connection that the provider just closed is lost without a clear answer: leave first.
            .pool_idle_timeout(IDLE)
            .redirect(Policy::none())
            .no_proxy()
            .tcp_nodelay(true)
            .user_agent(concat!("keybell/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("no HTTP client can be made: {error}"))?;
        Ok(Self { client, url, username: username.to_owned(), password, from: from.to_owned() })
    }
}

impl Gateway {
    /// Asks for the messages resource without reading it, which tells whether our credentials are taken.
    ///
    /// # Errors
    /// Says what a message would meet.
    pub(super) async fn probe(&self) -> Result<String, String> {
        let request = self
            .client
            .get(self.url.clone())
            .query(&[("PageSize", "1")])
            .basic_auth(&self.username, Some(self.password.expose_secret()));
        let host = self.url.host_str().unwrap_or_default();
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                return Err(match failed(&error.without_url()) {
                    Sent::ChannelDown { detail, .. }
                    | Sent::Unknown(detail)
                    | Sent::TemporaryRecipient(detail)
                    | Sent::PermanentRecipient(detail)
                    | Sent::Accepted(detail) => format!("{host}: {detail}"),
                });
            }
        };
        match response.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let status = response.status().as_u16();
                Err(format!("{host} refuses our credentials ({status}); see sms.username and sms.password_file"))
            }
            status if status.is_success() => Ok(format!("{host} accepts our credentials")),
            status => {
                let status = status.as_u16();
                Ok(format!("{host} answers ({status}); whether it takes our credentials only a message shows"))
            }
        }
    }
}

#[async_trait]
impl Sender for Gateway {
    async fn send(&self, message: &Outgoing) -> Sent {
        let form = [("To", message.address.as_str()), ("From", &self.from), ("Body", &message.text)];
        let request = self
            .client
            .post(self.url.clone())
            .basic_auth(&self.username, Some(self.password.expose_secret()))
            .form(&form);
        match request.send().await {
            Ok(response) => judge(response).await,
            // The URL names the account at the provider; the cause says enough.
            Err(error) => failed(&error.without_url()),
        }
    }
}

/// No answer.
fn failed(error: &reqwest::Error) -> Sent {
    let cause = std::iter::successors(std::error::Error::source(error), |cause| cause.source())
        .last()
        .map_or_else(|| error.to_string(), ToString::to_string);
    if error.is_connect() || error.is_builder() {
        Sent::down(format!("the SMS provider cannot be reached: {cause}"))
    } else if error.is_timeout() {
        Sent::Unknown("the SMS provider did not answer in time".to_owned())
    } else {
        Sent::Unknown(format!("the SMS provider's answer was lost: {cause}"))
    }
}

/// An answer.
async fn judge(response: Response) -> Sent {
    let status = response.status();
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| read_retry_after(value, wall().0));
    let answer = match body(response).await {
        Some(bytes) => serde_json::from_slice::<Answer>(&bytes).ok(),
        None => None,
    };
    let said = |answer: &Option<Answer>| {
        let (code, text) = answer.as_ref().map_or((None, None), |known| (known.code, known.message.clone()));
        let code = code.map(|code| format!(" code {code}")).unwrap_or_default();
        let text = text.map(|text| format!(": {text}")).unwrap_or_default();
        format!("the SMS provider answered {}{code}{text}", status.as_u16())
    };
    let code = answer.as_ref().and_then(|known| known.code);
    match status.as_u16() {
        200 | 201 => accepted(answer, status),
        // Another 2xx promises nothing.
        202..=299 => Sent::Unknown(said(&answer)),
        429 => Sent::ChannelDown { detail: said(&answer), retry_after },
        500..=599 | 408 => Sent::TemporaryRecipient(said(&answer)),
        400..=499 if code.is_some_and(|code| RECIPIENT.contains(&code)) => Sent::PermanentRecipient(said(&answer)),
        // 20xxx is about the request as such (no such account, wrong token), never about the recipient.
        400..=499 if code.is_some_and(|code| OURS.contains(&code) || (20_000..21_000).contains(&code)) => {
            Sent::down(said(&answer))
        }
        400 | 422 => Sent::PermanentRecipient(said(&answer)),
        404 if code.is_some() => Sent::PermanentRecipient(said(&answer)),
        300..=399 => Sent::down(format!("the SMS provider redirects ({}); correct sms.url", status.as_u16())),
        _ => Sent::down(said(&answer)),
    }
}

/// A message that was taken has an id and has not failed yet.
fn accepted(answer: Option<Answer>, status: StatusCode) -> Sent {
    let Some(Answer { sid: Some(sid), status: state, error_code, .. }) = answer else {
        return Sent::Unknown(format!("the SMS provider answered {} without a message id", status.as_u16()));
    };
    if sid.trim().is_empty() {
        return Sent::Unknown(format!("the SMS provider answered {} with an empty message id", status.as_u16()));
    }
    let state = state.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default();
    let detail = format!("{sid} {state}");
    match state {
        "failed" | "undelivered" | "canceled" if error_code.is_some_and(|code| RECIPIENT.contains(&code)) => {
            Sent::PermanentRecipient(detail)
        }
        "failed" | "undelivered" | "canceled" => Sent::TemporaryRecipient(detail),
        _ => Sent::Accepted(detail),
    }
}

/// The body; `None` when it breaks off or is too long.
async fn body(mut response: Response) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if bytes.len() + chunk.len() > MOST {
            return None;
        }
        bytes.extend_from_slice(&chunk);
    }
    Some(bytes)
}

/// `Retry-After`, in seconds or as a date (RFC 9110); the breaker bounds it. `now` is in milliseconds since 1970.
fn read_retry_after(value: &str, now: i64) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number holds mean very long.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = std::time::SystemTime::from(Date::parse(value).ok()?);
    let date = date.duration_since(UNIX_EPOCH).ok()?;
    let now = Duration::from_millis(u64::try_from(now).ok()?);
    Some(date.saturating_sub(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_both_forms() {
        assert_eq!(read_retry_after("2", 0), Some(Duration::from_secs(2)));
        assert_eq!(read_retry_after("1000000000", 0), Some(Duration::from_secs(1_000_000_000)));
        assert_eq!(read_retry_after("99999999999999999999999", 0), Some(Duration::from_secs(u64::MAX)));
        let now = 784_111_777_000; // Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110
        assert_eq!(read_retry_after("Sun, 06 Nov 1994 08:50:37 GMT", now), Some(Duration::from_mins(1)));
        assert_eq!(read_retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(read_retry_after("soon", now), None);
        assert_eq!(read_retry_after("-1", now), None);
        assert_eq!(read_retry_after("", now), None);
    }

    #[test]
    fn urls_are_https_or_local_and_without_credentials() {
        let new = |url: &str| {
            Gateway::new(url, "AC1", SecretString::from("token"), "+15550000", Duration::from_secs(1)).map(|_| ())
        };
        assert_eq!(new("https://api.example.com/2010-04-01/Accounts/AC1/Messages.json"), Ok(()));
        assert_eq!(new("http://127.0.0.1:9/Messages.json"), Ok(()));
        assert_eq!(new("http://[::1]:9/Messages.json"), Ok(()));
        for url in ["", "http://api.example.com/", "ftp://api.example.com/", "https://AC1:token@api.example.com/"] {
            assert!(new(url).is_err(), "{url}");
        }
    }
}
