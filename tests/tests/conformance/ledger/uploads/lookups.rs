//! Whom the rows of an uploaded file mean, and who has the usernames that they want.

use keybell_shared::actor::{Actor, Role};
use keybell_shared::codes::Code;
use keybell_shared::fold::username_key;
use keybell_shared::ids::{AccountId, TaskId};
use keybell_shared::ports::ledger::{
    Acceptance, Idempotency, IntakeLedger as _, ItemFilter, Meant, NewTask, TaskLedger as _, UploadLedger as _,
};
use keybell_tests::ledgers::{TestLedger, as_district_admin, district_with, expand};
use keybell_tests::on_both;

use super::asked;

on_both!(
    a_row_means_an_account_by_its_id_and_its_username,
    a_row_means_nobody_of_another_district,
    a_row_knows_why_its_account_would_be_left_as_it_is,
    usernames_have_owners_in_any_case_and_form,
);

async fn meant(on: &TestLedger, actor: &Actor, rows: &[(Option<AccountId>, &str)]) -> Vec<Option<AccountId>> {
    let rows: Vec<Meant> =
        rows.iter().map(|(account, username)| Meant { account: *account, username: (*username).to_owned() }).collect();
    let found = on.ledger.meant(actor, &rows, None).await.expect("a look-up");
    found.into_iter().map(|found| found.map(|found| found.id)).collect()
}

async fn a_row_means_an_account_by_its_id_and_its_username(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    let (admin, [one, two]) = (fixture.admin(), [fixture.pupils[0], fixture.pupils[1]]);
    // Composed and decomposed, in any case.
    on.raw
        .run(&format!(
            "UPDATE accounts SET username = 'Zo\u{eb}', username_key = '{}' WHERE id = '{two}'",
            username_key("Zo\u{eb}")
        ))
        .await;
    let rows = [
        (None, "p1"),
        (None, "P1"),
        (Some(one), ""),
        (Some(one), "P1"),
        (Some(one), "p3"),
        (None, "ZOE\u{308}"),
        (Some(two), "zo\u{eb}"),
        (Some(AccountId::fresh()), "p1"),
        (None, "nobody"),
        (None, ""),
    ];
    let found = meant(on, &admin, &rows).await;
    let (one, two) = (Some(one), Some(two));
    assert_eq!(found, [one, one, one, one, None, two, two, None, None, None]);
    // In the rows' order, also beyond a page.
    let many: Vec<(Option<AccountId>, &str)> =
        (0..4_100).map(|n| (None, if n % 2 == 0 { "p1" } else { "p3" })).collect();
    let found = meant(on, &admin, &many).await;
    assert!(found.iter().enumerate().all(|(n, id)| *id == Some(fixture.pupils[if n % 2 == 0 { 0 } else { 2 }])));
    assert!(meant(on, &admin, &[]).await.is_empty());
    let p1 = [Meant { account: None, username: "p1".to_owned() }];
    let found = on.ledger.meant(&admin, &p1, None).await.expect("a look-up").remove(0).expect("somebody");
    assert_eq!((found.username.as_str(), found.version, found.code), ("p1", 0, None));
    assert!(found.forbidden.iter().any(|word| word == "p1") || !found.forbidden.is_empty());
}

async fn a_row_means_nobody_of_another_district(on: &TestLedger) {
    let (fixture, other) = (district_with(&*on.ledger, 2).await, district_with(&*on.ledger, 2).await);
    let rows = [(Some(other.pupils[0]), ""), (Some(other.pupils[0]), "p1"), (None, "p1")];
    assert_eq!(meant(on, &fixture.admin(), &rows).await, [None, None, Some(fixture.pupils[0])]);
    let nowhere = as_district_admin(keybell_shared::ids::DistrictId::fresh());
    assert_eq!(meant(on, &nowhere, &rows).await, [None, None, None]);
}

async fn a_row_knows_why_its_account_would_be_left_as_it_is(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 7).await;
    for (place, change) in
        ["managed_by = 'clever'", "active = FALSE", "quick_login = TRUE", "protected = TRUE", "rank = 70"]
            .iter()
            .enumerate()
    {
        on.raw.run(&format!("UPDATE accounts SET {change} WHERE id = '{}'", fixture.pupils[place])).await;
    }
    // The seventh is in another class than the teacher's.
    on.raw.run(&format!("DELETE FROM enrolments WHERE account_id = '{}'", fixture.pupils[6])).await;
    let teacher = Actor { role: Role::Teacher, person: Some(fixture.pupils[5]), ..fixture.admin() };
    on.raw.run(&format!("UPDATE enrolments SET role = 'teacher' WHERE account_id = '{}'", fixture.pupils[5])).await;
    let everybody: Vec<AccountId> = fixture.pupils.clone();
    for actor in [fixture.admin(), teacher] {
        let rows: Vec<Meant> =
            everybody.iter().map(|id| Meant { account: Some(*id), username: String::new() }).collect();
        let said: Vec<Option<Code>> = on
            .ledger
            .meant(&actor, &rows, None)
            .await
            .expect("a look-up")
            .into_iter()
            .map(|found| found.expect("somebody").code)
            .collect();
        // What the expansion makes of the same accounts.
        let id = TaskId::fresh();
        let new = NewTask {
            id,
            actor: actor.clone(),
            request: asked(),
            named: everybody.clone(),
            shared: None,
            uploaded: Vec::new(),
            idempotency: Idempotency {
                producer: "console".to_owned(),
                key: id.to_string(),
                fingerprint: "f".to_owned(),
            },
            reissue: None,
            trial: None,
        };
        assert_eq!(on.ledger.accept(new).await, Ok(Acceptance::Accepted(id)));
        expand(&*on.ledger, id).await;
        let items = on.ledger.items(fixture.district.id, id, ItemFilter::default(), 100).await.expect("items");
        let expanded: Vec<Option<Code>> = everybody
            .iter()
            .map(|account| items.iter().find(|item| item.account == *account).expect("an item").code)
            .collect();
        assert_eq!(said, expanded, "{:?}", actor.role);
        let (s05, s09) = if actor.person.is_some() { (Some(Code::S05), Some(Code::S09)) } else { (None, None) };
        assert_eq!(said[..4], [Some(Code::S01), Some(Code::S03), Some(Code::S02), Some(Code::S04)]);
        assert_eq!(said[4..], [Some(Code::E10), s05, s09]);
    }
}

async fn usernames_have_owners_in_any_case_and_form(on: &TestLedger) {
    let (fixture, _other) = (district_with(&*on.ledger, 3).await, district_with(&*on.ledger, 5).await);
    let keys: Vec<String> = ["P1", "\u{ff50}3", "p5", "free"].iter().map(|name| username_key(name)).collect();
    let mut owners = on.ledger.name_owners(fixture.district.id, &keys).await.expect("owners");
    owners.sort();
    assert_eq!(owners, [("p1".to_owned(), fixture.pupils[0]), ("p3".to_owned(), fixture.pupils[2])]);
    assert!(on.ledger.name_owners(fixture.district.id, &[]).await.expect("owners").is_empty());
    // Nobody is called as another one is in the roster: requests name people by both.
    let id = on.raw.text(&format!("SELECT source_id FROM accounts WHERE id = '{}'", fixture.pupils[1])).await;
    let owners = on.ledger.name_owners(fixture.district.id, std::slice::from_ref(&id)).await.expect("owners");
    assert_eq!(owners, [(username_key(&id), fixture.pupils[1])]);
}
