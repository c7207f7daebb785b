//! The HTTP API as its callers see it: several processes, any of which may be gone. Every answer is kept in a file, so
//! that the search for secrets in clear reads what callers were told.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use keybell_shared::clock::{Stopwatch, wall};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::evidence::{District, Ms, Try};

/// How long an answer is waited for. A process that is frozen for longer counts as one that does not answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long until a connection must be there.
const CONNECTING: Duration = Duration::from_secs(2);

/// The API's processes.
pub(super) struct Doors {
    bases: Vec<String>,
    client: Client,
    turn: AtomicUsize,
    answers: Mutex<BufWriter<File>>,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask<'a> {
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    pub(super) idempotency: Option<&'a str>,
    pub(super) body: Option<&'a Value>,
    /// A file instead, as CSV.
    pub(super) file: Option<&'a str>,
}

/// An answer, or none.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) took: Ms,
    /// 0: no answer.
    pub(super) status: u16,
    pub(super) body: String,
}

impl<'a> Ask<'a> {
    pub(super) const fn get(path: &'a str) -> Self {
        Self { method: &Method::GET, path, idempotency: None, body: None, file: None }
    }

    pub(super) const fn post(path: &'a str) -> Self {
        Self { method: &Method::POST, ..Self::get(path) }
    }

    pub(super) const fn with(self, body: &'a Value) -> Self {
        Self { body: Some(body), ..self }
    }

    pub(super) const fn with_file(self, file: &'a str) -> Self {
        Self { file: Some(file), ..self }
    }

    pub(super) const fn under(self, idempotency: &'a str) -> Self {
        Self { idempotency: Some(idempotency), ..self }
    }
}

impl Heard {
    /// Whether the same question may be answered otherwise in a moment: no answer, too fast, or a service is away.
    pub(super) const fn is_passing(&self) -> bool {
        matches!(self.status, 0 | 408 | 425 | 429 | 500 | 502 | 503 | 504)
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// The stable code of a refusal.
    pub(super) fn code(&self) -> String {
        let body = self.json();
        let code = body.get("code").and_then(Value::as_str);
        code.map_or_else(|| format!("status {}", self.status), ToOwned::to_owned)
    }

    pub(super) const fn as_try(&self) -> Try {
        Try { took: self.took, status: self.status }
    }
}

impl Doors {
    /// Answers go into `answers`, one JSON document a line.
    pub(super) fn open(bases: Vec<String>, answers: &Path) -> Result<Self> {
        ensure!(!bases.is_empty(), "the load needs the URL of at least one API process");
        keybell_shared::tls::init();
        let client = Client::builder().no_proxy().connect_timeout(CONNECTING).build().context("an HTTP client")?;
        let file = File::options().create(true).append(true).open(answers);
        let file = file.with_context(|| format!("opening {}", answers.display()))?;
        Ok(Self { bases, client, turn: AtomicUsize::new(0), answers: Mutex::new(BufWriter::new(file)) })
    }

    /// Asks the next process. `took` is the time until the whole answer was there, or until it was clear that none comes.
    pub(super) async fn ask(&self, who: &District, ask: Ask<'_>) -> Heard {
        let watch = Stopwatch::start();
        let answer = async {
            let response = self.request(who, ask).send().await?;
            let status = response.status().as_u16();
            // An answer that breaks off is none.
            Ok::<_, reqwest::Error>((status, response.text().await?))
        };
        let (status, body) = match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => (0, String::new()),
        };
        let took = Ms::try_from(watch.elapsed().as_millis()).unwrap_or(Ms::MAX);
        if status != 0 {
            self.keep(who, ask, status, &body);
        }
        Heard { took, status, body }
    }

    /// Opens a stream of events at the next process, from after `last`.
    pub(super) async fn events(&self, who: &District, path: &str, last: Option<&str>) -> Option<Response> {
        let mut request = self.request(who, Ask::get(path));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        tokio::time::timeout(PATIENCE, request.send()).await.ok()?.ok()
    }

    fn request(&self, who: &District, ask: Ask<'_>) -> RequestBuilder {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let base = self.bases.get(turn % self.bases.len().max(1)).map_or("", String::as_str);
        let mut request = self.client.request(ask.method.clone(), format!("{base}{}", ask.path)).bearer_auth(&who.key);
        if let Some(key) = ask.idempotency {
            request = request.header("idempotency-key", key);
        }
        match (ask.body, ask.file) {
            (Some(body), _) => request.json(body),
            (None, Some(file)) => request.header("content-type", "text/csv").body(file.to_owned()),
            (None, None) => request,
        }
    }

    /// Keeps an answer: what was answered, and never what was asked with.
    pub(super) fn keep(&self, who: &District, ask: Ask<'_>, status: u16, body: &str) {
        let line = json!({
            "at": wall().0, "district": who.slug, "asked": format!("{} {}", ask.method, ask.path), "status": status,
            "body": body
        });
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        // What cannot be written here is missed by the search for secrets alone; `flush` at the end says so.
        writeln!(answers, "{line}").unwrap_or_default();
    }

    /// Writes down what is still in memory.
    pub(super) fn flush(&self) -> Result<()> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.flush().context("writing the captured answers")
    }
}
