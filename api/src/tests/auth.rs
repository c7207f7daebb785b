//! Checking and changing passwords.

use std::time::Duration;

use keybell_shared::actor::Role;
use keybell_shared::clock::Millis;
use keybell_shared::config::Hashing;
use keybell_shared::ids::AccountId;
use keybell_shared::password::PolicyName;
use keybell_shared::ports::ledger::SignIn;
use secrecy::SecretString;
use serde_json::json;

use super::World;
use crate::auth::Lane;

const RIGHT: &str = "Otter-lamp-47";

/// Adds an account with the password [`RIGHT`].
async fn account(world: &World, username: &str, change: impl FnOnce(&mut SignIn)) -> AccountId {
    let hash = Lane::new(Hashing::default()).hash(&SecretString::from(RIGHT)).await.expect("a hash");
    let mut account = SignIn {
        account: AccountId::fresh(),
        username: username.to_owned(),
        hash: Some(hash),
        credential_version: 4,
        usable: true,
        must_change: false,
        expired: false,
        expires_at: None,
        sessions_valid_after: Some(Millis(1_800_000_000_000)),
        throttled_for: None,
        forbidden: vec![username.to_owned(), "Larkspur".to_owned()],
        policy: PolicyName::Standard,
    };
    change(&mut account);
    let id = account.account;
    world.ledger.memory().accounts.insert((world.district, username.to_lowercase()), account);
    id
}

async fn verify(world: &World, username: &str, password: &str) -> super::Answer {
    let body = json!({ "username": username, "password": password }).to_string();
    world.post(&world.key, "/v1/auth/verify", body).await
}

async fn change(world: &World, username: &str, password: &str, new: &str) -> super::Answer {
    let body = json!({ "username": username, "password": password, "new_password": new }).to_string();
    world.post(&world.key, "/v1/auth/change", body).await
}

#[tokio::test]
async fn a_right_password_opens() {
    let world = World::new();
    let id = account(&world, "mjones", |_| {}).await;
    account(&world, "new", |account| account.must_change = true).await;
    let answer = verify(&world, "MJones", RIGHT).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(
        answer.body,
        json!({
            "result": "ok", "account": id, "credential_version": 4, "sessions_valid_after": "2027-01-15T08:00:00Z"
        })
    );
    assert_eq!(verify(&world, "new", RIGHT).await.body["result"], "must_change");
    assert_eq!(world.ledger.memory().successes.len(), 2);
    assert!(world.ledger.memory().failures.is_empty());
}

#[tokio::test]
async fn every_refusal_is_the_same_and_only_wrong_passwords_count() {
    let world = World::new();
    let id = account(&world, "mjones", |_| {}).await;
    account(&world, "gone", |account| account.usable = false).await;
    account(&world, "quick", |account| account.hash = None).await;
    let mut bodies = Vec::new();
    for (username, password) in [
        ("mjones", "wrong"),
        ("mjones", ""),
        ("nobody", RIGHT),
        ("", ""),
        ("gone", RIGHT),
        ("quick", RIGHT),
        ("quick", "nobody has this password"),
    ] {
        let mut answer = verify(&world, username, password).await;
        assert_eq!(answer.short(), (401, "sign_in.refused"), "{username}");
        answer.body["request_id"].take();
        bodies.push(answer.body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
    assert_eq!(world.ledger.memory().failures, [id, id]);
}

#[tokio::test]
async fn expired_and_throttled_accounts_are_told_so() {
    let world = World::new();
    account(&world, "late", |account| account.expired = true).await;
    account(&world, "fast", |account| account.throttled_for = Some(Duration::from_millis(29_500))).await;
    assert_eq!(verify(&world, "late", RIGHT).await.short(), (403, "password.expired"));
    assert_eq!(verify(&world, "late", "wrong").await.short(), (401, "sign_in.refused"));
    assert_eq!(change(&world, "late", RIGHT, "Quite-another-48").await.short(), (403, "password.expired"));
    let throttled = verify(&world, "fast", RIGHT).await;
    assert_eq!(throttled.short(), (429, "sign_in.throttled"));
    assert_eq!(throttled.headers["retry-after"], "30");
}

#[tokio::test]
async fn a_person_chooses_a_new_password() {
    let world = World::new();
    let id = account(&world, "mjones", |account| account.must_change = true).await;
    for (old, new, expected) in [
        ("wrong", "Quite-another-48", (401, "sign_in.refused")),
        (RIGHT, "short", (422, "password.too_short")),
        (RIGHT, "Mjones-lamp-47", (422, "password.personal")),
        (RIGHT, RIGHT, (422, "password.unchanged")),
    ] {
        let answer = change(&world, "mjones", old, new).await;
        assert_eq!(answer.short(), expected, "{new}");
        assert_eq!(answer.body.get("field").is_some(), expected.0 == 422, "{new}");
    }
    let changed = change(&world, "mjones", RIGHT, "Quite-another-48").await;
    assert_eq!(changed.body, json!({ "result": "ok", "account": id, "credential_version": 5 }));
    assert_eq!(verify(&world, "mjones", RIGHT).await.status, 401);
    assert_eq!(verify(&world, "mjones", "Quite-another-48").await.body["result"], "ok");
}

#[tokio::test]
async fn of_two_changes_at_once_one_wins() {
    let world = World::new();
    account(&world, "mjones", |_| {}).await;
    let (one, two) = tokio::join!(
        change(&world, "mjones", RIGHT, "Quite-another-48"),
        change(&world, "mjones", RIGHT, "Third-river-moss-9")
    );
    let mut answers = [one.short(), two.short()];
    answers.sort_unstable();
    assert_eq!(answers, [(200, ""), (409, "password.changed_meanwhile")]);
}

#[tokio::test]
async fn only_sign_in_pages_may_ask() {
    let world = World::new();
    for (role, status) in [
        (Role::Application, 401),
        (Role::DistrictAdmin, 401),
        (Role::Principal, 403),
        (Role::Teacher, 403),
        (Role::Operator, 403),
    ] {
        let key = world.key_of(world.district, role, "x");
        let answer = world.post(&key, "/v1/auth/verify", r#"{"username":"a","password":"b"}"#).await;
        assert_eq!(answer.status.as_u16(), status, "{role}");
    }
}

#[tokio::test]
async fn bad_bodies_are_refused_without_repeating_them() {
    let world = World::new();
    for (body, expected) in [
        ("", (400, "body.invalid")),
        ("null", (400, "body.invalid")),
        (r#"["hunter2","hunter2"]"#, (400, "body.invalid")),
        (r#"{"username":"a","password":"hunter2""#, (400, "json.malformed")),
        (r#"{"username":"a","password":"hunter2\ud800"}"#, (400, "json.malformed")),
        (r#"{"username":"a","password":["hunter2"]}"#, (400, "field.invalid")),
        (r#"{"username":"a","password":2}"#, (400, "field.invalid")),
        (r#"{"username":"a"}"#, (400, "field.missing")),
        (r#"{"username":"a","password":"b","hunter2":1}"#, (400, "field.unknown")),
        (r#"{"username":"a","password":"b","password":"hunter2"}"#, (400, "json.duplicate_key")),
        (r#"{"username":"a\u0000","password":"hunter2"}"#, (400, "field.control_character")),
    ] {
        let answer = world.post(&world.key, "/v1/auth/verify", body).await;
        assert_eq!(answer.short(), expected, "{body}");
        assert!(!answer.body.to_string().contains("hunter2"), "{answer:?}");
    }
    let large = world.post(&world.key, "/v1/auth/verify", vec![b' '; 16 * 1024 + 1]).await;
    assert_eq!(large.short(), (413, "body.too_large"));
}

#[tokio::test]
async fn a_chosen_password_obeys_the_policy_of_the_last_reset() {
    let world = World::new();
    for (policy, new, expected) in [
        (PolicyName::Standard, "otter lamp river", (422, "password.no_capital")),
        (PolicyName::Nist15, "otter lamp", (422, "password.too_short")),
        (PolicyName::Nist15, "invierno 20262027", (422, "password.common")),
        (PolicyName::Nist8, "        ", (422, "password.blank")),
    ] {
        account(&world, "mjones", |account| account.policy = policy).await;
        assert_eq!(change(&world, "mjones", RIGHT, new).await.short(), expected, "{policy}");
    }
    for (policy, new) in [(PolicyName::Nist8, "otter lamp"), (PolicyName::Nist15, " otter lamp riv")] {
        account(&world, "mjones", |account| account.policy = policy).await;
        assert_eq!(change(&world, "mjones", RIGHT, new).await.status, 200, "{policy}");
    }
}

#[tokio::test]
async fn every_spelling_of_a_password_opens_the_account() {
    let world = World::new();
    let long = "\u{1f9a6}".repeat(64);
    for (set, typed) in [
        ("Caf\u{e9}-river-47", "Cafe\u{301}-river-47".to_owned()),
        ("\u{ff2f}tter-lamp-\u{ff14}\u{ff17}", "Otter-lamp-47".to_owned()),
        (&format!("Aa1{long}"), format!("\u{ff21}a1{long}")),
    ] {
        let hash = Lane::new(Hashing::default()).hash(&SecretString::from(set)).await.expect("a hash");
        account(&world, "mjones", |account| account.hash = Some(hash)).await;
        assert_eq!(verify(&world, "mjones", &typed).await.status, 200, "{set}");
        for cut in [typed.trim_end_matches(['7', '\u{1f9a6}']), &format!("{typed} ")] {
            assert_eq!(verify(&world, "mjones", cut).await.short(), (401, "sign_in.refused"), "{cut}");
        }
    }
}
