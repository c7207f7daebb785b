use keybell_shared::actor::Role;
use keybell_shared::ids::ItemId;
use keybell_shared::ports::ledger::Ledger;
use keybell_shared::states::ItemState;

use super::*;
use crate::intake::{Intake, json};
use crate::testing::{FakeBoard, FakeLedger, actor};

#[tokio::test]
async fn only_what_changed_is_shown_and_everything_after_a_failure() {
    let ledger = Arc::new(FakeLedger::new(1));
    let all: Arc<dyn Ledger> = Arc::<FakeLedger>::clone(&ledger);
    let intake = Intake::new(all, None);
    let caller = actor(ledger.state().district, Role::DistrictAdmin);
    let mut tasks = Vec::new();
    for key in ["one", "two"] {
        let request =
            json::parse(br#"{"selection":{"scope":"all"},"reason":"lost","acknowledgement":"2026-11"}"#).unwrap();
        tasks.push(intake.submit(&caller, request, key).await.unwrap().task);
    }
    ledger.state().task(tasks[0]).items.push((ItemId(1), ItemState::Pending));

    let board = Arc::new(FakeBoard::default());
    let port: Arc<FakeBoard> = Arc::clone(&board);
    let mut project = Project::new(Arc::clone(&ledger), port);
    let shown = || board.shown.lock().unwrap().iter().map(|snapshot| snapshot.task).collect::<Vec<_>>();
    project.round().await.unwrap();
    project.round().await.unwrap();
    assert_eq!(shown(), tasks);
    ledger.settle(ItemId(1), ItemState::Notified);
    project.round().await.unwrap();
    assert_eq!(shown()[2..], tasks[..1]);

    *board.away.lock().unwrap() = true;
    ledger.settle(ItemId(1), ItemState::Undelivered);
    assert!(matches!(project.round().await, Err(Failure::Board(_))));
    *board.away.lock().unwrap() = false;
    project.round().await.unwrap();
    assert_eq!(shown()[3..], tasks, "the board may have lost everything");
    let newest = board.read(tasks[0]).await.unwrap().unwrap();
    assert_eq!(newest.counts.undelivered, 1);
}
