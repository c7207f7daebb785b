//! A collector of spans: OTLP over HTTP, as far as a test reads it.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A span that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    /// The trace's id in hexadecimal.
    pub(crate) trace: String,
    pub(crate) id: String,
    /// Empty for a root.
    pub(crate) parent: String,
    pub(crate) name: String,
    /// The attributes that are texts.
    pub(crate) attributes: Vec<(String, String)>,
}

/// A collector on a port of its own; it ends when it is dropped.
pub(crate) struct Collector {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Received>>>,
    serving: JoinHandle<()>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let app = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&received));
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.expect("it serves") });
        Self { url, received, serving }
    }

    /// What was received so far.
    pub(crate) fn spans(&self) -> Vec<Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(State(received): State<Arc<Mutex<Vec<Received>>>>, body: Bytes) -> Bytes {
    let spans: Vec<Received> = fields(&body, 1) // resource_spans
        .flat_map(|resource| fields(resource, 2)) // scope_spans
        .flat_map(|scope| fields(scope, 2)) // spans
        .map(span)
        .collect();
    received.lock().unwrap_or_else(PoisonError::into_inner).extend(spans);
    Bytes::new()
}

fn span(bytes: &[u8]) -> Received {
    let hex = |number| -> String { keybell_shared::seal::hex(fields(bytes, number).next().unwrap_or_default()) };
    let text = |bytes: &[u8], number| -> String {
        String::from_utf8_lossy(fields(bytes, number).next().unwrap_or_default()).into_owned()
    };
    let attributes = fields(bytes, 9).map(|attribute| {
        let value = fields(attribute, 2).next().unwrap_or_default();
        (text(attribute, 1), text(value, 1))
    });
    Received { trace: hex(1), id: hex(2), parent: hex(4), name: text(bytes, 5), attributes: attributes.collect() }
}

/// The length-delimited fields of this number in a protobuf message.
fn fields(message: &[u8], wanted: u64) -> impl Iterator<Item = &[u8]> {
    let mut rest = message;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let key = varint(&mut rest);
            match key & 7 {
                0 => {
                    varint(&mut rest);
                }
                1 => rest = &rest[8..],
                5 => rest = &rest[4..],
                2 => {
                    let length = usize::try_from(varint(&mut rest)).expect("a length");
                    let (field, after) = rest.split_at(length);
                    rest = after;
                    if key >> 3 == wanted {
                        return Some(field);
                    }
                }
                other => panic!("a wire type {other}"),
            }
        }
        None
    })
}

fn varint(rest: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first().expect("a whole number");
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}
