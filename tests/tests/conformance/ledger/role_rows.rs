//! People whose roles are rows of their own, and changes of those.

use keybell_shared::eligibility::Ranks;
use keybell_shared::ids::DistrictId;
use keybell_shared::ports::ledger::RowFate::{
    Created, Dangling, Inactive, Outranked, Partial, Unchanged, Unsaid, Updated,
};
use keybell_shared::ports::ledger::{
    Changed, KeyLedger as _, Membership, Organisation, Person, PersonChange, RosterLedger, RowFate, School,
};
use keybell_shared::standing::{RoleChange, RoleRow, role_key};
use keybell_tests::ledgers::{TestLedger, pupil};
use keybell_tests::on_both;

on_both!(
    a_change_of_one_role_leaves_the_others,
    a_person_alone_keeps_every_role,
    nobody_is_made_of_nothing,
    roles_that_came_from_elsewhere_are_not_changed_one_by_one,
    who_loses_the_last_role_keeps_what_they_were,
    who_leaves_becomes_inactive_whatever_is_known_of_the_roles,
    what_was_said_before_is_no_change,
    whoever_else_changes_a_person_ends_what_is_kept,
    a_refused_person_keeps_the_roles,
    an_assumed_role_makes_nobody_less_by_a_row_of_their_roles,
    rows_of_roles_alone_change_no_name,
    one_person_twice_in_a_batch_has_both_changes,
    guardians_are_known_by_any_of_their_roles,
    organisations_are_kept_until_they_are_schools,
    two_imports_of_changes_lose_none,
    changes_find_what_large_batches_kept,
);

async fn district(test: &TestLedger) -> DistrictId {
    let id = test.ledger.ensure_district("riverside", "Riverside").await.expect("a district").id;
    let school = |id: &str| School { source_id: id.to_owned(), name: id.to_owned(), active: true };
    test.ledger.put_schools(id, &[school("s1"), school("s2"), school("s3")]).await.expect("schools");
    id
}

fn row(id: &str, role: &str, school: &str) -> RoleRow {
    let school = Some(school.to_owned()).filter(|school| !school.is_empty());
    RoleRow { key: role_key(id), role: role.to_owned(), school, primary: false }
}

/// A person of whom no role is said yet.
fn person(n: usize) -> Person {
    Person { role: String::new(), rank: 0, memberships: Vec::new(), ..pupil(n) }
}

fn whole(n: usize, rows: Vec<RoleRow>) -> PersonChange {
    let person = person(n);
    PersonChange {
        source_id: person.source_id.clone(),
        person: Some(person),
        roles: RoleChange::Whole { rows, kept: true },
    }
}

/// Changes of the roles of a person alone.
fn roles(n: usize, put: Vec<RoleRow>, gone: &[&str]) -> PersonChange {
    let gone = gone.iter().map(|id| role_key(id)).collect();
    PersonChange { source_id: person(n).source_id, person: None, roles: RoleChange::Some { put, gone } }
}

/// A person with changes of their roles.
fn changed(person: Person, put: Vec<RoleRow>, gone: &[&str]) -> PersonChange {
    let gone = gone.iter().map(|id| role_key(id)).collect();
    PersonChange { source_id: person.source_id.clone(), person: Some(person), roles: RoleChange::Some { put, gone } }
}

async fn put(test: &TestLedger, district: DistrictId, rows: &[PersonChange]) -> Vec<Changed> {
    test.ledger.change_people(district, &Ranks::default(), rows).await.expect("changes")
}

async fn fates(test: &TestLedger, district: DistrictId, rows: &[PersonChange]) -> Vec<RowFate> {
    put(test, district, rows).await.into_iter().map(|changed| changed.fate).collect()
}

/// Role, rank, school and places of a person.
async fn standing(test: &TestLedger, n: usize) -> Vec<String> {
    let id = person(n).source_id;
    let rows = test
        .raw
        .rows(
            "SELECT a.source_id, a.role, a.rank, s.source_id FROM accounts a LEFT JOIN schools s ON s.id = a.school_id
             ORDER BY a.source_id",
        )
        .await;
    let mut said: Vec<String> = rows.into_iter().filter(|row| row[0] == id).flat_map(|row| row[1..].to_vec()).collect();
    let places = test
        .raw
        .rows(
            "SELECT a.source_id, m.role || '@' || s.source_id FROM memberships m JOIN schools s ON s.id = m.school_id
             JOIN accounts a ON a.id = m.account_id ORDER BY s.source_id, m.role",
        )
        .await;
    said.extend(places.into_iter().filter(|row| row[0] == id).map(|row| row[1].clone()));
    said
}

async fn a_change_of_one_role_leaves_the_others(test: &TestLedger) {
    let district = district(test).await;
    let two = vec![row("r1", "teacher", "s1"), row("r2", "parent", "s2"), row("r3", "districtAdministrator", "")];
    assert_eq!(fates(test, district, &[whole(1, two)]).await, [Created]);
    assert_eq!(standing(test, 1).await, ["districtAdministrator", "50", "s1", "teacher@s1", "parent@s2"]);
    // One of three is gone, one moves, and one is new; each change finds what the last one left.
    assert_eq!(fates(test, district, &[roles(1, vec![], &["r3"])]).await, [Updated]);
    assert_eq!(standing(test, 1).await, ["teacher", "30", "s1", "teacher@s1", "parent@s2"]);
    assert_eq!(fates(test, district, &[roles(1, vec![row("r1", "teacher", "s3")], &[])]).await, [Updated]);
    assert_eq!(standing(test, 1).await, ["teacher", "30", "s3", "parent@s2", "teacher@s3"]);
    let with_name =
        changed(Person { given_name: "New".to_owned(), ..person(1) }, vec![row("r4", "student", "s1")], &[]);
    assert_eq!(fates(test, district, &[with_name]).await, [Updated]);
    assert_eq!(standing(test, 1).await, ["teacher", "30", "s3", "student@s1", "parent@s2", "teacher@s3"]);
    assert_eq!(fates(test, district, &[roles(1, vec![], &["r1", "never"])]).await, [Updated]);
    assert_eq!(standing(test, 1).await, ["parent", "10", "s2", "student@s1", "parent@s2"]);
    assert_eq!(test.raw.column("SELECT given_name FROM accounts").await, ["New"]);
}

async fn a_person_alone_keeps_every_role(test: &TestLedger) {
    let district = district(test).await;
    put(test, district, &[whole(1, vec![row("r1", "student", "s1"), row("r2", "principal", "s2")])]).await;
    let moved = Person { grade: Some("06".to_owned()), ..person(1) };
    assert_eq!(fates(test, district, &[changed(moved.clone(), vec![], &[])]).await, [Updated]);
    assert_eq!(standing(test, 1).await, ["principal", "40", "s1", "student@s1", "principal@s2"]);
    assert_eq!(fates(test, district, &[changed(moved, vec![], &[])]).await, [Unchanged]);
    assert_eq!(test.raw.column("SELECT grade FROM accounts").await, ["06"]);
}

async fn nobody_is_made_of_nothing(test: &TestLedger) {
    let district = district(test).await;
    let gone = Person { active: false, ..person(2) };
    let rows = [
        changed(person(1), vec![], &[]),
        changed(gone, vec![], &["r1"]),
        roles(3, vec![row("r2", "student", "s1")], &[]),
        roles(4, vec![], &["r3"]),
        changed(person(5), vec![row("r4", "student", "nowhere")], &[]),
        changed(person(6), vec![row("r5", "student", "s1")], &[]),
    ];
    assert_eq!(fates(test, district, &rows).await, [Unsaid, Inactive, Dangling, Inactive, Dangling, Created]);
    assert_eq!(test.raw.column("SELECT source_id FROM accounts").await, [person(6).source_id]);
    assert_eq!(test.raw.number("SELECT count(*) FROM accounts WHERE told IS NOT NULL").await, 1);
}

async fn roles_that_came_from_elsewhere_are_not_changed_one_by_one(test: &TestLedger) {
    let district = district(test).await;
    let teacher = Person { role: "teacher".to_owned(), rank: 30, ..pupil(1) };
    test.ledger.put_people(district, &[teacher]).await.expect("people");
    let before = standing(test, 1).await;
    let student = || vec![row("r1", "student", "s2")];
    assert_eq!(fates(test, district, &[roles(1, student(), &[])]).await, [Partial]);
    assert_eq!(fates(test, district, &[roles(1, vec![], &["r1"])]).await, [Partial]);
    assert_eq!(fates(test, district, &[changed(person(1), student(), &[])]).await, [Partial]);
    assert_eq!(standing(test, 1).await, before);
    // What is said of the person alone goes in, and the role stays.
    let named = Person { family_name: "Else".to_owned(), ..person(1) };
    assert_eq!(fates(test, district, &[changed(named, vec![], &[])]).await, [Updated]);
    assert_eq!(standing(test, 1).await, before);
    // Once everything was told, changes are understood.
    assert_eq!(fates(test, district, &[whole(1, vec![row("r0", "teacher", "s1")])]).await, [Updated]);
    assert_eq!(fates(test, district, &[roles(1, student(), &[])]).await, [Updated]);
    assert_eq!(standing(test, 1).await, ["teacher", "30", "s1", "teacher@s1", "student@s2"]);
}

async fn who_loses_the_last_role_keeps_what_they_were(test: &TestLedger) {
    let district = district(test).await;
    put(test, district, &[whole(1, vec![row("r1", "teacher", "s1")])]).await;
    let answer = put(test, district, &[roles(1, vec![], &["r1"])]).await;
    assert_eq!(answer, [Changed { fate: Updated, kin: false, roleless: true }]);
    assert_eq!(standing(test, 1).await, ["teacher", "30", "NULL"]);
    assert_eq!(fates(test, district, &[changed(person(1), vec![], &[])]).await, [Updated]);
    assert_eq!(standing(test, 1).await, ["teacher", "30", "NULL"]);
    assert_eq!(fates(test, district, &[roles(1, vec![row("r2", "student", "s2")], &[])]).await, [Updated]);
    assert_eq!(standing(test, 1).await, ["student", "10", "s2", "student@s2"]);
}

async fn who_leaves_becomes_inactive_whatever_is_known_of_the_roles(test: &TestLedger) {
    let district = district(test).await;
    put(test, district, &[whole(1, vec![row("r1", "teacher", "s1")])]).await;
    test.ledger.put_people(district, &[pupil(2)]).await.expect("people");
    let left = |n| Person { active: false, ..person(n) };
    let rows = [changed(left(1), vec![], &["r1"]), changed(left(2), vec![], &["r2"])];
    assert_eq!(fates(test, district, &rows).await, [Inactive, Inactive]);
    assert_eq!(test.raw.number("SELECT count(*) FROM accounts WHERE active").await, 0);
    // They keep what they were, also when they come back without a word about it.
    assert_eq!(standing(test, 1).await, ["teacher", "30", "s1", "teacher@s1"]);
    assert_eq!(fates(test, district, &[changed(person(1), vec![], &[])]).await, [Updated]);
    assert_eq!(standing(test, 1).await, ["teacher", "30", "s1", "teacher@s1"]);
}

async fn what_was_said_before_is_no_change(test: &TestLedger) {
    let district = district(test).await;
    let rows = || vec![row("r1", "teacher", "s1"), row("r2", "parent", "")];
    assert_eq!(fates(test, district, &[whole(1, rows())]).await, [Created]);
    assert_eq!(fates(test, district, &[whole(1, rows())]).await, [Unchanged]);
    assert_eq!(fates(test, district, &[roles(1, rows(), &["never"])]).await, [Unchanged]);
    assert_eq!(fates(test, district, &[changed(person(1), rows(), &[])]).await, [Unchanged]);
    // Another id of a row, or a role that changes neither rank nor place, is a change all the same, and is kept.
    let other = vec![row("r1", "teacher", "s1"), row("r9", "parent", "")];
    assert_eq!(fates(test, district, &[whole(1, other)]).await, [Updated]);
    assert_eq!(fates(test, district, &[roles(1, vec![], &["r2"])]).await, [Unchanged]);
    assert_eq!(fates(test, district, &[roles(1, vec![], &["r9"])]).await, [Updated]);
    assert_eq!(fates(test, district, &[roles(1, vec![], &["r9"])]).await, [Unchanged]);
    // Another word about who is unprivileged is written, whatever the rows say.
    let ranks = Ranks::with_unprivileged(&["student".to_owned(), "teacher".to_owned()]);
    let changed = test.ledger.change_people(district, &ranks, &[roles(1, vec![], &[])]).await.expect("changes");
    assert_eq!((changed[0].fate, standing(test, 1).await[1].as_str()), (Updated, "10"));
}

async fn whoever_else_changes_a_person_ends_what_is_kept(test: &TestLedger) {
    let district = district(test).await;
    put(test, district, &[whole(1, vec![row("r1", "student", "s1")])]).await;
    let principal = Person { role: "principal".to_owned(), rank: 40, ..pupil(1) };
    assert_eq!(test.ledger.put_people(district, &[principal]).await.expect("people"), [Updated]);
    assert_eq!(fates(test, district, &[roles(1, vec![row("r2", "student", "s2")], &[])]).await, [Partial]);
    assert_eq!(standing(test, 1).await[..2], ["principal", "40"]);
}

async fn a_refused_person_keeps_the_roles(test: &TestLedger) {
    let district = district(test).await;
    put(test, district, &[whole(1, vec![row("r1", "teacher", "s1")]), whole(2, vec![row("r2", "student", "s1")])])
        .await;
    let thief = Person { username: person(2).username, ..person(1) };
    assert_eq!(
        fates(test, district, &[changed(thief, vec![row("r1", "student", "s2")], &[])]).await,
        [RowFate::UsernameTaken]
    );
    assert_eq!(standing(test, 1).await, ["teacher", "30", "s1", "teacher@s1"]);
    assert_eq!(fates(test, district, &[roles(1, vec![row("r1", "student", "nowhere")], &[])]).await, [Dangling]);
    assert_eq!(fates(test, district, &[roles(1, vec![row("r1", "teacher", "s1")], &[])]).await, [Unchanged]);
}

async fn an_assumed_role_makes_nobody_less_by_a_row_of_their_roles(test: &TestLedger) {
    let district = district(test).await;
    let contact = |n: usize| {
        let change = whole(n, vec![row("", "guardian", "")]);
        let person = change.person.map(|person| Person { role_assumed: true, ..person });
        PersonChange { person, ..change }
    };
    put(test, district, &[whole(1, vec![row("r1", "teacher", "s1")]), whole(2, vec![row("r2", "parent", "")])]).await;
    assert_eq!(fates(test, district, &[contact(1), contact(2), contact(3)]).await, [Outranked, Updated, Created]);
    put(test, district, &[whole(4, vec![row("r4", "student", "s1")])]).await;
    assert_eq!(fates(test, district, &[contact(4)]).await, [Outranked], "no pupil becomes a guardian by it");
    assert_eq!(standing(test, 1).await, ["teacher", "30", "s1", "teacher@s1"]);
    assert_eq!(standing(test, 3).await[..2], ["guardian", "10"]);
    assert_eq!(fates(test, district, &[roles(1, vec![row("r1", "teacher", "s1")], &[])]).await, [Unchanged]);
    assert!(put(test, district, &[contact(3)]).await[0].kin, "who is assumed to be a guardian can be linked as one");
}

async fn rows_of_roles_alone_change_no_name(test: &TestLedger) {
    let district = district(test).await;
    let pupil = |n: usize, key: &str| whole(n, vec![row(key, "student", "s1")]);
    put(test, district, &[pupil(1, "r1"), pupil(2, "r2")]).await;
    // Who leaves keeps their name when the row says another person's.
    let leaves = |key: &str| {
        let change = pupil(1, key);
        let person = change.person.map(|one| Person { active: false, username: person(2).username, ..one });
        PersonChange { person, ..change }
    };
    assert_eq!(fates(test, district, &[leaves("r1")]).await, [Inactive]);
    assert_eq!(fates(test, district, &[leaves("another")]).await, [Inactive]);
    let names = test.raw.column("SELECT username FROM accounts ORDER BY source_id").await;
    assert_eq!(names, [person(1).username, person(2).username]);
}

async fn one_person_twice_in_a_batch_has_both_changes(test: &TestLedger) {
    let district = district(test).await;
    put(test, district, &[whole(1, vec![row("r1", "student", "s1")])]).await;
    let twice = [roles(1, vec![row("r2", "teacher", "s2")], &[]), roles(1, vec![], &["r1"])];
    assert_eq!(fates(test, district, &twice).await, [Updated, Updated]);
    assert_eq!(standing(test, 1).await, ["teacher", "30", "s2", "teacher@s2"]);
    assert_eq!(fates(test, district, &[roles(1, vec![row("r2", "teacher", "s2")], &["r1"])]).await, [Unchanged]);
}

async fn guardians_are_known_by_any_of_their_roles(test: &TestLedger) {
    let district = district(test).await;
    let rows = [
        whole(1, vec![row("r1", "teacher", "s1"), row("r2", "parent", "")]),
        whole(2, vec![row("r3", "teacher", "s1")]),
        whole(3, vec![row("r4", "student", "s1")]),
    ];
    let kin: Vec<bool> = put(test, district, &rows).await.into_iter().map(|changed| changed.kin).collect();
    assert_eq!(kin, [true, false, false]);
    assert!(put(test, district, &[changed(person(1), vec![], &[])]).await[0].kin);
    let aunt = Membership { school: "s1".to_owned(), role: "relative".to_owned() };
    let aunt = Person { role: "teacher".to_owned(), rank: 30, memberships: vec![aunt], ..pupil(4) };
    test.ledger.put_people(district, &[aunt, pupil(5)]).await.expect("people");
    let mut asked: Vec<String> = (1..=6).map(|n| person(n).source_id).collect();
    let mut others = test.ledger.not_kin(district, &asked).await.expect("people");
    others.sort();
    asked.retain(|id| [2, 3, 5].iter().any(|n| person(*n).source_id == *id));
    assert_eq!(others, asked);
}

async fn organisations_are_kept_until_they_are_schools(test: &TestLedger) {
    let (ledger, district) = (&test.ledger, district(test).await);
    let other = ledger.ensure_district("lakeside", "Lakeside").await.expect("a district").id;
    let organisation = |id: &str, is_district| Organisation {
        place: School { source_id: id.to_owned(), name: format!("The {id}"), active: true },
        is_district,
    };
    let both = [organisation("bus", false), organisation("d", true)];
    ledger.put_organisations(district, &both).await.expect("kept");
    ledger.put_organisations(district, &[organisation("bus", false)]).await.expect("kept again");
    assert_eq!(ledger.organisations(district).await.expect("kept"), both);
    assert_eq!(ledger.organisations(other).await.expect("none"), []);
    ledger.put_schools(district, &[both[0].place.clone()]).await.expect("a school");
    assert_eq!(ledger.organisations(district).await.expect("kept"), both[1..]);
}

async fn two_imports_of_changes_lose_none(test: &TestLedger) {
    let district = district(test).await;
    put(test, district, &[whole(1, vec![row("r0", "student", "s1")])]).await;
    let one = [roles(1, vec![row("r1", "teacher", "s1")], &[])];
    let other = [roles(1, vec![row("r2", "principal", "s2")], &[])];
    let (one, other) = tokio::join!(fates(test, district, &one), fates(test, district, &other));
    assert_eq!((one, other), (vec![Updated], vec![Updated]));
    assert_eq!(standing(test, 1).await, ["principal", "40", "s1", "student@s1", "teacher@s1", "principal@s2"]);
}

async fn changes_find_what_large_batches_kept(test: &TestLedger) {
    let district = district(test).await;
    let pupils = |from: usize| -> Vec<PersonChange> {
        (from..from + 300).map(|n| whole(n, vec![row(&format!("r{n}"), "student", "s1")])).collect()
    };
    assert_eq!(fates(test, district, &pupils(0)).await, [Created; 300]);
    assert_eq!(fates(test, district, &pupils(300)).await, [Created; 300]);
    // Among new people two who are known: one says what was said, one has another role.
    let mut more = pupils(600);
    more[100] = whole(5, vec![row("r5", "student", "s1")]);
    more[200] = whole(6, vec![row("r6", "teacher", "s2")]);
    let mut expected = [Created; 300];
    (expected[100], expected[200]) = (Unchanged, Updated);
    assert_eq!(fates(test, district, &more).await, expected);
    assert_eq!(test.raw.number("SELECT count(*) FROM accounts WHERE told IS NOT NULL").await, 898);
    for n in [5, 6, 400, 899] {
        let added = roles(n, vec![row("more", "guardian", "s3")], &[]);
        assert_eq!(fates(test, district, &[added]).await, [Updated], "{n}");
    }
    assert_eq!(standing(test, 6).await, ["teacher", "30", "s2", "teacher@s2", "guardian@s3"]);
    assert_eq!(standing(test, 899).await, ["student", "10", "s1", "student@s1", "guardian@s3"]);
    // What is kept of many who change is kept of what they are then.
    let moved: Vec<PersonChange> = (0..300).map(|n| whole(n, vec![row(&format!("r{n}"), "student", "s2")])).collect();
    assert_eq!(fates(test, district, &moved).await, [Updated; 300]);
    assert_eq!(fates(test, district, &[roles(7, vec![], &["r7"])]).await, [Updated]);
    assert_eq!(standing(test, 7).await, ["student", "10", "NULL"]);
}
