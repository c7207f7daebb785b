//! Small in-memory stand-ins for the ports, for the unit tests of this room. The real ones have their own suites.

mod ledger;
mod plans;
mod ports;
mod requests;
mod unused;
mod uploads;
mod webhooks;

use keybell_shared::actor::{Actor, Role};
use keybell_shared::ids::{ApiKeyId, DistrictId};

pub(crate) use ledger::{FakeLedger, Note};
pub(crate) use plans::DIGEST;
pub(crate) use ports::{FakeBoard, FakeQueue, FakeSink};
pub(crate) use requests::{FakeAnswers, FakeRequests};

/// A caller of the district.
pub(crate) fn actor(district: DistrictId, role: Role) -> Actor {
    Actor { district, role, name: "front office".into(), key: Some(ApiKeyId::fresh()), person: None }
}

/// Waits until `done`, at most ten seconds.
pub(crate) async fn until(what: &str, done: impl Fn() -> bool) {
    for _ in 0..2_000 {
        if done() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("did not happen within ten seconds: {what}");
}
