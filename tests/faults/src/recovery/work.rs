//! The load: a task over everybody after the other, so that there is always something to reset and somebody to tell.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use keybell_shared::clock::Stopwatch;
use keybell_shared::precautions::VERSION;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::evidence::{Ms, Try};

/// The next task is asked for when the last one has so few open items.
const FEW: u64 = 700;
/// How long an answer is waited for.
const ANSWER: Duration = Duration::from_secs(10);

/// Somebody with an administrator's key, at all doors in turn.
#[derive(Clone)]
pub(super) struct Asker {
    doors: Arc<Vec<String>>,
    key: Arc<str>,
    client: Client,
    turn: Arc<AtomicUsize>,
}

impl Asker {
    pub(super) fn new(doors: Vec<String>, key: String) -> Result<Self> {
        keybell_shared::tls::init();
        let client = Client::builder().no_proxy().timeout(ANSWER).build().context("an HTTP client")?;
        Ok(Self { doors: Arc::new(doors), key: key.into(), client, turn: Arc::default() })
    }

    /// Asks for a reset under a key of its own. Answers the try, and the task if there is one.
    pub(super) async fn start(&self, key: &str, selection: Value) -> (Try, Option<String>) {
        let body = json!({
            "selection": selection, "channel": "both", "reason": "start_of_year", "acknowledgement": VERSION
        });
        let (made, answer) = self.ask(Method::POST, "/v1/tasks", Some((key, body))).await;
        (made, answer.get("task").and_then(Value::as_str).map(ToOwned::to_owned))
    }

    async fn ask(&self, method: Method, path: &str, body: Option<(&str, Value)>) -> (Try, Value) {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let door = self.doors.get(turn % self.doors.len().max(1)).map_or("", String::as_str);
        let mut request = self.client.request(method, format!("{door}{path}")).bearer_auth(&self.key);
        if let Some((key, body)) = body {
            request = request.header("idempotency-key", key).json(&body);
        }
        let watch = Stopwatch::start();
        let answer = async {
            let response = request.send().await.ok()?;
            Some((response.status().as_u16(), response.text().await.ok()?))
        };
        let (status, text) = answer.await.unwrap_or_default();
        let took = Ms::try_from(watch.elapsed().as_millis()).unwrap_or(Ms::MAX);
        (Try { took, status }, serde_json::from_str(&text).unwrap_or_default())
    }
}

/// The tasks, one after the other.
pub(super) struct Work(Option<JoinHandle<()>>);

impl Work {
    pub(super) fn begin(asker: Asker) -> Self {
        Self(Some(tokio::spawn(async move {
            loop {
                let key = uuid::Uuid::new_v4().to_string();
                // Whatever is away comes back; the same key makes one task of all tries.
                let task = loop {
                    if let (_, Some(task)) = asker.start(&key, json!({"scope": "all"})).await {
                        break task;
                    }
                    tokio::time::sleep(Duration::from_millis(200)).await;
                };
                loop {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    let (_, shown) = asker.ask(Method::GET, &format!("/v1/tasks/{task}"), None).await;
                    let expanded = shown.get("state").and_then(Value::as_str).is_some_and(|state| state != "expanding");
                    let open = shown.pointer("/progress/reset/pending").and_then(Value::as_u64);
                    if expanded && open.is_some_and(|open| open < FEW) {
                        break;
                    }
                }
            }
        })))
    }

    pub(super) async fn end(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
            // Aborted is what it shall be.
            drop(task.await);
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}
