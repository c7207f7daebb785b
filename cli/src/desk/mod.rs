//! The desk: the one way in which commands reach Keybell.
//!
//! Every command asks by the routes of the HTTP API, version 1, and reads its answers. What differs is only how a
//! request gets there: to a [server](remote), with an API key, or [directly](direct) to the same routes within this
//! process, on the embedded folder or the cluster's servers of the configuration. So each command is written once, and
//! rules, words and JSON are the same both ways.

mod direct;
mod follow;
mod problem;
mod remote;
pub(crate) mod shapes;
mod sse;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use keybell_shared::ports::ledger::District;
use reqwest::{Method, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::beforehand;
use crate::context::Context;
use crate::running::{Everything, Part};
use crate::stop::Stop;
use crate::wiring::Backends;

pub(crate) use follow::Follower;

/// How often a question is asked again that came too fast.
const PATIENT: u32 = 5;

/// A way to Keybell, for one district.
pub(crate) struct Desk {
    way: Way,
}

enum Way {
    Direct(Box<direct::Direct>),
    Remote(remote::Remote),
}

/// One request.
pub(crate) struct Ask<'a> {
    method: Method,
    path: &'a str,
    /// It may hold passwords.
    body: Option<Zeroizing<Vec<u8>>>,
    /// What the body is.
    media: &'static str,
    idempotency_key: Option<&'a str>,
    last_event: Option<&'a str>,
}

/// The answer to it, before its body is read.
struct Answer {
    status: u16,
    /// Seconds.
    retry_after: Option<u64>,
    /// Whether the same request had been answered before.
    replayed: bool,
    body: Body,
}

/// The bytes of an answer, as they come.
pub(crate) enum Body {
    Direct(axum::body::BodyDataStream),
    Remote(Box<reqwest::Response>),
}

impl<'a> Ask<'a> {
    /// A question that changes nothing.
    pub(crate) const fn get(path: &'a str) -> Self {
        Self {
            method: Method::GET,
            path,
            body: None,
            media: "application/json",
            idempotency_key: None,
            last_event: None,
        }
    }

    /// Asks for a change, without a body.
    pub(crate) fn post(path: &'a str) -> Self {
        Self { method: Method::POST, ..Self::get(path) }
    }

    /// Changes parts of a thing.
    pub(crate) fn patch(path: &'a str) -> Self {
        Self { method: Method::PATCH, ..Self::get(path) }
    }

    /// Takes something away.
    pub(crate) fn delete(path: &'a str) -> Self {
        Self { method: Method::DELETE, ..Self::get(path) }
    }

    /// With this JSON document.
    pub(crate) fn with(self, body: Zeroizing<Vec<u8>>) -> Self {
        Self { body: Some(body), ..self }
    }

    /// With this file.
    pub(crate) fn with_media(self, body: Zeroizing<Vec<u8>>, media: &'static str) -> Self {
        Self { body: Some(body), media, ..self }
    }

    /// With a JSON document made of this value.
    pub(crate) fn with_json(self, body: &Value) -> Result<Self> {
        Ok(self.with(Zeroizing::new(serde_json::to_vec(body)?)))
    }

    /// With a key that makes a repetition recognisable.
    pub(crate) fn keyed(self, key: &'a str) -> Self {
        Self { idempotency_key: Some(key), ..self }
    }
}

impl Desk {
    /// Opens the way that the command line names: `--server`, or what the configuration says.
    pub(crate) async fn open(context: &Context, district: Option<&str>) -> Result<Self> {
        let way = match &context.server {
            Some(server) => {
                if district.is_some() {
                    return Err(crate::outcome::Exit::Usage.because(
                        "--district does not go with --server: an API key belongs to one district; leave it out",
                    ));
                }
                Way::Remote(remote::Remote::new(server)?)
            }
            None => Way::Direct(Box::new(direct::Direct::open(context, district).await?)),
        };
        Ok(Self { way })
    }

    /// Directly, over backends that are open already.
    pub(crate) fn over(context: &Context, backends: &Arc<Backends>, district: &District) -> Self {
        Self { way: Way::Direct(Box::new(direct::Direct::with(context, Arc::clone(backends), district.clone()))) }
    }

    /// Opens the way for a question that is the same for every district.
    pub(crate) async fn open_any(context: &Context) -> Result<Self> {
        match &context.server {
            Some(_) => Self::open(context, None).await,
            None => Ok(Self { way: Way::Direct(Box::new(direct::Direct::open_any(context).await?)) }),
        }
    }

    /// Whom this desk speaks with, in words: the district's name, or the server.
    pub(crate) fn place(&self) -> &str {
        match &self.way {
            Way::Direct(direct) => direct.district_name(),
            Way::Remote(remote) => remote.host(),
        }
    }

    /// Whether nobody works on tasks but this process: directly on an embedded folder.
    pub(crate) fn is_alone(&self) -> bool {
        matches!(&self.way, Way::Direct(direct) if direct.is_embedded())
    }

    /// Whether this process could do the work, where nobody else does it: asked before anything is accepted that would then lie
    /// there.
    pub(crate) fn ready(&self, context: &Context) -> Result<()> {
        if self.is_alone() {
            beforehand::senders(&context.config, &[Part::Workers])?;
            beforehand::keys(&context.config, &[Part::Workers])?;
        }
        Ok(())
    }

    /// Starts the work if nobody else does it; a command that waits for a task then works itself.
    pub(crate) fn work(&self, context: &Context, stop: &Stop) -> Result<Option<Everything>> {
        self.ready(context)?;
        match &self.way {
            Way::Direct(direct) if direct.is_embedded() => direct.work(context, stop).map(Some),
            Way::Direct(_) | Way::Remote(_) => Ok(None),
        }
    }

    /// Asks, and reads the answer as JSON; null when it has no body. A problem is an error in its own words.
    pub(crate) async fn ask(&self, ask: Ask<'_>) -> Result<Value> {
        Ok(self.submit(ask).await?.0)
    }

    /// As [`Desk::ask`]; answers too whether the same request had been accepted before.
    pub(crate) async fn submit(&self, ask: Ask<'_>) -> Result<(Value, bool)> {
        let answer = self.fine(ask).await?;
        let replayed = answer.replayed;
        let bytes = answer.body.all().await?;
        if bytes.is_empty() {
            return Ok((Value::Null, replayed));
        }
        let value = serde_json::from_slice(&bytes)
            .context("the answer is no JSON; is this a Keybell server of this version?")?;
        Ok((value, replayed))
    }

    /// Asks for one thing.
    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        self.ask(Ask::get(path)).await
    }

    /// Asks, and hands on the bytes of the answer.
    pub(crate) async fn download(&self, ask: Ask<'_>) -> Result<Body> {
        Ok(self.fine(ask).await?.body)
    }

    async fn fine(&self, ask: Ask<'_>) -> Result<Answer> {
        // A long list takes many pages: who asks too fast waits as long as the server says, and goes on.
        let question = (ask.method == Method::GET).then_some(ask.path);
        let mut answer = self.answer(ask).await?;
        for _ in 0..PATIENT {
            match (answer.status, answer.retry_after, question) {
                (429, Some(seconds @ ..=60), Some(path)) => {
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                    answer = self.answer(Ask::get(path)).await?;
                }
                _ => break,
            }
        }
        if answer.is_fine() { Ok(answer) } else { Err(answer.problem().await) }
    }

    async fn answer(&self, ask: Ask<'_>) -> Result<Answer> {
        match &self.way {
            Way::Direct(direct) => direct.answer(ask).await,
            Way::Remote(remote) => remote.answer(ask).await,
        }
    }

    /// Ends it, so that an embedded file is complete.
    pub(crate) async fn close(self) {
        match self.way {
            Way::Direct(direct) => direct.close().await,
            Way::Remote(_) => {}
        }
    }
}

/// A path with these parameters, in the spelling of a query.
pub(crate) fn query(path: &str, parameters: &[(&str, String)]) -> Result<String> {
    if parameters.is_empty() {
        return Ok(path.to_owned());
    }
    let url = Url::parse_with_params(&format!("http://console{path}"), parameters)
        .context("the parameters of the question cannot be written")?;
    Ok(format!("{}?{}", url.path(), url.query().unwrap_or_default()))
}

/// Reads what a command needs to know of an answer.
pub(crate) fn read<T: DeserializeOwned>(answer: &Value) -> Result<T> {
    T::deserialize(answer).context("the answer has another shape than expected; is the server of another version?")
}

impl Answer {
    const fn is_fine(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    async fn problem(self) -> anyhow::Error {
        let (status, retry_after) = (self.status, self.retry_after);
        match self.body.all().await {
            Ok(bytes) => problem::error(status, retry_after, &bytes),
            Err(error) => error,
        }
    }
}

impl Body {
    /// The next piece; `None` at the end.
    pub(crate) async fn piece(&mut self) -> Result<Option<Vec<u8>>> {
        use futures_util::StreamExt as _;
        match self {
            Self::Direct(stream) => {
                stream.next().await.transpose().map(|piece| piece.map(Vec::from)).context("the answer broke off")
            }
            Self::Remote(response) => {
                let piece = response.chunk().await.map_err(|error| remote::away("the connection was lost", &error))?;
                Ok(piece.map(Vec::from))
            }
        }
    }

    /// All of it.
    async fn all(mut self) -> Result<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(Vec::new());
        while let Some(piece) = self.piece().await? {
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }
}
