//! Webhooks: signed as others verify them, at least once, in order, and never to where they must not go.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use keybell_shared::ids::TaskId;
use keybell_tests::hooks::{Call, HookServer};
use keybell_tests::http::Caller;
use keybell_tests::program::{PATIENCE, Program};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::school::{School, pupils, serve, text};
use crate::search::Search;

/// Endpoints of tests are on this machine.
const LOCAL: [(&str, &str); 3] = [
    ("KEYBELL_WEBHOOKS__ALLOW_HTTP", "true"),
    ("KEYBELL_WEBHOOKS__ALLOW_PRIVATE", "true"),
    ("KEYBELL_WEBHOOKS__RETRY_SECONDS", "0.2, 0.3"),
];

fn local(school: &School) -> Program {
    school.program(["serve"]).envs(LOCAL)
}

async fn hook(caller: &Caller, url: &str, events: &[&str]) -> (String, String) {
    let made = caller.post("/v1/webhooks", &json!({"url": url, "events": events})).await.with_status(201);
    (made.text("/id").to_owned(), made.text("/secret").to_owned())
}

async fn reset_all(caller: &Caller, key: &str) -> TaskId {
    let precautions = caller.get("/v1/precautions").await.with_status(200);
    let request = json!({"selection": {"scope": "all"}, "reason": "lost",
                         "acknowledgement": precautions.text("/version")});
    let task = caller.start(key, &request).await.with_status(202).task();
    caller.ended(task).await;
    task
}

/// Waits until the webhook looks so.
async fn hook_when(caller: &Caller, id: &str, what: &str, fine: impl Fn(&Value) -> bool) -> Value {
    let looking = async {
        loop {
            let seen = caller.get(&format!("/v1/webhooks/{id}")).await.with_status(200).body;
            if fine(&seen) {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("{what} did not happen"))
}

/// An endpoint that somebody else's library verifies for.
struct Library {
    port: u16,
    lines: Lines<BufReader<ChildStdout>>,
    secret: ChildStdin,
    _process: Child,
}

#[expect(clippy::disallowed_methods, reason = "where the tests' tools are, is no configuration of Keybell")]
fn tool(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run scripts/test, it prepares the tools"))
}

impl Library {
    async fn python() -> Self {
        Self::start(Command::new(tool("KEYBELL_TEST_PYTHON")), "webhook_receiver.py").await
    }

    async fn node() -> Self {
        let mut node = Command::new("node");
        node.env("NODE_PATH", tool("KEYBELL_TEST_NODE_PATH"));
        Self::start(node, "webhook_receiver.js").await
    }

    async fn start(mut command: Command, script: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/embedded").join(script);
        command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().expect("it starts");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let port = lines.next_line().await.expect("readable").expect("a port").parse().expect("a number");
        Self { port, lines, secret: process.stdin.take().expect("piped"), _process: process }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    async fn line(&mut self) -> String {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await.expect("in time");
        line.expect("readable").expect("a line")
    }

    async fn knows(&mut self, secret: &str) {
        self.secret.write_all(format!("{secret}\n").as_bytes()).await.expect("written");
        assert_eq!(self.line().await, "ready");
    }

    async fn next(&mut self) -> Value {
        serde_json::from_str(&self.line().await).expect("JSON")
    }

    /// Sends a call again, with another body or header.
    async fn send(&mut self, call: &Value, change: (&str, &str)) -> String {
        let header = |name: &str| {
            if change.0 == name { change.1.to_owned() } else { text(&call["headers"], &format!("/{name}")).to_owned() }
        };
        let body = if change.0 == "body" { change.1.to_owned() } else { text(call, "/body").to_owned() };
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client");
        let mut request = client.post(self.url()).body(body);
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            request = request.header(name, header(name));
        }
        request.send().await.expect("an answer");
        text(&self.next().await, "/said").to_owned()
    }
}

async fn a_library_accepts_ours_and_refuses_tampered_ones(mut library: Library) {
    let school = School::with(&pupils(2)).await;
    let key = school.key("sis", "application").await;
    let (running, caller) = serve(local(&school), &key).await;
    let (id, secret) = hook(&caller, &library.url(), &["account.credential_reset"]).await;
    library.knows(&secret).await;
    let task = reset_all(&caller, "r-1").await;
    for _ in 0..2 {
        let call = library.next().await;
        assert_eq!(call["said"], "accepted", "{call}");
        let body: Value = serde_json::from_str(text(&call, "/body")).expect("JSON");
        assert_eq!((text(&body, "/type"), text(&body, "/data/task")), ("account.credential_reset", &*task.to_string()));
    }
    caller.post(&format!("/v1/webhooks/{id}/test"), &json!({})).await.with_status(202);
    let call = library.next().await;
    assert_eq!(call["said"], "accepted", "{call}");
    let body = text(&call, "/body").to_owned();
    assert_eq!(library.send(&call, ("", "")).await, "accepted", "a repetition is the same message");
    for (part, value) in [
        ("body", body.replace("webhook.test", "webhook.tost")),
        ("webhook-id", "msg_0".to_owned()),
        ("webhook-timestamp", "1".to_owned()),
        ("webhook-signature", "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned()),
    ] {
        assert_eq!(library.send(&call, (part, &value)).await, "refused", "another {part}");
    }

    // During a rotation both the old and the new secret verify; a stranger's does not.
    let rotated = caller.post(&format!("/v1/webhooks/{id}/rotate"), &json!({})).await.with_status(200);
    let new = rotated.text("/secret").to_owned();
    assert_ne!(new, secret);
    assert!(!rotated.text("/previous_secret_until").is_empty());
    for known in [secret, new] {
        library.knows(&known).await;
        caller.post(&format!("/v1/webhooks/{id}/test"), &json!({})).await.with_status(202);
        let call = library.next().await;
        assert_eq!(call["said"], "accepted", "{call}");
        assert_eq!(text(&call, "/headers/webhook-signature").split(' ').count(), 2);
    }
    library.knows("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").await;
    caller.post(&format!("/v1/webhooks/{id}/test"), &json!({})).await.with_status(202);
    assert_eq!(library.next().await["said"], "refused");
    running.kill().await;
}

#[tokio::test]
async fn the_python_library_accepts_ours_and_refuses_tampered_ones() {
    a_library_accepts_ours_and_refuses_tampered_ones(Library::python().await).await;
}

#[tokio::test]
async fn the_node_library_accepts_ours_and_refuses_tampered_ones() {
    a_library_accepts_ours_and_refuses_tampered_ones(Library::node().await).await;
}

fn about(call: &Call) -> (String, i64) {
    let body = call.json();
    let version = body["data"]["credential_version"].as_i64().unwrap_or_default();
    (text(&body, "/data/account").to_owned(), version)
}

#[tokio::test]
async fn events_of_an_account_come_in_order_and_a_crash_repeats_the_same_message() {
    let school = School::with(&pupils(3)).await;
    let key = school.key("sis", "application").await;
    let server = HookServer::start().await;
    let quick = || local(&school).env("KEYBELL_WEBHOOKS__TIMEOUT_SECONDS", "0.5");
    let (running, caller) = serve(quick(), &key).await;
    let (id, _) = hook(&caller, &server.url(), &["account.credential_reset"]).await;
    // The first three are lost on the way: no answer within the time, a refusal, a redirect.
    let elsewhere = Some(("location", server.url()));
    server.script([(204, None, Duration::from_secs(5)), (500, None, Duration::ZERO), (307, elsewhere, Duration::ZERO)]);
    reset_all(&caller, "r-1").await;
    reset_all(&caller, "r-2").await;
    let calls = server.calls_when("six are taken after three failures", |calls| calls.len() == 9).await;
    hook_when(&caller, &id, "nothing waits", |seen| seen["waiting"] == 0 && seen["failures"] == 0).await;
    let mut last = std::collections::HashMap::new();
    for (account, version) in calls.iter().map(about) {
        let before = last.insert(account, version).unwrap_or_default();
        assert!(version == before || version == before + 1, "{version} after {before}");
    }
    assert!(last.len() == 3 && last.values().all(|version| *version == 2), "{last:?}");
    let mut ids: Vec<_> = calls.iter().map(|call| call.id.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 6, "the same id on every try");

    // Killed after the message left and before the answer: the next process sends it again under the same id.
    server.script([(204, None, Duration::from_secs(5))]);
    caller.post(&format!("/v1/webhooks/{id}/test"), &json!({})).await.with_status(202);
    let calls = server.calls_when("the test is on its way", |calls| calls.len() == 10).await;
    running.kill().await;
    let (running, caller) = serve(quick(), &key).await;
    let again = server.calls_when("it comes again", |calls| calls.len() == 11).await;
    assert_eq!((&again[10].id, &again[10].body), (&calls[9].id, &calls[9].body));
    hook_when(&caller, &id, "nothing waits", |seen| seen["waiting"] == 0).await;
    running.kill().await;
}

#[tokio::test]
async fn after_the_last_try_it_is_disabled_shown_and_goes_on_when_enabled() {
    let school = School::with(&pupils(1)).await;
    let key = school.key("admin", "district_admin").await;
    let server = HookServer::start().await;
    let (running, caller) = serve(local(&school), &key).await;
    let (id, _) = hook(&caller, &server.url(), &["task.*"]).await;
    server.script(vec![(503, None, Duration::ZERO); 3]);
    caller.post(&format!("/v1/webhooks/{id}/test"), &json!({})).await.with_status(202);
    let seen = hook_when(&caller, &id, "it is disabled", |seen| seen["state"] == "disabled").await;
    assert_eq!((text(&seen, "/reason"), text(&seen, "/last_failure")), ("exhausted", "the endpoint answered 503"));
    assert_eq!((&seen["waiting"], &seen["failures"]), (&json!(1), &json!(3)));
    let refused = caller.post(&format!("/v1/webhooks/{id}/test"), &json!({})).await.with_status(409);
    assert_eq!(refused.text("/code"), "webhook.disabled");
    reset_all(&caller, "r-1").await;
    caller.post(&format!("/v1/webhooks/{id}/enable"), &json!({})).await.with_status(200);
    let all = |calls: &[Call]| calls.iter().any(|call| call.kind() == "task.completed");
    let calls = server.calls_when("what happened meanwhile comes, too", all).await;
    let kinds: Vec<_> = calls.iter().skip(3).map(Call::kind).collect();
    let of_the_task: Vec<_> = kinds.iter().filter(|kind| kind.starts_with("task.")).collect();
    assert_eq!(of_the_task, ["task.accepted", "task.started", "task.completed"]);
    assert!(kinds.iter().any(|kind| kind == "webhook.test"), "{kinds:?}");
    running.kill().await;
}

#[tokio::test]
async fn private_addresses_are_refused_and_no_secret_is_left_behind() {
    let school = School::with(&pupils(1)).await;
    let key = school.key("admin", "district_admin").await;
    let server = HookServer::start().await;
    let everything = |program: Program| program.env("KEYBELL_LOG", "trace").env("RUST_LOG", "trace");
    let (running, caller) = serve(everything(local(&school)), &key).await;
    let (id, first) = hook(&caller, &server.url(), &["*"]).await;
    let rotated = caller.post(&format!("/v1/webhooks/{id}/rotate"), &json!({})).await.with_status(200);
    caller.post(&format!("/v1/webhooks/{id}/test"), &json!({})).await.with_status(202);
    hook_when(&caller, &id, "the test is taken", |seen| seen["last_success_at"].is_string()).await;
    let ended = running.kill().await;
    let secrets = [first, rotated.text("/secret").to_owned()];
    let secrets: Vec<&str> = secrets.iter().filter_map(|secret| secret.strip_prefix("whsec_")).collect();
    assert_eq!(secrets.len(), 2);
    let search = Search::new(secrets.iter().copied());
    assert!(search.none_in(&school.folder(), &[]) > 50_000);
    assert!(ended.stderr.contains("a webhook was tried"), "everything was to be logged: {}", ended.stderr);
    assert_eq!(search.found_in(ended.stderr.as_bytes()), Vec::<&str>::new());

    // The next process allows nothing private: what is registered is not reached, and nothing new is registered.
    let (running, caller) = serve(school.program(["serve"]).env("KEYBELL_WEBHOOKS__ALLOW_HTTP", "true"), &key).await;
    let before = server.calls().len();
    caller.post(&format!("/v1/webhooks/{id}/test"), &json!({})).await.with_status(202);
    let seen = hook_when(&caller, &id, "it is refused", |seen| seen["failures"] == 1).await;
    assert!(text(&seen, "/last_failure").contains("an address that is loopback"), "{seen}");
    assert_eq!(server.calls().len(), before);
    for url in [server.url().as_str(), "http://localhost:1/", "https://[::ffff:10.0.0.1]/", "https://169.254.169.254/"]
    {
        let refused = caller.post("/v1/webhooks", &json!({"url": url, "events": ["*"]})).await.with_status(422);
        assert_eq!((refused.text("/code"), refused.text("/field")), ("webhook.url", "url"), "{url}");
    }
    let own = caller.with_key(&application(&caller).await);
    assert_eq!(own.get("/v1/webhooks").await.with_status(200).body, json!({"webhooks": []}));
    own.get(&format!("/v1/webhooks/{id}")).await.with_status(404);
    running.kill().await;
}

/// The key of an application, made by the administrator.
async fn application(admin: &Caller) -> String {
    let made = admin.post("/v1/keys", &json!({"name": "sis", "role": "application"})).await.with_status(201);
    made.text("/key").to_owned()
}
