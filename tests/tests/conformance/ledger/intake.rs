//! Accepting requests.

use keybell_shared::actor::{Actor, Role};
use keybell_shared::codes::Code;
use keybell_shared::eligibility::Decision;
use keybell_shared::ids::TaskId;
use keybell_shared::ports::ledger::{
    Acceptance, AccountFilter, DirectoryLedger as _, Idempotency, IntakeLedger as _, ItemFilter, Membership, NewTask,
    Person, ResetOutcome, RosterLedger as _, School, TaskLedger as _,
};
use keybell_tests::ledgers::{TestLedger, district_with, pupil, request, task};
use keybell_tests::on_both;
use serde_json::json;

use super::flow::reset;

on_both!(
    a_repeated_request_is_one_task,
    two_at_the_same_time_become_one_task,
    names_are_resolved_and_unknown_ones_listed,
    a_name_that_means_two_people_means_nobody,
    unknown_schools_classes_grades_and_types_are_listed,
    a_preview_counts_by_code,
    a_teacher_reaches_the_own_classes_only,
    a_principal_reaches_the_own_school_only,
);

fn new_task(actor: &Actor, key: &str, fingerprint: &str) -> NewTask {
    NewTask {
        id: TaskId::fresh(),
        actor: actor.clone(),
        request: request(json!({"selection": {"scope": "all"}})),
        named: Vec::new(),
        shared: None,
        uploaded: Vec::new(),
        idempotency: Idempotency {
            producer: actor.name.clone(),
            key: key.to_owned(),
            fingerprint: fingerprint.to_owned(),
        },
        reissue: None,
        trial: None,
    }
}

async fn a_repeated_request_is_one_task(on: &TestLedger) {
    let actor = district_with(&*on.ledger, 2).await.admin();
    let first = new_task(&actor, "k1", "same");
    assert_eq!(on.ledger.accept(first.clone()).await, Ok(Acceptance::Accepted(first.id)));
    assert_eq!(on.ledger.accept(new_task(&actor, "k1", "same")).await, Ok(Acceptance::Repeated(first.id)));
    assert_eq!(on.ledger.accept(new_task(&actor, "k1", "other")).await, Ok(Acceptance::Mismatch));
    let known = |key: &str, fingerprint: &str| new_task(&actor, key, fingerprint).idempotency;
    let repeated = on.ledger.known(actor.district, &known("k1", "same")).await;
    assert_eq!(repeated, Ok(Some(Acceptance::Repeated(first.id))));
    assert_eq!(on.ledger.known(actor.district, &known("k1", "other")).await, Ok(Some(Acceptance::Mismatch)));
    assert_eq!(on.ledger.known(actor.district, &known("k2", "same")).await, Ok(None));
    // The key is the caller's own, and the district's own.
    let stranger = district_with(&*on.ledger, 1).await.admin();
    let theirs = new_task(&stranger, "k1", "other");
    assert_eq!(on.ledger.accept(theirs.clone()).await, Ok(Acceptance::Accepted(theirs.id)));
    assert_eq!(on.raw.number("SELECT count(*) FROM tasks").await, 2);
    assert_eq!(on.ledger.tasks(actor.district, None, None, 10).await.expect("tasks").len(), 1);
    assert!(on.ledger.task(stranger.district, first.id).await.expect("an answer").is_none(), "another district's");
}

async fn two_at_the_same_time_become_one_task(on: &TestLedger) {
    let actor = district_with(&*on.ledger, 2).await.admin();
    let other = on.another_or_same().await;
    for round in 0..10 {
        let key = format!("k{round}");
        let (left, right) = tokio::join!(
            on.ledger.accept(new_task(&actor, &key, "same")),
            other.accept(new_task(&actor, &key, "same"))
        );
        let id = |acceptance: Acceptance| match acceptance {
            Acceptance::Accepted(id) | Acceptance::Repeated(id) => id,
            Acceptance::Mismatch | Acceptance::OverQuota(_) | Acceptance::Started(_) => {
                panic!("the same request, and no producer's")
            }
        };
        assert_eq!(id(left.expect("left")), id(right.expect("right")));
    }
    assert_eq!(on.raw.number("SELECT count(*) FROM tasks").await, 10);
}

async fn names_are_resolved_and_unknown_ones_listed(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 4).await;
    let names = ["P1".to_owned(), "p2".to_owned(), fixture.pupils[2].to_string(), "p1".to_owned(), "nobody".to_owned()];
    let resolved = on.ledger.resolve_accounts(fixture.district.id, &names).await.expect("resolved");
    let mut found = resolved.found;
    found.sort();
    assert_eq!(found, fixture.pupils[..3]);
    assert_eq!(resolved.unknown, ["nobody"]);
    let stranger = district_with(&*on.ledger, 1).await;
    let theirs = [fixture.pupils[0].to_string()];
    let resolved = on.ledger.resolve_accounts(stranger.district.id, &theirs).await.expect("resolved");
    assert!(resolved.found.is_empty(), "an account of another district is as unknown as one that does not exist");
}

async fn a_name_that_means_two_people_means_nobody(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    let (own, other) = ("stu-0", "stu-1");
    for (n, id) in [(0, own), (1, other)] {
        let account = fixture.pupils[n];
        on.raw.run(&format!("UPDATE accounts SET source_id = '{id}' WHERE id = '{account}'")).await;
    }
    let call = async |name: &str| {
        let key = keybell_shared::fold::username_key(name);
        let account = fixture.pupils[0];
        on.raw
            .run(&format!("UPDATE accounts SET username = '{name}', username_key = '{key}' WHERE id = '{account}'"))
            .await;
    };
    let resolve =
        async |name: &str| on.ledger.resolve_accounts(fixture.district.id, &[name.to_owned()]).await.expect("resolved");
    // One's own roster id as username is usual.
    call(own).await;
    assert_eq!(resolve(own).await.found, [fixture.pupils[0]]);
    call(other).await;
    let resolved = resolve(other).await;
    assert!(resolved.found.is_empty(), "the wrong person would get a new password");
    assert!(resolved.unknown[0].contains("give the account id"), "{:?}", resolved.unknown);
    // An account's id means that account, whatever somebody else is called.
    let account = fixture.pupils[1].to_string();
    call(&account).await;
    assert_eq!(resolve(&account).await.found, [fixture.pupils[1]]);
}

async fn unknown_schools_classes_grades_and_types_are_listed(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 4).await;
    let asked = request(json!({"selection": {"scope": "all", "where": {
        "schools": ["s1", "North School", "South"], "classes": ["c1", "1a", "9z"], "grades": ["05", "13"],
        "user_types": ["student", "pirate"], "graduation_years": [1999], "groups": ["chess"],
        "family_name_prefix": ["zz"]}}}));
    let unknown = on.ledger.unknown_names(fixture.district.id, &asked.selection).await.expect("an answer");
    let expected = [
        ("schools", "South"),
        ("classes", "9z"),
        ("grades", "13"),
        ("user_types", "pirate"),
        ("graduation_years", "1999"),
        ("groups", "chess"),
    ];
    assert_eq!(unknown, expected.map(|(field, name)| (field, name.to_owned())));
}

async fn a_preview_counts_by_code(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 9).await;
    let p = &fixture.pupils;
    on.raw.run(&format!("UPDATE accounts SET managed_by = 'clever' WHERE id = '{}'", p[0])).await;
    on.raw.run(&format!("UPDATE accounts SET active = FALSE WHERE id IN ('{}', '{}')", p[1], p[2])).await;
    on.raw.run(&format!("UPDATE accounts SET protected = TRUE WHERE id = '{}'", p[3])).await;
    let asked = request(json!({"selection": {"scope": "without_role"}}));
    let preview = on.ledger.preview(&fixture.admin(), &asked, &[]).await.expect("a preview");
    // Nine pupils and three guardians, less one, two and one.
    assert_eq!(preview.eligible, 8);
    assert_eq!(preview.skipped, [(Code::S01, 1), (Code::S03, 2), (Code::S04, 1)]);
    let named = request(json!({"selection": {"scope": "all_except", "accounts": ["p9"]}}));
    let preview = on.ledger.preview(&fixture.admin(), &named, &[p[8]]).await.expect("a preview");
    assert_eq!(preview.eligible + preview.skipped.iter().map(|(_, n)| n).sum::<u64>(), 12, "all but one of thirteen");
}

async fn a_teacher_reaches_the_own_classes_only(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 6).await;
    let teacher = Actor { role: Role::Teacher, person: Some(fixture.teacher), name: "t".to_owned(), ..fixture.admin() };
    on.raw.run(&format!("DELETE FROM enrolments WHERE account_id = '{}'", fixture.pupils[0])).await;
    let all = request(json!({"selection": {"scope": "all"}}));
    let preview = on.ledger.preview(&teacher, &all, &[]).await.expect("a preview");
    // Five pupils of the class; the teacher is in the class, too, and is nobody's to reset by themselves.
    assert_eq!((preview.eligible, preview.skipped), (5, vec![(Code::S05, 1)]));
    let selected = request(json!({"selection": {"scope": "selected", "accounts": ["p1"]}}));
    let preview = on.ledger.preview(&teacher, &selected, &fixture.pupils[..1]).await.expect("a preview");
    assert_eq!((preview.eligible, preview.skipped), (0, vec![(Code::S09, 1)]));
}

/// The head of the northern school has a child at the southern one, and a teacher of the southern school one at the northern:
/// neither makes a school somebody's own.
async fn a_principal_reaches_the_own_school_only(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let district = fixture.district.id;
    let south = School { source_id: "s2".to_owned(), name: "South School".to_owned(), active: true };
    on.ledger.put_schools(district, &[south]).await.expect("a school");
    let at = |places: &[(&str, &str)]| {
        let place = |(school, role): &(&str, &str)| Membership { school: (*school).into(), role: (*role).into() };
        places.iter().map(place).collect::<Vec<_>>()
    };
    let staff = |n: usize, role: &str, rank: i32, places: &[(&str, &str)]| Person {
        role: role.to_owned(),
        rank,
        grade: None,
        memberships: at(places),
        ..pupil(n)
    };
    let people = [
        Person { memberships: at(&[("s2", "student")]), ..pupil(2) },
        staff(70, "principal", 40, &[("s1", "principal"), ("s2", "parent")]),
        staff(71, "teacher", 30, &[("s2", "teacher"), ("s1", "guardian")]),
        staff(72, "districtAdministrator", 50, &[("s1", "districtAdministrator")]),
    ];
    on.ledger.put_people(district, &people).await.expect("people");
    let head = on.ledger.resolve_accounts(district, &["p70".to_owned()]).await.expect("resolved").found[0];
    let actor = Actor { role: Role::Principal, person: Some(head), name: "head".to_owned(), ..fixture.admin() };
    let found = on.ledger.search(&actor, &AccountFilter::default(), None, 50).await.expect("a page").accounts;
    let mut found: Vec<_> = found.into_iter().map(|account| account.username).collect();
    found.sort_unstable();
    assert_eq!(found, ["p1", "p70", "t1"]);
    let codes = async |selection: serde_json::Value| {
        let meant = task(&*on.ledger, &actor, request(json!({"selection": selection}))).await;
        let items = on.ledger.items(district, meant, ItemFilter::default(), 50).await.expect("items");
        let mut codes: Vec<_> = items.iter().map(|item| (item.username.clone(), item.code)).collect();
        codes.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        (items, codes.into_iter().map(|(name, code)| format!("{name} {code:?}")).collect::<Vec<_>>())
    };
    let (_, all) = codes(json!({"scope": "all"})).await;
    assert_eq!(all, ["p1 None", "p70 Some(S05)", "p72 Some(E10)", "t1 None"]);
    let (named, said) = codes(json!({"scope": "selected", "accounts": ["p1", "p2", "p71", "p72"]})).await;
    assert_eq!(said, ["p1 None", "p2 Some(S09)", "p71 Some(S09)", "p72 Some(E10)"]);
    // Looked at again at the reset itself: the pupil has moved meanwhile.
    let moved = Person { memberships: at(&[("s2", "student")]), ..pupil(1) };
    on.ledger.put_people(district, &[moved]).await.expect("people");
    let open: Vec<_> = named.iter().filter(|item| item.code.is_none()).map(|item| item.id).collect();
    let outcomes = reset(on, &open).await;
    let left = [(open[0], ResetOutcome::NotChanged(Decision::Skip(Code::S09)))];
    assert_eq!(outcomes, left, "outside the school by now");
}
