//! Leaving accounts untouched of which nobody could be told: by the same rule in plans, previews, uploads, re-issues, at the
//! expansion and at the reset itself.

use keybell_shared::codes::Code;
use keybell_shared::eligibility::Decision;
use keybell_shared::ids::{AccountId, ItemId, TaskId};
use keybell_shared::notice::{Contact, Contacts, Plan, plan as notices};
use keybell_shared::ports::ledger::{
    Acceptance, Applied, Chosen, Difference, Fate, Idempotency, IntakeLedger as _, ItemFilter, Meant, NewTask, Preview,
    Reissue, ResetOutcome, TaskLedger as _, UploadLedger as _, Uploaded,
};
use keybell_shared::request::{ChannelRule, Recipient};
use keybell_shared::seal::Sealed;
use keybell_shared::states::{ItemState, TaskState};
use keybell_tests::ledgers::{Fixture, TestLedger, district_with, expand, request, task};
use keybell_tests::on_both;
use serde_json::{Value, json};

use super::flow::{pending, reset};
use super::planned::{accepted, applied, made, people};

on_both!(
    whom_nobody_could_tell_is_skipped_by_one_rule_everywhere,
    other_reasons_to_leave_an_account_untouched_go_first,
    a_contact_that_vanishes_before_the_reset_leaves_the_account_untouched,
    without_the_option_or_without_messages_everybody_is_reset,
    a_plan_that_skips_the_unreachable_is_another_plan_and_notices_new_contacts,
    a_skipped_row_of_an_upload_leaves_no_password,
);

/// How people are told.
pub(super) type Rule = (ChannelRule, Recipient);

/// Every channel with every recipient, and a request for everybody that says so.
pub(super) fn every_way() -> impl Iterator<Item = (Rule, Value)> {
    let channels = [
        (ChannelRule::Email, "email"),
        (ChannelRule::Sms, "sms"),
        (ChannelRule::Both, "both"),
        (ChannelRule::Cascade, "cascade"),
    ];
    channels.into_iter().flat_map(|(channel, channel_word)| {
        let recipients =
            [(Recipient::Account, "account"), (Recipient::Guardians, "guardians"), (Recipient::Both, "both")];
        recipients.map(|(recipient, recipient_word)| {
            let asked = json!({"selection": {"scope": "all"}, "channel": channel_word, "recipient": recipient_word});
            ((channel, recipient), asked)
        })
    })
}

/// What the reset would find.
pub(super) fn nobody_can_be_told((channel, recipient): Rule, contacts: &Contacts) -> bool {
    notices(true, channel, recipient, contacts) == Plan::Unreachable
}

/// A district with 32 pupils who have every combination of addresses of their own and of a guardian, who may be inactive; and
/// some have a relative without an account.
pub(super) async fn with_every_contact(on: &TestLedger) -> (Fixture, Vec<(AccountId, Contacts)>) {
    let fixture = district_with(&*on.ledger, 96).await;
    let mut contacts: Vec<(AccountId, Contacts)> = Vec::new();
    for (bits, (pupil, guardian)) in fixture.pupils.iter().skip(2).step_by(3).zip(&fixture.guardians).enumerate() {
        let has = |bit: usize| bits & (1 << bit) != 0;
        let contact = |email: bool, sms: bool| Contact {
            email: email.then(|| "x@example.org".to_owned()),
            sms: sms.then(|| "+15550100".to_owned()),
        };
        let sql = |id: &AccountId, contact: &Contact, active: bool| {
            let quoted = |value: &Option<String>| value.as_ref().map_or("NULL".to_owned(), |text| format!("'{text}'"));
            format!(
                "UPDATE accounts SET email = {}, sms = {}, active = {active} WHERE id = '{id}'",
                quoted(&contact.email),
                quoted(&contact.sms)
            )
        };
        let (own, theirs) = (contact(has(0), has(1)), contact(has(2), has(3)));
        on.raw.run(&sql(pupil, &own, true)).await;
        on.raw.run(&sql(guardian, &theirs, has(4))).await;
        // And one who has no account.
        let other = Contact { email: Some("aunt@example.org".to_owned()), sms: None };
        let named = bits % 3 == 0;
        if named {
            on.raw.run(&format!("INSERT INTO relatives VALUES ('{pupil}', 0, 'aunt@example.org', NULL)")).await;
        }
        let guardians = has(4).then_some(theirs).into_iter().chain(named.then_some(other)).collect();
        contacts.push((*pupil, Contacts { account: own, guardians }));
    }
    assert_eq!(contacts.len(), 32);
    (fixture, contacts)
}

fn skipping(mut asked: Value) -> Value {
    if let Some(members) = asked.as_object_mut() {
        members.insert("unreachable".to_owned(), "skip".into());
    }
    asked
}

/// The accounts of a task, with the codes of those that were left out.
async fn left_out(on: &TestLedger, fixture: &Fixture, task: TaskId) -> Vec<(AccountId, Option<Code>)> {
    let items = on.ledger.items(fixture.district.id, task, ItemFilter::default(), 500).await.expect("items");
    items.into_iter().map(|item| (item.account, item.code)).collect()
}

async fn whom_nobody_could_tell_is_skipped_by_one_rule_everywhere(on: &TestLedger) {
    let (fixture, contacts) = with_every_contact(on).await;
    let admin = fixture.admin();
    for (rule, asked) in every_way() {
        let asked = skipping(asked);
        let expected: Vec<(AccountId, bool)> =
            contacts.iter().map(|(pupil, contacts)| (*pupil, nobody_can_be_told(rule, contacts))).collect();
        let plan = made(on, &fixture, asked.clone()).await;
        assert_eq!(plan.unreachable, 0, "{rule:?}: nobody would be reset without being told");
        assert_eq!(people(on, &fixture, &plan, Some(Fate::Unreachable)).await, []);
        let skipped = people(on, &fixture, &plan, Some(Fate::Skipped)).await;
        let planned = |pupil: AccountId| skipped.iter().any(|one| one.account == pupil && one.code == Some(Code::S10));

        let asked = request(asked);
        let rows: Vec<Meant> =
            contacts.iter().map(|(id, _)| Meant { account: Some(*id), username: String::new() }).collect();
        let rows = on.ledger.meant(&admin, &rows, asked.must_reach()).await.expect("a look-up");
        let task = task(&*on.ledger, &admin, asked.clone()).await;
        let expanded = left_out(on, &fixture, task).await;
        for ((pupil, expected), row) in expected.iter().zip(rows) {
            let code = expected.then_some(Code::S10);
            let found = expanded.iter().find(|(account, _)| account == pupil).expect("an item").1;
            assert_eq!((found, planned(*pupil)), (code, *expected), "{rule:?} {pupil}");
            assert_eq!(row.expect("somebody").code, code, "{rule:?} {pupil}");
        }
        let total = expanded.iter().filter(|(_, code)| *code == Some(Code::S10)).count() as u64;
        let counted = |preview: &Preview| {
            preview.skipped.iter().filter(|(code, _)| *code == Code::S10).map(|(_, count)| count).sum::<u64>()
        };
        assert_eq!(counted(&plan.people), total, "{rule:?}");
        let preview = on.ledger.preview(&admin, &asked, &[]).await.expect("a preview");
        assert_eq!(preview, plan.people, "{rule:?}");
        // The same accounts once more, by the same rule.
        let chosen = Chosen::Accounts(expanded.iter().map(|(account, _)| *account).collect());
        on.raw.run(&format!("UPDATE items SET state = 'undelivered' WHERE task_id = '{task}'")).await;
        let again = on.ledger.preview_reissue(&admin, &Reissue { parent: task, chosen }, &asked).await;
        assert_eq!(again, Ok(preview), "{rule:?}");
    }
}

async fn other_reasons_to_leave_an_account_untouched_go_first(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    on.raw.run("UPDATE accounts SET email = NULL WHERE role = 'student'").await;
    on.raw.run("UPDATE accounts SET managed_by = 'clever' WHERE username = 'p1'").await;
    on.raw.run("UPDATE accounts SET active = FALSE WHERE username = 'p2'").await;
    let asked = skipping(json!({"selection": {"scope": "all", "where": {"user_types": ["student"]}}}));
    let task = task(&*on.ledger, &fixture.admin(), request(asked)).await;
    let codes: Vec<_> = left_out(on, &fixture, task).await.into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, [Some(Code::S01), Some(Code::S03), Some(Code::S10)]);
}

async fn a_contact_that_vanishes_before_the_reset_leaves_the_account_untouched(on: &TestLedger) {
    for mode in ["force", "request", "force_then_request"] {
        let fixture = district_with(&*on.ledger, 3).await;
        let named = json!({"scope": "all", "where": {"user_types": ["student"]}});
        let asked = skipping(json!({"selection": named, "mode": mode, "channel": "cascade"}));
        let task = task(&*on.ledger, &fixture.admin(), request(asked)).await;
        let items: Vec<ItemId> = pending(on, task).await;
        assert_eq!(items.len(), 3, "all three can be told");
        let lost = fixture.pupils[1];
        on.raw.run(&format!("UPDATE accounts SET email = NULL WHERE id IN ('{lost}', '{}')", fixture.pupils[2])).await;
        let outcomes = reset(on, &items).await;
        let changed: Vec<bool> = outcomes.iter().map(|(_, one)| matches!(one, ResetOutcome::Changed(_))).collect();
        assert_eq!(changed, [true, false, true], "{mode}: the third has a guardian");
        assert_eq!(outcomes[1].1, ResetOutcome::NotChanged(Decision::Skip(Code::S10)), "{mode}");
        let untouched = format!(
            "SELECT count(*) FROM accounts WHERE id = '{lost}' AND credential_version = 0 AND NOT must_change
                 AND password_hash IS NULL AND last_reset_seq = 0 AND expires_at IS NULL"
        );
        assert_eq!(on.raw.number(&untouched).await, 1, "{mode}");
        for table in ["notifications", "sealed_passwords"] {
            let of = format!("SELECT count(*) FROM {table} WHERE account_id = '{lost}'");
            assert_eq!(on.raw.number(&of).await, 0, "{mode}: {table}");
        }
        let told = format!("SELECT count(*) FROM events WHERE body LIKE '%{lost}%'");
        assert_eq!(on.raw.number(&told).await, 0, "{mode}: nobody hears of a reset that was none");
        let view = on.ledger.task(fixture.district.id, task).await.expect("a task").expect("there");
        let counts = view.progress.counts;
        assert_eq!((counts.skipped, counts.telling, counts.undelivered, counts.total()), (1, 2, 0, 3), "{mode}");
        assert_eq!(view.progress.state, TaskState::Running);
        // A message that comes again finds it closed, and a contact that comes back changes nothing.
        on.raw.run(&format!("UPDATE accounts SET email = 'p2@example.org' WHERE id = '{lost}'")).await;
        let again = reset(on, &items[1..2]).await;
        assert_eq!(again[0].1, ResetOutcome::NotChanged(Decision::Closed), "{mode}");
    }
}

async fn without_the_option_or_without_messages_everybody_is_reset(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    on.raw.run("UPDATE accounts SET email = NULL").await;
    let named = || json!({"scope": "all", "where": {"user_types": ["student"]}});
    let shared = json!({"selection": named(), "unreachable": "skip", "password": {"source": "shared"}});
    for (asked, state) in [(json!({"selection": named()}), ItemState::Undelivered), (shared, ItemState::Silent)] {
        let task = task(&*on.ledger, &fixture.admin(), request(asked)).await;
        let items = pending(on, task).await;
        assert_eq!(items.len(), 2);
        reset(on, &items).await;
        let items = on.ledger.items(fixture.district.id, task, ItemFilter::default(), 9).await.expect("items");
        assert!(items.iter().all(|item| item.state == state), "{items:?}");
    }
}

async fn a_plan_that_skips_the_unreachable_is_another_plan_and_notices_new_contacts(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 5).await;
    on.raw.run("UPDATE accounts SET email = NULL WHERE username IN ('p1', 'p2')").await;
    let asked = json!({"selection": {"scope": "all", "where": {"user_types": ["student"]}}});
    let usual = made(on, &fixture, asked.clone()).await;
    let plan = made(on, &fixture, skipping(asked)).await;
    assert_ne!(plan.digest, usual.digest);
    assert_eq!((usual.people.eligible, usual.unreachable, usual.people.skipped.len()), (5, 2, 0));
    assert_eq!((plan.people.eligible, plan.unreachable), (3, 0));
    assert_eq!(plan.people.skipped, [(Code::S10, 2)]);
    // Whoever can be told now, or no longer, is a difference.
    for (change, back) in [
        ("email = 'p1@example.org' WHERE username = 'p1'", "email = NULL WHERE username = 'p1'"),
        ("email = NULL WHERE username = 'p4'", "email = 'p4@example.org' WHERE username = 'p4'"),
    ] {
        on.raw.run(&format!("UPDATE accounts SET {change}")).await;
        let answer = applied(on, &fixture, &plan, "early").await;
        assert!(matches!(answer, Applied::Changed(Difference { eligibility: 1, contact: 0, .. })), "{answer:?}");
        on.raw.run(&format!("UPDATE accounts SET {back}")).await;
    }
    let task = accepted(on, &fixture, &plan).await;
    // Between the acceptance and the expansion: one of the skipped gets a contact, one of the others loses theirs.
    on.raw.run("UPDATE accounts SET email = 'p1@example.org' WHERE username = 'p1'").await;
    on.raw.run("UPDATE accounts SET email = NULL WHERE username = 'p4'").await;
    expand(&*on.ledger, task).await;
    let codes: Vec<_> = left_out(on, &fixture, task).await.into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, [Some(Code::S10), Some(Code::S10), None, Some(Code::S10), None]);
    let audit = format!("SELECT detail FROM audit WHERE action = 'task.accepted' AND subject = 'task {task}'");
    let detail = on.raw.text(&audit).await;
    assert!(detail.contains("whoever cannot be told left untouched"), "{detail}");
}

async fn a_skipped_row_of_an_upload_leaves_no_password(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    on.raw.run("UPDATE accounts SET email = NULL WHERE username = 'p1'").await;
    let id = TaskId::fresh();
    let sealed = || Sealed { key_id: "k".to_owned(), bytes: vec![1, 2, 3] };
    let selected = json!({"selection": {"scope": "selected"}, "notify": "always", "password": {"source": "uploaded"}});
    let new = NewTask {
        id,
        actor: fixture.admin(),
        request: request(skipping(selected)),
        named: fixture.pupils.clone(),
        shared: None,
        uploaded: fixture
            .pupils
            .iter()
            .map(|&account| Uploaded { account, sealed: sealed(), username: None })
            .collect(),
        idempotency: Idempotency { producer: "console".to_owned(), key: "k".to_owned(), fingerprint: "f".to_owned() },
        reissue: None,
        trial: None,
    };
    assert_eq!(on.ledger.accept(new).await, Ok(Acceptance::Accepted(id)));
    expand(&*on.ledger, id).await;
    let kept = || on.raw.number("SELECT count(*) FROM uploaded_passwords");
    assert_eq!(kept().await, 2, "p1 is left out at once");
    on.raw.run("UPDATE accounts SET email = NULL WHERE username = 'p2'").await;
    let outcomes = reset(on, &pending(on, id).await).await;
    assert_eq!(outcomes[0].1, ResetOutcome::NotChanged(Decision::Skip(Code::S10)));
    assert!(matches!(outcomes[1].1, ResetOutcome::Changed(_)));
    assert_eq!(kept().await, 0, "and p2 at the reset");
}
