//! Bad input: each case with its status and code. Nothing of it may end in a 500 or make a task.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Request};
use futures_util::{StreamExt as _, stream};
use keybell_shared::actor::Role;
use keybell_shared::ids::{DistrictId, TaskId};

use super::{FINE, World, request};

/// A request that asks for one named account, with one more member.
fn with(member: &str) -> String {
    format!(
        r#"{{"selection":{{"scope":"selected","accounts":["pupil1"]}},"reason":"lost","acknowledgement":"2026-11",{member}}}"#
    )
}

#[tokio::test]
async fn bodies_that_are_no_request() {
    let world = World::new();
    let deep = format!("{{\"a\":{}", "[".repeat(10_000));
    let cases: Vec<(&str, Vec<u8>, (u16, &str))> = vec![
        ("B1 empty", b"".to_vec(), (400, "body.invalid")),
        ("B1 null", b"null".to_vec(), (400, "body.invalid")),
        ("B1 array", b"[]".to_vec(), (400, "body.invalid")),
        ("B1 string", b"\"x\"".to_vec(), (400, "body.invalid")),
        ("B2 truncated", FINE.as_bytes()[..40].to_vec(), (400, "json.malformed")),
        ("B2 trailing comma", with("").into_bytes(), (400, "json.malformed")),
        ("B2 comment", b"{/**/}".to_vec(), (400, "json.malformed")),
        ("B2 NaN", with("\"expires_in_hours\":NaN").into_bytes(), (400, "json.malformed")),
        ("B2 single quotes", b"{'a':1}".to_vec(), (400, "json.malformed")),
        ("B3 twice", with("\"mode\":\"force\",\"mode\":\"force\"").into_bytes(), (400, "json.duplicate_key")),
        ("B4 misspelt", with("\"pasword\":{}").into_bytes(), (400, "field.unknown")),
        ("B5 deep", deep.into_bytes(), (400, "json.malformed")),
        ("B8 not UTF-8", b"{\"a\":\"\xff\"}".to_vec(), (400, "body.not_utf8")),
        ("B8 lone surrogate", b"{\"a\":\"\\ud800\"}".to_vec(), (400, "json.malformed")),
        ("B8 NUL", FINE.replace("pupil1", "pupil\\u0000").into_bytes(), (400, "json.nul_character")),
        ("B9 number as text", with("\"expires_in_hours\":\"5\"").into_bytes(), (400, "field.invalid")),
        ("B9 1e400", with("\"expires_in_hours\":1e400").into_bytes(), (400, "json.malformed")),
        ("B9 1.0", with("\"expires_in_hours\":1.0").into_bytes(), (400, "field.invalid")),
        ("B9 -0", with("\"expires_in_hours\":-0").into_bytes(), (400, "field.invalid")),
        ("B9 too large", with("\"expires_in_hours\":9007199254740993").into_bytes(), (400, "field.invalid")),
        ("B10 nobody", FINE.replace("\"pupil1\",\"pupil2\"", "").into_bytes(), (422, "selection.empty")),
        ("unknown", FINE.replace("pupil2", "nobody").into_bytes(), (422, "selection.unknown_accounts")),
    ];
    for (name, body, expected) in cases {
        let answer = world.post(&world.key, "/v1/tasks", body).await;
        assert_eq!(answer.short(), expected, "{name}: {answer:?}");
    }
    assert!(world.ledger.memory().tasks.is_empty());
}

#[tokio::test]
async fn bodies_that_are_too_large_or_of_another_type() {
    let world = World::new();
    let post = || request("POST", "/v1/tasks", &world.key).header("idempotency-key", "k-1");
    let json = || post().header("content-type", "application/json");
    let large = || Body::from(vec![b' '; 1024 * 1024 + 1]);
    let endless = || Body::from_stream(stream::repeat(Bytes::from(vec![b' '; 65_536])).map(Ok::<_, std::io::Error>));
    let broken = || Body::from_stream(stream::iter([Ok(Bytes::from("{")), Err(std::io::Error::other("cut off"))]));
    let cases: Vec<(&str, Request<Body>, (u16, &str))> = vec![
        ("B6 large", json().body(large()).unwrap(), (413, "body.too_large")),
        (
            "B6 announced",
            json().header("content-length", "67108864").body(FINE.into()).unwrap(),
            (413, "body.too_large"),
        ),
        ("B6 endless", json().body(endless()).unwrap(), (413, "body.too_large")),
        ("B6 cut off", json().body(broken()).unwrap(), (400, "body.broken")),
        ("B6 compressed", json().header("content-encoding", "gzip").body(FINE.into()).unwrap(), (415, "body.encoding")),
        ("B7 no type", post().body(FINE.into()).unwrap(), (415, "body.media_type")),
        (
            "B7 form",
            post().header("content-type", "application/x-www-form-urlencoded").body(FINE.into()).unwrap(),
            (415, "body.media_type"),
        ),
        (
            "B7 UTF-16",
            post().header("content-type", "application/json; charset=utf-16").body(FINE.into()).unwrap(),
            (415, "body.media_type"),
        ),
        (
            "B7 two types",
            json().header("content-type", "text/plain").body(FINE.into()).unwrap(),
            (415, "body.media_type"),
        ),
    ];
    for (name, request, expected) in cases {
        let answer = world.send(request).await;
        assert_eq!(answer.short(), expected, "{name}: {answer:?}");
        assert_eq!(answer.headers.contains_key("connection"), expected.0 == 413, "{name}");
    }
    assert!(world.ledger.memory().tasks.is_empty());
}

#[tokio::test]
async fn idempotency_keys() {
    let world = World::new();
    let json = || request("POST", "/v1/tasks", &world.key).header("content-type", "application/json");
    let long = "x".repeat(300);
    let odd = HeaderValue::from_bytes("schlüssel".as_bytes()).unwrap();
    let cases = vec![
        ("B20 missing", json(), "idempotency.missing"),
        ("B20 empty", json().header("idempotency-key", ""), "idempotency.missing"),
        ("B20 blank", json().header("idempotency-key", "  "), "idempotency.missing"),
        ("B20 long", json().header("idempotency-key", long), "idempotency.malformed"),
        ("B20 non-ASCII", json().header("idempotency-key", odd), "idempotency.malformed"),
        ("B20 twice", json().header("idempotency-key", "a").header("idempotency-key", "a"), "idempotency.repeated"),
    ];
    for (name, request, code) in cases {
        let answer = world.send(request.body(FINE.into()).unwrap()).await;
        assert_eq!(answer.short(), (400, code), "{name}: {answer:?}");
    }
    world.start(&world.key, "k-1").await;
    let other = world.post(&world.key, "/v1/tasks", FINE.replace("lost", "other")).await;
    assert_eq!(other.short(), (422, "idempotency.mismatch"), "B20 reused: {other:?}");
    assert_eq!(world.ledger.memory().tasks.len(), 1);
}

#[tokio::test]
async fn queries() {
    let world = World::new();
    let task = world.start(&world.key, "k-1").await;
    let foreign = crate::page::write(crate::page::List::Tasks(DistrictId::fresh().0), 1);
    let items = format!("/v1/tasks/{task}/items");
    for (path, expected) in [
        ("/v1/tasks?limit=-1".to_owned(), (400, "query.limit")),
        ("/v1/tasks?limit=ten".to_owned(), (400, "query.limit")),
        ("/v1/tasks?limit=1000000000".to_owned(), (200, "")),
        ("/v1/tasks?before=zzz".to_owned(), (400, "query.cursor")),
        ("/v1/tasks?before=1".to_owned(), (400, "query.cursor")),
        (format!("/v1/tasks?before={foreign}"), (400, "query.cursor")),
        ("/v1/tasks?befor=1".to_owned(), (400, "query.invalid")),
        ("/v1/tasks?limit=1&limit=2".to_owned(), (400, "query.invalid")),
        ("/v1/tasks?limit=%ff".to_owned(), (400, "query.limit")),
        (format!("{items}?state=done"), (400, "query.state")),
        (format!("{items}?after={foreign}"), (400, "query.cursor")),
        (format!("{items}?limit="), (400, "query.limit")),
    ] {
        let answer = world.get(&world.key, &path).await;
        assert_eq!(answer.short(), expected, "B22 {path}: {answer:?}");
    }
}

#[tokio::test]
async fn paths_and_methods() {
    let world = World::new();
    let task = world.start(&world.key, "k-1").await;
    for (path, code) in [
        ("/".to_owned(), "route.unknown"),
        ("/v2/tasks".to_owned(), "route.unknown"),
        ("/v1/tasks/".to_owned(), "route.unknown"),
        (format!("/v1/tasks/{task}/explode"), "route.unknown"),
        ("/v1/tasks/..%2f..".to_owned(), "not_found"),
        ("/v1/tasks/%00".to_owned(), "not_found"),
        ("/v1/tasks/%ff".to_owned(), "not_found"),
        ("/v1/tasks/7".to_owned(), "not_found"),
        (format!("/v1/tasks/{}", task.to_uppercase()), "not_found"),
        (format!("/v1/tasks/%7B{task}%7D"), "not_found"),
        (format!("/v1/tasks/{}", TaskId::fresh()), "not_found"),
    ] {
        let answer = world.get(&world.key, &path).await;
        assert_eq!(answer.short(), (404, code), "B23 {path}: {answer:?}");
    }
    for (method, path) in
        [("TRACE", "/v1/tasks"), ("DELETE", "/v1/tasks"), ("GET", "/v1/auth/verify"), ("PUT", "/healthz")]
    {
        let answer = world.send(request(method, path, &world.key).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.short(), (405, "method.not_allowed"), "B25 {method} {path}");
        assert!(answer.headers.contains_key("allow"), "B25 {method} {path}");
    }
    let override_ = request("GET", "/v1/tasks", &world.key).header("x-http-method-override", "POST");
    assert_eq!(world.send(override_.body(Body::empty()).unwrap()).await.status, 200, "B25 no override");
}

#[tokio::test]
async fn headers() {
    let world = World::new();
    let get = || request("GET", "/v1/tasks", &world.key);
    let large = "x".repeat(64 * 1024);
    for (name, request, expected) in [
        ("B24 large", get().header("x-large", large), (431, "headers.too_large")),
        ("B24 two keys", get().header("authorization", "Bearer x"), (400, "authorization.repeated")),
        ("B24 two hosts", get().header("host", "a").header("host", "b"), (400, "host.repeated")),
    ] {
        let answer = world.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.short(), expected, "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn every_wrong_key_gets_the_same_answer() {
    let world = World::new();
    let (_, stranger, _) = crate::keys::mint();
    let stranger = secrecy::ExposeSecret::expose_secret(&stranger).to_owned();
    let revoked = world.key_of(world.district, Role::Application, "gone");
    world.ledger.memory().keys.retain(|_, (_, actor)| actor.name != "gone");
    let (tampered_start, _) = world.key.split_at(world.key.len() - 1);
    let last = if world.key.ends_with('0') { '1' } else { '0' };
    let mut bodies = Vec::new();
    for authorization in [
        None,
        Some(String::new()),
        Some(world.key.clone()),
        Some(format!("Basic {}", world.key)),
        Some("Bearer ".to_owned()),
        Some("Bearer kb_x_y".to_owned()),
        Some(format!("Bearer  {}", world.key)),
        Some(format!("Bearer {stranger}")),
        Some(format!("Bearer {revoked}")),
        Some(format!("Bearer {tampered_start}{last}")),
    ] {
        for path in ["/v1/tasks", "/v1/tasks/7", "/v1/tasks/7/events"] {
            let mut builder = Request::builder().uri(path);
            if let Some(value) = &authorization {
                builder = builder.header("authorization", value);
            }
            let mut answer = world.send(builder.body(Body::empty()).unwrap()).await;
            assert_eq!(answer.short(), (401, "key.invalid"), "{authorization:?} {path}");
            assert!(answer.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
            answer.body["request_id"].take();
            bodies.push(answer.body);
        }
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
    let lower = Request::builder().uri("/v1/tasks").header("authorization", format!("bearer {}", world.key));
    assert_eq!(world.send(lower.body(Body::empty()).unwrap()).await.status, 200, "the scheme has no case");
}

#[tokio::test]
async fn a_ledger_that_is_down_and_a_defect_are_answered_in_words() {
    let world = World::new();
    let task = world.start(&world.key, "k-1").await;
    world.ledger.memory().down = true;
    let answer = world.get(&world.key, "/v1/tasks").await;
    assert_eq!(answer.short(), (503, "ledger.unavailable"));
    assert_eq!(answer.headers["retry-after"], "5");
    world.ledger.memory().down = false;
    world.ledger.memory().panics = true;
    let answer = world.get(&world.key, &format!("/v1/tasks/{task}")).await;
    assert_eq!(answer.short(), (500, "internal"));
    assert!(!answer.body.to_string().contains("own defect"), "{answer:?}");
}
