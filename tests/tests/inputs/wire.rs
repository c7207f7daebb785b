//! HTTP by hand, because a client that knows the rules cannot break them.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// No answer takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A request, byte by byte as it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    line: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    /// Sent instead of everything else.
    whole: Option<Vec<u8>>,
}

impl Ask {
    /// A request with a `Host` and nothing else.
    pub(crate) fn new(method: &str, path: &str) -> Self {
        let headers = vec![("host".to_owned(), b"keybell.test".to_vec())];
        Self { line: format!("{method} {path} HTTP/1.1"), headers, body: Vec::new(), whole: None }
    }

    /// These bytes, whatever they are.
    pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self { whole: Some(bytes.into()), ..Self::new("", "") }
    }

    /// One more header.
    pub(crate) fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Another value of a header, or none.
    pub(crate) fn but(mut self, name: &str, value: Option<&str>) -> Self {
        self.headers.retain(|(known, _)| known != name);
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// With an API key.
    pub(crate) fn by(self, key: &str) -> Self {
        self.with("authorization", format!("Bearer {key}"))
    }

    /// With a body, as JSON.
    pub(crate) fn json(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        let length = self.body.len().to_string();
        self.with("content-type", "application/json").with("content-length", length)
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        if let Some(whole) = &self.whole {
            return whole.clone();
        }
        let mut bytes = format!("{}\r\n", self.line).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"connection: close\r\n\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// What came back on the connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    /// The status; 0 when the connection was closed without one.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: String,
    /// Everything that came, with whatever followed the first answer.
    pub(crate) all: String,
}

impl Reply {
    /// Reads what came.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let all = String::from_utf8_lossy(bytes).into_owned();
        let (head, body) = all.split_once("\r\n\r\n").unwrap_or((&all, ""));
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or_default();
        Self { status, body: body.to_owned(), all: all.clone() }
    }

    /// The body as JSON; null when it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// A text of the body's; empty when it is not there.
    pub(crate) fn text(&self, member: &str) -> String {
        self.json().get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

/// Sends and hears everything until the server closes.
pub(crate) async fn exchange(address: SocketAddr, bytes: &[u8]) -> Reply {
    let stream = TcpStream::connect(address).await.expect("the server takes connections");
    let (mut reader, mut writer) = stream.into_split();
    let sent = bytes.to_vec();
    // A server that has heard enough closes: then the rest is not sent, which is what it wants.
    let writing = tokio::spawn(async move { (writer.write_all(&sent).await.is_ok(), writer) });
    let mut heard = Vec::new();
    let hearing = async {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(n @ 1..) = reader.read(&mut buffer).await {
            heard.extend_from_slice(&buffer[..n]);
        }
    };
    tokio::time::timeout(PATIENCE, hearing).await.expect("the server answers or closes in time");
    writing.abort();
    Reply::of(&heard)
}
