//! Asking people to choose a password: what a request leaves as it is, and one-time links.

use keybell_shared::codes::Code;
use keybell_shared::eligibility::Decision;
use keybell_shared::ids::{AccountId, ItemId, NotificationId, TaskId};
use keybell_shared::notice::Channel;
use keybell_shared::ports::ledger::{
    AccountLedger as _, Chosen, ItemFilter, LinkLedger as _, OutboxLedger as _, RepairLedger as _, ResetLedger as _,
    ResetOutcome, SendOutcome, SignIn, TaskLedger as _,
};
use keybell_shared::request::{Delivery, PolicyName};
use keybell_shared::states::ItemState;
use keybell_tests::ledgers::{Fixture, TestLedger, district_with, request, task};
use keybell_tests::on_both;
use serde_json::{Value, json};

use super::flow::{self, LEASE, caused, link_hash, pending, report, reset, write};

on_both!(
    a_request_keeps_password_version_and_sessions,
    who_never_registered_a_password_is_asked_but_not_forced,
    force_then_request_changes_first_and_then_sends_the_link,
    the_newer_task_wins_also_when_it_only_asks,
    a_newer_request_or_reset_ends_older_links,
    a_link_is_good_from_its_claim_on_as_long_as_its_channel_allows,
    a_link_is_used_once_and_all_others_go_with_it,
    of_two_who_redeem_at_once_one_gets_it,
    a_repeated_redemption_is_recognised,
    a_link_falls_with_the_version_it_was_made_for,
    a_link_of_an_account_that_cannot_sign_in_here_is_no_good,
    a_link_is_sent_also_when_the_old_password_has_expired,
    a_link_that_did_not_arrive_is_sent_again,
    an_item_whose_link_was_used_ends_with_n07_whatever_its_message_does,
    a_write_without_links_is_held,
    links_that_nobody_can_use_are_swept,
);

fn asked(more: &Value) -> keybell_shared::request::ResetRequest {
    let mut body = json!({"selection": {"scope": "selected", "accounts": ["p1", "p2"]}, "mode": "request"});
    for (field, value) in more.as_object().into_iter().flatten() {
        body[field] = value.clone();
    }
    request(body)
}

/// A running task with its items, the first one that of `p1`.
async fn begun(on: &TestLedger, fixture: &Fixture, more: Value) -> (TaskId, Vec<ItemId>) {
    let task = task(&*on.ledger, &fixture.admin(), asked(&more)).await;
    (task, pending(on, task).await)
}

/// A task whose link for `p1` was sent by e-mail: its first item, and the hash of the link.
async fn sent(on: &TestLedger, fixture: &Fixture, more: Value) -> (TaskId, ItemId, String) {
    let (task, items) = begun(on, fixture, more).await;
    let notices = caused(&reset(on, &items[..1]).await);
    let claims = flow::claim(on, &notices, LEASE).await;
    for claim in &claims {
        report(on, claim, SendOutcome::Accepted).await;
    }
    assert_eq!(claims.len(), notices.len());
    (task, items[0], link_hash(items[0], Channel::Email))
}

async fn sign_in(on: &TestLedger, fixture: &Fixture, username: &str) -> SignIn {
    on.ledger.sign_in(fixture.district.id, username).await.expect("sign-in").expect("the account is there")
}

async fn end_of(on: &TestLedger, fixture: &Fixture, task: TaskId, item: ItemId) -> (ItemState, Option<Code>) {
    let items = on.ledger.items(fixture.district.id, task, ItemFilter::default(), 100).await.expect("items");
    items.iter().find(|known| known.id == item).map(|known| (known.state, known.code)).expect("the item")
}

async fn is_good(on: &TestLedger, hash: &str) -> bool {
    on.ledger.link(hash).await.expect("an answer").is_some()
}

async fn redeem(on: &TestLedger, account: AccountId, hash: &str) -> Option<i64> {
    on.ledger.redeem("api", account, hash, "$argon2id$chosen").await.expect("an answer")
}

async fn a_request_keeps_password_version_and_sessions(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let (_, forced) = begun(on, &fixture, json!({"mode": "force", "temporary": false})).await;
    reset(on, &forced).await;
    on.raw.run("UPDATE accounts SET must_change = FALSE").await;
    let before = sign_in(on, &fixture, "p1").await;
    let (task, items) = begun(on, &fixture, json!({})).await;
    let outcomes = reset(on, &items[..1]).await;
    let notices = caused(&outcomes);
    assert_eq!(notices.len(), 1, "a request is always sent");
    let after = sign_in(on, &fixture, "p1").await;
    assert_eq!((after.hash.clone(), after.credential_version), (before.hash, before.credential_version));
    assert_eq!((after.sessions_valid_after, after.expires_at), (before.sessions_valid_after, before.expires_at));
    assert!(after.must_change && !before.must_change);
    assert!(!sign_in(on, &fixture, "p2").await.must_change, "nobody else is asked");
    let newest = on.ledger.unsent_events(1_000).await.expect("events").pop().expect("an event");
    assert_eq!((newest.kind.as_str(), &newest.body["item"]), ("account.change_requested", &json!(items[0])));
    assert_eq!(newest.body["credential_version"], json!(1));
    let action = on.raw.text("SELECT action FROM audit ORDER BY id DESC LIMIT 1").await;
    assert_eq!(action, "account.change_requested");

    let claims = flow::claim(on, &notices, LEASE).await;
    let content = &claims[0].content;
    assert_eq!((content.delivery, content.keeps, content.expires_at), (Delivery::Link, true, None));
    assert_eq!(claims[0].slug, fixture.district.slug);
    report(on, &claims[0], SendOutcome::Accepted).await;
    assert_eq!(end_of(on, &fixture, task, items[0]).await, (ItemState::Notified, Some(Code::N00)));
    assert_eq!(on.raw.number("SELECT count(*) FROM sealed_passwords WHERE kind = 'link'").await, 0, "told, so deleted");
}

async fn who_never_registered_a_password_is_asked_but_not_forced(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    on.raw.run(&format!("UPDATE accounts SET quick_login = TRUE WHERE id = '{}'", fixture.pupils[0])).await;
    for mode in ["force", "force_then_request"] {
        let (task, items) = begun(on, &fixture, json!({"mode": mode})).await;
        assert_eq!(items.len(), 1, "{mode}");
        let all = on.ledger.items(fixture.district.id, task, ItemFilter::default(), 10).await.expect("items");
        assert_eq!((all[0].account, all[0].code), (fixture.pupils[0], Some(Code::S02)), "{mode}");
    }
    let (_, _, link) = sent(on, &fixture, json!({})).await;
    assert_eq!(redeem(on, fixture.pupils[0], &link).await, Some(1));
    let quick = format!("SELECT count(*) FROM accounts WHERE quick_login AND id = '{}'", fixture.pupils[0]);
    assert_eq!(on.raw.number(&quick).await, 0, "it has a password now");
    // It became one between expansion and reset: decided again at the reset.
    let (_, items) = begun(on, &fixture, json!({"mode": "force"})).await;
    on.raw.run(&format!("UPDATE accounts SET quick_login = TRUE WHERE id = '{}'", fixture.pupils[1])).await;
    let outcomes = reset(on, &items[1..]).await;
    assert_eq!(outcomes[0].1, ResetOutcome::NotChanged(Decision::Skip(Code::S02)));
}

async fn force_then_request_changes_first_and_then_sends_the_link(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let (_, items) = begun(on, &fixture, json!({"mode": "force_then_request", "temporary": false})).await;
    let messages = || on.raw.number("SELECT count(*) FROM notifications");
    assert_eq!(messages().await, 0, "nothing goes out before the reset is committed");
    let notices = caused(&reset(on, &items[..1]).await);
    assert_eq!((notices.len(), messages().await), (1, 1));
    let account = sign_in(on, &fixture, "p1").await;
    assert_eq!((account.credential_version, account.must_change), (1, true));
    assert_eq!(account.hash, Some(format!("$argon2id$of-item-{}", items[0])));
    assert!(account.sessions_valid_after.is_some(), "sessions end");
    let content = flow::claim(on, &notices, LEASE).await.remove(0).content;
    assert_eq!((content.delivery, content.keeps), (Delivery::Link, false));
    assert_eq!(redeem(on, account.account, &link_hash(items[0], Channel::Email)).await, Some(2));
    let chosen = sign_in(on, &fixture, "p1").await;
    assert_eq!((chosen.hash.as_deref(), chosen.must_change), (Some("$argon2id$chosen"), false));
}

async fn the_newer_task_wins_also_when_it_only_asks(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let (older, old_items) = begun(on, &fixture, json!({"mode": "force"})).await;
    let (_, new_items) = begun(on, &fixture, json!({})).await;
    reset(on, &new_items[..1]).await;
    let late = reset(on, &old_items[..1]).await;
    assert_eq!(late[0].1, ResetOutcome::NotChanged(Decision::Supersede));
    assert_eq!(end_of(on, &fixture, older, old_items[0]).await, (ItemState::Superseded, Some(Code::S06)));
    assert_eq!(sign_in(on, &fixture, "p1").await.credential_version, 0);
}

async fn a_newer_request_or_reset_ends_older_links(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let (_, _, first) = sent(on, &fixture, json!({})).await;
    assert!(is_good(on, &first).await);
    // Of the second one nobody heard yet when the third came.
    let (second, items) = begun(on, &fixture, json!({})).await;
    let waiting = caused(&reset(on, &items[..1]).await);
    assert!(!is_good(on, &first).await, "a newer request");
    let (_, _, third) = sent(on, &fixture, json!({})).await;
    assert!(flow::claim(on, &waiting, LEASE).await.is_empty(), "its link is no good any more, so it is not sent");
    assert_eq!(end_of(on, &fixture, second, items[0]).await, (ItemState::Silent, Some(Code::S06)));
    assert!(is_good(on, &third).await);
    let (_, forced) = begun(on, &fixture, json!({"mode": "force"})).await;
    reset(on, &forced[..1]).await;
    assert!(!is_good(on, &third).await, "a reset");
    assert_eq!(redeem(on, fixture.pupils[0], &third).await, None);
    assert_eq!(on.raw.number("SELECT count(*) FROM links").await, 0);
}

async fn a_link_is_good_from_its_claim_on_as_long_as_its_channel_allows(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    on.raw.run("UPDATE accounts SET sms = '+15550100'").await;
    let (_, items) = begun(on, &fixture, json!({"channel": "both"})).await;
    let notices = caused(&reset(on, &items[..1]).await);
    let links = [Channel::Email, Channel::Sms].map(|channel| link_hash(items[0], channel));
    for link in &links {
        assert!(!is_good(on, link).await, "nobody has it yet");
        assert_eq!(redeem(on, fixture.pupils[0], link).await, None);
    }
    let claims = flow::claim(on, &notices, LEASE).await;
    assert_eq!(claims.len(), 2);
    for (link, minutes) in links.iter().zip([24 * 60, 10]) {
        let holder = on.ledger.link(link).await.expect("an answer").expect("good");
        assert_eq!((holder.account, holder.district), (fixture.pupils[0], fixture.district.id));
        assert_eq!((holder.username.as_str(), holder.given_name.as_str()), ("p1", "Given-p1"));
        assert_eq!((holder.policy, holder.district_name.as_str()), (PolicyName::Standard, "Riverside District"));
        assert!(holder.forbidden.contains(&"Riverside".to_owned()));
        let seconds = (holder.valid_until.0 - keybell_shared::clock::wall().0) / 1_000;
        assert!((minutes * 60 - seconds).abs() < 120, "{seconds} s instead of {minutes} min");
    }
    // A retry begins anew, also when the time was over meanwhile.
    on.raw.run("UPDATE links SET valid_until = 1").await;
    assert!(!is_good(on, &links[1]).await);
    assert_eq!(redeem(on, fixture.pupils[0], &links[1]).await, None);
    report(on, &claims[1], SendOutcome::Temporary { retry_in: std::time::Duration::ZERO }).await;
    assert_eq!(flow::claim(on, &[claims[1].notification], LEASE).await.len(), 1);
    assert_eq!([is_good(on, &links[0]).await, is_good(on, &links[1]).await], [false, true], "each for itself");
}

async fn a_link_is_used_once_and_all_others_go_with_it(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    on.raw.run("UPDATE accounts SET sms = '+15550100'").await;
    let (task, item, link) = sent(on, &fixture, json!({"channel": "both"})).await;
    let other = link_hash(item, Channel::Sms);
    assert!(
        is_good(on, &link).await && is_good(on, &link).await && is_good(on, &other).await,
        "looking uses nothing up"
    );
    assert_eq!(redeem(on, fixture.pupils[1], &link).await, None, "of another account");
    assert_eq!(redeem(on, fixture.pupils[0], &link).await, Some(1));
    let account = sign_in(on, &fixture, "p1").await;
    assert_eq!((account.hash.as_deref(), account.credential_version), (Some("$argon2id$chosen"), 1));
    assert!(!account.must_change && account.sessions_valid_after.is_some());
    assert_eq!(end_of(on, &fixture, task, item).await, (ItemState::Notified, Some(Code::N07)));
    assert!(!is_good(on, &link).await && !is_good(on, &other).await);
    let again = on.ledger.redeem("api", fixture.pupils[0], &other, "$argon2id$second").await;
    assert_eq!(again, Ok(None));
    let kinds = on.raw.column("SELECT kind FROM events ORDER BY id DESC LIMIT 1").await;
    assert_eq!(kinds, ["account.password_changed"]);
}

async fn of_two_who_redeem_at_once_one_gets_it(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let other = on.another_or_same().await;
    for round in 0..5 {
        let (_, _, link) = sent(on, &fixture, json!({})).await;
        // No two hashes are the same: each has a salt of its own.
        let [one, two] = ["left", "right"].map(|side| format!("$argon2id${side}-{round}"));
        let (left, right) = tokio::join!(
            on.ledger.redeem("l", fixture.pupils[0], &link, &one),
            other.redeem("r", fixture.pupils[0], &link, &two),
        );
        let (left, right) = (left.expect("left"), right.expect("right"));
        assert!(left.is_some() != right.is_some(), "{left:?} {right:?}");
        let account = sign_in(on, &fixture, "p1").await;
        let winner = if left.is_some() { one } else { two };
        assert_eq!((account.hash, account.credential_version), (Some(winner), round + 1));
    }
}

async fn a_repeated_redemption_is_recognised(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let (_, _, link) = sent(on, &fixture, json!({})).await;
    assert_eq!(redeem(on, fixture.pupils[0], &link).await, Some(1));
    assert_eq!(redeem(on, fixture.pupils[0], &link).await, Some(1), "only the answer was lost: the same hash");
    assert_eq!(sign_in(on, &fixture, "p1").await.credential_version, 1);
}

async fn a_link_falls_with_the_version_it_was_made_for(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let (_, _, link) = sent(on, &fixture, json!({})).await;
    // Whatever changed the password without knowing of links.
    on.raw.run("UPDATE accounts SET credential_version = credential_version + 1").await;
    assert!(!is_good(on, &link).await);
    assert_eq!(redeem(on, fixture.pupils[0], &link).await, None);
    let (_, _, link) = sent(on, &fixture, json!({})).await;
    assert!(is_good(on, &link).await);
    assert_eq!(on.ledger.change_password("api", fixture.pupils[0], 1, "$argon2id$own").await, Ok(true));
    assert!(!is_good(on, &link).await, "who has chosen a password needs no link");
}

async fn a_link_of_an_account_that_cannot_sign_in_here_is_no_good(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let (_, _, link) = sent(on, &fixture, json!({})).await;
    for (off, back) in [("active = FALSE", "active = TRUE"), ("managed_by = 'x'", "managed_by = NULL")] {
        on.raw.run(&format!("UPDATE accounts SET {off}")).await;
        assert!(!is_good(on, &link).await, "{off}");
        assert_eq!(redeem(on, fixture.pupils[0], &link).await, None, "{off}");
        on.raw.run(&format!("UPDATE accounts SET {back}")).await;
    }
    assert!(is_good(on, &link).await);
}

async fn a_link_is_sent_also_when_the_old_password_has_expired(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let (_, forced) = begun(on, &fixture, json!({"mode": "force"})).await;
    reset(on, &forced).await;
    on.raw.run("UPDATE accounts SET expires_at = 1").await;
    let (_, _, link) = sent(on, &fixture, json!({})).await;
    assert_eq!(redeem(on, fixture.pupils[0], &link).await, Some(2));
    assert!(!sign_in(on, &fixture, "p1").await.expired);
}

async fn a_link_that_did_not_arrive_is_sent_again(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let (task, items) = begun(on, &fixture, json!({})).await;
    let notices = caused(&reset(on, &items[..1]).await);
    let claims = flow::claim(on, &notices, LEASE).await;
    report(on, &claims[0], SendOutcome::Permanent).await;
    assert_eq!(end_of(on, &fixture, task, items[0]).await, (ItemState::Undelivered, Some(Code::N05)));
    let undelivered = Chosen::States(vec![ItemState::Undelivered]);
    let again = || on.ledger.resend("w", fixture.district.id, task, "me", &undelivered);
    let resent = again().await.expect("an answer").expect("the task");
    assert_eq!((resent.again, resent.left), (1, Vec::new()));
    let newest = on.raw.number("SELECT max(id) FROM notifications").await;
    on.raw.run("UPDATE links SET valid_until = 1").await;
    assert_eq!(flow::claim(on, &[NotificationId(newest)], LEASE).await.len(), 1);
    assert!(is_good(on, &link_hash(items[0], Channel::Email)).await);
    // Once a newer request has its own link, the old one is not sent again.
    let claims = on.raw.number("SELECT fence FROM notifications ORDER BY id DESC LIMIT 1").await;
    assert_eq!(claims, 1);
    on.raw.run(&format!("UPDATE notifications SET state = 'failed' WHERE id = {newest}")).await;
    on.raw.run(&format!("UPDATE items SET state = 'undelivered' WHERE id = {}", items[0])).await;
    sent(on, &fixture, json!({})).await;
    let resent = again().await.expect("an answer").expect("the task");
    assert_eq!((resent.again, resent.left), (0, vec![(Code::S06, 1)]));
}

async fn an_item_whose_link_was_used_ends_with_n07_whatever_its_message_does(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    on.raw.run("UPDATE accounts SET sms = '+15550100'").await;
    let (task, items) = begun(on, &fixture, json!({"channel": "both"})).await;
    let notices = caused(&reset(on, &items[..1]).await);
    // The mail is on its way, the SMS still waits, and the person is faster than the server's answer.
    let claims = flow::claim(on, &notices[..1], LEASE).await;
    assert_eq!(redeem(on, fixture.pupils[0], &link_hash(items[0], Channel::Email)).await, Some(1));
    assert_eq!(end_of(on, &fixture, task, items[0]).await.0, ItemState::Reset, "until the answer is known");
    report(on, &claims[0], SendOutcome::Permanent).await;
    assert_eq!(end_of(on, &fixture, task, items[0]).await, (ItemState::Notified, Some(Code::N07)));
    let states = on.raw.column("SELECT state FROM notifications ORDER BY id").await;
    assert_eq!(states, ["failed", "superseded"]);
    let counts = on.ledger.task(fixture.district.id, task).await.expect("a task").expect("there").progress.counts;
    assert_eq!((counts.telling, counts.notified), (0, 1));
}

async fn a_write_without_links_is_held(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let (_, items) = begun(on, &fixture, json!({})).await;
    let jobs = on.ledger.reset_jobs(&items[..1]).await.expect("jobs");
    let mut bare = write(&jobs[0]);
    bare.links.clear();
    let outcomes = on.ledger.commit_resets("w", &[bare]).await.expect("a commit");
    assert_eq!(outcomes, [(items[0], ResetOutcome::NotChanged(Decision::Hold))]);
}

async fn links_that_nobody_can_use_are_swept(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let (_, _, link) = sent(on, &fixture, json!({})).await;
    on.ledger.sweep_seals("s", 10).await.expect("a sweep");
    assert!(is_good(on, &link).await);
    on.raw.run("UPDATE links SET kept_until = 1").await;
    on.ledger.sweep_seals("s", 10).await.expect("a sweep");
    assert_eq!(on.raw.number("SELECT count(*) FROM links").await, 0);
}
