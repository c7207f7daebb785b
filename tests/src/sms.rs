//! An SMS provider for tests: speaks as Twilio does, says what it is told to say, and writes down what arrives.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::post;
use keybell_shared::clock::{Millis, Stopwatch, wall};
use tokio::runtime::Runtime;
use tokio::sync::watch;

pub use crate::smtp::password_in;
use crate::tries::{Owed, Tries, Try};

/// The account of this provider.
pub const USERNAME: &str = "AC0000";
/// The account's token.
pub const TOKEN: &str = "token-of-the-test-account";

/// The answer to one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Headers besides the content type.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
    /// How long the answer takes; the message has arrived before.
    pub delay: Duration,
}

impl Answer {
    /// 201 with an id: the message is queued.
    #[must_use]
    pub fn accept() -> Self {
        Self::json(201, r#"{"sid":"SM0001","status":"queued","error_code":null}"#)
    }

    /// A status with a JSON body.
    #[must_use]
    pub fn json(status: u16, body: &str) -> Self {
        Self { status, headers: Vec::new(), body: body.to_owned(), delay: Duration::ZERO }
    }

    /// A refusal with one of Twilio's codes.
    #[must_use]
    pub fn refuse(status: u16, code: u32) -> Self {
        Self::json(status, &format!(r#"{{"code":{code},"message":"refused","status":{status}}}"#))
    }

    /// The same answer with a header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The same answer, so much later.
    #[must_use]
    pub const fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// A message that arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// The recipient.
    pub to: String,
    /// The sender.
    pub from: String,
    /// The text.
    pub text: String,
    /// Whether the caller had the right credentials.
    pub signed_in: bool,
    /// The status that is answered.
    pub reply: u16,
    /// When it arrived, since the server was made.
    pub at: Duration,
    /// When it arrived, by the wall clock.
    pub arrived: Millis,
    /// How long after that the answer had left; `None` when it has not, or not yet.
    pub answered: Option<Duration>,
}

impl Received {
    /// The password that it tells.
    #[must_use]
    pub fn password(&self) -> Option<&str> {
        password_in(&self.text)
    }
}

type Decide = dyn Fn(&Try<'_>) -> Answer + Send + Sync;

struct State {
    scripts: Mutex<HashMap<String, VecDeque<Answer>>>,
    decide: Mutex<Option<Arc<Decide>>>,
    tries: Mutex<Tries>,
    /// Answers that will leave, and have not yet.
    owed: watch::Sender<usize>,
    journal: watch::Sender<Vec<Received>>,
    born: Stopwatch,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A scripted SMS provider on a port that it keeps over stop and start.
pub struct SmsServer {
    address: SocketAddr,
    state: Arc<State>,
    /// A runtime of its own: stopping it closes every connection, which aborting a server's task does not.
    runtime: Option<Runtime>,
}

impl SmsServer {
    /// Starts on a free port of this machine.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn start() -> Self {
        let state = Arc::new(State {
            scripts: Mutex::default(),
            decide: Mutex::default(),
            tries: Mutex::default(),
            owed: watch::Sender::default(),
            journal: watch::Sender::default(),
            born: Stopwatch::start(),
        });
        let (address, runtime) = serve(SocketAddr::from(([127, 0, 0, 1], 0)), &state);
        Self { address, state, runtime: Some(runtime) }
    }

    /// The messages resource.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/2010-04-01/Accounts/{USERNAME}/Messages.json", self.address)
    }

    /// The answers to the next messages to this recipient; after them everything is accepted.
    pub fn script(&self, to: &str, answers: impl IntoIterator<Item = Answer>) {
        lock(&self.state.scripts).entry(to.to_owned()).or_default().extend(answers);
    }

    /// The answer to every message for which nothing is scripted, instead of being accepted.
    pub fn decide(&self, decide: impl Fn(&Try<'_>) -> Answer + Send + Sync + 'static) {
        *lock(&self.state.decide) = Some(Arc::new(decide));
    }

    /// From now on accepts everything at once.
    pub fn calm(&self) {
        *lock(&self.state.decide) = None;
        lock(&self.state.scripts).clear();
    }

    /// Waits until every answer that will leave has left, or nobody waits for it any more.
    pub async fn settle(&self) {
        // The sender lives as long as `self`, so an error cannot happen.
        drop(self.state.owed.subscribe().wait_for(|owed| *owed == 0).await);
    }

    /// Looks at what arrived so far, without a copy of it.
    pub fn look<T>(&self, look: impl FnOnce(&[Received]) -> T) -> T {
        look(self.state.journal.borrow().as_slice())
    }

    /// Everything that arrived so far.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.state.journal.borrow().clone()
    }

    /// Waits until so many messages have arrived.
    pub async fn wait_for(&self, messages: usize) -> Vec<Received> {
        let mut journal = self.state.journal.subscribe();
        // The sender lives as long as `self`.
        match journal.wait_for(|journal| journal.len() >= messages).await {
            Ok(journal) => journal.clone(),
            Err(_) => self.received(),
        }
    }

    /// Goes down: closes everything, refuses connections, and keeps the journal.
    pub fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// Comes back on the same port.
    ///
    /// # Panics
    /// When somebody else took the port.
    pub fn resume(&mut self) {
        if self.runtime.is_none() {
            self.runtime = Some(serve(self.address, &self.state).1);
        }
    }
}

impl Drop for SmsServer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn serve(address: SocketAddr, state: &Arc<State>) -> (SocketAddr, Runtime) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap_or_else(|error| panic!("no runtime: {error}"));
    let socket = bind(address);
    let address = socket.local_addr().unwrap_or_else(|error| panic!("no address: {error}"));
    let router = Router::new()
        .route("/2010-04-01/Accounts/{account}/Messages.json", post(message))
        .with_state(Arc::clone(state));
    runtime.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(socket).unwrap_or_else(|error| panic!("{error}"));
        // It never ends by itself.
        drop(axum::serve(listener, router).await);
    });
    (address, runtime)
}

/// Binds; right after a stop the port may still be in use for a moment.
fn bind(address: SocketAddr) -> std::net::TcpListener {
    let begun = Stopwatch::start();
    loop {
        match std::net::TcpListener::bind(address) {
            Ok(socket) => {
                socket.set_nonblocking(true).unwrap_or_else(|error| panic!("{error}"));
                return socket;
            }
            Err(error) if begun.elapsed() > Duration::from_secs(10) => panic!("{address}: {error}"),
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

async fn message(Shared(state): Shared<Arc<State>>, headers: HeaderMap, body: String) -> Response<Body> {
    let form = reqwest::Url::parse(&format!("http://form/?{body}"));
    let form: HashMap<String, String> = form.map(|form| form.query_pairs().into_owned().collect()).unwrap_or_default();
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    let to = field("To");
    let signed_in = headers.get("authorization").is_some_and(|value| value == AUTHORIZATION);
    let answer = if signed_in { answer_to(&state, &to) } else { Answer::refuse(401, 20003) };
    let received = Received {
        to,
        from: field("From"),
        text: field("Body"),
        signed_in,
        reply: answer.status,
        at: state.born.elapsed(),
        arrived: wall(),
        answered: None,
    };
    // Ends with this call, also when the client leaves and the call is dropped.
    let owed = Owed::one(&state.owed);
    let mut place = 0;
    state.journal.send_modify(|journal| {
        place = journal.len();
        journal.push(received);
    });
    let arrived = Stopwatch::start();
    if !answer.delay.is_zero() {
        tokio::time::sleep(answer.delay).await;
    }
    state.journal.send_modify(|journal| {
        if let Some(received) = journal.get_mut(place) {
            received.answered = Some(arrived.elapsed());
        }
    });
    drop(owed);
    let mut response = Response::builder()
        .status(StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .header("content-type", "application/json");
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(answer.body)).unwrap_or_default()
}

/// As scripted, else as decided, else as everybody likes it.
fn answer_to(state: &State, to: &str) -> Answer {
    let scripted = lock(&state.scripts).get_mut(to).and_then(VecDeque::pop_front);
    let decide = lock(&state.decide).clone();
    let one_more = lock(&state.tries).count(to);
    scripted.or_else(|| decide.map(|decide| decide(&one_more))).unwrap_or_else(Answer::accept)
}

/// [`USERNAME`] and [`TOKEN`] as a client with basic authentication sends them.
pub const AUTHORIZATION: &str = "Basic QUMwMDAwOnRva2VuLW9mLXRoZS10ZXN0LWFjY291bnQ=";
