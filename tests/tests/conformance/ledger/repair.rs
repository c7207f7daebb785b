//! What a crash left behind is brought back, with a bound.

use std::time::Duration;

use keybell_shared::codes::Code;
use keybell_shared::ids::{ItemId, TaskId};
use keybell_shared::message::{Message, Work};
use keybell_shared::ports::ledger::{
    DispatchLedger as _, ItemFilter, MAX_DEAD, MAX_REPUBLICATIONS, RepairLedger as _, ResetLedger as _, SendOutcome,
    TaskLedger as _,
};
use keybell_shared::stage::Stage;
use keybell_shared::states::ItemState;
use keybell_tests::ledgers::{Fixture, TestLedger, district_with, request, task};
use keybell_tests::on_both;
use serde_json::json;

use super::flow::{LEASE, caused, claim, ids, pending, report, reset, until};

on_both!(
    a_due_notification_is_published_once,
    what_an_empty_queue_lost_comes_back_ten_times,
    lost_items_come_back_ten_times,
    dead_letters_have_five_lives,
    what_is_on_its_way_is_not_given_up,
    an_expired_lease_consumes_an_attempt,
    seals_are_swept_with_their_messages,
);

async fn running(on: &TestLedger, fixture: &Fixture) -> (TaskId, Vec<ItemId>) {
    let asked = request(json!({"selection": {"scope": "all"}, "channel": "email"}));
    let task = task(&*on.ledger, &fixture.admin(), asked).await;
    let items = pending(on, task).await;
    (task, items)
}

async fn item(on: &TestLedger, fixture: &Fixture, task: TaskId, item: ItemId) -> (ItemState, Option<Code>) {
    let items = on.ledger.items(fixture.district.id, task, ItemFilter::default(), 100).await.expect("items");
    items.iter().find(|known| known.id == item).map(|known| (known.state, known.code)).expect("the item")
}

async fn due(on: &TestLedger, empty: bool, grace: Duration) -> Vec<Message> {
    on.ledger.due_notifications("s", Stage::Email, empty, grace, 100).await.expect("due")
}

async fn a_due_notification_is_published_once(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    let (_, items) = running(on, &fixture).await;
    let notifications = caused(&reset(on, &items[..2]).await);
    assert!(due(on, false, Duration::ZERO).await.is_empty(), "the worker has published them itself");
    on.ledger.unpublish(&notifications).await.expect("unpublished");
    assert_eq!(ids(&due(on, false, Duration::ZERO).await).len(), 2);
    assert!(due(on, false, Duration::ZERO).await.is_empty(), "noted as published");
    let claims = claim(on, &notifications, LEASE).await;
    report(on, &claims[0], SendOutcome::Temporary { retry_in: Duration::from_millis(30) }).await;
    while due(on, false, Duration::ZERO).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(on.ledger.due_notifications("s", Stage::Sms, true, Duration::ZERO, 10).await.expect("due").is_empty());
}

async fn what_an_empty_queue_lost_comes_back_ten_times(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let (task, items) = running(on, &fixture).await;
    reset(on, &items[..1]).await;
    assert!(due(on, true, Duration::from_mins(1)).await.is_empty(), "not for long enough");
    for round in 0..MAX_REPUBLICATIONS {
        assert_eq!(due(on, true, Duration::ZERO).await.len(), 1, "round {round}");
        assert!(due(on, false, Duration::ZERO).await.is_empty(), "a queue that is not empty may still hold it");
    }
    assert!(due(on, true, Duration::ZERO).await.is_empty());
    assert_eq!(item(on, &fixture, task, items[0]).await, (ItemState::Undelivered, Some(Code::X01)));
}

async fn lost_items_come_back_ten_times(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let (task, items) = running(on, &fixture).await;
    on.ledger.mark_queued(&items[..1]).await.expect("queued");
    assert!(on.ledger.lost_items("s", Duration::from_mins(1), 10).await.expect("lost").is_empty());
    for _ in 0..MAX_REPUBLICATIONS {
        let lost = on.ledger.lost_items("s", Duration::ZERO, 10).await.expect("lost");
        assert_eq!(lost.iter().map(|message| message.work).collect::<Vec<_>>(), [Work::Reset(items[0])]);
    }
    assert!(on.ledger.lost_items("s", Duration::ZERO, 10).await.expect("lost").is_empty());
    assert_eq!(item(on, &fixture, task, items[0]).await, (ItemState::Failed, Some(Code::X01)));
}

async fn dead_letters_have_five_lives(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let (task, items) = running(on, &fixture).await;
    let notification = caused(&reset(on, &items[..1]).await)[0];
    for (work, index) in [(Work::Reset(items[1]), 1), (Work::Email(notification), 0)] {
        let message = Message { district: fixture.district.id, task, work, dispatch: 1, trace: None };
        for _ in 1..MAX_DEAD {
            assert_eq!(on.ledger.count_death("d", &message).await, Ok(true));
        }
        assert_eq!(on.ledger.count_death("d", &message).await, Ok(false));
        assert_eq!(on.ledger.count_death("d", &message).await, Ok(false), "it has ended");
        let expected = if index == 1 { ItemState::Failed } else { ItemState::Undelivered };
        assert_eq!(item(on, &fixture, task, items[index]).await, (expected, Some(Code::X02)));
    }
    let forged = Message {
        task: TaskId::fresh(),
        district: fixture.district.id,
        work: Work::Reset(items[0]),
        dispatch: 1,
        trace: None,
    };
    assert_eq!(on.ledger.count_death("d", &forged).await, Ok(false), "another task's message changes nothing");
}

/// Found by `tests/tests/model`: given up while it is on its way, it would no longer hold back the message about a newer
/// password, and might arrive after it.
async fn what_is_on_its_way_is_not_given_up(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let (task, items) = running(on, &fixture).await;
    let notifications = caused(&reset(on, &items).await);
    let work = Work::Email(notifications[0]);
    let message = Message { district: fixture.district.id, task, work, dispatch: 1, trace: None };
    let sending = claim(on, &notifications, LEASE).await.remove(0);
    for _ in 1..MAX_DEAD {
        assert_eq!(on.ledger.count_death("d", &message).await, Ok(true));
    }
    for _ in 0..2 {
        assert_eq!(on.ledger.count_death("d", &message).await, Ok(false), "it has no life left");
        assert_eq!(item(on, &fixture, task, items[0]).await, (ItemState::Reset, None), "but it is on its way");
    }
    report(on, &sending, SendOutcome::Accepted).await;
    assert_eq!(item(on, &fixture, task, items[0]).await, (ItemState::Notified, Some(Code::N00)));
}

async fn an_expired_lease_consumes_an_attempt(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let (task, items) = running(on, &fixture).await;
    let notifications = caused(&reset(on, &items[..1]).await);
    for attempt in 1..=4 {
        let claims = claim(on, &notifications, Duration::from_millis(1)).await;
        assert_eq!(claims[0].attempt, attempt);
        if attempt == 2 {
            // As a build before this one wrote it, when the attempt began.
            on.raw
                .run(&format!(
                    "INSERT INTO attempts (notification_id, fence, number, started_at)
                     VALUES ({}, {}, {attempt}, 1)",
                    claims[0].notification, claims[0].fence
                ))
                .await;
        }
        while on.ledger.expire_leases("s", Duration::ZERO, 10).await.expect("expired") == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    assert_eq!(item(on, &fixture, task, items[0]).await, (ItemState::Undelivered, Some(Code::N04)));
    assert_eq!(on.raw.number("SELECT count(*) FROM attempts WHERE outcome = 'unknown' AND ended_at > 1").await, 4);
    assert_eq!(on.raw.number("SELECT count(*) FROM attempts").await, 4);
}

async fn seals_are_swept_with_their_messages(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let (task, items) = running(on, &fixture).await;
    reset(on, &items[..2]).await;
    assert_eq!(on.ledger.sweep_seals("s", 10).await, Ok(0));
    on.raw.run(&format!("UPDATE sealed_passwords SET expires_at = 1 WHERE item_id = {}", items[0])).await;
    assert_eq!(on.ledger.sweep_seals("s", 10).await, Ok(1));
    until(on, "SELECT count(*) FROM sealed_passwords", 1).await;
    assert_eq!(item(on, &fixture, task, items[0]).await, (ItemState::Undelivered, Some(Code::N08)));
    assert_eq!(item(on, &fixture, task, items[1]).await.0, ItemState::Reset);
}
