//! Telling people again, from the passwords that are still sealed.

use std::time::Duration;

use keybell_shared::codes::Code;
use keybell_shared::ids::{ItemId, NotificationId, TaskId};
use keybell_shared::notice::Channel;
use keybell_shared::ports::ledger::{
    Chosen, Claim, Closed, ItemFilter, RepairLedger as _, Resent, SendOutcome, TaskLedger as _,
};
use keybell_shared::stage::Stage;
use keybell_shared::states::{ItemState, TaskState};
use keybell_tests::ledgers::{Fixture, TestLedger, district_with, request, task};
use keybell_tests::on_both;
use serde_json::json;

use super::flow::{LEASE, caused, claim, ids, pending, report, reset};

on_both!(
    the_undelivered_are_told_again_and_the_task_closes_again,
    what_fails_again_has_the_newest_code,
    one_of_two_channels_is_enough_the_second_time,
    a_cancelled_task_tells_again_and_is_cancelled_again,
    a_running_and_a_paused_task_tell_again_as_they_stand,
    what_cannot_be_sent_is_left_with_its_reason,
    a_password_that_became_old_meanwhile_is_not_told,
    a_cascade_begins_anew,
    two_at_once_send_once,
    only_undelivered_items_that_are_chosen_are_told,
    many_items_are_told_in_batches,
);

/// A running task and its items, one per account.
async fn running(on: &TestLedger, fixture: &Fixture, channel: &str) -> (TaskId, Vec<ItemId>) {
    let asked = request(json!({"selection": {"scope": "without_role"}, "channel": channel}));
    let task = task(&*on.ledger, &fixture.admin(), asked).await;
    let items = pending(on, task).await;
    (task, items)
}

/// Resets the items, and has every message to them end in this way.
async fn ended(on: &TestLedger, items: &[ItemId], outcome: &SendOutcome) {
    let notifications = caused(&reset(on, items).await);
    send(on, &notifications, outcome).await;
}

async fn send(on: &TestLedger, notifications: &[NotificationId], outcome: &SendOutcome) -> Vec<Claim> {
    let claims = claim(on, notifications, LEASE).await;
    for claimed in &claims {
        report(on, claimed, outcome.clone()).await;
    }
    claims
}

async fn resend(on: &TestLedger, fixture: &Fixture, task: TaskId, chosen: &Chosen) -> Resent {
    on.ledger.resend("w", fixture.district.id, task, "me", chosen).await.expect("an answer").expect("a task")
}

fn undelivered() -> Chosen {
    Chosen::States(vec![ItemState::Undelivered])
}

/// What the repair scan publishes now.
async fn due(on: &TestLedger, stage: Stage) -> Vec<NotificationId> {
    ids(&on.ledger.due_notifications("s", stage, false, Duration::ZERO, 1_000).await.expect("due"))
}

async fn closed(on: &TestLedger) -> Closed {
    let mut closed = on.ledger.finish(10).await.expect("finished");
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0].mismatch, None);
    closed.remove(0)
}

async fn item(on: &TestLedger, fixture: &Fixture, task: TaskId, item: ItemId) -> (ItemState, Option<Code>) {
    let items = on.ledger.items(fixture.district.id, task, ItemFilter::default(), 2_000).await.expect("items");
    items.iter().find(|known| known.id == item).map(|known| (known.state, known.code)).expect("the item")
}

async fn the_undelivered_are_told_again_and_the_task_closes_again(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let (task, items) = running(on, &fixture, "email").await;
    ended(on, &items, &SendOutcome::Permanent).await;
    assert_eq!(closed(on).await.state, TaskState::CompletedWithErrors);
    // The address was wrong; the roster has the right one now.
    on.raw.run(&format!("UPDATE accounts SET email = 'right@example.org' WHERE id = '{}'", fixture.pupils[0])).await;
    let told = resend(on, &fixture, task, &undelivered()).await;
    assert_eq!(told, Resent { state: TaskState::Running, again: 2, left: Vec::new() });
    let view = on.ledger.task(fixture.district.id, task).await.expect("a task").expect("there");
    assert_eq!((view.progress.state, view.progress.finished_at), (TaskState::Running, None));
    assert_eq!((view.progress.counts.telling, view.progress.counts.undelivered), (2, 0));
    assert!(on.ledger.finish(10).await.expect("finished").is_empty(), "somebody is being told");
    assert_eq!(resend(on, &fixture, task, &undelivered()).await.again, 0, "a repetition sends nothing more");
    let due = due(on, Stage::Email).await;
    assert_eq!(due.len(), 2, "the scan publishes them");
    let claims = send(on, &due, &SendOutcome::Accepted).await;
    let mut addresses: Vec<_> = claims.iter().map(|claim| claim.address.as_str()).collect();
    addresses.sort_unstable();
    assert_eq!(addresses, ["p2@example.org", "right@example.org"]);
    assert!(claims.iter().all(|claim| claim.attempt == 1 && claim.sealed.is_some() && claim.content.issue == 1));
    assert_eq!(closed(on).await.state, TaskState::Completed);
    let distinct = on.raw.number("SELECT count(DISTINCT message_id) FROM notifications").await;
    assert_eq!(distinct, 4, "a new message has a message id of its own");
    assert_eq!(on.raw.number("SELECT count(*) FROM attempts").await, 4, "the earlier attempts are history");
    assert_eq!(on.raw.number("SELECT count(*) FROM sealed_passwords").await, 0);
    assert_eq!(on.raw.number("SELECT count(*) FROM events WHERE kind = 'task.resent'").await, 1);
    assert_eq!(on.raw.text("SELECT actor FROM audit WHERE action = 'task.resent'").await, "me");
    assert_eq!(on.raw.number("SELECT max(credential_version) FROM accounts").await, 1, "no password was changed");
}

async fn what_fails_again_has_the_newest_code(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let (task, items) = running(on, &fixture, "email").await;
    ended(on, &items, &SendOutcome::Permanent).await;
    assert_eq!(item(on, &fixture, task, items[0]).await, (ItemState::Undelivered, Some(Code::N05)));
    closed(on).await;
    resend(on, &fixture, task, &undelivered()).await;
    // All but its last attempt are gone.
    on.raw.run("UPDATE notifications SET attempts = 3 WHERE state = 'waiting'").await;
    send(on, &due(on, Stage::Email).await, &SendOutcome::Temporary { retry_in: Duration::ZERO }).await;
    assert_eq!(item(on, &fixture, task, items[0]).await, (ItemState::Undelivered, Some(Code::N04)));
    assert_eq!(closed(on).await.state, TaskState::CompletedWithErrors);
    assert_eq!(on.raw.number("SELECT count(*) FROM sealed_passwords").await, 1, "it can be sent once more");
    assert_eq!(resend(on, &fixture, task, &undelivered()).await.again, 1);
    send(on, &due(on, Stage::Email).await, &SendOutcome::Accepted).await;
    assert_eq!(item(on, &fixture, task, items[0]).await, (ItemState::Notified, Some(Code::N00)));
    assert_eq!(on.raw.number("SELECT count(DISTINCT message_id) FROM notifications").await, 3);
}

async fn one_of_two_channels_is_enough_the_second_time(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    on.raw.run("UPDATE accounts SET sms = '+15550100'").await;
    let (task, items) = running(on, &fixture, "both").await;
    ended(on, &items, &SendOutcome::Permanent).await;
    resend(on, &fixture, task, &undelivered()).await;
    send(on, &due(on, Stage::Email).await, &SendOutcome::Permanent).await;
    assert_eq!(item(on, &fixture, task, items[0]).await.0, ItemState::Reset, "the SMS is still on its way");
    send(on, &due(on, Stage::Sms).await, &SendOutcome::Accepted).await;
    assert_eq!(item(on, &fixture, task, items[0]).await, (ItemState::Notified, Some(Code::N00)));
    assert_eq!(on.raw.number("SELECT count(DISTINCT message_id) FROM notifications").await, 4);
}

async fn a_cancelled_task_tells_again_and_is_cancelled_again(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let (task, items) = running(on, &fixture, "email").await;
    ended(on, &items[..1], &SendOutcome::Permanent).await;
    on.ledger.cancel(fixture.district.id, task, "me").await.expect("cancelled");
    let told = resend(on, &fixture, task, &undelivered()).await;
    assert_eq!((told.state, told.again), (TaskState::Cancelling, 1));
    assert!(on.ledger.finish(10).await.expect("finished").is_empty(), "somebody is being told");
    send(on, &due(on, Stage::Email).await, &SendOutcome::Accepted).await;
    assert_eq!(closed(on).await.state, TaskState::Cancelled);
    assert_eq!(item(on, &fixture, task, items[0]).await.0, ItemState::Notified);
    assert_eq!(item(on, &fixture, task, items[1]).await.0, ItemState::Cancelled);
}

async fn a_running_and_a_paused_task_tell_again_as_they_stand(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let (task, items) = running(on, &fixture, "email").await;
    ended(on, &items[..1], &SendOutcome::Permanent).await;
    let told = resend(on, &fixture, task, &undelivered()).await;
    assert_eq!((told.state, told.again), (TaskState::Running, 1));
    send(on, &due(on, Stage::Email).await, &SendOutcome::Permanent).await;
    on.ledger.pause(fixture.district.id, task, "me").await.expect("paused");
    let told = resend(on, &fixture, task, &undelivered()).await;
    assert_eq!((told.state, told.again), (TaskState::Paused, 1), "a pause holds resets, not messages");
    assert_eq!(due(on, Stage::Email).await.len(), 1);
}

async fn what_cannot_be_sent_is_left_with_its_reason(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 6).await;
    let (task, items) = running(on, &fixture, "email").await;
    ended(on, &items, &SendOutcome::Permanent).await;
    assert_eq!(closed(on).await.state, TaskState::CompletedWithErrors);
    let account = |n: usize| fixture.pupils[n].to_string();
    // A newer password, no seal, an expired seal, an expired password, no contact.
    on.raw.run(&format!("UPDATE accounts SET credential_version = 2 WHERE id = '{}'", account(0))).await;
    on.raw.run(&format!("DELETE FROM sealed_passwords WHERE item_id = {}", items[1])).await;
    on.raw.run(&format!("UPDATE sealed_passwords SET expires_at = 1 WHERE item_id = {}", items[2])).await;
    on.raw.run(&format!("UPDATE accounts SET expires_at = 1 WHERE id = '{}'", account(3))).await;
    on.raw.run(&format!("UPDATE accounts SET email = NULL WHERE id = '{}'", account(4))).await;
    let of = |places: std::ops::Range<usize>| Chosen::Accounts(fixture.pupils[places].to_vec());
    let left = [(Code::S06, 1), (Code::N02, 1), (Code::N08, 3)];
    let told = resend(on, &fixture, task, &of(0..5)).await;
    assert_eq!((told.state, told.again, told.left.as_slice()), (TaskState::CompletedWithErrors, 0, left.as_slice()));
    let view = on.ledger.task(fixture.district.id, task).await.expect("a task").expect("there");
    assert!(view.progress.finished_at.is_some(), "a task that tells nobody again stays ended");
    let told = resend(on, &fixture, task, &of(0..6)).await;
    assert_eq!((told.state, told.again, told.left.as_slice()), (TaskState::Running, 1, left.as_slice()));
    for untouched in &items[..5] {
        assert_eq!(item(on, &fixture, task, *untouched).await, (ItemState::Undelivered, Some(Code::N05)));
    }
}

async fn a_password_that_became_old_meanwhile_is_not_told(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let (older, old_items) = running(on, &fixture, "email").await;
    ended(on, &old_items, &SendOutcome::Permanent).await;
    resend(on, &fixture, older, &undelivered()).await;
    let (_, new_items) = running(on, &fixture, "email").await;
    let newer = caused(&reset(on, &new_items).await);
    assert!(claim(on, &due(on, Stage::Email).await, LEASE).await.is_empty(), "an older password is never sent");
    assert_eq!(item(on, &fixture, older, old_items[0]).await, (ItemState::Silent, Some(Code::S06)));
    assert_eq!(claim(on, &newer, LEASE).await[0].content.issue, 2);
    // And one that expires while it waits.
    let fixture = district_with(&*on.ledger, 1).await;
    let (task, items) = running(on, &fixture, "email").await;
    ended(on, &items, &SendOutcome::Permanent).await;
    resend(on, &fixture, task, &undelivered()).await;
    on.raw.run("UPDATE accounts SET expires_at = 1").await;
    assert!(claim(on, &due(on, Stage::Email).await, LEASE).await.is_empty());
    assert_eq!(item(on, &fixture, task, items[0]).await, (ItemState::Undelivered, Some(Code::N08)));
}

async fn a_cascade_begins_anew(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    let (task, items) = running(on, &fixture, "cascade").await;
    for round in 0..2 {
        // The third pupil has an e-mail address, no phone, and a guardian with both.
        let mut next = if round == 0 {
            caused(&reset(on, &items[2..3]).await)
        } else {
            assert_eq!(resend(on, &fixture, task, &undelivered()).await.again, 1);
            due(on, Stage::Email).await
        };
        let mut steps = Vec::new();
        while !next.is_empty() {
            let claimed = claim(on, &next, LEASE).await.remove(0);
            steps.push((claimed.channel, claimed.guardian));
            next = ids(&report(on, &claimed, SendOutcome::Permanent).await);
        }
        assert_eq!(steps, [(Channel::Email, false), (Channel::Email, true), (Channel::Sms, true)], "round {round}");
        assert_eq!(item(on, &fixture, task, items[2]).await, (ItemState::Undelivered, Some(Code::N05)));
    }
    assert_eq!(on.raw.number("SELECT count(DISTINCT message_id) FROM notifications").await, 6);
}

async fn two_at_once_send_once(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 40).await;
    let other = on.another_or_same().await;
    let (task, items) = running(on, &fixture, "email").await;
    ended(on, &items, &SendOutcome::Permanent).await;
    closed(on).await;
    let (district, chosen) = (fixture.district.id, undelivered());
    let (left, right) = tokio::join!(
        on.ledger.resend("l", district, task, "left", &chosen),
        other.resend("r", district, task, "right", &chosen)
    );
    let again = |answer: keybell_shared::ports::ledger::LedgerResult<Option<Resent>>| {
        answer.expect("an answer").expect("a task").again
    };
    assert_eq!(again(left) + again(right), items.len() as u64);
    let waiting = due(on, Stage::Email).await;
    assert_eq!(waiting.len(), items.len(), "each is told once more");
    send(on, &waiting, &SendOutcome::Accepted).await;
    assert_eq!(closed(on).await.state, TaskState::Completed);
}

async fn only_undelivered_items_that_are_chosen_are_told(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 4).await;
    let (task, items) = running(on, &fixture, "email").await;
    ended(on, &items[..1], &SendOutcome::Accepted).await;
    ended(on, &items[1..3], &SendOutcome::Permanent).await;
    let stranger = district_with(&*on.ledger, 1).await;
    let district = stranger.district.id;
    assert_eq!(on.ledger.resend("w", district, task, "me", &undelivered()).await, Ok(None), "another district's");
    let nothing = Resent { state: TaskState::Running, again: 0, left: Vec::new() };
    for chosen in [
        Chosen::States(vec![ItemState::Notified, ItemState::Pending]),
        Chosen::States(Vec::new()),
        Chosen::Accounts(Vec::new()),
        Chosen::Accounts(vec![fixture.pupils[0], fixture.pupils[3], stranger.pupils[0]]),
    ] {
        assert_eq!(resend(on, &fixture, task, &chosen).await, nothing, "{chosen:?}");
    }
    let named = Chosen::Accounts(vec![fixture.pupils[0], fixture.pupils[2]]);
    assert_eq!(resend(on, &fixture, task, &named).await.again, 1);
    assert_eq!(item(on, &fixture, task, items[1]).await.0, ItemState::Undelivered);
    assert_eq!(item(on, &fixture, task, items[2]).await.0, ItemState::Reset);
}

async fn many_items_are_told_in_batches(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 900).await;
    let (task, items) = running(on, &fixture, "email").await;
    for page in items.chunks(300) {
        let notifications = caused(&reset(on, page).await);
        let list = notifications.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        on.raw.run(&format!("UPDATE notifications SET state = 'failed', code = 'N05' WHERE id IN ({list})")).await;
    }
    on.raw.run("UPDATE items SET state = 'undelivered', code = 'N05'").await;
    on.raw.run("UPDATE counters SET undelivered = telling, telling = 0").await;
    closed(on).await;
    on.raw.run(&format!("UPDATE accounts SET email = NULL WHERE id = '{}'", fixture.pupils[0])).await;
    let told = resend(on, &fixture, task, &undelivered()).await;
    assert_eq!((told.again, told.left), (items.len() as u64 - 1, vec![(Code::N02, 1)]));
    let batches = on.raw.number("SELECT count(*) FROM audit WHERE action = 'task.resent'").await;
    assert!(batches > 1, "in more than one transaction");
}
