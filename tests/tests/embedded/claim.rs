//! One-time links over real doors: asked, mailed, opened, used, dead.

use std::time::Duration;

use keybell_tests::http::Caller;
use keybell_tests::outbox::{self, Link};
use keybell_tests::program::Running;
use serde_json::{Value, json};

use crate::check;
use crate::school::{School, number, pupils, serve, text};
use crate::search::Search;

const URL: (&str, &str) = ("KEYBELL_LINKS__URL", "https://keybell.example.org/claim/{token}");

/// A school whose links lead to Keybell's own page, with everything logged.
async fn begun(people: usize) -> (School, Running, Caller) {
    let school = School::with(&pupils(people)).await;
    let key = school.key("office", "district_admin").await;
    let program = school.program(["serve"]).envs([URL, ("KEYBELL_LOG", "trace"), ("RUST_LOG", "trace")]);
    let (running, caller) = serve(program, &key).await;
    (school, running, caller)
}

/// Starts a task and waits for its end.
async fn ended(caller: &Caller, key: &str, more: Value) -> Value {
    let mut request = json!({"selection": {"scope": "all"}, "reason": "lost", "acknowledgement": "2026-11"});
    for (field, value) in more.as_object().into_iter().flatten() {
        request[field] = value.clone();
    }
    let task = caller.start(key, &request).await.with_status(202).task();
    caller.ended(task).await
}

/// The newest link to this person.
fn newest_link(school: &School, username: &str) -> Link {
    let links = outbox::links(&school.folder().join("outbox"));
    links.into_iter().rfind(|link| link.to == format!("{username}@example.org")).expect("a link")
}

/// A page of the server behind a link's token, as a browser asks for it.
async fn open(caller: &Caller, link: &Link, form: Option<&[(&str, &str)]>) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let url = format!("{}/claim/{}", caller.base(), link.token());
    let request = match form {
        Some(form) => client.post(url).form(form),
        None => client.get(url),
    };
    let answer = request.send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("a page"))
}

#[tokio::test]
async fn from_the_request_to_the_password_that_the_person_chose() {
    let (school, running, caller) = begun(2).await;
    ended(&caller, "first", json!({"mode": "force", "temporary": false})).await;
    let old = outbox::newest(&school.outbox(), |message| message.username.clone())["pupil1"].password.clone();
    assert_eq!(caller.verify("pupil1", &old).await, (200, "ok".to_owned()));

    // Asked: the old password still opens, and its owner must choose another one.
    let asked = ended(&caller, "second", json!({"mode": "request"})).await;
    assert_eq!((text(&asked, "/state"), number(&asked, "/progress/notify/notified")), ("completed", 2), "{asked}");
    assert_eq!(caller.verify("pupil1", &old).await, (200, "must_change".to_owned()));
    let link = newest_link(&school, "pupil1");
    assert!(link.url.starts_with("https://keybell.example.org/claim/"), "{}", link.url);
    assert!(link.text.contains("your present password goes on working"), "{}", link.text);

    // Programs that scan mails look at it first; then the person does, and mistypes.
    for _ in 0..3 {
        let (status, page) = open(&caller, &link, None).await;
        assert_eq!(status, 200);
        assert!(page.contains("Choose a new password") && page.contains("Rivermoor Schools"), "{page}");
    }
    let typed = |again| [("password", "Marmot-kite-88"), ("again", again)];
    assert_eq!(open(&caller, &link, Some(&typed("Marmot-kite-89"))).await.0, 422);
    assert_eq!(open(&caller, &link, Some(&[("password", &old), ("again", &old)])).await.0, 422, "the old one");
    assert_eq!(caller.verify("pupil1", &old).await.0, 200, "nothing is used up yet");
    let (status, page) = open(&caller, &link, Some(&typed("Marmot-kite-88"))).await;
    assert_eq!(status, 200, "{page}");
    assert_eq!(caller.verify("pupil1", "Marmot-kite-88").await, (200, "ok".to_owned()));
    assert_eq!(caller.verify("pupil1", &old).await.0, 401);
    for form in [None, Some(&typed("Otter-flute-55")[..])] {
        assert_eq!(open(&caller, &link, form).await.0, 404, "used");
    }
    let codes: Vec<_> = caller.items(asked["id"].as_str().and_then(|id| id.parse().ok()).expect("an id"), None).await;
    let code = |who: &str| codes.iter().find(|item| text(item, "/username") == who).map(|item| text(item, "/code"));
    assert_eq!((code("pupil1"), code("pupil2")), (Some("N07"), Some("N00")));

    nothing_leaks(&school, running, &[&link, &newest_link(&school, "pupil2")]).await;
}

#[tokio::test]
async fn forced_and_then_asked_the_old_password_is_dead_at_once() {
    let (school, running, caller) = begun(1).await;
    ended(&caller, "first", json!({"mode": "force"})).await;
    let old = outbox::newest(&school.outbox(), |message| message.username.clone())["pupil1"].password.clone();
    ended(&caller, "second", json!({"mode": "force_then_request"})).await;
    assert_eq!(caller.verify("pupil1", &old).await.0, 401, "dead before anything is chosen");
    let link = newest_link(&school, "pupil1");
    assert!(link.text.contains("Your old password does not work any more."), "{}", link.text);

    // A district's own page asks by JSON. A newer reset ends the link.
    let token = json!({"token": link.token()});
    let seen = caller.post("/v1/links/verify", &token).await.with_status(200);
    assert_eq!(seen.text("/username"), "pupil1");
    ended(&caller, "third", json!({"delivery": "link"})).await;
    caller.post("/v1/links/verify", &token).await.with_status(404);
    let newer = newest_link(&school, "pupil1");
    let chosen = json!({"token": newer.token(), "new_password": "Marmot-kite-88"});
    let done = caller.post("/v1/links/redeem", &chosen).await.with_status(200);
    assert_eq!(number(&done.body, "/credential_version"), 4);
    assert_eq!(caller.verify("pupil1", "Marmot-kite-88").await, (200, "ok".to_owned()));
    assert_eq!(caller.post("/v1/links/redeem", &chosen).await.with_status(404).text("/code"), "link.gone");
    nothing_leaks(&school, running, &[&link, &newer]).await;
}

/// No token in clear in what is left on disk or was said, with everything logged, but for the messages themselves.
async fn nothing_leaks(school: &School, running: Running, links: &[&Link]) {
    running.terminate();
    let said = running.wait(Duration::from_secs(30)).await.with_code(0);
    let search = Search::new(links.iter().map(|link| link.token()).chain(["Marmot-kite-88"]));
    let read = search.none_in(&school.folder(), &["outbox"]);
    assert!(read > 100_000, "only {read} bytes of database and keys");
    assert!(
        said.stderr.contains("/claim/{token}") || said.stderr.contains("/v1/links/redeem"),
        "the routes are logged"
    );
    let logged = search.found_in(said.stderr.as_bytes());
    assert!(logged.is_empty(), "the log holds {logged:?}");
    let stored = check::rows(school, "SELECT token_hash, account_id FROM links").await;
    assert!(stored.iter().all(|(hash, _)| hash.len() == 64), "{stored:?}");
}

#[tokio::test]
async fn without_a_url_nobody_is_sent_a_link_and_the_command_line_says_what_happens() {
    let school = School::with(&pupils(2)).await;
    let reset = |mode: &str| {
        let flags = ["reset", "--scope", "all", "--reason", "lost", "--yes", "--acknowledge", "2026-11", "--mode"];
        school.program(flags).arg(mode)
    };
    let refused = reset("request").run_to(2).await;
    assert!(refused.stderr.contains("links.no_url") && refused.stderr.contains("links.url"), "{}", refused.stderr);
    let asked = reset("request").env(URL.0, URL.1).run_to(0).await;
    assert!(asked.stderr.contains("2 accounts would be asked to choose a new password"), "{}", asked.stderr);
    assert!(asked.stderr.contains("the password and the sessions stay"), "{}", asked.stderr);
    assert_eq!(outbox::links(&school.folder().join("outbox")).len(), 2);
    let wrong = reset("request").env(URL.0, "http://keybell.example.org/{token}").run_to(78).await;
    assert!(wrong.stderr.contains("links.url"), "{}", wrong.stderr);
}
