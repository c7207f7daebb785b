//! One-time links: the page for people, and the routes for districts with a page of their own.

use axum::body::Body;
use axum::http::{HeaderMap, Request};
use keybell_shared::actor::Role;
use keybell_shared::clock::Millis;
use keybell_shared::ids::{AccountId, DistrictId};
use keybell_shared::link;
use keybell_shared::ports::ledger::LinkHolder;
use keybell_shared::request::PolicyName;
use secrecy::SecretString;
use serde_json::json;
use tower::ServiceExt as _;

use super::World;
use crate::auth::Lane;

const TOKEN: &str = "q1WbT0x5y2nKc8Zr4Vh6LmPj9Ds3Fg7Ha-Eu_IoYtRw";
const GOOD: &str = "password=Quite-another-48&again=Quite-another-48";

/// A good link in this district for somebody whose password is `Otter-lamp-47`.
async fn linked(world: &World, district: DistrictId) -> AccountId {
    let hash = Lane::new(keybell_shared::config::Hashing::default()).hash(&SecretString::from("Otter-lamp-47")).await;
    let holder = LinkHolder {
        account: AccountId::fresh(),
        district,
        district_name: "Lakeside <b>Schools</b>".to_owned(),
        username: "mjones".to_owned(),
        given_name: "Mia \"M\"".to_owned(),
        password_hash: Some(hash.expect("a hash")),
        forbidden: vec!["mjones".to_owned(), "Lakeside".to_owned()],
        policy: PolicyName::Standard,
        valid_until: Millis(1_785_765_780_000),
    };
    let account = holder.account;
    world.ledger.memory().links.insert(link::hash(TOKEN), holder);
    account
}

/// An answer of the page.
async fn page(world: &World, method: &str, token: &str, form: Option<&str>) -> (u16, HeaderMap, String) {
    let mut request = Request::builder().method(method).uri(format!("/claim/{token}"));
    if form.is_some() {
        request = request.header("content-type", "application/x-www-form-urlencoded");
    }
    let body = form.map_or_else(Body::empty, |form| Body::from(form.to_owned()));
    let answer = world.routes.clone().oneshot(request.body(body).expect("a request")).await.expect("infallible");
    let (parts, body) = answer.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    let text = String::from_utf8(bytes.to_vec()).expect("text");
    assert!(!text.contains(token), "the token is in the page");
    assert_eq!(parts.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(parts.headers["cache-control"], "no-store");
    assert_eq!(parts.headers["referrer-policy"], "no-referrer");
    assert_eq!(parts.headers["x-robots-tag"], "noindex, nofollow");
    let policy = parts.headers["content-security-policy"].to_str().expect("a policy");
    for only in ["default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(only), "{policy}");
    }
    (parts.status.as_u16(), parts.headers, text)
}

#[tokio::test]
async fn looking_at_the_page_uses_nothing_up_and_its_form_works_without_scripts() {
    let world = World::new();
    linked(&world, world.district).await;
    for method in ["GET", "HEAD", "GET"] {
        let (status, _, text) = page(&world, method, TOKEN, None).await;
        assert_eq!(status, 200);
        if method == "HEAD" {
            continue;
        }
        assert!(text.starts_with("<!doctype html>\n<html lang=\"en\">"), "{text}");
        for holds in [
            "Hello Mia &quot;M&quot;.",
            "Lakeside &lt;b&gt;Schools&lt;/b&gt;",
            "value=\"mjones\"",
            "<form method=\"post\" novalidate>",
            "<label for=\"password\">New password</label>",
            "<label for=\"again\">New password again</label>",
            "aria-describedby=\"rules\"",
            "autocomplete=\"new-password\"",
            "at least 8 letters, numbers or signs",
            "2026-08-03, 14:03 UTC",
        ] {
            assert!(text.contains(holds), "{holds}\n{text}");
        }
        for never in ["<script", "http://", "https://", "<img", "<link", "aria-invalid", "role=\"alert\""] {
            assert!(!text.contains(never), "{never}");
        }
    }
    assert_eq!(world.ledger.memory().links.len(), 1);
}

#[tokio::test]
async fn what_is_wrong_stands_beside_its_field_and_uses_nothing_up() {
    let world = World::new();
    linked(&world, world.district).await;
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("password=short&again=short", &["password"], &["at least 8 characters"]),
        ("password=Quite-another-48&again=Quite-another-49", &["again"], &["The two passwords are not the same."]),
        ("password=short&again=other", &["password", "again"], &["at least 8 characters", "not the same"]),
        ("password=&again=", &["password"], &["The password is blank."]),
        ("", &["password"], &["The password is blank."]),
        ("password=xMjones99x&again=xMjones99x", &["password"], &["holds the username"]),
        ("password=Otter-lamp-47&again=Otter-lamp-47", &["password"], &["The new password is the old one."]),
    ];
    for (form, fields, words) in cases {
        let (status, _, text) = page(&world, "POST", TOKEN, Some(form)).await;
        assert_eq!(status, 422, "{form}");
        assert!(text.contains("<title>Error: ") && text.contains("role=\"alert\""), "{form}");
        for field in ["password", "again"] {
            let wrong = fields.contains(&field);
            assert_eq!(text.contains(&format!("id=\"{field}-error\"")), wrong, "{form}: {field}");
            assert_eq!(text.contains(&format!("{field}-error\" aria-invalid=\"true\"")), wrong, "{form}: {field}");
            assert_eq!(text.contains(&format!("<a href=\"#{field}\">")), wrong, "{form}: {field}");
        }
        for word in *words {
            assert!(text.contains(word), "{form}: {word}\n{text}");
        }
        for typed in ["Quite-another", "xMjones99x", "Otter-lamp-47"] {
            assert!(!text.contains(typed), "what was typed is not sent back");
        }
    }
    assert_eq!(world.ledger.memory().links.len(), 1);
    assert!(world.ledger.memory().chosen_by_link.is_empty());
}

#[tokio::test]
async fn a_chosen_password_is_hashed_and_stored_and_the_link_is_dead_afterwards() {
    let world = World::new();
    let account = linked(&world, world.district).await;
    let (status, _, text) = page(&world, "POST", TOKEN, Some(GOOD)).await;
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("Your new password is saved") && text.contains("mjones"), "{text}");
    let (chosen_by, hash) = world.ledger.memory().chosen_by_link.remove(0);
    assert_eq!(chosen_by, account);
    assert!(hash.starts_with("$argon2id$"), "{hash}");
    for (method, form) in [("GET", None), ("POST", Some(GOOD))] {
        let (status, _, text) = page(&world, method, TOKEN, form).await;
        assert_eq!(status, 404);
        assert!(text.contains("This link does not work any more"), "{text}");
    }
}

#[tokio::test]
async fn every_link_that_is_no_good_gets_the_same_friendly_page() {
    let world = World::new();
    let (_, _, expected) = page(&world, "GET", TOKEN, None).await;
    for token in ["x.y~z", &"a".repeat(43), &"a".repeat(44), "%00%ff", "..%2f..%2fetc", &"%3Cscript%3E".repeat(3)] {
        for (method, form) in [("GET", None), ("POST", Some(GOOD))] {
            let (status, _, text) = page(&world, method, token, form).await;
            assert_eq!((status, &text), (404, &expected), "{method} {token}");
        }
    }
}

#[tokio::test]
async fn when_the_ledger_is_away_or_the_form_is_none_the_page_says_so() {
    let world = World::new();
    linked(&world, world.district).await;
    let request = Request::builder().method("POST").uri(format!("/claim/{TOKEN}"));
    let request = request.header("content-type", "application/json").body(Body::from("{}")).expect("a request");
    let answer = world.routes.clone().oneshot(request).await.expect("infallible");
    assert_eq!(
        (answer.status(), &answer.headers()["content-type"]),
        (415.try_into().expect("a status"), &"text/html; charset=utf-8".parse().expect("a value"))
    );
    let (status, _, _) = page(&world, "POST", TOKEN, Some(&format!("password={}", "x".repeat(20_000)))).await;
    assert_eq!(status, 413);
    let (status, _, _) = page(&world, "POST", TOKEN, Some("password=%ff%fe")).await;
    assert_eq!(status, 400);
    world.ledger.memory().down = true;
    for (method, form) in [("GET", None), ("POST", Some(GOOD))] {
        let (status, _, text) = page(&world, method, TOKEN, form).await;
        assert_eq!(status, 503);
        assert!(text.contains("Your link is not used up"), "{text}");
    }
}

#[tokio::test]
async fn a_district_with_a_page_of_its_own_looks_and_redeems_in_bodies() {
    let world = World::new();
    let account = linked(&world, world.district).await;
    let verify = json!({ "token": TOKEN }).to_string();
    let redeem = |new: &str| json!({ "token": TOKEN, "new_password": new }).to_string();
    for role in [Role::Operator, Role::Principal, Role::Teacher] {
        let key = world.key_of(world.district, role, role.as_str());
        assert_eq!(world.post(&key, "/v1/links/verify", verify.clone()).await.short(), (403, "sign_in.forbidden"));
        assert_eq!(world.post(&key, "/v1/links/redeem", redeem("Quite-another-48")).await.short().0, 403);
    }
    let stranger = world.key_of(DistrictId::fresh(), Role::Application, "other");
    assert_eq!(world.post(&stranger, "/v1/links/verify", verify.clone()).await.short(), (404, "link.gone"));
    assert_eq!(world.post(&stranger, "/v1/links/redeem", redeem("Quite-another-48")).await.short(), (404, "link.gone"));

    let seen = world.post(&world.key, "/v1/links/verify", verify.clone()).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    assert_eq!((&seen.body["account"], &seen.body["username"]), (&json!(account), &json!("mjones")));
    assert_eq!((&seen.body["policy"], &seen.body["valid_until"]), (&json!("standard"), &json!("2026-08-03T14:03:00Z")));
    let weak = world.post(&world.key, "/v1/links/redeem", redeem("short")).await;
    assert_eq!((weak.short(), &weak.body["field"]), ((422, "password.too_short"), &json!("new_password")));
    let same = world.post(&world.key, "/v1/links/redeem", redeem("Otter-lamp-47")).await;
    assert_eq!(same.short(), (422, "password.unchanged"));
    let done = world.post(&world.key, "/v1/links/redeem", redeem("Quite-another-48")).await;
    assert_eq!((done.status.as_u16(), &done.body), (200, &json!({ "account": account, "credential_version": 2 })));
    for answer in [
        world.post(&world.key, "/v1/links/verify", verify).await,
        world.post(&world.key, "/v1/links/redeem", redeem("Quite-another-48")).await,
        world.post(&world.key, "/v1/links/redeem", json!({"token": "x", "new_password": "y"}).to_string()).await,
    ] {
        assert_eq!(answer.short(), (404, "link.gone"));
        assert!(!answer.body.to_string().contains(TOKEN), "{answer:?}");
    }
    let wrong = world.post(&world.key, "/v1/links/verify", json!({ "tokn": TOKEN }).to_string()).await;
    assert_eq!(wrong.status, 400);
    assert!(!wrong.body.to_string().contains(TOKEN), "{wrong:?}");
}
