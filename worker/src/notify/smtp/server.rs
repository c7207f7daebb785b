//! Which mail server, and how it is spoken to.

use std::net::IpAddr;
use std::path::Path;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use tracing::warn;

/// How the connection is protected.
#[derive(Clone)]
pub(super) enum Tls {
    /// Not at all; `?tls=none`.
    None,
    /// STARTTLS or nothing; `?tls=required`.
    Required(TlsParameters),
    /// From the first byte; `smtps://`.
    Wrapped(TlsParameters),
}

/// A mail server and our name and credentials there.
pub(in crate::notify) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: Tls,
    pub(super) credentials: Option<Credentials>,
    pub(super) hello: ClientId,
}

impl Server {
    /// Reads `smtp://host:port?tls=required|none` or `smtps://host:port`. Without a word TLS is required.
    ///
    /// # Errors
    /// Says what does not fit. Credentials never stand in the URL, and never leave without TLS but to this machine.
    pub(in crate::notify) fn read(
        url: &str,
        username: &str,
        password: &SecretString,
        authority: Option<&Path>,
    ) -> Result<Self, String> {
        let url = Url::parse(url).map_err(|error| format!("is no URL ({error}); use smtp://host:port?tls=required"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not hold credentials; use email.username and email.password_file".to_owned());
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or("names no host")?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if !matches!(url.path(), "" | "/") {
            return Err("must have no path".to_owned());
        }
        let (wrapped, port) = match url.scheme() {
            "smtp" => (false, url.port().unwrap_or(25)),
            "smtps" => (true, url.port().unwrap_or(465)),
            other => return Err(format!("has the scheme `{other}`; use smtp or smtps")),
        };
        let query: Vec<_> = url.query_pairs().collect();
        let word = match query.as_slice() {
            [] => None,
            [(key, value)] if key == "tls" && !wrapped => Some(value.as_ref()),
            _ => return Err("knows only `?tls=required` and `?tls=none`, and those not with smtps".to_owned()),
        };
        let tls = match word {
            Some("none") => Tls::None,
            None if wrapped => Tls::Wrapped(parameters(&host, authority)?),
            None | Some("required") => Tls::Required(parameters(&host, authority)?),
            Some(other) => return Err(format!("has tls=`{other}`; use required or none")),
        };
        let local = is_loopback(&host);
        if matches!(tls, Tls::None) && !local {
            if !username.is_empty() {
                return Err("has tls=none, but credentials leave this machine only inside TLS".to_owned());
            }
            warn!(host, "e-mail with passwords leaves this machine without TLS, as configured (tls=none)");
        }
        let credentials =
            (!username.is_empty()).then(|| Credentials::new(username.to_owned(), password.expose_secret().to_owned()));
        Ok(Self { host, port, tls, credentials, hello: ClientId::default() })
    }
}

impl Server {
    /// What a connection that was opened to it has shown, in words.
    pub(super) fn described(&self) -> String {
        let tls = match self.tls {
            Tls::None => "without TLS (tls=none)",
            Tls::Required(_) => "TLS by STARTTLS",
            Tls::Wrapped(_) => "TLS",
        };
        let credentials =
            if self.credentials.is_some() { "our credentials are accepted" } else { "no credentials are asked for" };
        format!("{}:{} greets us, {tls}, {credentials}", self.host, self.port)
    }
}

/// Whether a host is this machine.
pub(in crate::notify) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn parameters(host: &str, authority: Option<&Path>) -> Result<TlsParameters, String> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(path) = authority {
        let fail = |reason: String| format!("cannot use email.ca_file {}: {reason}", path.display());
        let pem = std::fs::read(path).map_err(|error| fail(error.to_string()))?;
        let certificate = Certificate::from_pem(&pem).map_err(|error| fail(error.to_string()))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build().map_err(|error| format!("TLS cannot be set up: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str, username: &str) -> Result<Server, String> {
        Server::read(url, username, &SecretString::from("secret"), None)
    }

    #[test]
    fn urls_say_host_port_and_protection() {
        let server = read("smtp://mail.example.org:587", "keybell").expect("server");
        assert_eq!((server.host.as_str(), server.port), ("mail.example.org", 587));
        assert!(matches!(server.tls, Tls::Required(_)), "TLS is the default");
        assert!(matches!(read("smtps://mail.example.org", "").expect("server").tls, Tls::Wrapped(_)));
        assert_eq!(read("smtps://mail.example.org", "").expect("server").port, 465);
        let server = read("smtp://[::1]:2525?tls=none", "keybell").expect("server");
        assert_eq!((server.host.as_str(), server.port), ("::1", 2525));
        assert!(matches!(server.tls, Tls::None));
    }

    #[test]
    fn senseless_and_careless_urls_are_refused() {
        for url in [
            "",
            "mail.example.org",
            "http://mail.example.org",
            "smtp://user:secret@mail.example.org",
            "smtp://mail.example.org?tls=opportunistic",
            "smtp://mail.example.org?starttls=yes",
            "smtp://mail.example.org/path",
            "smtps://mail.example.org?tls=none",
            "smtp://mail.example.org?tls=none",
        ] {
            let error = read(url, "keybell").err().unwrap_or_else(|| panic!("{url} was taken"));
            assert!(!error.contains("secret"), "{error}");
        }
        assert!(
            read("smtp://mail.example.org?tls=none", "").is_ok(),
            "without credentials it is the operator's choice"
        );
    }
}
