//! Keys, the fleet, the legend, the precautions, the page, and how often a key may ask.

use axum::body::Body;
use keybell_shared::actor::Role;
use keybell_shared::codes::Code;
use keybell_shared::config::Http;
use keybell_shared::ids::DistrictId;
use keybell_shared::precautions;
use serde_json::json;

use super::{FINE, World, request};

async fn delete(world: &World, key: &str, id: &str) -> super::Answer {
    world.send(request("DELETE", &format!("/v1/keys/{id}"), key).body(Body::empty()).expect("a request")).await
}

#[tokio::test]
async fn an_administrator_makes_lists_and_revokes_keys_of_the_own_district_only() {
    let world = World::new();
    let admin = world.key_of(world.district, Role::DistrictAdmin, "admin");
    let made = world.post(&admin, "/v1/keys", r#"{"name":"lms","role":"application"}"#).await;
    assert_eq!(made.status, 201, "{made:?}");
    let (id, key) = (made.body["id"].as_str().expect("an id"), made.body["key"].as_str().expect("a key"));
    assert_eq!(world.get(key, "/v1/tasks").await.status, 200, "it is valid at once");
    let listed = world.get(&admin, "/v1/keys").await;
    assert!(listed.body["keys"].as_array().expect("a list").iter().any(|one| one["id"] == id));
    assert!(!listed.body.to_string().contains(key), "its text is shown once");

    let elsewhere = world.key_of(DistrictId::fresh(), Role::DistrictAdmin, "other");
    assert_eq!(delete(&world, &elsewhere, id).await.short(), (404, "not_found"));
    assert_eq!(world.get(&elsewhere, "/v1/keys").await.body["keys"].as_array().map(Vec::len), Some(1));
    assert_eq!(delete(&world, &admin, id).await.status, 204);
    assert_eq!(world.get(key, "/v1/tasks").await.short(), (401, "key.invalid"), "it ends at once");
    assert_eq!(delete(&world, &admin, id).await.short(), (404, "not_found"));
}

#[tokio::test]
async fn keys_that_cannot_be() {
    let world = World::new();
    let admin = world.key_of(world.district, Role::DistrictAdmin, "admin");
    for (body, expected) in [
        (json!({ "name": "sis", "role": "application" }), (409, "key.name_taken")),
        (json!({ "name": "amqp:sis", "role": "application" }), (422, "key.name_reserved")),
        (json!({ "name": " sis2", "role": "application" }), (422, "key.name")),
        (json!({ "name": "", "role": "application" }), (422, "key.name")),
        (json!({ "name": "x".repeat(101), "role": "application" }), (422, "key.name")),
        (json!({ "name": "fox", "role": "principal" }), (422, "key.person_missing")),
        (json!({ "name": "fox", "role": "principal", "person": "nobody" }), (422, "key.person_unknown")),
        (json!({ "name": "fox", "role": "king" }), (400, "field.invalid")),
        (json!({ "name": "fox" }), (400, "field.missing")),
        (json!({ "name": "fox", "role": "operator", "district": "x" }), (400, "field.unknown")),
    ] {
        let answer = world.post(&admin, "/v1/keys", body.to_string()).await;
        assert_eq!(answer.short(), expected, "{body}");
    }
    let own = world.get(&admin, "/v1/keys").await.body["keys"].as_array().expect("a list").clone();
    let own = own.iter().find(|key| key["name"] == "admin").expect("the own key")["id"].clone();
    assert_eq!(delete(&world, &admin, own.as_str().expect("an id")).await.short(), (409, "key.own"));
    assert_eq!(delete(&world, &admin, "7").await.short(), (404, "not_found"));
    for role in [Role::Principal, Role::Teacher, Role::Operator, Role::Application] {
        let key = world.key_of(world.district, role, "no-admin");
        assert_eq!(world.get(&key, "/v1/keys").await.short(), (403, "role.forbidden"), "{role}");
        let made = world.post(&key, "/v1/keys", r#"{"name":"x","role":"operator"}"#).await;
        assert_eq!(made.short(), (403, "role.forbidden"), "{role}");
    }
}

#[tokio::test]
async fn precautions_legend_fleet_and_a_trial_run() {
    let world = World::new();
    let shown = world.get(&world.key, "/v1/precautions").await.body;
    assert_eq!(shown, json!({ "version": precautions::VERSION, "text": precautions::TEXT }));
    let legend = world.get(&world.key, "/v1/codes").await.body;
    let all = Code::ALL.iter().map(|code| json!({ "code": code.as_str(), "meaning": code.meaning() }));
    assert_eq!(legend["codes"], all.collect::<serde_json::Value>());
    let plan = world.post(&world.key, "/v1/tasks/preview", FINE).await;
    let effect = "a new password is set at once, and sessions end";
    let expected = json!({ "eligible": 3, "skipped": [], "mode": "force", "effect": effect });
    assert_eq!((plan.status.as_u16(), &plan.body), (200, &expected));
    assert!(world.ledger.memory().tasks.is_empty(), "nothing was started");

    assert_eq!(world.get(&world.key, "/v1/fleet").await.short(), (403, "role.forbidden"));
    let operator = world.key_of(world.district, Role::Operator, "ops");
    let fleet = world.get(&operator, "/v1/fleet").await;
    assert_eq!(fleet.status, 200, "{fleet:?}");
    let stages: Vec<_> = fleet.body["stages"].as_array().expect("a list").iter().map(|one| &one["stage"]).collect();
    assert_eq!(stages, ["reset", "email", "sms"]);
    let refused = world.post(&operator, "/v1/tasks/preview", FINE).await;
    assert_eq!(refused.short(), (403, "role.may_not_reset"));
}

#[tokio::test]
async fn the_page_needs_nothing_from_outside() {
    let world = World::new();
    let request = request("GET", "/docs", "").body(Body::empty()).expect("a request");
    let answer = tower::ServiceExt::oneshot(world.routes.clone(), request).await.expect("infallible");
    assert_eq!(answer.status(), 200);
    assert!(answer.headers()["content-security-policy"].to_str().expect("text").starts_with("default-src 'none'"));
    let page = axum::body::to_bytes(answer.into_body(), usize::MAX).await.expect("a body");
    let page = String::from_utf8(page.to_vec()).expect("text");
    for foreign in ["<script", "src=", "@import", "url(", "href=\"http"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    for (path, item) in super::described::document()["paths"].as_object().expect("paths") {
        assert!(page.contains(&format!("<code>{path}</code>")), "{path}");
        for operation in item.as_object().expect("operations").values() {
            let id = operation["operationId"].as_str().expect("an id");
            assert!(page.contains(&format!("<article id=\"{id}\">")), "{id}");
        }
    }
    // The legend of codes is a part of it; its words may hold what HTML writes in another way.
    for code in Code::ALL {
        assert!(page.contains(&format!(">{code}<")), "{code}");
        assert!(code.meaning().split('\'').all(|words| page.contains(words)), "{code}: {}", code.meaning());
    }
    let targets: Vec<&str> = page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    for target in targets {
        assert!(page.contains(&format!(" id=\"{target}\"")), "a link leads nowhere: #{target}");
    }
}

#[tokio::test]
async fn a_key_that_asks_too_fast_waits_and_others_do_not() {
    let mut world = World::new();
    let mut parts = world.parts();
    parts.http = Http { requests_per_second: 1, burst: 3, ..Http::default() };
    world.routes = crate::router(parts);
    for _ in 0..3 {
        assert_eq!(world.get(&world.key, "/v1/codes").await.status, 200);
    }
    let refused = world.get(&world.key, "/v1/codes").await;
    assert_eq!(refused.short(), (429, "rate.limited"));
    assert_eq!(refused.headers["retry-after"], "1");
    let other = world.key_of(world.district, Role::Application, "lms");
    assert_eq!(world.get(&other, "/v1/codes").await.status, 200);
    assert_eq!(world.get("", "/healthz").await.status, 200, "without a key there is nothing to count");
}
