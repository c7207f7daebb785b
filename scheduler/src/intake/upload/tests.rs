//! What is said of each row, what binds an upload to its trial run, and what becomes of the good rows.

use std::sync::Arc;

use keybell_shared::actor::Role;
use keybell_shared::clock::{Millis, wall};
use keybell_shared::codes::Code;
use keybell_shared::request::WaveBy;
use keybell_shared::seal::{OpenKey, fresh_pair};
use keybell_shared::upload::{About, Flaw, UploadRow};
use secrecy::{ExposeSecret as _, SecretString};

use super::*;
use crate::testing::{FakeLedger, actor};

const RULES: Uploading = Uploading {
    mode: Mode::Force,
    delivery: Delivery::Password,
    policy: PolicyName::Standard,
    temporary: None,
    expires_in_hours: None,
    clear_security_questions: false,
    notify: NotifyRule::Auto,
    channel: ChannelRule::Email,
    recipient: Recipient::Account,
    unreachable: Unreachable::Reset,
    reason: Reason::Lost,
};

struct Room {
    ledger: Arc<FakeLedger>,
    intake: Intake,
    admin: Actor,
    key: OpenKey,
}

fn room() -> Room {
    let ledger = Arc::new(FakeLedger::new(40));
    let (key, seal) = fresh_pair();
    let shared: Arc<FakeLedger> = Arc::clone(&ledger);
    let admin = actor(ledger.state().district, Role::DistrictAdmin);
    Room { intake: Intake::new(shared, Some(Arc::new(seal))), ledger, admin, key }
}

fn row(username: &str, new_username: &str, password: &str) -> UploadRow {
    UploadRow {
        line: 0,
        account: String::new(),
        username: username.to_owned(),
        about: About::default(),
        new_username: new_username.to_owned(),
        password: SecretString::from(password),
        flaw: None,
    }
}

/// A file of these rows, from line 2 on.
fn file(rows: Vec<UploadRow>) -> UploadFile {
    let digest = format!("{:?}", rows.iter().map(|row| row.password.expose_secret()).collect::<Vec<_>>());
    let rows = rows.into_iter().zip(2..).map(|(row, line)| UploadRow { line, ..row }).collect();
    UploadFile { digest, kind: "CSV".to_owned(), rows, warnings: Vec::new() }
}

fn starting(trial: &str) -> Starting {
    let acknowledgement = Some("2026-11".to_owned());
    Starting { trial: trial.to_owned(), acknowledgement, allow_partial: false, start: None, waves: None }
}

impl Room {
    async fn codes(&self, rows: Vec<UploadRow>) -> Vec<(Code, String)> {
        let trial = self.intake.try_upload(&self.admin, &file(rows), RULES).await.expect("a trial run");
        assert!(!format!("{trial:?}").contains("tter-lamp"), "no password comes back");
        trial.rows.into_iter().map(|row| (row.code, row.detail)).collect()
    }

    async fn start(&self, file: &UploadFile, start: Starting) -> Result<Submitted, Problem> {
        self.intake.upload(&self.admin, file, RULES, start, "key-1").await
    }
}

#[tokio::test]
async fn every_row_has_its_code() {
    let room = room();
    room.ledger.state().left.extend([("a7".to_owned(), Code::S03), ("a8".to_owned(), Code::E10)]);
    let id = room.ledger.state().names["a9"];
    let good = "Otter-lamp-47";
    let flawed = UploadRow {
        flaw: Some(Flaw { code: Code::E12, detail: "`New password`: a number".to_owned() }),
        ..row("a1", "", good)
    };
    for (row, code) in [
        (row("a1", "", good), Code::OK),
        (row("A1", "", good), Code::OK),
        (UploadRow { account: id.to_string().to_uppercase(), ..row("", "", good) }, Code::OK),
        (UploadRow { account: id.to_string(), ..row("a9", "", good) }, Code::OK),
        (UploadRow { account: id.to_string(), ..row("a1", "", good) }, Code::E03),
        (UploadRow { account: "7".to_owned(), ..row("a1", "", good) }, Code::E03),
        (row("nobody", "", good), Code::E03),
        (row("", "", good), Code::E12),
        (flawed, Code::E12),
        (row("a7", "", good), Code::S03),
        (row("a7", "", ""), Code::S03),
        (row("a8", "", good), Code::E10),
        (row("a1", "", ""), Code::E09),
        (row("a1", "", " \u{a0}"), Code::E09),
        (row("a1", "", "Ab1"), Code::E07),
        (row("a1", "", "otter-lamp-47"), Code::E07),
        (row("a1", "", "Password1"), Code::E08),
        (row("a1", "", "Larkspur-47-x"), Code::E08),
        (row("a1", "maryj", good), Code::E05),
        (row("a1", "mary jones", good), Code::E05),
        (row("a1", &"m".repeat(256), good), Code::E05),
        (row("a1", "mary\u{200b}jones", good), Code::E05),
        (row("a1", "\u{202e}maryjones", good), Code::E05),
        (row("a1", "019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11", good), Code::E05),
        (row("a1", "", "Otter-lamp-47\u{200b}"), Code::E07),
        (row("a1", "mary.jones", good), Code::OK),
        (row("a1", "A1", good), Code::E05),
        (row("a1", "a1", good), Code::OK),
        (row("a1", "otterl", "Otterl-lamp-47"), Code::E08),
    ] {
        let said = format!("{row:?}");
        let [(found, detail)] = &room.codes(vec![row]).await[..] else { panic!("one row") };
        assert_eq!((*found, detail.is_empty()), (code, code == Code::OK), "{said}: {detail}");
    }
}

#[tokio::test]
async fn usernames_are_unique_whatever_their_case() {
    let room = room();
    room.ledger.state().names.insert("mary.jones".to_owned(), keybell_shared::ids::AccountId::fresh());
    let good = "Otter-lamp-47";
    let codes = room
        .codes(vec![
            row("a1", "Mary.Jones", good),
            row("a2", "li.chen", good),
            row("a3", "Li.Chen", good),
            // Their own, with other capitals.
            row("mary.jones", "Mary.Jones", good),
        ])
        .await;
    assert_eq!(codes.iter().map(|(code, _)| *code).collect::<Vec<_>>(), [Code::E06, Code::OK, Code::E06, Code::OK]);
    assert!(codes[2].1.contains("line 3"), "{}", codes[2].1);
}

#[tokio::test]
async fn an_account_twice_is_an_error_on_every_later_row() {
    let room = room();
    let good = "Otter-lamp-47";
    let codes = room.codes(vec![row("a1", "", ""), row("A1", "", good), row("a1", "", good)]).await;
    assert_eq!(codes.iter().map(|(code, _)| *code).collect::<Vec<_>>(), [Code::E09, Code::E04, Code::E04]);
    assert!(codes[2].1.contains("line 2"), "{}", codes[2].1);
}

#[tokio::test]
async fn one_error_stops_everything_unless_the_good_rows_are_allowed() {
    let room = room();
    room.ledger.state().left.insert("a3".to_owned(), Code::S01);
    let good = "Otter-lamp-47";
    let file = file(vec![row("a1", "mary.jones", good), row("a2", "", ""), row("a3", "", good)]);
    let trial = room.intake.try_upload(&room.admin, &file, RULES).await.expect("a trial run");
    assert_eq!(trial.counts(), TrialCounts { ok: 1, renamed: 1, skipped: 1, errors: 1 });
    let refused = room.start(&file, starting(&trial.trial)).await.expect_err("one error");
    assert_eq!(refused.code, "upload.rows_refused");
    assert_eq!(refused.entries.len(), 1, "{:?}", refused.entries);
    assert!(refused.entries[0].starts_with("line 3: E09"), "{:?}", refused.entries);
    assert!(room.ledger.state().tasks.is_empty());

    let partial = Starting { allow_partial: true, ..starting(&trial.trial) };
    let task = room.start(&file, partial.clone()).await.expect("the good rows").task;
    {
        let state = room.ledger.state();
        let new = &state.tasks[0].new;
        assert!(matches!(new.request.password, PasswordSource::Uploaded));
        assert!(
            !new.request.is_temporary() && !new.request.is_told(),
            "permanent, and handed out by whoever made them"
        );
        let [uploaded] = &new.uploaded[..] else { panic!("one good row: {:?}", new.uploaded) };
        assert_eq!((new.named.as_slice(), uploaded.account), (&[state.names["a1"]][..], state.names["a1"]));
        assert_eq!(uploaded.username.as_deref(), Some("mary.jones"));
        let binding = Binding::Upload(room.admin.district, task, uploaded.account);
        assert_eq!(room.key.open(&uploaded.sealed, binding).expect("sealed for it").expose_secret(), good);
        let other = Binding::Upload(room.admin.district, task, state.names["a2"]);
        assert!(room.key.open(&uploaded.sealed, other).is_err(), "for nobody else");
    }
    let again = room.start(&file, partial.clone()).await.expect("the same once more");
    assert_eq!((again.task, again.repeated), (task, true));
    // Nobody hands out a corrected file whose passwords were never set.
    let other =
        super::tests::file(vec![row("a1", "mary.jones", "Otter-lamp-48"), row("a2", "", ""), row("a3", "", good)]);
    assert_eq!(room.start(&other, partial).await.expect_err("another password").code, "idempotency.mismatch");
}

#[tokio::test]
async fn an_upload_is_bound_to_the_file_the_rules_and_the_people_of_its_trial_run() {
    let room = room();
    let file = |password: &str| super::tests::file(vec![row("a1", "", password)]);
    let tried = file("Otter-lamp-47");
    let trial = room.intake.try_upload(&room.admin, &tried, RULES).await.expect("a trial run").trial;
    let again = room.intake.try_upload(&room.admin, &tried, RULES).await.expect("a trial run").trial;
    assert_ne!(trial, again, "nobody finds a password by its mark");

    let other = room.start(&file("Otter-lamp-48"), starting(&trial)).await.expect_err("another file");
    assert_eq!(other.code, "upload.other_file");
    for cut in ["", "x", &trial[1..], "00-00"] {
        let refused = room.start(&tried, starting(cut)).await.expect_err("no trial run");
        assert_eq!(refused.code, "upload.no_trial", "{cut}");
    }
    let rules = Uploading { notify: NotifyRule::Always, ..RULES };
    let refused = room.intake.upload(&room.admin, &tried, rules, starting(&trial), "key-1").await;
    assert_eq!(refused.expect_err("other rules").code, "upload.changed");
    room.ledger.state().password_version = 1;
    let refused = room.start(&tried, starting(&trial)).await.expect_err("the password changed since");
    assert_eq!(refused.code, "upload.changed");
    room.ledger.state().password_version = 0;
    room.ledger.state().left.insert("a1".to_owned(), Code::S03);
    let refused = room.start(&tried, starting(&trial)).await.expect_err("inactive since");
    assert_eq!(refused.code, "upload.changed");
    room.ledger.state().left.clear();
    assert!(room.ledger.state().tasks.is_empty());
    room.start(&tried, starting(&trial)).await.expect("everything as it was");
}

#[tokio::test]
async fn what_is_wrong_beside_the_rows_is_said_first() {
    let room = room();
    let good = "Otter-lamp-47";
    let fine = file(vec![row("a1", "", good)]);
    let trial = room.intake.try_upload(&room.admin, &fine, RULES).await.expect("a trial run").trial;
    let unread = Starting { acknowledgement: None, ..starting(&trial) };
    assert_eq!(room.start(&fine, unread).await.expect_err("not read").code, "acknowledgement.missing");
    for (rules, code) in [
        (Uploading { mode: Mode::Request, ..RULES }, "mode.sets_no_password"),
        (Uploading { expires_in_hours: Some(5), ..RULES }, "password.expiry_without_temporary"),
        (Uploading { delivery: Delivery::Link, notify: NotifyRule::Never, ..RULES }, "notify.link_is_sent"),
        (Uploading { unreachable: Unreachable::Skip, ..RULES }, "unreachable.nobody_is_told"),
    ] {
        let refused = room.intake.try_upload(&room.admin, &fine, rules).await.expect_err(code);
        assert_eq!(refused.code, code);
    }
    let alike = file((0..26).map(|n| row(&format!("a{n}"), "", good)).collect());
    let refused = room.intake.try_upload(&room.admin, &alike, RULES).await.expect_err("a shared password");
    assert_eq!(refused.code, "upload.same_password");
    let nobody = file(vec![row("nobody", "", good)]);
    let trial = room.intake.try_upload(&room.admin, &nobody, RULES).await.expect("a trial run").trial;
    let partial = Starting { allow_partial: true, ..starting(&trial) };
    assert_eq!(room.start(&nobody, partial).await.expect_err("nobody").code, "upload.nothing_to_do");
    let operator = actor(room.admin.district, Role::Operator);
    let refused = room.intake.try_upload(&operator, &fine, RULES).await.expect_err("not permitted");
    assert_eq!(refused.code, "role.may_not_reset");
    let keyless = Intake::new(Arc::<FakeLedger>::clone(&room.ledger), None);
    assert_eq!(keyless.try_upload(&room.admin, &fine, RULES).await.expect_err("no key").code, "keys.reset_missing");
}

#[tokio::test]
async fn a_row_that_nobody_could_be_told_of_is_skipped_where_that_is_asked() {
    let room = room();
    let fine = file(vec![row("a1", "", "Otter-lamp-47")]);
    let told = Uploading { notify: NotifyRule::Always, ..RULES };
    // Nobody of the ledger in memory has a telephone.
    for (rules, expected) in [
        (Uploading { channel: ChannelRule::Sms, ..told }, Code::OK),
        (Uploading { channel: ChannelRule::Sms, unreachable: Unreachable::Skip, ..told }, Code::S10),
        (Uploading { unreachable: Unreachable::Skip, ..told }, Code::OK),
    ] {
        let trial = room.intake.try_upload(&room.admin, &fine, rules).await.expect("a trial run");
        assert_eq!(trial.rows[0].code, expected, "{rules:?}");
        let other = room.intake.upload(&room.admin, &fine, told, starting(&trial.trial), "key-1").await;
        assert_eq!(other.expect_err("other rules").code, "upload.changed", "the trial run is bound to it");
    }
}

#[tokio::test]
async fn no_request_says_that_its_passwords_are_uploaded() {
    let room = room();
    let text =
        r#"{"selection":{"scope":"all"},"reason":"lost","acknowledgement":"2026-11","password":{"source":"uploaded"}}"#;
    let request = crate::intake::json::parse(text.as_bytes()).expect("a request");
    for refused in [
        room.intake.submit(&room.admin, request.clone(), "key-1").await.map(drop),
        room.intake.preview(&room.admin, &request).await.map(drop),
        room.intake.plan(&room.admin, request).await.map(drop),
    ] {
        assert_eq!(refused.expect_err("without a file").code, "password.upload_only");
    }
}

#[tokio::test]
async fn an_upload_that_a_second_person_must_approve_is_somebodys() {
    let room = room();
    let file = file(vec![row("a1", "", "Otter-lamp-47"), row("a2", "", "Quiet-river-48")]);
    let trial = room.intake.try_upload(&room.admin, &file, RULES).await.expect("a trial run").trial;
    let start = async |actor: &Actor, above: u32| {
        let intake = room.intake.clone().approving_above(Some(above));
        intake.upload(actor, &file, RULES, starting(&trial), "key-1").await
    };
    assert_eq!(start(&room.admin, 1).await.expect_err("a key of nobody's").code, "approval.person_missing");
    assert!(room.ledger.state().tasks.is_empty());
    let other = room.intake.try_upload(&room.admin, &file, RULES).await.expect("another trial run").trial;
    assert!(
        room.intake.upload(&room.admin, &file, RULES, starting(&other), "key-0").await.is_ok(),
        "nobody need approve it"
    );
    let somebody = Actor { person: Some(keybell_shared::ids::AccountId::fresh()), ..room.admin.clone() };
    assert!(start(&somebody, 1).await.is_ok());
    assert!(start(&room.admin, 1).await.is_ok_and(|known| known.repeated), "what was accepted stays accepted");
}

#[tokio::test]
async fn an_upload_begins_later_and_in_waves_like_any_request() {
    let room = room();
    let file = file(vec![row("a1", "", "Otter-lamp-47")]);
    let trial = room.intake.try_upload(&room.admin, &file, RULES).await.expect("a trial run").trial;
    let at = |ahead: i64| Some(Start { at: Millis(wall().0 + ahead * 3_600_000).rfc3339(), zone: None });
    let by = |canary| Some(Waves { by: WaveBy::Grade, canary, halt_above_percent: None });
    for (wrong, code) in [
        (Starting { start: at(-1), ..starting(&trial) }, "start.past"),
        (Starting { waves: by(10_001), ..starting(&trial) }, "waves.canary_too_large"),
    ] {
        assert_eq!(room.start(&file, wrong).await.expect_err("refused").code, code);
    }
    let later = Starting { start: at(9), waves: by(3), ..starting(&trial) };
    room.start(&file, later.clone()).await.expect("accepted");
    let kept = room.ledger.state().tasks[0].new.request.clone();
    assert_eq!((kept.start, kept.waves), (later.start.clone(), later.waves));
    assert!(room.start(&file, later).await.expect("accepted before").repeated);
    let at_once = room.start(&file, starting(&trial)).await.expect_err("another request under the key");
    assert_eq!(at_once.code, "idempotency.mismatch");
}
