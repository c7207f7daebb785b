//! Batches of a roster that are large enough to be written by two transactions at the same time: to everybody they are one.

use keybell_shared::ids::DistrictId;
use keybell_shared::ports::ledger::RowFate::{Created, Dangling, Inactive, Unchanged, Updated, UsernameTaken};
use keybell_shared::ports::ledger::{Class, Enrolment, KeyLedger, Membership, Person, RosterLedger, RowFate, School};
use keybell_tests::ledgers::{TestLedger, guardian, pupil};
use keybell_tests::on_both;

use super::flow::until;

on_both!(
    everybody_of_a_large_batch_has_their_own_fate,
    who_is_known_is_found_among_many_who_are_new,
    usernames_are_passed_on_within_a_large_batch,
    of_two_who_want_one_name_the_first_gets_it,
    a_name_that_is_taken_behind_a_large_batch_stays,
    guardians_of_many_pupils_are_told_in_order,
    enrolments_come_in_any_order,
    a_class_may_have_everybody,
    somebody_new_may_be_in_a_class_already,
);

/// Enough for two transactions with a hundred rows and more each.
const MANY: usize = 600;

async fn district(test: &TestLedger) -> DistrictId {
    let id = test.ledger.ensure_district("riverside", "Riverside").await.expect("a district").id;
    let school = School { source_id: "s1".to_owned(), name: "North".to_owned(), active: true };
    test.ledger.put_schools(id, &[school]).await.expect("a school");
    id
}

fn called(n: usize, username: &str) -> Person {
    Person { username: username.to_owned(), ..pupil(n) }
}

async fn put(test: &TestLedger, district: DistrictId, people: &[Person]) -> Vec<RowFate> {
    test.ledger.put_people(district, people).await.expect("people")
}

/// The username of each of these people.
async fn usernames(test: &TestLedger, people: &[&str]) -> Vec<String> {
    let names = people.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(",");
    test.raw
        .column(&format!(
            "SELECT source_id || '=' || username_key FROM accounts WHERE source_id IN ({names}) ORDER BY length(source_id), source_id"
        ))
        .await
}

async fn everybody_of_a_large_batch_has_their_own_fate(test: &TestLedger) {
    let district = district(test).await;
    let mut people: Vec<Person> = (0..MANY).map(pupil).collect();
    for person in people.iter_mut().step_by(7) {
        person.memberships = vec![Membership { school: "nowhere".to_owned(), role: "student".to_owned() }];
    }
    let expected: Vec<RowFate> = (0..MANY).map(|n| if n % 7 == 0 { Dangling } else { Created }).collect();
    assert_eq!(put(test, district, &people).await, expected);
    let expected: Vec<RowFate> = (0..MANY).map(|n| if n % 7 == 0 { Dangling } else { Unchanged }).collect();
    assert_eq!(put(test, district, &people).await, expected);
    for (n, person) in people.iter_mut().enumerate() {
        person.memberships = pupil(n).memberships;
        person.active = n % 5 != 0;
        person.grade = Some(if n % 3 == 0 { "06" } else { "05" }.to_owned());
    }
    let expected: Vec<RowFate> = (0..MANY)
        .map(|n| match n {
            _ if n % 5 == 0 => Inactive,
            _ if n % 7 == 0 => Created,
            _ if n % 3 == 0 => Updated,
            _ => Unchanged,
        })
        .collect();
    assert_eq!(put(test, district, &people).await, expected);
    let many = i64::try_from(MANY).expect("few");
    assert_eq!(test.raw.number("SELECT count(*) FROM accounts").await, many);
    assert_eq!(test.raw.number("SELECT count(*) FROM memberships").await, many);
    let grown = people.iter().filter(|person| person.grade.as_deref() == Some("06")).count();
    let stored = test.raw.number("SELECT count(*) FROM accounts WHERE grade = '06'").await;
    assert_eq!(usize::try_from(stored).expect("few"), grown);
}

async fn who_is_known_is_found_among_many_who_are_new(test: &TestLedger) {
    let district = district(test).await;
    // After batches that are all new, the next one is taken to be so too.
    assert_eq!(put(test, district, &(0..MANY).map(pupil).collect::<Vec<_>>()).await, [Created; MANY]);
    assert_eq!(put(test, district, &(MANY..2 * MANY).map(pupil).collect::<Vec<_>>()).await, [Created; MANY]);
    let mut people: Vec<Person> = (2 * MANY..3 * MANY).map(pupil).collect();
    people[10] = pupil(10);
    people[20] = Person { grade: Some("06".to_owned()), ..pupil(700) };
    people[30] = Person { active: false, ..pupil(30) };
    "P40".clone_into(&mut people[40].username);
    people[50] = Person { memberships: vec![Membership { school: "nowhere".to_owned(), ..at_school() }], ..pupil(50) };
    let mut expected = [Created; MANY];
    (expected[10], expected[20], expected[30], expected[40], expected[50]) =
        (Unchanged, Updated, Inactive, UsernameTaken, Dangling);
    assert_eq!(put(test, district, &people).await, expected);
    let stored = i64::try_from(3 * MANY - 5).expect("few");
    assert_eq!(test.raw.number("SELECT count(*) FROM accounts").await, stored);
    assert_eq!(test.raw.number("SELECT count(*) FROM memberships").await, stored);
    expected = [Unchanged; MANY];
    (expected[30], expected[40], expected[50]) = (Inactive, UsernameTaken, Dangling);
    assert_eq!(put(test, district, &people).await, expected);
}

fn at_school() -> Membership {
    Membership { school: "s1".to_owned(), role: "student".to_owned() }
}

async fn usernames_are_passed_on_within_a_large_batch(test: &TestLedger) {
    let district = district(test).await;
    put(test, district, &(0..MANY).map(pupil).collect::<Vec<_>>()).await;
    // Everybody gets the next one's name, the last one the first one's; a newcomer wants one that nobody gives up, and
    // another one a name that is free.
    let mut people: Vec<Person> = (0..MANY).map(|n| called(n, &format!("p{}", (n + 1) % MANY))).collect();
    people.push(called(MANY, "P1"));
    people.push(called(MANY + 1, "free"));
    let fates = put(test, district, &people).await;
    assert_eq!(fates[..MANY], [Updated; MANY]);
    assert_eq!(fates[MANY..], [UsernameTaken, Created]);
    assert_eq!(usernames(test, &["p0", "p1", "p599", "p601"]).await, ["p0=p1", "p1=p2", "p599=p0", "p601=free"]);
    // One name is given up and taken by a newcomer; everybody else says what they said.
    people.truncate(MANY);
    "another".clone_into(&mut people[17].username);
    people.push(called(MANY + 2, "p18"));
    let fates = put(test, district, &people).await;
    assert_eq!((fates[16], fates[17], fates[18], fates[MANY]), (Unchanged, Updated, Unchanged, Created));
    assert_eq!(usernames(test, &["p17", "p602"]).await, ["p17=another", "p602=p18"]);
}

async fn of_two_who_want_one_name_the_first_gets_it(test: &TestLedger) {
    let district = district(test).await;
    for round in 0..8 {
        let at = round * MANY;
        let mut people: Vec<Person> = (at..at + MANY).map(pupil).collect();
        people[3].username = format!("wanted{round}");
        people[590 - round].username = format!("WANTED{round}");
        let fates = put(test, district, &people).await;
        assert_eq!((fates[3], fates[590 - round]), (Created, UsernameTaken));
        assert_eq!(fates.iter().filter(|fate| **fate == Created).count(), MANY - 1);
    }
}

async fn a_name_that_is_taken_behind_a_large_batch_stays(test: &TestLedger) {
    if !test.raw.is_postgres() {
        // There the transaction is the only writer: nothing happens behind it.
        return;
    }
    let district = district(test).await;
    put(test, district, &[pupil(9000)]).await;
    let raw = test.raw.clone();
    let renaming = "BEGIN; UPDATE accounts SET username = 'taken', username_key = 'taken', renamed = TRUE;
                    SELECT pg_sleep(0.5) AS renamed; COMMIT";
    let other = tokio::spawn(async move { raw.run(renaming).await });
    let sleeping =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
    until(test, sleeping, 1).await;
    let mut people: Vec<Person> = (0..MANY).map(pupil).collect();
    "taken".clone_into(&mut people[100].username);
    let fates = put(test, district, &people).await;
    other.await.expect("the other transaction");
    assert_eq!(fates.iter().filter(|fate| **fate == Created).count(), MANY - 1);
    assert_eq!(fates[100], UsernameTaken);
    assert_eq!(usernames(test, &["p9000"]).await, ["p9000=taken"]);
}

async fn guardians_of_many_pupils_are_told_in_order(test: &TestLedger) {
    let (ledger, district) = (&test.ledger, district(test).await);
    let people: Vec<Person> = (0..MANY).map(pupil).chain((0..9).map(guardian)).collect();
    put(test, district, &people).await;
    let mut links: Vec<(String, Vec<String>)> =
        (0..MANY).map(|n| (format!("p{n}"), vec![format!("g{}", n % 10), format!("g{}", n % 9)])).collect();
    links.push(("nobody".to_owned(), vec!["g9".to_owned(), "g1".to_owned()]));
    let mut expected: Vec<(String, String)> =
        (0..MANY).filter(|n| n % 10 == 9).map(|n| (format!("p{n}"), "g9".to_owned())).collect();
    expected.push(("nobody".to_owned(), "g9".to_owned()));
    assert_eq!(ledger.link_guardians(district, &links).await.expect("guardians"), expected);
    let stored = async || {
        let sql = "SELECT p.source_id || ':' || g.source_id FROM guardians l JOIN accounts p ON p.id = l.account_id
                   JOIN accounts g ON g.id = l.guardian_id WHERE p.source_id IN ('p0', 'p9', 'p11', 'p19')
                   ORDER BY length(p.source_id), p.source_id, l.place";
        test.raw.column(sql).await
    };
    let first = ["p0:g0", "p9:g0", "p11:g1", "p11:g2", "p19:g1"];
    assert_eq!(stored().await, first);
    // One more arrives, who was unknown before: what is asked a second time is not answered from memory.
    assert_eq!(put(test, district, &[guardian(9)]).await, [Created]);
    assert_eq!(ledger.link_guardians(district, &links[..MANY]).await.expect("guardians"), []);
    assert_eq!(stored().await, ["p0:g0", "p9:g9", "p9:g0", "p11:g1", "p11:g2", "p19:g9", "p19:g1"]);
}

fn enrolment(class: usize, person: usize, role: &str) -> Enrolment {
    Enrolment { class: format!("c{class}"), person: format!("p{person}"), role: role.to_owned(), active: true }
}

async fn with_classes(test: &TestLedger, classes: usize) -> DistrictId {
    let district = district(test).await;
    let class = |n| Class { source_id: format!("c{n}"), school: "s1".to_owned(), title: format!("{n}"), active: true };
    test.ledger.put_classes(district, &(0..classes).map(class).collect::<Vec<_>>()).await.expect("classes");
    put(test, district, &(0..MANY).map(pupil).collect::<Vec<_>>()).await;
    district
}

async fn enrolments_come_in_any_order(test: &TestLedger) {
    let (ledger, district) = (&test.ledger, with_classes(test, 30).await);
    let put = async |rows: &[Enrolment]| ledger.put_enrolments(district, rows).await.expect("enrolments");
    // Person by person, with a class and a person that nobody knows, and one pair three times.
    let mut rows: Vec<Enrolment> =
        (0..MANY).flat_map(|n| (0..3).map(move |k| enrolment((n + k) % 30, n, "student"))).collect();
    "nowhere".clone_into(&mut rows[5].class);
    "nobody".clone_into(&mut rows[600].person);
    rows.push(enrolment(0, 0, "student"));
    rows.push(Enrolment { active: false, ..enrolment(0, 0, "aide") });
    let mut expected = vec![Created; rows.len()];
    (expected[5], expected[600]) = (Dangling, Dangling);
    (expected[3 * MANY], expected[3 * MANY + 1]) = (Unchanged, Inactive);
    assert_eq!(put(&rows).await, expected);
    let stored = i64::try_from(3 * MANY - 2).expect("few");
    assert_eq!(test.raw.number("SELECT count(*) FROM enrolments").await, stored);
    let odd = "SELECT role, active FROM enrolments WHERE role <> 'student' OR NOT active";
    assert_eq!(test.raw.rows(odd).await, [["aide", "false"]]);
    // The same again, class by class, with two that changed.
    rows.truncate(3 * MANY);
    rows.sort_by(|one, other| one.class.cmp(&other.class));
    rows.retain(|row| row.class != "nowhere" && row.person != "nobody");
    let mut expected = vec![Unchanged; rows.len()];
    for at in [1, 1000] {
        "teacher".clone_into(&mut rows[at].role);
        expected[at] = Updated;
    }
    let at = rows.iter().position(|row| row.class == "c0" && row.person == "p0").expect("the row that changed before");
    expected[at] = Updated;
    assert_eq!(put(&rows).await, expected);
    assert_eq!(put(&rows).await, vec![Unchanged; rows.len()]);
    assert_eq!(test.raw.number("SELECT count(*) FROM enrolments").await, stored);
    assert_eq!(test.raw.number("SELECT count(*) FROM enrolments WHERE role = 'teacher' AND active").await, 2);
}

async fn a_class_may_have_everybody(test: &TestLedger) {
    let (ledger, district) = (&test.ledger, with_classes(test, 1).await);
    let rows: Vec<Enrolment> = (0..MANY).map(|n| enrolment(0, n, "student")).collect();
    for fate in [Created, Unchanged] {
        assert_eq!(ledger.put_enrolments(district, &rows).await.expect("enrolments"), vec![fate; MANY]);
    }
}

async fn somebody_new_may_be_in_a_class_already(test: &TestLedger) {
    let (ledger, other, district) = (&test.ledger, test.another_or_same().await, with_classes(test, 3).await);
    // Another import puts some into a class, whom this one has made and put into none.
    let theirs: Vec<Enrolment> = (0..MANY).step_by(3).map(|n| enrolment(1, n, "aide")).collect();
    assert_eq!(other.put_enrolments(district, &theirs).await.expect("enrolments"), vec![Created; theirs.len()]);
    let rows: Vec<Enrolment> =
        (0..MANY).flat_map(|n| (0..3).map(move |class| enrolment(class, n, "student"))).collect();
    let expected: Vec<RowFate> =
        (0..3 * MANY).map(|at| if at % 3 == 1 && at / 3 % 3 == 0 { Updated } else { Created }).collect();
    assert_eq!(ledger.put_enrolments(district, &rows).await.expect("enrolments"), expected);
    assert_eq!(ledger.put_enrolments(district, &rows).await.expect("enrolments"), vec![Unchanged; rows.len()]);
    let stored = i64::try_from(rows.len()).expect("few");
    assert_eq!(test.raw.number("SELECT count(*) FROM enrolments WHERE role = 'student'").await, stored);
}
