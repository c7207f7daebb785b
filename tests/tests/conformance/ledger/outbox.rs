//! Events on their way out, and the audit chain.

use keybell_shared::actor::Role;
use keybell_shared::events::RequestRefused;
use keybell_shared::ids::{ApiKeyId, DistrictId};
use keybell_shared::ports::ledger::{KeyFate, KeyLedger, NewKey, OutboxLedger, ProducerLedger as _};
use keybell_shared::problem::Problem;
use keybell_shared::seal::hex;
use keybell_tests::ledgers::{TestLedger, accept, district_with, request};
use keybell_tests::on_both;
use serde_json::json;
use sha2::{Digest, Sha256};

on_both!(an_event_goes_out_until_it_is_noted_as_sent, the_audit_is_one_chain, two_who_chain_at_once_make_one_chain,);

async fn an_event_goes_out_until_it_is_noted_as_sent(test: &TestLedger) {
    let ledger = &test.ledger;
    let fixture = district_with(&**ledger, 2).await;
    let task = accept(&**ledger, &fixture.admin(), request(json!({"selection": {"scope": "all"}}))).await;
    let refusal = RequestRefused::new("sis", "m-1", &Problem::invalid("no", "selection", "who is that?"));
    ledger.refuse(&fixture.admin(), &refusal).await.expect("refuse");

    let events = ledger.unsent_events(10).await.expect("events");
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["task.accepted", "request.refused"]);
    assert_eq!(events[0].district, fixture.district.id);
    assert_eq!(events[0].body["task"], json!(task));
    assert!(events[0].at.0 > 1_700_000_000_000, "milliseconds");
    assert_eq!(ledger.unsent_events(1).await.expect("events"), events[..1]);

    ledger.events_sent(&[events[0].id]).await.expect("sent");
    ledger.events_sent(&[events[0].id]).await.expect("sent twice is sent");
    ledger.events_sent(&[]).await.expect("none");
    assert_eq!(ledger.unsent_events(10).await.expect("events"), events[1..]);
}

/// Writes audit rows of a district.
async fn write_audit(ledger: &impl KeyLedger, district: DistrictId, rows: usize) {
    for _ in 0..rows {
        let id = ApiKeyId::fresh();
        let key = NewKey {
            made_by: None,
            id,
            district,
            name: format!("Café \"north\"\n{id}"),
            role: Role::Operator,
            person: None,
            secret_hash: vec![1],
        };
        assert_eq!(ledger.add_key(key).await, Ok(KeyFate::Added));
    }
}

/// Computes the whole chain again from the rows alone, and answers its length.
async fn verified(test: &TestLedger) -> usize {
    let rows = test
        .raw
        .rows(
            "SELECT place, district_id, at, actor, action, subject, detail, chain FROM audit
               WHERE place IS NOT NULL ORDER BY place",
        )
        .await;
    let mut previous = String::new();
    for (row, place) in rows.iter().zip(1_i64..) {
        assert_eq!(row[0], place.to_string(), "places have no gap");
        let at: i64 = row[2].parse().expect("a time");
        let said = json!([previous, place, row[1], at, row[3], row[4], row[5], row[6]]).to_string();
        previous = hex(&Sha256::digest(said));
        assert_eq!(row[7], previous, "the chain at place {place}");
    }
    rows.len()
}

async fn the_audit_is_one_chain(test: &TestLedger) {
    let ledger = &test.ledger;
    let (one, two) = (district_with(&**ledger, 1).await.district.id, district_with(&**ledger, 1).await.district.id);
    assert_eq!(ledger.chain_audit(10).await.expect("chain"), 0);
    write_audit(&**ledger, one, 3).await;
    write_audit(&**ledger, two, 2).await;
    assert_eq!(ledger.chain_audit(4).await.expect("chain"), 4);
    assert_eq!(verified(test).await, 4);
    assert_eq!(ledger.chain_audit(4).await.expect("chain"), 1);
    write_audit(&**ledger, one, 2).await;
    assert_eq!(ledger.chain_audit(100).await.expect("chain"), 2);
    assert_eq!(ledger.chain_audit(100).await.expect("chain"), 0);
    assert_eq!(verified(test).await, 7);
    assert_eq!(test.raw.number("SELECT count(*) FROM audit WHERE chain IS NULL").await, 0);
}

async fn two_who_chain_at_once_make_one_chain(test: &TestLedger) {
    let (one, two) = (&test.ledger, test.another().await);
    let district = district_with(&**one, 1).await.district.id;
    write_audit(&**one, district, 60).await;
    let mut chained = 0;
    for _ in 0..6 {
        let (a, b) = tokio::join!(one.chain_audit(7), two.chain_audit(5));
        chained += a.expect("chain") + b.expect("chain");
    }
    assert_eq!(chained, 60, "each row once");
    assert_eq!(verified(test).await, 60);
}
