//! Sends webhooks by HTTP, and never to where it must not: not to this machine, not to its networks.
//!
//! A name is looked up by us, every address of it is checked, and the connection goes to a checked address: a name that
//! changes its mind between the check and the connection gains nothing. Redirects are not followed and proxies not used.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keybell_shared::clock::wall;
use keybell_shared::config;
use keybell_shared::ports::webhooks::{WebhookAnswer, WebhookCall, WebhookSender};
use keybell_shared::webhook::{AddressClass, ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, class_of, retry_after};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};

/// A connection that did nothing for this long is closed.
const IDLE: Duration = Duration::from_secs(30);

/// So much of an answer's body is read, and for so long, only to use the connection again. What it says is ignored.
const DRAINED: usize = 1_024;
const DRAIN_WITHIN: Duration = Duration::from_millis(250);

/// The way out for webhooks.
#[derive(Debug)]
pub struct HttpWebhooks {
    client: Client,
    allow_http: bool,
    allow_private: bool,
    timeout: Duration,
}

impl HttpWebhooks {
    /// As configured.
    ///
    /// # Errors
    /// When no HTTP client can be made, which only a broken system causes.
    pub fn new(config: &config::Webhooks) -> Result<Arc<Self>, String> {
        keybell_shared::tls::init();
        let client = Client::builder()
            .timeout(config.timeout)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(usize::try_from(config.connections).unwrap_or(1))
            .redirect(Policy::none())
            .referer(false)
            .no_proxy()
            .https_only(!config.allow_http)
            .tcp_nodelay(true)
            .user_agent(concat!("keybell/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(Guarded { allow_private: config.allow_private }))
            .build()
            .map_err(|error| format!("no HTTP client can be made: {error}"))?;
        let config::Webhooks { allow_http, allow_private, timeout, .. } = *config;
        Ok(Arc::new(Self { client, allow_http, allow_private, timeout }))
    }

    /// The URL, if it may be called as far as it says itself.
    fn read(&self, url: &str) -> Result<Url, String> {
        // The parser would quietly drop or turn what people, and terminals, read as something else.
        if !url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return Err("must be plain ASCII without spaces and backslashes; write other characters as %XX".to_owned());
        }
        let url = Url::parse(url).map_err(|error| format!("is no URL ({error})"))?;
        match url.scheme() {
            "https" => {}
            "http" if self.allow_http => {}
            _ => return Err("must begin with https://".to_owned()),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not hold credentials; the signature proves who calls".to_owned());
        }
        if url.fragment().is_some() {
            return Err("must not have a fragment (#…)".to_owned());
        }
        let host = url.host_str().ok_or("names no host")?;
        let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
        if host == "localhost" || host.ends_with(".localhost") {
            allowed(IpAddr::from([127, 0, 0, 1]), self.allow_private)?;
        }
        // An address is not looked up, so the resolver does not see it.
        if let Ok(address) = host.parse::<IpAddr>() {
            allowed(address, self.allow_private)?;
        }
        Ok(url)
    }

    async fn judge(&self, response: Response) -> WebhookAnswer {
        let status = response.status();
        let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let wait = asked.and_then(|value| retry_after(value, wall()));
        drain(response).await;
        if status.is_success() {
            return WebhookAnswer::Taken;
        }
        if status == StatusCode::GONE {
            return WebhookAnswer::Gone;
        }
        let status = status.as_u16();
        let detail = match status {
            300..=399 => format!("the endpoint redirects ({status}), which is not followed; register the new URL"),
            _ => format!("the endpoint answered {status}"),
        };
        WebhookAnswer::Failed { detail, retry_after: wait }
    }

    /// No answer. The cause names neither the URL nor anything that was sent.
    fn failed(&self, error: reqwest::Error) -> WebhookAnswer {
        let error = error.without_url();
        let detail = if error.is_timeout() {
            format!("no answer within {} s", self.timeout.as_secs_f64())
        } else {
            let causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
            let cause = causes.last().map_or_else(|| error.to_string(), ToString::to_string);
            if error.is_connect() { format!("no connection: {cause}") } else { format!("no answer: {cause}") }
        };
        WebhookAnswer::Failed { detail, retry_after: None }
    }
}

#[async_trait]
impl WebhookSender for HttpWebhooks {
    fn check(&self, url: &str) -> Result<(), String> {
        self.read(url).map(|_| ())
    }

    async fn send(&self, call: &WebhookCall) -> WebhookAnswer {
        // What was allowed when it was registered may not be any more.
        let url = match self.read(&call.url) {
            Ok(url) => url,
            Err(reason) => {
                return WebhookAnswer::Failed { detail: format!("the URL {reason}"), retry_after: None };
            }
        };
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(ID_HEADER, &call.id)
            .header(TIMESTAMP_HEADER, call.timestamp)
            .header(SIGNATURE_HEADER, &call.signature)
            .body(call.body.clone());
        match request.send().await {
            Ok(response) => self.judge(response).await,
            Err(error) => self.failed(error),
        }
    }
}

/// Reads a little of the body, for a short time.
async fn drain(mut response: Response) {
    let reading = async {
        let mut read = 0;
        while read <= DRAINED {
            match response.chunk().await {
                Ok(Some(chunk)) => read += chunk.len(),
                Ok(None) | Err(_) => return,
            }
        }
    };
    // An answer that is longer or slower costs its connection, nothing more.
    drop(tokio::time::timeout(DRAIN_WITHIN, reading).await);
}

fn allowed(address: IpAddr, allow_private: bool) -> Result<(), String> {
    match class_of(address) {
        AddressClass::Inner(class) if !allow_private => {
            Err(format!("leads to an address that is {class}, which is refused (webhooks.allow_private)"))
        }
        AddressClass::Inner(_) | AddressClass::Public => Ok(()),
    }
}

/// Looks names up, and answers only when every address may be reached.
#[derive(Debug)]
struct Guarded {
    allow_private: bool,
}

/// Why a name leads nowhere.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NoAddress(String);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let found: Vec<SocketAddr> =
                found.map_err(|_| NoAddress("the host's name cannot be looked up".to_owned()))?.collect();
            if found.is_empty() {
                return Err(NoAddress("the host's name has no address".to_owned()).into());
            }
            for address in &found {
                allowed(address.ip(), allow_private)
                    .map_err(|reason| NoAddress(format!("the host's name {reason}")))?;
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(allow_http: bool, allow_private: bool) -> Arc<HttpWebhooks> {
        let config = config::Webhooks { allow_http, allow_private, ..config::Webhooks::default() };
        HttpWebhooks::new(&config).expect("a client")
    }

    #[test]
    fn only_public_https_without_credentials_may_be_registered() {
        let strict = sender(false, false);
        for url in
            ["https://hooks.example.com/keybell?tenant=7", "https://8.8.8.8:8443/", "https://xn--bcher-kva.example"]
        {
            assert_eq!(strict.check(url), Ok(()), "{url}");
        }
        for url in [
            "",
            "hooks",
            "http://hooks.example.com/",
            "ftp://hooks.example.com/",
            "https://user:secret@hooks.example.com/",
            "https://user@hooks.example.com/",
            "https://hooks.example.com/#top",
            "https://localhost/",
            "https://LOCALHOST./",
            "https://api.localhost/",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f.0.0.1/",
            "https://10.1.2.3/",
            "https://169.254.169.254/latest/meta-data/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[fd00:ec2::254]/",
            "https://0/",
        ] {
            let refused = strict.check(url).expect_err(url);
            assert!(!refused.contains("secret"), "{refused}");
        }
        assert_eq!(sender(true, true).check("http://127.0.0.1:9/hook"), Ok(()));
        assert!(sender(true, false).check("http://127.0.0.1:9/hook").is_err());
    }

    /// The URL itself says nothing bad here: it is the lookup that must notice, for the very connection that is made.
    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_not_connected_to() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        listener.set_nonblocking(true).expect("set");
        let url = format!("http://localhost:{}/hook", listener.local_addr().expect("an address").port());
        let strict = sender(true, false);
        let error = strict.client.post(&url).send().await.expect_err("no connection");
        let WebhookAnswer::Failed { detail, .. } = strict.failed(error) else { panic!("not failed") };
        assert!(detail.contains("an address that is loopback"), "{detail}");
        let waiting = listener.accept().expect_err("nobody came");
        assert_eq!(waiting.kind(), std::io::ErrorKind::WouldBlock);
    }
}
