//! A task's outcomes, account by account.

use keybell_shared::codes::Code;
use keybell_shared::ids::TaskId;
use keybell_shared::ports::ledger::{ItemFilter, ReportRow, SendOutcome, TaskLedger as _};
use keybell_shared::states::ItemState;
use keybell_tests::ledgers::{Fixture, TestLedger, district_with, request, task};
use keybell_tests::on_both;
use serde_json::json;

use super::flow::{LEASE, caused, claim, pending, report, reset};

on_both!(a_report_has_every_account_with_its_outcome, a_report_is_read_page_by_page_and_by_state);

/// Four pupils, a guardian and a teacher: told by the second attempt, refused for good, being told, open, skipped, open.
async fn mixed(on: &TestLedger, fixture: &Fixture) -> TaskId {
    on.raw.run(&format!("UPDATE accounts SET active = FALSE WHERE id = '{}'", fixture.guardians[0])).await;
    let asked = request(json!({"selection": {"scope": "all"}, "channel": "email"}));
    let task = task(&*on.ledger, &fixture.admin(), asked).await;
    let items = pending(on, task).await;
    let notifications = caused(&reset(on, &items[..3]).await);
    let first = claim(on, &notifications[..1], LEASE).await.remove(0);
    report(on, &first, SendOutcome::Temporary { retry_in: std::time::Duration::ZERO }).await;
    let second = claim(on, &notifications[..1], LEASE).await.remove(0);
    report(on, &second, SendOutcome::Accepted).await;
    let refused = claim(on, &notifications[1..2], LEASE).await.remove(0);
    report(on, &refused, SendOutcome::Permanent).await;
    task
}

async fn page(on: &TestLedger, fixture: &Fixture, task: TaskId, filter: ItemFilter, limit: u32) -> Vec<ReportRow> {
    on.ledger.report(fixture.district.id, task, filter, limit).await.expect("a report")
}

async fn a_report_has_every_account_with_its_outcome(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 4).await;
    let task = mixed(on, &fixture).await;
    let rows = page(on, &fixture, task, ItemFilter::default(), 100).await;
    let outcomes: Vec<_> =
        rows.iter().map(|row| (row.username.as_str(), row.state, row.code, row.told, row.attempts)).collect();
    assert_eq!(
        outcomes,
        [
            ("p1", ItemState::Notified, Some(Code::N00), 1, 2),
            ("p2", ItemState::Undelivered, Some(Code::N05), 0, 1),
            ("p3", ItemState::Reset, None, 0, 0),
            ("p4", ItemState::Pending, None, 0, 0),
            ("g1", ItemState::Skipped, Some(Code::S03), 0, 0),
            ("t1", ItemState::Pending, None, 0, 0),
        ]
    );
    let first = &rows[0];
    assert_eq!((first.source_id.as_str(), first.role.as_str(), first.grade.as_deref()), ("p1", "student", Some("05")));
    assert_eq!((first.given_name.as_str(), first.family_name.as_str()), ("Given-p1", "Family-p1"));
    assert_eq!(first.school.as_deref(), Some("North School"));
    assert!(first.changed_at.0 > 0);
}

async fn a_report_is_read_page_by_page_and_by_state(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 4).await;
    let task = mixed(on, &fixture).await;
    let (mut names, mut filter) = (Vec::new(), ItemFilter::default());
    loop {
        let rows = page(on, &fixture, task, filter, 4).await;
        let Some(last) = rows.last() else { break };
        filter.after = Some(last.item);
        names.extend(rows.into_iter().map(|row| row.username));
    }
    assert_eq!(names, ["p1", "p2", "p3", "p4", "g1", "t1"]);
    let undelivered = ItemFilter { state: Some(ItemState::Undelivered), ..ItemFilter::default() };
    let rows = page(on, &fixture, task, undelivered, 4).await;
    assert_eq!(rows.iter().map(|row| row.username.as_str()).collect::<Vec<_>>(), ["p2"]);
    let behind = ItemFilter { after: Some(rows[0].item), ..undelivered };
    assert!(page(on, &fixture, task, behind, 4).await.is_empty());
    let stranger = district_with(&*on.ledger, 1).await;
    assert!(page(on, &stranger, task, ItemFilter::default(), 100).await.is_empty(), "another district's");
}
