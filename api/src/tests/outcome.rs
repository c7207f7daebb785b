//! Reports, counts by code, tags, telling again and taking up again.

use axum::body::Body;
use keybell_shared::clock::Millis;
use keybell_shared::codes::Code;
use keybell_shared::ids::ItemId;
use keybell_shared::ports::ledger::{Chosen, ReportRow};
use keybell_shared::states::ItemState;
use serde_json::json;
use tower::ServiceExt as _;

use super::{World, request};

fn row(n: i64, state: ItemState) -> ReportRow {
    ReportRow {
        item: ItemId(n),
        username: format!("pupil{n}"),
        source_id: format!("s-{n}"),
        given_name: "=HYPERLINK(\"x\")".to_owned(),
        family_name: "Müller".to_owned(),
        role: "student".to_owned(),
        grade: None,
        school: Some("Larkspur High".to_owned()),
        state,
        code: (state == ItemState::Undelivered).then_some(Code::N02),
        changed_at: Millis(1_800_000_000_000),
        told: 0,
        attempts: 1,
    }
}

/// A file's name and bytes.
async fn file(world: &World, path: &str) -> (String, Vec<u8>) {
    let get = request("GET", path, &world.key).body(Body::empty()).expect("a request");
    let answer = world.routes.clone().oneshot(get).await.expect("infallible");
    assert_eq!(answer.status(), 200, "{path}");
    let name = answer.headers()["content-disposition"].to_str().expect("text").to_owned();
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.expect("a body");
    (name, body.to_vec())
}

#[tokio::test]
async fn reports_have_every_row_and_no_formula() {
    let world = World::new();
    let task = world.start(&world.key, "k-1").await;
    // Two full pages and a bit.
    world.ledger.memory().rows =
        (1..=2_003).map(|n| row(n, if n % 100 == 0 { ItemState::Undelivered } else { ItemState::Notified })).collect();
    let (name, bytes) = file(&world, &format!("/v1/tasks/{task}/report.csv")).await;
    assert_eq!(name, format!("attachment; filename=\"report-{task}.csv\""));
    let text = String::from_utf8(bytes).expect("text");
    assert_eq!(text.lines().count(), 2_004, "a header and each row once");
    assert!(text.contains("\r\npupil2003,\"'=HYPERLINK(\"\"x\"\")\",Müller,"), "{}", &text[..400]);
    let (_, bytes) = file(&world, &format!("/v1/tasks/{task}/report.csv?state=undelivered")).await;
    assert_eq!(bytes.split(|byte| *byte == b'\n').count(), 22);
    let (name, unreachable) = file(&world, &format!("/v1/tasks/{task}/unreachable.csv")).await;
    assert_eq!((name, unreachable), (format!("attachment; filename=\"unreachable-{task}.csv\""), bytes));

    for (file_name, expected) in [("report", 2_003), ("unreachable", 20)] {
        let (name, bytes) = file(&world, &format!("/v1/tasks/{task}/{file_name}.xlsx")).await;
        assert_eq!(name, format!("attachment; filename=\"{file_name}-{task}.xlsx\""));
        assert!(bytes.starts_with(b"PK"), "{file_name} {expected}");
    }
}

#[tokio::test]
async fn reports_that_cannot_be() {
    let world = World::new();
    let task = world.start(&world.key, "k-1").await;
    for name in ["report.csv", "report.xlsx"] {
        let path = format!("/v1/tasks/{task}/{name}");
        assert_eq!(world.get(&world.key, &format!("{path}?state=done")).await.short(), (400, "query.state"));
        assert_eq!(world.get(&world.key, &format!("{path}?stat=failed")).await.short(), (400, "query.invalid"));
    }
    let stranger = world.key_of(world.district, keybell_shared::actor::Role::Principal, "mr-fox");
    for name in ["report.csv", "report.xlsx", "unreachable.csv", "unreachable.xlsx", "codes"] {
        let path = format!("/v1/tasks/{task}/{name}");
        assert_eq!(world.get(&stranger, &path).await.short(), (404, "not_found"), "{name}");
    }
    world.ledger.memory().tasks[0].progress.counts.open = 2_000_000;
    let answer = world.get(&world.key, &format!("/v1/tasks/{task}/report.xlsx")).await;
    assert_eq!(answer.short(), (422, "export.too_large"));
    world.ledger.memory().down = true;
    let answer = world.get(&world.key, &format!("/v1/tasks/{task}/report.csv")).await;
    assert_eq!(answer.short(), (503, "ledger.unavailable"));
}

#[tokio::test]
async fn a_tag_tells_whether_anything_has_changed() {
    let world = World::new();
    let task = world.start(&world.key, "k-1").await;
    let path = format!("/v1/tasks/{task}");
    let first = world.get(&world.key, &path).await;
    let tag = first.headers["etag"].to_str().expect("text").to_owned();
    assert_eq!(tag, "\"1-1-running\"");
    let again = async |tags: &str| {
        let get = request("GET", &path, &world.key).header("if-none-match", tags).body(Body::empty());
        world.send(get.expect("a request")).await
    };
    for tags in [tag.as_str(), "*", &format!("\"x\", W/{tag}")] {
        let answer = again(tags).await;
        assert_eq!((answer.status.as_u16(), &answer.body), (304, &json!(null)), "{tags}");
        assert_eq!(answer.headers["etag"], tag);
    }
    for tags in ["\"1-0-running\"", "1-1-running", "\"", ""] {
        assert_eq!(again(tags).await.status, 200, "{tags}");
    }
    world.ledger.memory().tasks[0].progress.version = 2;
    assert_eq!(again(&tag).await.status, 200, "it has changed");
    world.ledger.memory().tasks[0].held = true;
    let held = world.get(&world.key, &path).await;
    assert_eq!((&held.body["held"], &held.headers["etag"]), (&json!(true), &"\"1-2-running-held\"".parse().unwrap()));
}

#[tokio::test]
async fn people_are_told_again() {
    let world = World::new();
    let task = world.start(&world.key, "k-1").await;
    let path = format!("/v1/tasks/{task}/resend");
    let answer = world.post(&world.key, &path, "{}").await;
    assert_eq!(
        answer.body,
        json!({
            "task": task, "state": "running", "again": 2,
            "left": [{ "code": "N08", "meaning": Code::N08.meaning(), "accounts": 1 }],
        })
    );
    let named = world.post(&world.key, &path, r#"{"accounts":["pupil1"]}"#).await;
    assert_eq!(named.status, 200, "{named:?}");
    let chosen = world.ledger.memory().chosen.clone();
    assert_eq!(chosen[0], Chosen::States(vec![ItemState::Undelivered]));
    assert!(matches!(&chosen[1], Chosen::Accounts(accounts) if accounts.len() == 1), "{chosen:?}");
    for (body, expected) in [
        (r#"{"items":["failed"]}"#, (422, "resend.only_undelivered")),
        (r#"{"items":[]}"#, (422, "resend.empty")),
        (r#"{"items":["undelivered"],"accounts":["pupil1"]}"#, (422, "resend.items_or_accounts")),
        (r#"{"accounts":["nobody"]}"#, (422, "resend.unknown_accounts")),
        (r#"{"item":[]}"#, (400, "field.unknown")),
        ("[]", (400, "body.invalid")),
    ] {
        assert_eq!(world.post(&world.key, &path, body).await.short(), expected, "{body}");
    }
    let operator = world.key_of(world.district, keybell_shared::actor::Role::Operator, "ops");
    assert_eq!(world.post(&operator, &path, "{}").await.short(), (403, "role.may_not_control"));
}
