//! Districts and API keys.

use keybell_shared::actor::Role;
use keybell_shared::clock::Millis;
use keybell_shared::ids::{ApiKeyId, DistrictId};
use keybell_shared::ports::ledger::{KeyFate, KeyLedger, NewKey, RosterLedger};
use keybell_tests::ledgers::{TestLedger, as_district_admin, district_with, pupil, request, task};
use keybell_tests::on_both;
use serde_json::json;

on_both!(
    a_name_belongs_to_one_valid_key,
    a_district_is_made_once_also_by_two_at_once,
    a_key_speaks_for_its_district_and_person,
    a_key_of_an_unknown_person_is_not_stored,
    a_key_belongs_to_one_district,
    the_audit_says_who_made_and_revoked_a_key_and_for_whom,
    a_key_is_revoked_once_also_by_two_at_once,
    a_key_ends_with_its_person,
    a_key_pair_is_needed_while_something_is_sealed_to_it,
);

fn new_key(district: DistrictId, person: Option<&str>) -> NewKey {
    let id = ApiKeyId::fresh();
    NewKey {
        made_by: None,
        id,
        district,
        name: format!("front office {id}"),
        role: if person.is_some() { Role::Teacher } else { Role::Application },
        person: person.map(str::to_owned),
        secret_hash: vec![0xAB; 32],
    }
}

async fn a_name_belongs_to_one_valid_key(test: &TestLedger) {
    let ledger = &test.ledger;
    let ours = district_with(&**ledger, 1).await.district.id;
    let theirs = district_with(&**ledger, 1).await.district.id;
    let key = NewKey { name: "sis".to_owned(), ..new_key(ours, None) };
    assert_eq!(ledger.add_key(key.clone()).await, Ok(KeyFate::Added));
    let again = |district| NewKey { name: "sis".to_owned(), ..new_key(district, None) };
    assert_eq!(ledger.add_key(again(ours)).await, Ok(KeyFate::NameTaken), "tasks belong to names");
    assert_eq!(ledger.add_key(again(theirs)).await, Ok(KeyFate::Added), "another district's");
    assert!(ledger.revoke_key(&as_district_admin(ours), key.id).await.expect("revoke"));
    assert_eq!(ledger.add_key(again(ours)).await, Ok(KeyFate::Added), "a new key for the same application");
}

async fn a_district_is_made_once_also_by_two_at_once(test: &TestLedger) {
    let (one, two) = (&test.ledger, test.another().await);
    let (a, b) = tokio::join!(one.ensure_district("riverside", "Riverside"), two.ensure_district("riverside", "River"));
    let (a, b) = (a.expect("a district"), b.expect("a district"));
    assert_eq!(a, b);
    let again = one.ensure_district("riverside", "Another name").await.expect("a district");
    assert_eq!(again, a, "the first name stays");
    let mut wanted = vec![a, one.ensure_district("a-hill", "Hill").await.expect("a district")];
    wanted.sort_by(|one, other| one.slug.cmp(&other.slug));
    assert_eq!(one.districts().await.expect("districts"), wanted);
}

async fn a_key_speaks_for_its_district_and_person(test: &TestLedger) {
    let ledger = &test.ledger;
    let fixture = district_with(&**ledger, 1).await;
    let district = fixture.district.id;
    let application = new_key(district, None);
    // A username is compared without regard to case.
    let teacher = new_key(district, Some("T1"));
    assert_eq!(ledger.add_key(application.clone()).await, Ok(KeyFate::Added));
    assert_eq!(ledger.add_key(teacher.clone()).await, Ok(KeyFate::Added));

    let (secret, actor) = ledger.key(application.id).await.expect("key").expect("the key is there");
    assert_eq!(secret, application.secret_hash);
    assert_eq!((actor.district, actor.role, actor.person), (district, Role::Application, None));
    assert_eq!((&actor.name, actor.key), (&application.name, Some(application.id)));
    let (_, actor) = ledger.key(teacher.id).await.expect("key").expect("the key is there");
    assert_eq!((actor.role, actor.person), (Role::Teacher, Some(fixture.teacher)));

    let keys = ledger.keys(district).await.expect("keys");
    assert_eq!(keys.iter().map(|key| key.id).collect::<Vec<_>>(), [application.id, teacher.id]);
    assert!(keys.iter().all(|key| key.revoked_at.is_none() && key.created_at.0 > 0));
    assert_eq!(ledger.key(ApiKeyId::fresh()).await.expect("key"), None);
    let audit = test.raw.column("SELECT action FROM audit WHERE subject LIKE 'key %' ORDER BY id").await;
    assert_eq!(audit, ["key.created", "key.created"]);
    let stored = test.raw.text(&format!("SELECT secret_hash FROM api_keys WHERE id = '{}'", teacher.id)).await;
    assert_eq!(stored, "ab".repeat(32));
}

async fn a_key_of_an_unknown_person_is_not_stored(test: &TestLedger) {
    let ledger = &test.ledger;
    let (ours, theirs) = (district_with(&**ledger, 1).await, district_with(&**ledger, 2).await);
    assert_eq!(ledger.add_key(new_key(ours.district.id, Some("nobody"))).await, Ok(KeyFate::UnknownPerson));
    assert_eq!(ledger.add_key(new_key(theirs.district.id, Some("p2"))).await, Ok(KeyFate::Added));
    assert_eq!(
        ledger.add_key(new_key(ours.district.id, Some("p2"))).await,
        Ok(KeyFate::UnknownPerson),
        "p2 is of the other district"
    );
    assert_eq!(ledger.keys(ours.district.id).await.expect("keys"), []);
}

async fn the_audit_says_who_made_and_revoked_a_key_and_for_whom(test: &TestLedger) {
    let ledger = &test.ledger;
    let fixture = district_with(&**ledger, 1).await;
    let district = fixture.district.id;
    let first = NewKey { name: "office".to_owned(), ..new_key(district, Some("T1")) };
    let second = NewKey { name: "portal".to_owned(), made_by: Some(first.id), ..new_key(district, None) };
    for key in [&first, &second] {
        assert_eq!(ledger.add_key(key.clone()).await, Ok(KeyFate::Added));
    }
    let (_, office) = ledger.key(first.id).await.expect("key").expect("the key is there");
    assert!(ledger.revoke_key(&office, second.id).await.expect("revoke"));
    let audit = "SELECT actor, action, subject, detail FROM audit WHERE subject LIKE 'key %' ORDER BY id";
    let (one, other) = (format!("key {}", first.id), format!("key {}", second.id));
    assert_eq!(
        test.raw.rows(audit).await,
        [
            ["console", "key.created", one.as_str(), "role teacher, name \"office\", person \"T1\""],
            ["office", "key.created", &other, "role application, name \"portal\", person nobody"],
            ["office", "key.revoked", &other, ""],
        ]
    );
    let whose: Vec<_> = ledger.keys(district).await.expect("keys").into_iter().map(|key| key.person).collect();
    assert_eq!(whose, [Some("t1".to_owned()), None]);
    // Nobody takes the name of whoever sits at the machine.
    for name in ["console", "amqp:sis"] {
        let key = NewKey { name: name.to_owned(), ..new_key(district, None) };
        assert_eq!(ledger.add_key(key).await, Ok(KeyFate::NameReserved), "{name}");
    }
}

async fn a_key_belongs_to_one_district(test: &TestLedger) {
    let ledger = &test.ledger;
    let (ours, theirs) = (district_with(&**ledger, 1).await, district_with(&**ledger, 1).await);
    let key = new_key(ours.district.id, None);
    assert_eq!(ledger.add_key(key.clone()).await, Ok(KeyFate::Added));
    assert_eq!(ledger.keys(theirs.district.id).await.expect("keys"), []);
    assert!(!ledger.revoke_key(&theirs.admin(), key.id).await.expect("revoke"));
    let (_, actor) = ledger.key(key.id).await.expect("key").expect("it still works");
    assert_eq!(actor.district, ours.district.id);
}

async fn a_key_is_revoked_once_also_by_two_at_once(test: &TestLedger) {
    let (one, two) = (&test.ledger, test.another().await);
    let district = one.ensure_district("riverside", "Riverside").await.expect("a district").id;
    let admin = as_district_admin(district);
    let key = new_key(district, None);
    assert_eq!(one.add_key(key.clone()).await, Ok(KeyFate::Added));
    let (a, b) = tokio::join!(one.revoke_key(&admin, key.id), two.revoke_key(&admin, key.id));
    assert!(a.expect("revoke") ^ b.expect("revoke"), "one of them revoked it");
    assert_eq!(one.key(key.id).await.expect("key"), None);
    assert!(one.keys(district).await.expect("keys")[0].revoked_at.is_some());
    assert_eq!(test.raw.number("SELECT count(*) FROM audit WHERE action = 'key.revoked'").await, 1);
    // A key that is being revoked while another one is made: they do not touch each other.
    let next = new_key(district, None);
    let (made, revoked) = tokio::join!(one.add_key(next.clone()), two.revoke_key(&admin, key.id));
    assert_eq!(made, Ok(KeyFate::Added));
    assert!(!revoked.expect("revoke"));
    assert!(one.key(next.id).await.expect("key").is_some());
}

async fn a_key_ends_with_its_person(test: &TestLedger) {
    let ledger = &test.ledger;
    let district = district_with(&**ledger, 1).await.district.id;
    let key = new_key(district, Some("p1"));
    assert_eq!(ledger.add_key(key.clone()).await, Ok(KeyFate::Added));
    assert!(ledger.key(key.id).await.expect("key").is_some());
    let mut gone = pupil(1);
    gone.active = false;
    ledger.put_people(district, &[gone]).await.expect("people");
    assert_eq!(ledger.key(key.id).await.expect("key"), None);
}

async fn a_key_pair_is_needed_while_something_is_sealed_to_it(test: &TestLedger) {
    let ledger = &test.ledger;
    let fixture = district_with(&**ledger, 2).await;
    let id = task(&**ledger, &fixture.admin(), request(json!({"selection": {"scope": "all"}}))).await;
    for (key, expires) in [("one", 1_000), ("one", 3_000), ("other", 2_000)] {
        let insert = format!(
            "INSERT INTO sealed_passwords (item_id, account_id, attempt_id, key_id, sealed, expires_at)
             SELECT id, account_id, account_id, '{key}', 'sealed', {expires} FROM items
             WHERE id NOT IN (SELECT item_id FROM sealed_passwords) ORDER BY id LIMIT 1"
        );
        test.raw.run(&insert).await;
    }
    let needed = async |key| (ledger.sealed_with(key).await, ledger.sealed_until(key).await);
    assert_eq!(needed("one").await, (Ok(2), Ok(Some(Millis(3_000)))));
    assert_eq!(needed("third").await, (Ok(0), Ok(None)));
    test.raw.run(&format!("UPDATE tasks SET shared_key_id = 'third' WHERE id = '{id}'")).await;
    assert_eq!(needed("third").await, (Ok(1), Ok(None)), "a task's shared password has no time of its own");
    test.raw.run("DELETE FROM sealed_passwords").await;
    assert_eq!(needed("one").await, (Ok(0), Ok(None)));
}
