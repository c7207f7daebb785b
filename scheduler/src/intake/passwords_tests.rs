//! What a request says and leaves out about the new passwords, from the door to the stored task.

use std::sync::Arc;

use keybell_shared::actor::{Actor, Role};
use keybell_shared::config::Passwords;
use keybell_shared::password::{Format, Language, PolicyName};
use keybell_shared::request::{PasswordSource, ResetRequest};
use keybell_shared::seal::{Binding, OpenKey, fresh_pair};
use secrecy::ExposeSecret as _;

use crate::intake::{Intake, json};
use crate::testing::{FakeLedger, actor};

struct Room {
    ledger: Arc<FakeLedger>,
    intake: Intake,
    admin: Actor,
    key: OpenKey,
}

fn room(accounts: u64, configured: Passwords) -> Room {
    let ledger = Arc::new(FakeLedger::new(accounts));
    let (key, seal) = fresh_pair();
    let shared: Arc<FakeLedger> = Arc::clone(&ledger);
    let intake = Intake::new(shared, Some(Arc::new(seal))).configured(configured);
    let admin = actor(ledger.state().district, Role::DistrictAdmin);
    Room { ledger, intake, admin, key }
}

fn request(more: &str) -> ResetRequest {
    let text = format!(r#"{{"selection":{{"scope":"all"}},"reason":"lost","acknowledgement":"2026-11"{more}}}"#);
    json::parse(text.as_bytes()).unwrap_or_else(|problem| panic!("{text}: {problem}"))
}

impl Room {
    /// The request as it is kept, and the shared password as it was sealed.
    async fn kept(&self, more: &str) -> (ResetRequest, Option<String>) {
        let key = format!("key-{}", self.ledger.state().tasks.len());
        let task = self.intake.submit(&self.admin, request(more), &key).await.expect("accepted").task;
        let mut state = self.ledger.state();
        let new = state.task(task).new.clone();
        let binding = Binding::Task(self.admin.district, task);
        let opened =
            new.shared.map(|sealed| self.key.open(&sealed, binding).expect("opens").expose_secret().to_owned());
        (new.request, opened)
    }

    async fn refused(&self, more: &str) -> &'static str {
        self.intake.submit(&self.admin, request(more), "key").await.expect_err("refused").code
    }
}

#[tokio::test]
async fn blank_null_and_white_space_mean_not_given_so_generated() {
    let room = room(3, Passwords::default());
    for value in ["", r#","value":null"#, r#","value":"""#, r#","value":" \t\u00a0""#, r#","value":"\u200b""#] {
        let (kept, sealed) = room.kept(&format!(r#","password":{{"source":"shared"{value}}}"#)).await;
        let generated = PasswordSource::Generated { format: Format::ByGrade, language: Some(Language::En) };
        assert_eq!(format!("{:?}", kept.password), format!("{generated:?}"), "{value}");
        assert!(sealed.is_none());
    }
}

#[tokio::test]
async fn a_given_password_is_sealed_as_it_was_given() {
    let room = room(3, Passwords::default());
    for given in ["  Otter lamp 47 ", "Cafe\u{301}-River-47", "\u{ff2f}tter-lamp-47"] {
        let value = serde_json::to_string(given).expect("JSON");
        let (_, sealed) = room.kept(&format!(r#","password":{{"source":"shared","value":{value}}}"#)).await;
        assert_eq!(sealed.as_deref(), Some(given), "never trimmed, and normalised only where it is checked and hashed");
    }
}

#[tokio::test]
async fn a_given_password_is_checked_against_the_policy_that_the_request_chose() {
    let room = room(3, Passwords::default());
    let shared = |value: &str, policy: &str| {
        format!(r#","password":{{"source":"shared","value":"{value}"}},"policy":"{policy}""#)
    };
    assert_eq!(room.refused(&shared("otter-lamp-river", "standard")).await, "password.no_capital");
    assert_eq!(room.refused(&shared("otter-lamp", "nist15")).await, "password.too_short");
    for (value, policy, name) in
        [("otter-lamp", "nist8", PolicyName::Nist8), ("otter lamp river", "nist15", PolicyName::Nist15)]
    {
        assert_eq!(room.kept(&shared(value, policy)).await.0.policy, name);
    }
    let named = r#","password":{"source":"shared","value":"xx-A1-A2-A3-xx-Mjones"},"policy":"nist8""#;
    let mut asked = request(named);
    asked.selection.scope = keybell_shared::request::Scope::Selected;
    asked.selection.accounts = vec!["a1".into(), "mjones".into()];
    let problem = room.intake.submit(&room.admin, asked, "key").await.expect_err("holds a username");
    assert_eq!(problem.code, "password.personal");
    // Whoever is named by an id is named all the same.
    let mut asked = request(named);
    asked.selection.scope = keybell_shared::request::Scope::Selected;
    let account = keybell_shared::ids::AccountId::fresh();
    room.ledger.state().names.insert("mjones".into(), account);
    asked.selection.accounts = vec![account.to_string()];
    let problem = room.intake.submit(&room.admin, asked, "key").await.expect_err("holds a username");
    assert_eq!(problem.code, "password.personal");
}

#[tokio::test]
async fn what_is_not_said_is_as_configured_and_kept_with_the_task() {
    let configured = Passwords { language: Language::Es, permanent_grades: vec!["KG".into()], ..Passwords::default() };
    let room = room(3, configured);
    let (kept, _) = room.kept("").await;
    assert!(matches!(kept.password, PasswordSource::Generated { language: Some(Language::Es), .. }));
    assert_eq!(kept.permanent_grades, Some(vec!["KG".to_owned()]));
    assert!(kept.is_temporary(), "generated passwords are temporary");
    assert_eq!((kept.expiry_hours(), kept.expiry_hours_in(Some("05"))), (Some(168), Some(168)), "seven days");
    for young in ["KG", "K", "00", " kg "] {
        assert_eq!(kept.expiry_hours_in(Some(young)), None, "{young}: permanent");
    }
    let (said, _) = room.kept(r#","password":{"source":"generated","language":"en"},"permanent_grades":[]"#).await;
    assert!(matches!(said.password, PasswordSource::Generated { language: Some(Language::En), .. }));
    assert_eq!(said.expiry_hours_in(Some("KG")), Some(168));
    let (permanent, _) = room.kept(r#","temporary":false"#).await;
    assert_eq!((permanent.permanent_grades, permanent.clear_security_questions), (None, false));
    let (shared, _) = room.kept(r#","password":{"source":"shared","value":"Otter-lamp-47"}"#).await;
    assert!(
        shared.is_temporary() && shared.permanent_grades.is_none(),
        "shared passwords are temporary in every grade"
    );
}

#[tokio::test]
async fn the_limit_of_shared_passwords_is_configured_and_holds_in_every_grade() {
    let room = room(11, Passwords { shared_limit: 10, ..Passwords::default() });
    let shared = |more: &str| format!(r#","password":{{"source":"shared","value":"Otter-lamp-47"{more}}}"#);
    let acknowledged = shared(r#","acknowledged":true"#);
    assert_eq!(room.refused(&shared("")).await, "password.shared_unacknowledged");
    let grades = format!(r#"{acknowledged},"permanent_grades":["KG"]"#);
    assert_eq!(room.refused(&grades).await, "password.shared_must_be_temporary");
    let (kept, _) = room.kept(&acknowledged).await;
    assert_eq!((kept.is_temporary(), kept.expiry_hours()), (true, Some(24)));
}

#[tokio::test]
async fn security_questions_are_left_alone_unless_asked() {
    let room = room(3, Passwords::default());
    assert!(!room.kept("").await.0.clear_security_questions);
    assert!(room.kept(r#","clear_security_questions":true"#).await.0.clear_security_questions);
}
