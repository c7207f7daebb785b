//! Delivering over a ledger in memory and an endpoint that answers as it is told.

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use keybell_shared::actor::{Actor, Role};
use keybell_shared::ids::WebhookId;
use keybell_shared::ports::ledger::WebhookState;
use keybell_shared::ports::webhooks::{WebhookAnswer, WebhookCall};
use keybell_shared::problem::{Problem, ProblemKind};
use keybell_shared::webhook::{message_id, sign};
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use tokio::sync::Semaphore;

use super::*;
use crate::testing::{FakeLedger, actor, until};

/// Answers by what the body is about; takes everything else.
struct Endpoint {
    calls: Mutex<Vec<WebhookCall>>,
    answers: Mutex<HashMap<String, Vec<WebhookAnswer>>>,
    /// Each answer takes one.
    gate: Semaphore,
    at_once: Mutex<(usize, usize)>,
}

fn failed() -> WebhookAnswer {
    WebhookAnswer::Failed { detail: "the endpoint answered 500".into(), retry_after: None }
}

fn about(call: &WebhookCall) -> String {
    let body: serde_json::Value = serde_json::from_str(&call.body).unwrap();
    body["about"].as_str().unwrap().to_owned()
}

#[async_trait]
impl WebhookSender for Endpoint {
    fn check(&self, url: &str) -> Result<(), String> {
        if url.starts_with("https://") { Ok(()) } else { Err("must begin with https://".into()) }
    }

    async fn send(&self, call: &WebhookCall) -> WebhookAnswer {
        {
            let mut at_once = self.at_once.lock().unwrap();
            at_once.0 += 1;
            at_once.1 = at_once.1.max(at_once.0);
        }
        self.gate.acquire().await.unwrap().forget();
        self.at_once.lock().unwrap().0 -= 1;
        self.calls.lock().unwrap().push(call.clone());
        let mut answers = self.answers.lock().unwrap();
        let scripted = answers
            .get_mut(&about(call))
            .and_then(|script| if script.is_empty() { None } else { Some(script.remove(0)) });
        scripted.unwrap_or(WebhookAnswer::Taken)
    }
}

struct Room {
    ledger: Arc<FakeLedger>,
    endpoint: Arc<Endpoint>,
    parts: WebhookParts,
    desk: Desk,
    admin: Actor,
}

fn master(byte: u8) -> WebhookKey {
    WebhookKey::from_bytes(Zeroizing::new([byte; 32]))
}

fn room() -> Room {
    let ledger = Arc::new(FakeLedger::new(0));
    let endpoint = Arc::new(Endpoint {
        calls: Mutex::default(),
        answers: Mutex::default(),
        gate: Semaphore::new(1_000_000),
        at_once: Mutex::default(),
    });
    let config = config::Webhooks {
        retry: vec![Duration::from_millis(20), Duration::from_millis(30)],
        connections: 3,
        timeout: Duration::from_secs(5),
        ..config::Webhooks::default()
    };
    let sender: Arc<dyn WebhookSender> = Arc::<Endpoint>::clone(&endpoint);
    let parts = WebhookParts { sender: Arc::clone(&sender), key: Some(Arc::new(master(1))), config: config.clone() };
    let all: Arc<dyn Ledger> = Arc::<FakeLedger>::clone(&ledger);
    let desk = Desk::new(all, sender, parts.key.clone(), config);
    let admin = actor(ledger.state().district, Role::DistrictAdmin);
    Room { ledger, endpoint, parts, desk, admin }
}

/// Running loops.
struct Running {
    loops: JoinSet<()>,
    stop: CancellationToken,
}

impl Running {
    async fn end(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.loops.join_next().await {
            ended.unwrap();
        }
    }
}

impl Room {
    async fn webhook(&self) -> (WebhookId, SecretString) {
        let (view, secret) =
            self.desk.create(&self.admin, "https://hooks.example.com/", &["*".to_owned()]).await.unwrap();
        (view.id, secret)
    }

    fn run(&self) -> Running {
        let (mut loops, stop) = (JoinSet::new(), CancellationToken::new());
        let ledger: Arc<dyn Ledger> = Arc::<FakeLedger>::clone(&self.ledger);
        let often = Duration::from_millis(10);
        start(&self.parts, &ledger, often, often, Wake::default(), &mut loops, &stop);
        Running { loops, stop }
    }

    fn script(&self, about: &str, answers: &[WebhookAnswer]) {
        self.endpoint.answers.lock().unwrap().insert(about.to_owned(), answers.to_vec());
    }

    fn told(&self) -> Vec<String> {
        self.endpoint.calls.lock().unwrap().iter().map(about).collect()
    }

    fn delivered(&self) -> usize {
        self.ledger.state().post.delivered.len()
    }

    fn disabled(&self, id: WebhookId) -> bool {
        self.ledger.state().post.view(id).state == WebhookState::Disabled
    }
}

#[tokio::test]
async fn an_event_is_signed_and_taken() {
    let room = room();
    let (_, secret) = room.webhook().await;
    let running = room.run();
    room.ledger.state().post.events = vec!["a".into(), "b".into()];
    until("both are taken", || room.delivered() == 2).await;
    let calls = room.endpoint.calls.lock().unwrap().clone();
    for (call, id) in calls.iter().zip(&room.ledger.state().post.delivered) {
        assert_eq!(call.id, message_id(*id));
        assert_eq!(call.signature, sign(std::slice::from_ref(&secret), &call.id, call.timestamp, &call.body));
        assert!((wall_seconds() - call.timestamp).abs() < 60);
    }
    running.end().await;
}

fn wall_seconds() -> i64 {
    keybell_shared::clock::wall().0 / 1_000
}

#[tokio::test]
async fn a_failing_subject_keeps_its_order_and_holds_nobody_else_back() {
    let room = room();
    let (id, _) = room.webhook().await;
    room.script("a", &[failed(), failed()]);
    let (first, second) = {
        let mut state = room.ledger.state();
        (state.post.write(id, "a"), state.post.write(id, "a"))
    };
    for n in 0..20 {
        room.ledger.state().post.write(id, &format!("b{n}"));
    }
    let running = room.run();
    until("all are taken", || room.delivered() == 22).await;
    running.end().await;
    let calls = room.endpoint.calls.lock().unwrap();
    let of_a: Vec<_> = calls.iter().filter(|call| about(call) == "a").map(|call| call.id.clone()).collect();
    let (first, second) = (message_id(first), message_id(second));
    assert_eq!(of_a, [first.clone(), first.clone(), first, second], "the same id on every try, and the order");
    assert_eq!(about(calls.last().unwrap()), "a", "the others did not wait");
}

#[tokio::test]
async fn a_result_that_cannot_be_stored_is_kept_and_nothing_is_sent_twice() {
    let room = room();
    let (id, _) = room.webhook().await;
    room.ledger.state().post.write(id, "a");
    room.ledger.state().post.deaf = 2;
    let running = room.run();
    until("it is stored", || room.delivered() == 1).await;
    running.end().await;
    assert_eq!(room.told(), ["a"]);
}

#[tokio::test]
async fn after_the_last_try_the_webhook_is_disabled_and_enabling_it_goes_on() {
    let room = room();
    let (id, _) = room.webhook().await;
    room.script("a", &[failed(), failed(), failed()]);
    room.ledger.state().post.write(id, "a");
    let running = room.run();
    until("it is disabled", || room.disabled(id)).await;
    assert_eq!(room.told(), ["a", "a", "a"]);
    let view = room.desk.show(&room.admin, id).await.unwrap();
    assert_eq!(view.reason.as_deref(), Some("exhausted"));
    assert_eq!(view.last_failure.as_deref(), Some("the endpoint answered 500"));
    let refused = room.desk.test(&room.admin, id).await.unwrap_err();
    assert_eq!(refused.code, "webhook.disabled");
    room.desk.enable(&room.admin, id).await.unwrap();
    until("it is taken", || room.delivered() == 1).await;
    running.end().await;
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_disabled_at_once() {
    let room = room();
    let (id, _) = room.webhook().await;
    room.script("a", &[WebhookAnswer::Gone]);
    room.ledger.state().post.write(id, "a");
    let running = room.run();
    until("it is disabled", || room.disabled(id)).await;
    running.end().await;
    assert_eq!(room.told(), ["a"]);
    assert_eq!(room.ledger.state().post.view(id).reason.as_deref(), Some("gone"));
}

#[tokio::test]
async fn tries_at_a_time_are_bounded_and_an_endpoint_that_only_fails_gets_one() {
    let mut room = room();
    room.parts.config.retry = vec![Duration::from_millis(20); 20];
    let (id, _) = room.webhook().await;
    for n in 0..40 {
        let subject = format!("s{n}");
        room.script(&subject, &[failed()]);
        room.ledger.state().post.write(id, &subject);
    }
    room.endpoint.gate.forget_permits(1_000_000);
    let running = room.run();
    until("three run", || room.endpoint.at_once.lock().unwrap().0 == 3).await;
    room.endpoint.gate.add_permits(1_000_000);
    until("all are taken", || room.delivered() == 40).await;
    running.end().await;
    assert_eq!(room.endpoint.at_once.lock().unwrap().1, 3);
    // What had been claimed before it was known to fail was tried; the others came one by one until the first success.
    let told = room.told();
    let first_again =
        told.iter().position(|one| one == "s0").map(|at| told[at + 1..].iter().position(|one| one == "s0"));
    assert!(first_again.flatten().is_some_and(|at| at < 25), "{told:?}");
}

#[tokio::test]
async fn during_a_rotation_both_secrets_sign() {
    let room = room();
    let (id, old) = room.webhook().await;
    let (_, new) = room.desk.rotate(&room.admin, id).await.unwrap();
    room.ledger.state().post.write(id, "a");
    let running = room.run();
    until("it is taken", || room.delivered() == 1).await;
    running.end().await;
    let call = room.endpoint.calls.lock().unwrap()[0].clone();
    assert_eq!(call.signature, sign(&[new, old], &call.id, call.timestamp, &call.body));
    assert_eq!(call.signature.split(' ').count(), 2);
}

#[tokio::test]
async fn without_the_right_master_key_messages_wait() {
    for key in [None, Some(Arc::new(master(2)))] {
        let mut room = room();
        let (id, _) = room.webhook().await;
        room.ledger.state().post.events = vec!["a".into()];
        room.parts.key = key.clone();
        let running = room.run();
        until("it waits", || room.ledger.state().post.waiting.len() == 1).await;
        running.end().await;
        assert!(room.told().is_empty());
        room.parts.key = Some(Arc::new(master(1)));
        let running = room.run();
        until("it is taken", || room.delivered() == 1).await;
        running.end().await;
        assert_eq!(room.ledger.state().post.view(id).failures, 0);
    }
}

#[tokio::test]
async fn a_soft_stop_finishes_the_try_that_runs_and_gives_the_others_back() {
    let room = room();
    let (id, _) = room.webhook().await;
    room.endpoint.gate.forget_permits(1_000_000);
    for n in 0..9 {
        room.ledger.state().post.write(id, &format!("s{n}"));
    }
    let running = room.run();
    until("three run", || room.endpoint.at_once.lock().unwrap().0 == 3).await;
    running.stop.cancel();
    room.endpoint.gate.add_permits(3);
    running.end().await;
    assert_eq!((room.delivered(), room.told().len()), (3, 3));
    let state = room.ledger.state();
    assert!(
        state.post.waiting.iter().all(|message| !message.leased && message.attempts == 0),
        "free for the next leader"
    );
}

#[tokio::test]
async fn who_may_and_what_fits() {
    let room = room();
    let district = room.admin.district;
    let (id, _) = room.webhook().await;
    let application = Actor { name: "sis".into(), ..actor(district, Role::Application) };
    let events = ["task.*".to_owned(), "task.*".to_owned()];
    let (own, _) = room.desk.create(&application, "https://sis.example.com/", &events).await.unwrap();
    assert_eq!(own.events, ["task.*"]);
    let seen =
        |views: Vec<keybell_shared::ports::ledger::WebhookView>| views.iter().map(|view| view.id).collect::<Vec<_>>();
    assert_eq!(seen(room.desk.list(&room.admin).await.unwrap()), [id, own.id]);
    assert_eq!(seen(room.desk.list(&application).await.unwrap()), [own.id]);
    let hidden = |result: Result<(), Problem>| assert_eq!(result.unwrap_err().kind, ProblemKind::NotFound);
    hidden(room.desk.show(&application, id).await.map(drop));
    hidden(room.desk.rotate(&application, id).await.map(drop));
    hidden(room.desk.enable(&application, id).await.map(drop));
    hidden(room.desk.test(&application, id).await.map(drop));
    hidden(room.desk.remove(&application, id).await);
    for role in [Role::Principal, Role::Teacher, Role::Operator] {
        let refused = room.desk.list(&actor(district, role)).await.unwrap_err();
        assert_eq!((refused.kind, refused.code), (ProblemKind::Forbidden, "role.forbidden"));
    }
    let code =
        |result: Result<(keybell_shared::ports::ledger::WebhookView, SecretString), Problem>| result.unwrap_err().code;
    let all = ["*".to_owned()];
    assert_eq!(code(room.desk.create(&room.admin, "http://x.example/", &all).await), "webhook.url");
    let long = format!("https://x.example/{}", "a".repeat(2_000));
    assert_eq!(code(room.desk.create(&room.admin, &long, &all).await), "webhook.url");
    assert_eq!(code(room.desk.create(&room.admin, "https://x.example/", &[]).await), "webhook.events");
    let wrong = ["*".to_owned(), "Task".to_owned()];
    let refused = room.desk.create(&room.admin, "https://x.example/", &wrong).await.unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("events[1]"));
    for n in 2..20 {
        room.desk.create(&room.admin, &format!("https://x{n}.example/"), &all).await.unwrap();
    }
    assert_eq!(code(room.desk.create(&room.admin, "https://x.example/", &all).await), "webhook.too_many");
    let sender = Arc::clone(&room.parts.sender);
    let keyless = Desk::new(Arc::<FakeLedger>::clone(&room.ledger), sender, None, room.parts.config.clone());
    assert_eq!(code(keyless.rotate(&room.admin, id).await), "webhook.no_key");
    room.desk.remove(&application, own.id).await.unwrap();
}
