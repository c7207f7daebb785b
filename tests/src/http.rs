//! A caller of the HTTP API, as an upstream application or an administrator would be.

use std::collections::HashMap;
use std::time::Duration;

use keybell_shared::clock::Stopwatch;
use keybell_shared::ids::TaskId;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::program::PATIENCE;

/// A caller with an API key.
#[derive(Clone, Debug)]
pub struct Caller {
    base: String,
    key: String,
    client: Client,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; `null` when it is empty.
    pub body: Value,
}

/// One server-sent event.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its id, for `Last-Event-ID`.
    pub id: String,
    /// What it says.
    pub data: Value,
}

impl Event {
    /// The task's state in this moment.
    #[must_use]
    pub fn state(&self) -> &str {
        self.data.get("state").and_then(Value::as_str).unwrap_or_default()
    }
}

impl Answer {
    /// Itself, when it has this status.
    ///
    /// # Panics
    /// When it has another one.
    #[expect(clippy::return_self_not_must_use, reason = "the check is often all that is wanted")]
    #[track_caller]
    pub fn with_status(self, status: u16) -> Self {
        assert!(self.status == status, "{} instead of {status}: {}", self.status, self.body);
        self
    }

    /// The text at a JSON pointer; empty when there is none.
    #[must_use]
    pub fn text(&self, pointer: &str) -> &str {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// The task that was accepted.
    ///
    /// # Panics
    /// When this is no acceptance.
    #[must_use]
    #[track_caller]
    pub fn task(&self) -> TaskId {
        self.text("/task").parse().unwrap_or_else(|_| panic!("this names no task: {}", self.body))
    }
}

impl Caller {
    /// A caller of the API at `base`, such as `http://127.0.0.1:8080`.
    ///
    /// # Panics
    /// When there is no HTTP client.
    #[must_use]
    pub fn new(base: &str, key: &str) -> Self {
        keybell_shared::tls::init();
        let client = Client::builder().timeout(PATIENCE).no_proxy().build();
        let client = client.unwrap_or_else(|error| panic!("no HTTP client: {error}"));
        Self { base: base.trim_end_matches('/').to_owned(), key: key.to_owned(), client }
    }

    /// The same door with another key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    /// The same key at another door.
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), ..self.clone() }
    }

    /// Where the door is.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.key)
    }

    /// GET.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path)).await
    }

    /// POST with a JSON body.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        answer(self.request(Method::POST, path).json(body)).await
    }

    /// POST without a body.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn act(&self, path: &str) -> Answer {
        answer(self.request(Method::POST, path)).await
    }

    /// Asks for a reset under an idempotency key.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn start(&self, key: &str, request: &Value) -> Answer {
        self.post_keyed("/v1/tasks", key, request).await
    }

    /// POST with a JSON body under an idempotency key.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn post_keyed(&self, path: &str, key: &str, body: &Value) -> Answer {
        answer(self.request(Method::POST, path).header("idempotency-key", key).json(body)).await
    }

    /// POST with a file, as CSV, under an idempotency key.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn send_file(&self, path: &str, key: &str, file: &str) -> Answer {
        let request = self.request(Method::POST, path).header("idempotency-key", key);
        answer(request.header("content-type", "text/csv").body(file.to_owned())).await
    }

    /// The text of a file.
    ///
    /// # Panics
    /// When it cannot be had.
    pub async fn text_of(&self, path: &str) -> String {
        String::from_utf8_lossy(&self.bytes_of(path).await).into_owned()
    }

    /// The bytes of a file.
    ///
    /// # Panics
    /// When it cannot be had.
    pub async fn bytes_of(&self, path: &str) -> Vec<u8> {
        let bytes = async {
            let response = self.request(Method::GET, path).send().await?;
            response.error_for_status()?.bytes().await
        };
        bytes.await.map_or_else(|error| panic!("nothing at {path}: {error}"), Vec::from)
    }

    /// Asks whether this is the password: status and verdict (`ok`, `must_change`, or the problem's code). A busy
    /// lane is asked again.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn verify(&self, username: &str, password: &str) -> (u16, String) {
        let question = json!({"username": username, "password": password});
        let watch = Stopwatch::start();
        loop {
            let answer = self.post("/v1/auth/verify", &question).await;
            if answer.status == 503 && watch.elapsed() < PATIENCE {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
            let verdict = if answer.status == 200 { answer.text("/result") } else { answer.text("/code") };
            return (answer.status, verdict.to_owned());
        }
    }

    /// The task, once it has ended.
    ///
    /// # Panics
    /// When it does not end in time.
    pub async fn ended(&self, task: TaskId) -> Value {
        self.task_when(task, "has ended", |task| {
            let state = task.get("state").and_then(Value::as_str).unwrap_or_default();
            ["completed", "completed_with_errors", "cancelled", "failed"].contains(&state)
        })
        .await
    }

    /// The task, once it looks like this.
    ///
    /// # Panics
    /// When it does not in time.
    pub async fn task_when(&self, task: TaskId, what: &str, fine: impl Fn(&Value) -> bool) -> Value {
        let watch = Stopwatch::start();
        loop {
            let now = self.get(&format!("/v1/tasks/{task}")).await.with_status(200).body;
            if fine(&now) {
                return now;
            }
            assert!(watch.elapsed() < PATIENCE, "task {task} is waited for until it {what}: {now}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// All items of a task, page by page; only those in `state` if one is given.
    ///
    /// # Panics
    /// When the API refuses.
    pub async fn items(&self, task: TaskId, state: Option<&str>) -> Vec<Value> {
        let (mut items, mut after) = (Vec::new(), String::new());
        loop {
            let state = state.map(|state| format!("&state={state}")).unwrap_or_default();
            let page = self.get(&format!("/v1/tasks/{task}/items?limit=200{state}{after}")).await.with_status(200);
            items.extend(page.body.pointer("/items").and_then(Value::as_array).cloned().unwrap_or_default());
            match page.body.pointer("/next").and_then(Value::as_str) {
                Some(next) => after = format!("&after={next}"),
                None => return items,
            }
        }
    }

    /// Whose item it is, for all items of a task.
    ///
    /// # Panics
    /// When the API refuses.
    pub async fn usernames(&self, task: TaskId) -> HashMap<u64, String> {
        let items = self.items(task, None).await;
        let named = items
            .iter()
            .filter_map(|item| Some((item.get("id")?.as_u64()?, item.get("username")?.as_str()?.to_owned())));
        named.collect()
    }

    /// Follows a task's events, from after `last` if given, until the stream ends or `enough`. No event: the server
    /// said that there is nothing to come (204).
    ///
    /// # Panics
    /// When the API refuses.
    pub async fn events(&self, task: TaskId, last: Option<&str>, enough: impl Fn(&[Event]) -> bool) -> Vec<Event> {
        let mut request = self.request(Method::GET, &format!("/v1/tasks/{task}/events"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let mut response = request.send().await.unwrap_or_else(|error| panic!("events: {error}"));
        if response.status().as_u16() == 204 {
            return Vec::new();
        }
        assert!(response.status().is_success(), "events: {}", response.status());
        let (mut text, mut events) = (String::new(), Vec::new());
        while !enough(&events) {
            let Some(piece) = chunk(&mut response).await else { break };
            text.push_str(&piece);
            while let Some((block, rest)) = text.split_once("\n\n") {
                events.extend(event(block));
                text = rest.to_owned();
            }
        }
        events
    }
}

async fn chunk(response: &mut Response) -> Option<String> {
    let bytes = response.chunk().await.unwrap_or_else(|error| panic!("the events broke off: {error}"))?;
    // Everything in an event is ASCII, so that no character is split.
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn event(block: &str) -> Option<Event> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    // A comment keeps the connection and says nothing.
    let data = serde_json::from_str(field("data:")?).unwrap_or_else(|error| panic!("{block}: {error}"));
    Some(Event { id: field("id:").unwrap_or_default().to_owned(), data })
}

async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap_or_else(|error| panic!("no answer: {error}"));
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap_or_else(|error| panic!("the answer broke off: {error}"));
    let body = match text.as_str() {
        "" => Value::Null,
        text => serde_json::from_str(text).unwrap_or_else(|error| panic!("{status} is no JSON ({error}): {text}")),
    };
    Answer { status, headers, body }
}
