//! Health and readiness.

use std::sync::atomic::Ordering;

use super::World;

#[tokio::test]
async fn only_the_ledger_decides_about_readiness() {
    let world = World::new();
    let ready = world.get("", "/readyz").await;
    assert_eq!((ready.status.as_u16(), &ready.body["status"]), (200, &"ready".into()));
    world.queue.down.store(true, Ordering::SeqCst);
    world.board.down.store(true, Ordering::SeqCst);
    let degraded = world.get("", "/readyz").await;
    assert_eq!((degraded.status.as_u16(), &degraded.body["status"]), (200, &"degraded".into()));
    assert_eq!(degraded.body["ledger"]["result"], "ok");
    assert_eq!(degraded.body["queue"]["result"], "failed");
    assert!(degraded.body["board"]["reason"].is_string());
    world.ledger.memory().down = true;
    let unavailable = world.get("", "/readyz").await;
    assert_eq!((unavailable.status.as_u16(), &unavailable.body["status"]), (503, &"unavailable".into()));
    assert_eq!(world.get("", "/healthz").await.status, 200, "the process lives all the same");
}
