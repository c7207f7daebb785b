//! What the ledger notes of a new password besides its hash: its policy, its expiry, and whether security questions are to be
//! cleared; and the names that a password must not hold.

use std::time::Duration;

use keybell_shared::ids::AccountId;
use keybell_shared::password::PolicyName;
use keybell_shared::ports::ledger::{
    AccountLedger as _, IntakeLedger as _, OutboxLedger as _, ResetLedger as _, ResetWrite,
};
use keybell_tests::ledgers::{TestLedger, district_with, request, task};
use keybell_tests::on_both;
use serde_json::{Value, json};

use super::flow::{pending, write};

on_both!(
    the_names_of_a_district_are_its_own_and_those_of_its_active_schools,
    a_reset_notes_its_policy_for_what_the_person_chooses_later,
    the_clock_of_a_temporary_password_starts_at_the_reset,
    clearing_security_questions_goes_out_with_the_event_and_the_audit,
);

/// Resets the district's first pupil as the request says, and answers the account.
async fn reset_first(on: &TestLedger, mut asked: Value, expires_in: Option<Duration>) -> AccountId {
    let fixture = district_with(&*on.ledger, 2).await;
    asked["selection"] = json!({"scope": "all"});
    let task = task(&*on.ledger, &fixture.admin(), request(asked)).await;
    let items = pending(on, task).await;
    let jobs = on.ledger.reset_jobs(&items).await.expect("jobs");
    let job = jobs.iter().find(|job| job.account == fixture.pupils[0]).expect("the first pupil's");
    let written = ResetWrite { expires_in, ..write(job) };
    on.ledger.commit_resets("w", &[written]).await.expect("a commit");
    let found = on.ledger.sign_in(fixture.district.id, "p1").await.expect("sign-in").expect("there");
    assert_eq!((found.account, found.policy), (job.account, job.request.policy));
    found.account
}

async fn the_names_of_a_district_are_its_own_and_those_of_its_active_schools(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let names = on.ledger.place_names(fixture.district.id).await.expect("names");
    assert_eq!(names[..2], [fixture.district.slug.clone(), fixture.district.name.clone()]);
    assert!(names[2..].iter().any(|name| name == "North School"), "{names:?}");
    on.raw.run("UPDATE schools SET active = FALSE WHERE name = 'North School'").await;
    let names = on.ledger.place_names(fixture.district.id).await.expect("names");
    assert!(names.iter().all(|name| name != "North School"), "{names:?}");
    let nowhere = on.ledger.place_names(keybell_shared::ids::DistrictId::fresh()).await.expect("names");
    assert!(nowhere.is_empty(), "{nowhere:?}");
}

async fn a_reset_notes_its_policy_for_what_the_person_chooses_later(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let before = on.ledger.sign_in(fixture.district.id, "p1").await.expect("sign-in").expect("there");
    assert_eq!(before.policy, PolicyName::Standard, "no reset so far");
    for policy in PolicyName::ALL {
        let account = reset_first(on, json!({"policy": policy}), None).await;
        let stored = on.raw.text(&format!("SELECT password_policy FROM accounts WHERE id = '{account}'")).await;
        assert_eq!(stored, policy.as_str());
    }
}

async fn the_clock_of_a_temporary_password_starts_at_the_reset(on: &TestLedger) {
    let account = reset_first(on, json!({}), Some(Duration::from_hours(168))).await;
    let lives = on.raw.number(&format!("SELECT expires_at - changed_at FROM accounts WHERE id = '{account}'")).await;
    assert_eq!(lives, 7 * 24 * 3_600_000, "milliseconds from the reset on, not from the request on");
    let account = reset_first(on, json!({"temporary": false}), None).await;
    let permanent =
        format!("SELECT count(*) FROM accounts WHERE id = '{account}' AND expires_at IS NULL AND NOT must_change");
    assert_eq!(on.raw.number(&permanent).await, 1);
}

async fn clearing_security_questions_goes_out_with_the_event_and_the_audit(on: &TestLedger) {
    let cleared = reset_first(on, json!({"clear_security_questions": true}), None).await;
    let kept = reset_first(on, json!({}), None).await;
    let events = on.ledger.unsent_events(100).await.expect("events");
    let word = |account: AccountId| {
        let of = |event: &&_| body(event)["account"] == json!(account);
        let event = events.iter().filter(|event| event.kind == "account.credential_reset").find(of).expect("an event");
        body(event).get("clear_security_questions").cloned()
    };
    assert_eq!((word(cleared), word(kept)), (Some(json!(true)), None));
    let audited = |account: AccountId| {
        format!("SELECT count(*) FROM audit WHERE subject = 'account {account}' AND detail LIKE '%security questions%'")
    };
    assert_eq!(on.raw.number(&audited(cleared)).await, 1);
    assert_eq!(on.raw.number(&audited(kept)).await, 0);
}

fn body(event: &keybell_shared::ports::events::Event) -> &Value {
    &event.body
}
