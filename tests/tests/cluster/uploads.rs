//! An upload through all servers: sealed in the database, no word of it on the broker, and plans beside it.

use keybell_shared::upload::TITLES;
use keybell_tests::fleet::{Person, World};
use keybell_tests::smtp::SmtpServer;
use serde_json::json;

use crate::checks::{number, settled};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploaded_passwords_and_usernames_go_through_all_servers_and_a_plan_beside_them() {
    let smtp = SmtpServer::start().await;
    let mut world = World::new().await;
    world.tell_by(&smtp.url(), None);
    world.import(&Person::pupils(4)).await;
    let fleet = world.fleet().await;
    let caller = &fleet.caller;

    let planned = json!({"selection": {"scope": "selected", "accounts": ["p3", "p4"]}, "reason": "lost"});
    let plan = caller.post("/v1/plans", &planned).await.with_status(201).text("/plan").to_owned();

    let file = format!(
        "{}\r\n,p1,,,,,,Mary.Jones,Otter-lamp-47\r\n,p2,,,,,,,Kite-marmot-88\r\n,p3,,,,,,p4,Plum-river-19x\r\n",
        TITLES.join(",")
    );
    let trial = caller.send_file("/v1/uploads/trial?reason=lost&notify=always", "t", &file).await.with_status(200);
    let rows = trial.body.pointer("/rows").expect("rows");
    assert_eq!(*rows, json!({"total": 3, "ok": 2, "renamed": 1, "skipped": 0, "errors": 1}), "{}", trial.body);
    let path = format!(
        "/v1/uploads?reason=lost&notify=always&acknowledgement=2026-11&allow_partial=true&trial={}",
        trial.text("/trial")
    );
    let upload = caller.send_file(&path, "one", &file).await.with_status(202).task();
    let (apply, read) = (format!("/v1/plans/{plan}/apply"), json!({"acknowledgement": "2026-11"}));
    let applied = caller.post_keyed(&apply, "two", &read).await.with_status(202).task();
    for task in [upload, applied] {
        let ended = caller.ended(task).await;
        assert_eq!((number(&ended, "total"), number(&ended, "notify/notified")), (2, 2), "{ended}");
    }
    for (who, password) in [("mary.jones", "Otter-lamp-47"), ("p2", "Kite-marmot-88")] {
        assert_eq!(caller.verify(who, password).await, (200, "ok".to_owned()), "{who}");
    }
    let told = smtp.received();
    let mail = told.iter().rfind(|mail| mail.to == "p1@example.org").expect("a mail");
    assert_eq!(mail.password(), Some("Otter-lamp-47"));
    let left = world.sql().number("SELECT count(*) FROM uploaded_passwords").await;
    assert_eq!(left, 0, "what is done is not kept");
    settled(&world, fleet, &[upload, applied]).await;
}
