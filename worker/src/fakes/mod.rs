//! Small in-memory stand-ins for the tests of this room. The real ledgers and queues are tested by the conformance suite.

mod ledger;
mod queue;

pub(crate) use ledger::{FakeLedger, Item};
pub(crate) use queue::FakeQueue;

use std::time::Duration;

use keybell_shared::clock::Stopwatch;
use keybell_shared::ids::{DistrictId, ItemId, TaskId};
use keybell_shared::message::{Message, Work};

/// Waits for a condition; panics with `what` when it does not come true.
pub(crate) async fn until(what: &str, mut fine: impl FnMut() -> bool) {
    let watch = Stopwatch::start();
    while !fine() {
        assert!(watch.elapsed() < Duration::from_secs(20), "in 20 s not true: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A reset message of some district and task.
pub(crate) fn reset_message(item: i64) -> Message {
    Message {
        district: DistrictId::fresh(),
        task: TaskId::fresh(),
        work: Work::Reset(ItemId(item)),
        dispatch: 1,
        trace: None,
    }
}
