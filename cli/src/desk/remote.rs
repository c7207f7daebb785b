//! By a server: HTTPS with an API key of the environment or a file, never of the command line.

use std::error::Error as _;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Url, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::{Answer, Ask, Body};
use crate::configuration;
use crate::context::Server;
use crate::outcome::Exit;

/// How long a connection may take to be made.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How long the server may be silent. Event streams say something every 15 seconds.
const SILENT_FOR: Duration = Duration::from_mins(1);

/// A server, and the key that opens it.
pub(super) struct Remote {
    base: Url,
    host: String,
    client: Client,
}

impl Remote {
    pub(super) fn new(server: &Server) -> Result<Self> {
        let base = address(&server.url)?;
        let host = base.host_str().unwrap_or_default().to_owned();
        let builder = Client::builder();
        // Without TLS the way is this machine's own; through a proxy the key would leave it in clear.
        let builder = if base.scheme() == "http" { builder.no_proxy() } else { builder };
        let client = builder
            .default_headers(standing(&key(server.key_file.as_deref())?)?)
            .user_agent(concat!("keybell/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_WITHIN)
            .read_timeout(SILENT_FOR)
            // The key must not follow anybody anywhere.
            .redirect(redirect::Policy::none())
            .build()
            .context("the HTTP client cannot be set up")?;
        Ok(Self { base, host, client })
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) async fn answer(&self, ask: Ask<'_>) -> Result<Answer> {
        let url = Url::parse(&format!("{}{}", self.base.as_str().trim_end_matches('/'), ask.path))
            .context("the address cannot be written")?;
        let mut request = self.client.request(ask.method, url);
        if let Some(key) = ask.idempotency_key {
            request = request.header("idempotency-key", key);
        }
        if let Some(mark) = ask.last_event {
            request = request.header("last-event-id", mark);
        }
        if let Some(mut bytes) = ask.body {
            request = request.header(CONTENT_TYPE, ask.media).body(std::mem::take(&mut *bytes));
        }
        let response =
            request.send().await.map_err(|error| away(&format!("{} cannot be reached", self.base), &error))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(Exit::Usage.because(format!(
                "{} answers that the API is somewhere else ({status}); give --server that address",
                self.base
            )));
        }
        let wait = response.headers().get(RETRY_AFTER).and_then(|wait| wait.to_str().ok()?.parse().ok());
        let replayed = response.headers().contains_key("idempotent-replayed");
        Ok(Answer { status: status.as_u16(), retry_after: wait, replayed, body: Body::Remote(Box::new(response)) })
    }
}

/// What went wrong on the way, with its causes and without the address, which may hold what is not to be shown.
pub(super) fn away(what: &str, error: &reqwest::Error) -> anyhow::Error {
    let mut text = what.to_owned();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    if error.is_timeout() {
        text.push_str(": no answer in time");
    }
    Exit::Unavailable.because(text)
}

/// The server's address: HTTPS, unless it is this same machine.
fn address(text: &str) -> Result<Url> {
    let wrong =
        |reason: &str| Err(Exit::Usage.because(format!("--server: {reason}, such as https://keybell.example.org")));
    let Ok(url) = Url::parse(text) else { return wrong("this is no address; give one") };
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("leave the name and password out of the address; the key is in KEYBELL_API_KEY or --key-file");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong("give the address alone, without `?` and `#`");
    }
    let near = url.host_str().is_some_and(|host| {
        let ip: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        host == "localhost" || ip.is_some_and(|ip| ip.is_loopback())
    });
    match url.scheme() {
        "https" => Ok(url),
        "http" if near => Ok(url),
        "http" => {
            wrong("a key is sent over https only; http is for this same machine (127.0.0.1). Give an https address")
        }
        _ => wrong("give an https address"),
    }
}

/// The key: of the file if one is named, else of the environment.
fn key(file: Option<&Path>) -> Result<SecretString> {
    let text = match file {
        Some(path) => Zeroizing::new(
            std::fs::read_to_string(path)
                .map_err(|error| Exit::Usage.because(format!("--key-file: {} cannot be read: {error}", path.display())))?,
        ),
        None => Zeroizing::new(configuration::variable("KEYBELL_API_KEY").ok_or_else(|| {
            Exit::Usage.because(
                "--server needs an API key: put it into the variable KEYBELL_API_KEY, or into a file and name that with \
                 --key-file; `keybell apikey create` makes one",
            )
        })?),
    };
    Ok(SecretString::from(text.trim()))
}

fn standing(key: &SecretString) -> Result<HeaderMap> {
    let bearer = Zeroizing::new(format!("Bearer {}", key.expose_secret()));
    let mut value = HeaderValue::from_str(&bearer)
        .map_err(|_| Exit::Usage.because("the API key holds characters that no key has; it looks like `kb_…`"))?;
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_over_https_or_stays_on_this_machine() {
        for fine in [
            "https://keybell.example.org",
            "https://a.example/keybell/",
            "http://127.0.0.1:8080",
            "http://[::1]:80",
            "http://localhost:8080/",
        ] {
            assert!(address(fine).is_ok(), "{fine}");
        }
        for wrong in [
            "keybell.example.org",
            "http://keybell.example.org",
            "http://10.0.0.1",
            "ftp://localhost",
            "",
            "https://",
            "https://user@example.org",
            "https://user:secret@example.org",
            "https://example.org/?x",
            "http://localhost.example.org",
        ] {
            let error = address(wrong).expect_err(wrong);
            assert_eq!(Exit::of(&error), Exit::Usage);
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_key_with_a_line_end_inside_is_refused_without_being_shown() {
        let error = standing(&SecretString::from("kb_\nsecret")).expect_err("a header cannot hold it");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
