//! Telling people: claims, results, retries, cascades, and the end of an item.

use std::time::Duration;

use keybell_shared::codes::Code;
use keybell_shared::ids::{ItemId, NotificationId, TaskId};
use keybell_shared::notice::Channel;
use keybell_shared::ports::ledger::{ItemFilter, NoticeLedger as _, SendOutcome, TaskLedger as _};
use keybell_shared::request::ResetRequest;
use keybell_shared::states::ItemState;
use keybell_tests::ledgers::{Fixture, TestLedger, district_with, request, task};
use keybell_tests::on_both;
use serde_json::json;

use super::flow::{LEASE, caused, claim, ids, pending, report, reset, until};

on_both!(
    an_accepted_message_settles_its_item_and_erases_the_seal,
    one_attempt_and_three_retries_and_then_it_is_undelivered,
    a_permanent_answer_ends_at_once,
    a_channel_that_is_down_consumes_no_attempt,
    a_channel_that_is_down_makes_no_retry_come_sooner,
    a_claim_belongs_to_one_notifier,
    a_claim_and_those_who_put_off_do_no_harm_to_each_other,
    a_late_result_is_refused_by_its_fence,
    a_newer_password_supersedes_the_older_message,
    only_one_message_at_a_time_is_on_its_way_to_an_account,
    an_expired_password_is_never_sent,
    a_cascade_takes_the_next_step_in_the_same_transaction,
    two_channels_settle_together,
);

const SOON: Duration = Duration::from_millis(20);

fn asked(channel: &str) -> ResetRequest {
    request(json!({"selection": {"scope": "all"}, "channel": channel}))
}

/// A task over the fixture and its first items, reset.
async fn told(
    on: &TestLedger,
    fixture: &Fixture,
    channel: &str,
    items: usize,
) -> (TaskId, Vec<ItemId>, Vec<NotificationId>) {
    let task = task(&*on.ledger, &fixture.admin(), asked(channel)).await;
    let all = pending(on, task).await;
    let notifications = caused(&reset(on, &all[..items]).await);
    (task, all[..items].to_vec(), notifications)
}

async fn item(on: &TestLedger, fixture: &Fixture, task: TaskId, item: ItemId) -> (ItemState, Option<Code>) {
    let items = on.ledger.items(fixture.district.id, task, ItemFilter::default(), 100).await.expect("items");
    items.iter().find(|known| known.id == item).map(|known| (known.state, known.code)).expect("the item")
}

/// Waits until the notification is due again.
async fn due(on: &TestLedger, id: NotificationId) {
    let now = if on.raw.is_postgres() {
        "(EXTRACT(EPOCH FROM statement_timestamp()) * 1000)::bigint"
    } else {
        "CAST(unixepoch('subsec') * 1000 AS INTEGER)"
    };
    until(on, &format!("SELECT CASE WHEN due_at <= {now} THEN 1 ELSE 0 END FROM notifications WHERE id = {id}"), 1)
        .await;
}

async fn an_accepted_message_settles_its_item_and_erases_the_seal(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let (task, items, notifications) = told(on, &fixture, "email", 1).await;
    let claims = claim(on, &notifications, LEASE).await;
    let claimed = &claims[0];
    assert_eq!((claimed.attempt, claimed.channel, claimed.address.as_str()), (1, Channel::Email, "p1@example.org"));
    assert_eq!((claimed.content.username.as_str(), claimed.content.issue), ("p1", 1));
    assert_eq!(claimed.content.school.as_deref(), Some("North School"));
    assert!(claimed.sealed.is_some() && claimed.content.temporary && claimed.content.expires_at.is_some());
    report(on, claimed, SendOutcome::Accepted).await;
    assert_eq!(item(on, &fixture, task, items[0]).await, (ItemState::Notified, Some(Code::N00)));
    assert_eq!(on.raw.number("SELECT count(*) FROM sealed_passwords").await, 0, "its person was told");
    assert_eq!(on.raw.text("SELECT outcome FROM attempts").await, "accepted");
    assert!(claim(on, &notifications, LEASE).await.is_empty(), "nothing is sent again");
}

async fn one_attempt_and_three_retries_and_then_it_is_undelivered(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let (task, items, notifications) = told(on, &fixture, "email", 1).await;
    for attempt in 1..=4 {
        due(on, notifications[0]).await;
        let claims = claim(on, &notifications, LEASE).await;
        assert_eq!(claims.iter().map(|claim| claim.attempt).collect::<Vec<_>>(), [attempt]);
        report(on, &claims[0], SendOutcome::Temporary { retry_in: SOON }).await;
    }
    assert_eq!(item(on, &fixture, task, items[0]).await, (ItemState::Undelivered, Some(Code::N04)));
    assert_eq!(on.raw.number("SELECT count(*) FROM attempts").await, 4);
    assert_eq!(on.raw.number("SELECT count(*) FROM sealed_passwords").await, 1, "kept, so that it can be sent again");
    let counts = on.ledger.task(fixture.district.id, task).await.expect("a task").expect("there").progress.counts;
    assert_eq!((counts.retries, counts.undelivered), (3, 1));
}

async fn a_permanent_answer_ends_at_once(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let (task, items, notifications) = told(on, &fixture, "email", 1).await;
    let claims = claim(on, &notifications, LEASE).await;
    report(on, &claims[0], SendOutcome::Permanent).await;
    assert_eq!(item(on, &fixture, task, items[0]).await, (ItemState::Undelivered, Some(Code::N05)));
}

async fn a_channel_that_is_down_consumes_no_attempt(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let (_, _, notifications) = told(on, &fixture, "email", 1).await;
    for _ in 0..6 {
        due(on, notifications[0]).await;
        let claims = claim(on, &notifications, LEASE).await;
        assert_eq!(claims[0].attempt, 1);
        report(on, &claims[0], SendOutcome::ChannelDown { retry_in: SOON }).await;
    }
    on.ledger.defer(&notifications, Duration::from_mins(1)).await.expect("deferred");
    assert!(claim(on, &notifications, LEASE).await.is_empty(), "not due");
}

async fn a_channel_that_is_down_makes_no_retry_come_sooner(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let (_, _, notifications) = told(on, &fixture, "email", 1).await;
    let claims = claim(on, &notifications, LEASE).await;
    report(on, &claims[0], SendOutcome::Temporary { retry_in: Duration::from_mins(1) }).await;
    let due = on.raw.text("SELECT due_at FROM notifications").await;
    // Its message came twice, and the second one met a channel that is down.
    on.ledger.defer(&notifications, SOON).await.expect("deferred");
    assert_eq!(on.raw.text("SELECT due_at FROM notifications").await, due);
}

async fn a_claim_belongs_to_one_notifier(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 12).await;
    let other = on.another_or_same().await;
    let (_, _, notifications) = told(on, &fixture, "email", 12).await;
    let mut reversed = notifications.clone();
    reversed.reverse();
    let (left, right) = tokio::join!(on.ledger.claim("l", &notifications, LEASE), other.claim("r", &reversed, LEASE));
    let sent = |claimed: Vec<keybell_shared::ports::ledger::Claimed>| {
        claimed.iter().filter(|claimed| matches!(claimed, keybell_shared::ports::ledger::Claimed::Send(_))).count()
    };
    assert_eq!(sent(left.expect("left")) + sent(right.expect("right")), 12);
}

/// Claims hold no locks of notifications while they decide: whoever defers them, gives them back or finds them due at the same moment
/// comes before or after, and nothing is sent twice.
async fn a_claim_and_those_who_put_off_do_no_harm_to_each_other(on: &TestLedger) {
    use keybell_shared::ports::ledger::{RepairLedger as _, ResetLedger as _};
    use keybell_shared::stage::Stage;
    let fixture = district_with(&*on.ledger, 12).await;
    let other = on.another_or_same().await;
    for round in 0..8 {
        let (task, items, notifications) = told(on, &fixture, "email", 12).await;
        let mut reversed = notifications.clone();
        reversed.reverse();
        let (claimed, again, deferred, unpublished, due) = tokio::join!(
            on.ledger.claim("l", &notifications, LEASE),
            other.claim("r", &reversed, LEASE),
            other.defer(&reversed, Duration::ZERO),
            on.ledger.unpublish(&reversed),
            other.due_notifications("s", Stage::Email, false, Duration::ZERO, 100),
        );
        deferred.expect("deferred");
        unpublished.expect("given back");
        due.expect("due");
        let mut claims = Vec::new();
        for claimed in [claimed, again].into_iter().flat_map(|claimed| claimed.expect("claims")) {
            if let keybell_shared::ports::ledger::Claimed::Send(claim) = claimed {
                claims.push(claim);
            }
        }
        let mut sent: Vec<NotificationId> = claims.iter().map(|claim| claim.notification).collect();
        sent.sort_unstable();
        let all = sent.len();
        sent.dedup();
        assert_eq!(sent.len(), all, "round {round}: nothing is claimed twice");
        claims.extend(claim(on, &notifications, LEASE).await.into_iter().map(Box::new));
        assert_eq!(claims.len(), 12, "round {round}: what was not claimed waits and is due");
        for claim in &claims {
            report(on, claim, SendOutcome::Accepted).await;
        }
        assert_eq!(item(on, &fixture, task, items[11]).await.0, ItemState::Notified, "round {round}");
    }
}

async fn a_late_result_is_refused_by_its_fence(on: &TestLedger) {
    use keybell_shared::ports::ledger::RepairLedger as _;
    let fixture = district_with(&*on.ledger, 1).await;
    let (task, items, notifications) = told(on, &fixture, "email", 1).await;
    let frozen = claim(on, &notifications, Duration::from_millis(1)).await.remove(0);
    let first_began = on.raw.text("SELECT changed_at FROM notifications").await;
    while on.ledger.expire_leases("s", Duration::ZERO, 10).await.expect("expired") == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    due(on, notifications[0]).await;
    let second = claim(on, &notifications, LEASE).await.remove(0);
    let second_began = on.raw.text("SELECT changed_at FROM notifications").await;
    assert_eq!((second.fence, second.attempt), (frozen.fence + 1, 2), "the expired lease consumed its attempt");
    assert_eq!(second.message_id, frozen.message_id, "a duplicate carries the same message id");
    let history = "SELECT number, fence, outcome FROM attempts ORDER BY fence";
    assert_eq!(on.raw.rows(history).await, [["1", "1", "unknown"]], "the second one is under way");
    report(on, &frozen, SendOutcome::Permanent).await;
    assert_eq!(item(on, &fixture, task, items[0]).await.0, ItemState::Reset, "the late result changes nothing");
    assert_eq!(on.raw.rows(history).await, [["1", "1", "permanent"]], "but what was said is kept with its attempt");
    report(on, &second, SendOutcome::Accepted).await;
    assert_eq!(item(on, &fixture, task, items[0]).await.0, ItemState::Notified);
    assert_eq!(on.raw.rows(history).await, [["1", "1", "permanent"], ["2", "2", "accepted"]]);
    let times = on.raw.column("SELECT started_at FROM attempts ORDER BY fence").await;
    assert_eq!(times, [first_began, second_began], "each has its own begin");
    assert_eq!(on.raw.number("SELECT count(*) FROM attempts WHERE ended_at >= started_at").await, 2);
    report(on, &second, SendOutcome::Accepted).await;
    assert_eq!(
        on.raw.number("SELECT count(*) FROM attempts").await,
        2,
        "a result that is stored again is the same one"
    );
}

async fn a_newer_password_supersedes_the_older_message(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let (older, old_items, old) = told(on, &fixture, "email", 1).await;
    let (newer, new_items, new) = told(on, &fixture, "email", 1).await;
    assert!(claim(on, &old, LEASE).await.is_empty(), "an older password is never sent");
    assert_eq!(item(on, &fixture, older, old_items[0]).await, (ItemState::Silent, Some(Code::S06)));
    let claims = claim(on, &new, LEASE).await;
    assert_eq!(claims[0].content.issue, 2);
    report(on, &claims[0], SendOutcome::Accepted).await;
    assert_eq!(item(on, &fixture, newer, new_items[0]).await.0, ItemState::Notified);
    assert_eq!(on.raw.number("SELECT count(*) FROM sealed_passwords").await, 0);
}

async fn only_one_message_at_a_time_is_on_its_way_to_an_account(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let (_, _, old) = told(on, &fixture, "email", 1).await;
    let sending = claim(on, &old, LEASE).await.remove(0);
    let (newer, new_items, new) = told(on, &fixture, "email", 1).await;
    assert!(claim(on, &new, LEASE).await.is_empty(), "it waits for the older one");
    let woken = report(on, &sending, SendOutcome::Accepted).await;
    assert_eq!(ids(&woken), new, "and is made due by the older one's result");
    let claims = claim(on, &new, LEASE).await;
    report(on, &claims[0], SendOutcome::Accepted).await;
    assert_eq!(item(on, &fixture, newer, new_items[0]).await.0, ItemState::Notified);
}

async fn an_expired_password_is_never_sent(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let (task, items, notifications) = told(on, &fixture, "email", 1).await;
    on.raw.run("UPDATE accounts SET expires_at = 1 WHERE expires_at IS NOT NULL").await;
    assert!(claim(on, &notifications, LEASE).await.is_empty());
    assert_eq!(item(on, &fixture, task, items[0]).await, (ItemState::Undelivered, Some(Code::N08)));
}

async fn a_cascade_takes_the_next_step_in_the_same_transaction(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    let task = task(&*on.ledger, &fixture.admin(), asked("cascade")).await;
    let items = pending(on, task).await;
    // The third pupil has an e-mail address, no phone, and a guardian with both.
    let mut next = caused(&reset(on, &items[2..3]).await);
    let mut steps = Vec::new();
    while !next.is_empty() {
        let claimed = claim(on, &next, LEASE).await.remove(0);
        steps.push((claimed.channel, claimed.guardian));
        next = ids(&report(on, &claimed, SendOutcome::Permanent).await);
    }
    assert_eq!(steps, [(Channel::Email, false), (Channel::Email, true), (Channel::Sms, true)]);
    assert_eq!(item(on, &fixture, task, items[2]).await, (ItemState::Undelivered, Some(Code::N05)));
}

async fn two_channels_settle_together(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    on.raw.run(&format!("UPDATE accounts SET sms = '+15550100' WHERE id = '{}'", fixture.pupils[0])).await;
    let (task, items, notifications) = told(on, &fixture, "both", 1).await;
    assert_eq!(notifications.len(), 2);
    let claims = claim(on, &notifications, LEASE).await;
    assert_eq!(claims.len(), 2, "different channels do not wait for each other");
    report(on, &claims[0], SendOutcome::Accepted).await;
    assert_eq!(item(on, &fixture, task, items[0]).await.0, ItemState::Reset, "the other one is still on its way");
    report(on, &claims[1], SendOutcome::Permanent).await;
    assert_eq!(item(on, &fixture, task, items[0]).await, (ItemState::Notified, Some(Code::N00)), "one of two is told");
}
