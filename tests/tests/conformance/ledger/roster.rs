//! Bringing a roster in.

use keybell_shared::ids::DistrictId;
use keybell_shared::notice::Contact;
use keybell_shared::ports::ledger::RowFate::{Created, Dangling, Inactive, Unchanged, Updated, UsernameTaken};
use keybell_shared::ports::ledger::{AccountLedger as _, IntakeLedger as _, ItemFilter, TaskLedger as _};
use keybell_shared::ports::ledger::{Class, Enrolment, KeyLedger, Membership, Person, RosterLedger, RowFate, School};
use keybell_tests::ledgers::{TestLedger, as_district_admin, district_with, guardian, pupil, request, task};
use keybell_tests::on_both;
use serde_json::json;

use super::flow::{pending, reset};

on_both!(
    schools_are_made_changed_and_kept,
    classes_need_their_school,
    people_are_made_changed_and_kept,
    people_need_one_school_of_those_they_name,
    a_school_that_arrives_later_makes_a_difference,
    a_username_is_taken_without_regard_to_case,
    an_assumed_role_makes_nobody_less_privileged,
    an_assumed_role_makes_nobody_less_privileged_while_they_are_away,
    usernames_are_swapped_and_passed_on_within_a_batch,
    who_is_refused_keeps_everything,
    who_leaves_becomes_inactive_whatever_else_is_wrong,
    the_same_person_twice_in_a_batch_is_the_last_row,
    a_person_keeps_password_and_protection,
    groups_and_graduation_year_are_replaced,
    the_most_privileged_role_of_several_counts,
    a_rank_that_changed_is_written,
    family_names_are_folded_also_those_of_an_older_build,
    usernames_are_the_same_in_every_encoding,
    guardians_are_replaced_in_order,
    relatives_are_replaced_and_told_and_stay_where_nothing_is_said,
    enrolments_need_class_and_person,
    districts_do_not_see_each_other,
    two_imports_of_the_same_people_agree,
    two_imports_that_fight_over_usernames_do_not_fail,
    an_unknown_district_is_refused,
);

async fn district(test: &TestLedger) -> DistrictId {
    let id = test.ledger.ensure_district("riverside", "Riverside").await.expect("a district").id;
    test.ledger.put_schools(id, &[school("s1", "North"), school("s2", "South")]).await.expect("schools");
    id
}

fn school(id: &str, name: &str) -> School {
    School { source_id: id.to_owned(), name: name.to_owned(), active: true }
}

fn class(id: &str, school: &str) -> Class {
    Class { source_id: id.to_owned(), school: school.to_owned(), title: format!("Class {id}"), active: true }
}

/// A pupil with another username.
fn called(n: usize, username: &str) -> Person {
    Person { username: username.to_owned(), ..pupil(n) }
}

fn gone(person: Person) -> Person {
    Person { active: false, ..person }
}

fn at(person: Person, schools: &[&str]) -> Person {
    let place = |school: &&str| Membership { school: (*school).to_owned(), role: "student".to_owned() };
    Person { memberships: schools.iter().map(place).collect(), ..person }
}

async fn put(test: &TestLedger, district: DistrictId, people: &[Person]) -> Vec<RowFate> {
    test.ledger.put_people(district, people).await.expect("people")
}

/// Roster ids and usernames of everybody.
async fn usernames(test: &TestLedger) -> Vec<String> {
    test.raw.column("SELECT source_id || '=' || username || '/' || username_key FROM accounts ORDER BY source_id").await
}

async fn schools_are_made_changed_and_kept(test: &TestLedger) {
    let ledger = &test.ledger;
    let district = ledger.ensure_district("riverside", "Riverside").await.expect("a district").id;
    let rows = [school("s1", "North"), school("s2", "South"), school("s2", "South"), school("s2", "Süd 'x' \"y\"")];
    let fates = ledger.put_schools(district, &rows).await.expect("schools");
    assert_eq!(fates, [Created, Created, Unchanged, Updated]);
    let rows = [school("s2", "Süd 'x' \"y\""), School { active: false, ..school("s1", "North") }, school("s3", "West")];
    assert_eq!(ledger.put_schools(district, &rows).await.expect("schools"), [Unchanged, Inactive, Created]);
    let stored = test.raw.rows("SELECT source_id, name, active FROM schools ORDER BY source_id").await;
    assert_eq!(stored, [["s1", "North", "false"], ["s2", "Süd 'x' \"y\"", "true"], ["s3", "West", "true"]]);
    assert_eq!(ledger.put_schools(district, &[]).await.expect("no schools"), []);
    let other = ledger.ensure_district("lakeside", "Lakeside").await.expect("another district").id;
    ledger.put_schools(other, &[school("s9", "Other")]).await.expect("schools");
    let ids = ["s1", "s2", "s3"].map(ToOwned::to_owned).to_vec();
    assert_eq!(ledger.schools(district).await, Ok(Some(ids)), "also the one that is gone, and no other district's");
}

async fn classes_need_their_school(test: &TestLedger) {
    let (ledger, district) = (&test.ledger, district(test).await);
    let rows = [class("c1", "s1"), class("c2", "nowhere"), class("c1", "s1"), class("c1", "s2")];
    let fates = ledger.put_classes(district, &rows).await.expect("classes");
    assert_eq!(fates, [Created, Dangling, Unchanged, Updated]);
    let gone = Class { active: false, ..class("c1", "s2") };
    assert_eq!(ledger.put_classes(district, &[gone.clone(), gone]).await.expect("classes"), [Inactive, Inactive]);
    let sql = "SELECT c.source_id, s.source_id, c.active FROM classes c JOIN schools s ON s.id = c.school_id";
    assert_eq!(test.raw.rows(sql).await, [["c1", "s2", "false"]]);
}

async fn people_are_made_changed_and_kept(test: &TestLedger) {
    let district = district(test).await;
    let full = Person { sms: Some("+15550001".to_owned()), managed_by: Some("clever".to_owned()), ..pupil(2) };
    assert_eq!(put(test, district, &[pupil(1), full.clone()]).await, [Created, Created]);
    assert_eq!(put(test, district, &[full, pupil(1)]).await, [Unchanged, Unchanged]);
    let moved = at(Person { email: None, grade: Some("06".to_owned()), ..pupil(2) }, &["s2", "s1", "s2"]);
    assert_eq!(put(test, district, &[moved, gone(pupil(1))]).await, [Updated, Inactive]);
    assert_eq!(put(test, district, &[gone(pupil(1)), gone(pupil(7))]).await, [Inactive, Inactive]);

    let sql = "SELECT a.source_id, a.given_name, a.rank, a.grade, a.email, a.sms, a.managed_by, s.source_id, a.active
               FROM accounts a JOIN schools s ON s.id = a.school_id ORDER BY a.source_id";
    let stored = test.raw.rows(sql).await;
    assert_eq!(stored.len(), 3, "nobody is deleted");
    assert_eq!(stored[0], ["p1", "Given-p1", "10", "05", "p1@example.org", "NULL", "NULL", "s1", "false"]);
    assert_eq!(stored[1], ["p2", "Given-p2", "10", "06", "NULL", "NULL", "NULL", "s2", "true"]);
    let places = "SELECT s.source_id FROM memberships m JOIN schools s ON s.id = m.school_id
                  JOIN accounts a ON a.id = m.account_id WHERE a.source_id = 'p2' ORDER BY 1";
    assert_eq!(test.raw.column(places).await, ["s1", "s2"], "each once");
    assert_eq!(put(test, district, &[pupil(1)]).await, [Updated], "and back");
}

async fn people_need_one_school_of_those_they_name(test: &TestLedger) {
    let district = district(test).await;
    let rows =
        [at(pupil(1), &["nowhere"]), at(pupil(2), &["nowhere", "s2"]), at(pupil(3), &[]), at(pupil(4), &["x", "y"])];
    assert_eq!(put(test, district, &rows).await, [Dangling, Created, Created, Dangling]);
    let sql = "SELECT a.source_id, s.source_id FROM accounts a LEFT JOIN schools s ON s.id = a.school_id ORDER BY 1";
    assert_eq!(test.raw.rows(sql).await, [["p2", "s2"], ["p3", "NULL"]]);
}

async fn a_school_that_arrives_later_makes_a_difference(test: &TestLedger) {
    let district = district(test).await;
    let person = at(pupil(1), &["s1", "s9"]);
    assert_eq!(put(test, district, std::slice::from_ref(&person)).await, [Created]);
    test.ledger.put_schools(district, &[school("s9", "New")]).await.expect("schools");
    assert_eq!(put(test, district, std::slice::from_ref(&person)).await, [Updated]);
    assert_eq!(test.raw.number("SELECT count(*) FROM memberships").await, 2);
    assert_eq!(put(test, district, &[person]).await, [Unchanged]);
}

async fn an_assumed_role_makes_nobody_less_privileged(test: &TestLedger) {
    let district = district(test).await;
    let pupil = pupil(1);
    let teacher = Person { role: "teacher".to_owned(), rank: 30, ..pupil.clone() };
    assert_eq!(put(test, district, std::slice::from_ref(&teacher)).await, [RowFate::Created]);
    let assumed = Person { role_assumed: true, ..pupil.clone() };
    assert_eq!(put(test, district, std::slice::from_ref(&assumed)).await, [RowFate::Outranked]);
    assert_eq!(put(test, district, std::slice::from_ref(&teacher)).await, [RowFate::Unchanged]);
    // Who left becomes inactive all the same, and a role that a roster says counts.
    let gone = gone(assumed);
    assert_eq!(put(test, district, &[gone]).await, [RowFate::Inactive]);
    assert_eq!(put(test, district, &[teacher, pupil]).await, [RowFate::Updated, RowFate::Updated]);
}

async fn an_assumed_role_makes_nobody_less_privileged_while_they_are_away(test: &TestLedger) {
    let district = district(test).await;
    let teacher = Person { role: "teacher".to_owned(), rank: 30, ..pupil(1) };
    let assumed = Person { role_assumed: true, ..pupil(1) };
    let standing = "SELECT role || ' ' || CAST(rank AS TEXT) || ' ' || (CASE WHEN active THEN 'here' ELSE 'away' END) FROM accounts";
    assert_eq!(put(test, district, std::slice::from_ref(&teacher)).await, [Created]);
    // Gone by such a list, twice, and back by such a list: known as a teacher all the time.
    for _ in 0..2 {
        assert_eq!(put(test, district, &[gone(assumed.clone())]).await, [Inactive]);
        assert_eq!(test.raw.text(standing).await, "teacher 30 away");
    }
    assert_eq!(put(test, district, std::slice::from_ref(&assumed)).await, [RowFate::Outranked]);
    assert_eq!(test.raw.text(standing).await, "teacher 30 away");
    // The same when a roster that says the role made the person inactive.
    assert_eq!(put(test, district, &[gone(teacher)]).await, [Inactive]);
    assert_eq!(put(test, district, std::slice::from_ref(&assumed)).await, [RowFate::Outranked]);
    // A role that is more is taken also where it is assumed, and one that is said always.
    let more = Person { role: "principal".to_owned(), rank: 40, ..assumed };
    assert_eq!(put(test, district, &[gone(more)]).await, [Inactive]);
    assert_eq!(test.raw.text(standing).await, "principal 40 away");
    assert_eq!(put(test, district, &[gone(pupil(1))]).await, [Inactive]);
    assert_eq!(test.raw.text(standing).await, "student 10 away");
}

async fn a_username_is_taken_without_regard_to_case(test: &TestLedger) {
    let district = district(test).await;
    assert_eq!(put(test, district, &[called(1, "Émile"), called(2, "éMILE")]).await, [Created, UsernameTaken]);
    assert_eq!(put(test, district, &[called(3, "ÉMILE"), called(4, "anna")]).await, [UsernameTaken, Created]);
    // Only the writing changed: it is the same name.
    assert_eq!(put(test, district, &[called(1, "émile")]).await, [Updated]);
    assert_eq!(usernames(test).await, ["p1=émile/émile", "p4=anna/anna"]);
}

async fn usernames_are_swapped_and_passed_on_within_a_batch(test: &TestLedger) {
    let district = district(test).await;
    assert_eq!(put(test, district, &[called(1, "x"), called(2, "y"), called(3, "z")]).await, [Created; 3]);
    assert_eq!(put(test, district, &[called(1, "y"), called(2, "x")]).await, [Updated, Updated]);
    assert_eq!(usernames(test).await, ["p1=y/y", "p2=x/x", "p3=z/z"]);
    // A ring of three, and a newcomer who gets the name that is left behind.
    assert_eq!(put(test, district, &[called(1, "x"), called(2, "z"), called(3, "y")]).await, [Updated; 3]);
    assert_eq!(put(test, district, &[called(4, "x"), called(1, "fresh")]).await, [Created, Updated]);
    assert_eq!(usernames(test).await, ["p1=fresh/fresh", "p2=z/z", "p3=y/y", "p4=x/x"]);
}

async fn who_is_refused_keeps_everything(test: &TestLedger) {
    let district = district(test).await;
    assert_eq!(put(test, district, &[called(1, "x"), called(2, "y"), called(3, "z")]).await, [Created; 3]);
    // p2 cannot have z, so it keeps y, so p1 cannot have y.
    let rows = [
        Person { given_name: "New".to_owned(), ..called(1, "y") },
        Person { given_name: "New".to_owned(), ..called(2, "z") },
        called(5, "free"),
    ];
    assert_eq!(put(test, district, &rows).await, [UsernameTaken, UsernameTaken, Created]);
    assert_eq!(usernames(test).await, ["p1=x/x", "p2=y/y", "p3=z/z", "p5=free/free"]);
    assert_eq!(test.raw.number("SELECT count(*) FROM accounts WHERE given_name = 'New'").await, 0);
}

async fn who_leaves_becomes_inactive_whatever_else_is_wrong(test: &TestLedger) {
    let district = district(test).await;
    assert_eq!(put(test, district, &[called(1, "x"), called(2, "y")]).await, [Created; 2]);
    let rows = [gone(called(1, "y")), gone(at(called(2, "y"), &["nowhere"])), gone(called(3, "y"))];
    assert_eq!(put(test, district, &rows).await, [Inactive; 3]);
    assert_eq!(usernames(test).await, ["p1=x/x", "p2=y/y"], "names are kept");
    assert_eq!(test.raw.number("SELECT count(*) FROM accounts WHERE active").await, 0);
    assert_eq!(put(test, district, &rows).await, [Inactive; 3]);
}

async fn the_same_person_twice_in_a_batch_is_the_last_row(test: &TestLedger) {
    let district = district(test).await;
    let rows = [called(1, "a"), called(1, "a"), called(1, "b"), called(2, "a"), at(pupil(1), &["nowhere"])];
    assert_eq!(put(test, district, &rows).await, [Created, Unchanged, Updated, Created, Dangling]);
    assert_eq!(usernames(test).await, ["p1=b/b", "p2=a/a"]);
    let rows = [called(1, "c"), called(1, "b")];
    assert_eq!(put(test, district, &rows).await, [Updated, Updated]);
    assert_eq!(usernames(test).await, ["p1=b/b", "p2=a/a"]);
    assert_eq!(test.raw.number("SELECT count(*) FROM memberships").await, 2);
}

async fn a_person_keeps_password_and_protection(test: &TestLedger) {
    let district = district(test).await;
    put(test, district, &[pupil(1)]).await;
    let own = "password_hash = '$h$', credential_version = 3, protected = TRUE, must_change = TRUE, quick_login = TRUE";
    test.raw.run(&format!("UPDATE accounts SET {own}")).await;
    assert_eq!(put(test, district, &[called(1, "other")]).await, [Updated]);
    let sql = "SELECT password_hash, credential_version, protected, must_change, quick_login FROM accounts";
    assert_eq!(test.raw.rows(sql).await, [["$h$", "3", "true", "true", "true"]]);
}

async fn groups_and_graduation_year_are_replaced(test: &TestLedger) {
    let district = district(test).await;
    let in_groups = |groups: &[&str], year| Person {
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        graduation_year: year,
        ..pupil(1)
    };
    assert_eq!(put(test, district, &[in_groups(&["chess", " choir ", "chess", " "], Some(2030))]).await, [Created]);
    let groups = "SELECT name FROM account_groups ORDER BY name";
    assert_eq!(test.raw.column(groups).await, ["chess", "choir"], "each once, none blank");
    assert_eq!(put(test, district, &[in_groups(&["chess", " choir ", "chess", " "], Some(2030))]).await, [Unchanged]);
    assert_eq!(put(test, district, &[in_groups(&["drama"], None)]).await, [Updated]);
    assert_eq!(test.raw.column(groups).await, ["drama"]);
    assert_eq!(test.raw.text("SELECT graduation_year FROM accounts").await, "NULL");
    assert_eq!(put(test, district, &[in_groups(&["drama"], Some(2031))]).await, [Updated]);
    assert_eq!(test.raw.number("SELECT graduation_year FROM accounts").await, 2031);
}

/// The import says the rank of the most privileged role, whichever of them the roster names first.
async fn the_most_privileged_role_of_several_counts(test: &TestLedger) {
    let district = district(test).await;
    let place = |role: &str| Membership { school: "s1".to_owned(), role: role.to_owned() };
    let roles = |n, rank, roles: &[&str]| Person {
        rank,
        memberships: roles.iter().map(|role| place(role)).collect(),
        ..pupil(n)
    };
    let people = [
        roles(1, 10, &["student", "guardian"]),
        roles(2, 30, &["student", "teacher"]),
        roles(3, 60, &["ext:coach", "student"]),
    ];
    put(test, district, &people).await;
    let ranks = "SELECT username, rank FROM accounts ORDER BY username";
    assert_eq!(test.raw.rows(ranks).await, [["p1", "10"], ["p2", "30"], ["p3", "60"]]);
    let without = request(json!({"selection": {"scope": "without_role"}}));
    let meant = task(&*test.ledger, &as_district_admin(district), without).await;
    let items = test.ledger.items(district, meant, ItemFilter::default(), 10).await.expect("items");
    assert_eq!(items.into_iter().map(|item| item.username).collect::<Vec<_>>(), ["p1"]);
}

/// What counts as unprivileged is configured; the same row with another rank is news.
async fn a_rank_that_changed_is_written(test: &TestLedger) {
    let district = district(test).await;
    let aide = |rank| Person { role: "aide".to_owned(), rank, ..pupil(1) };
    assert_eq!(put(test, district, &[aide(30)]).await, [Created]);
    for (rank, stored) in [(10, "10"), (30, "30")] {
        assert_eq!(put(test, district, &[aide(rank)]).await, [Updated]);
        assert_eq!(test.raw.text("SELECT CAST(rank AS TEXT) FROM accounts").await, stored);
        assert_eq!(put(test, district, &[aide(rank)]).await, [Unchanged]);
    }
}

async fn family_names_are_folded_also_those_of_an_older_build(test: &TestLedger) {
    let district = district(test).await;
    let named = |n, family: &str| Person { family_name: family.to_owned(), ..pupil(n) };
    put(test, district, &[named(1, "Müller"), named(2, "O'NEIL"), named(3, "Łukasz")]).await;
    let keys = "SELECT family_key FROM accounts ORDER BY username";
    assert_eq!(test.raw.column(keys).await, ["muller", "o'neil", "lukasz"]);
    put(test, district, &[named(1, "Núñez")]).await;
    assert_eq!(test.raw.column(keys).await, ["nunez", "o'neil", "lukasz"], "a change changes it");
    // What an older build wrote has none, and more of it than is filled in at a time.
    let many: Vec<Person> = (4..=1_200).map(|n| named(n, "Ångström")).collect();
    put(test, district, &many).await;
    test.raw.run("UPDATE accounts SET family_key = NULL").await;
    test.ledger.migrate().await.expect("migrated again");
    assert_eq!(test.raw.number("SELECT count(*) FROM accounts WHERE family_key = 'angstrom'").await, 1_197);
    assert_eq!(test.raw.column(keys).await.first().map(String::as_str), Some("nunez"));
    assert_eq!(test.raw.number("SELECT count(*) FROM accounts WHERE family_key IS NULL").await, 0);
}

/// `ü` may be one character or two; whoever types the one finds the other, and nobody else can have it.
async fn usernames_are_the_same_in_every_encoding(test: &TestLedger) {
    let district = district(test).await;
    assert_eq!(
        put(test, district, &[called(1, "mu\u{308}ller"), called(2, "M\u{fc}ller")]).await,
        [Created, UsernameTaken]
    );
    let names = ["MÜLLER".to_owned()];
    let resolved = test.ledger.resolve_accounts(district, &names).await.expect("resolved");
    assert_eq!((resolved.found.len(), resolved.unknown.len()), (1, 0));
    assert!(test.ledger.sign_in(district, "müller").await.expect("an answer").is_some());
    // As an older build wrote them: each as it was encoded. Of two that are the same now, one stays as it was.
    put(test, district, &[called(3, "bo\u{308}"), called(4, "other")]).await;
    test.raw.run("UPDATE accounts SET family_key = NULL, username_key = username WHERE username <> 'other'").await;
    test.raw
        .run("UPDATE accounts SET family_key = NULL, username = 'bö', username_key = 'bö' WHERE username = 'other'")
        .await;
    test.ledger.migrate().await.expect("migrated again");
    assert!(test.ledger.sign_in(district, "müller").await.expect("an answer").is_some());
    let kept = test.ledger.sign_in(district, "bö").await.expect("an answer").expect("the one who had it");
    assert_eq!(kept.username, "bö");
    assert_eq!(test.raw.number("SELECT count(*) FROM accounts WHERE username_key = 'bo\u{308}'").await, 1);
}

async fn guardians_are_replaced_in_order(test: &TestLedger) {
    let (ledger, district) = (&test.ledger, district(test).await);
    put(test, district, &[pupil(1), pupil(2), guardian(1), guardian(2), guardian(3)]).await;
    let links = |rows: &[(&str, &[&str])]| -> Vec<(String, Vec<String>)> {
        rows.iter().map(|(p, g)| ((*p).to_owned(), g.iter().map(|g| (*g).to_owned()).collect())).collect()
    };
    let stored = async || {
        let sql = "SELECT p.source_id || ':' || g.source_id FROM guardians l JOIN accounts p ON p.id = l.account_id
                   JOIN accounts g ON g.id = l.guardian_id ORDER BY p.source_id, l.place";
        test.raw.column(sql).await
    };
    let rows = links(&[("p1", &["g2", "g1", "g2"]), ("p2", &["g3", "nobody"]), ("who", &["g1", "none"])]);
    let unknown = ledger.link_guardians(district, &rows).await.expect("guardians");
    assert_eq!(unknown, [("p2".to_owned(), "nobody".to_owned()), ("who".to_owned(), "none".to_owned())]);
    assert_eq!(stored().await, ["p1:g2", "p1:g1", "p2:g3"]);
    let rows = links(&[("p1", &["g1", "g2"])]);
    assert_eq!(ledger.link_guardians(district, &rows).await.expect("guardians"), []);
    assert_eq!(stored().await, ["p1:g1", "p1:g2", "p2:g3"], "p2 was not named");
    ledger.link_guardians(district, &links(&[("p1", &[]), ("p2", &["g3"])])).await.expect("guardians");
    assert_eq!(stored().await, ["p2:g3"]);
}

async fn relatives_are_replaced_and_told_and_stay_where_nothing_is_said(test: &TestLedger) {
    let fixture = district_with(&*test.ledger, 3).await;
    let district = fixture.district.id;
    let contact = |email: Option<&str>, sms: Option<&str>| Contact {
        email: email.map(str::to_owned),
        sms: sms.map(str::to_owned),
    };
    let with = |n: usize, relatives: &[Contact]| Person { relatives: Some(relatives.to_vec()), ..pupil(n) };
    let stored = async || {
        let sql = "SELECT a.username, COALESCE(r.email, '-'), COALESCE(r.sms, '-') FROM relatives r
                   JOIN accounts a ON a.id = r.account_id ORDER BY a.username, r.place";
        test.raw.rows(sql).await.iter().map(|row| row.join(" ")).collect::<Vec<_>>()
    };
    let (mum, dad) = (contact(Some("mum@example.org"), None), contact(None, Some("+15550101")));
    assert_eq!(put(test, district, &[pupil(1)]).await, [Unchanged]);
    assert_eq!(
        put(test, district, &[with(1, &[mum.clone(), dad.clone()]), with(7, std::slice::from_ref(&dad))]).await,
        [Updated, Created]
    );
    assert_eq!(stored().await, ["p1 mum@example.org -", "p1 - +15550101", "p7 - +15550101"]);
    assert_eq!(put(test, district, &[with(1, &[mum.clone(), dad.clone()])]).await, [Unchanged]);
    // Staff have nobody who is told about them, whatever a roster says; guardians with an account come first.
    let staff = Person { role: "teacher".to_owned(), rank: 30, ..with(2, std::slice::from_ref(&mum)) };
    put(test, district, &[staff, with(3, &[mum.clone(), dad.clone()])]).await;
    let asked = request(json!({"selection": {"scope": "all"}, "channel": "both", "recipient": "guardians"}));
    let task = task(&*test.ledger, &fixture.admin(), asked).await;
    let items = pending(test, task).await;
    reset(test, &items).await;
    let sql = "SELECT a.username, n.address FROM notifications n JOIN items i ON i.id = n.item_id
               JOIN accounts a ON a.id = i.account_id";
    let mut addresses: Vec<String> = test.raw.rows(sql).await.iter().map(|row| row.join(" ")).collect();
    addresses.sort_unstable();
    assert_eq!(
        addresses,
        [
            "p1 +15550101",
            "p1 mum@example.org",
            "p3 +15550000001",
            "p3 +15550101",
            "p3 g1@example.org",
            "p3 mum@example.org",
            "p7 +15550101",
        ]
    );
    // A roster that says nothing of relatives leaves them; one that names none takes them away.
    put(test, district, &[Person { given_name: "New".to_owned(), ..pupil(1) }]).await;
    assert_eq!(stored().await[..2], ["p1 mum@example.org -", "p1 - +15550101"]);
    assert_eq!(put(test, district, &[with(1, &[]), with(7, &[mum])]).await, [Updated, Updated]);
    assert_eq!(
        stored().await,
        ["p2 mum@example.org -", "p3 mum@example.org -", "p3 - +15550101", "p7 mum@example.org -"]
    );
}

async fn enrolments_need_class_and_person(test: &TestLedger) {
    let (ledger, district) = (&test.ledger, district(test).await);
    put(test, district, &[pupil(1)]).await;
    ledger.put_classes(district, &[class("c1", "s1")]).await.expect("classes");
    let row = |class: &str, person: &str, role: &str, active| Enrolment {
        class: class.to_owned(),
        person: person.to_owned(),
        role: role.to_owned(),
        active,
    };
    let rows = [
        row("c1", "p1", "student", true),
        row("c9", "p1", "student", true),
        row("c1", "p9", "student", true),
        row("c1", "p1", "student", true),
        row("c1", "p1", "teacher", true),
    ];
    let fates = ledger.put_enrolments(district, &rows).await.expect("enrolments");
    assert_eq!(fates, [Created, Dangling, Dangling, Unchanged, Updated]);
    let rows = [row("c1", "p1", "teacher", true), row("c1", "p1", "teacher", false)];
    assert_eq!(ledger.put_enrolments(district, &rows).await.expect("enrolments"), [Unchanged, Inactive]);
    assert_eq!(test.raw.rows("SELECT role, active FROM enrolments").await, [["teacher", "false"]]);
}

async fn districts_do_not_see_each_other(test: &TestLedger) {
    let ledger = &test.ledger;
    let ours = district_with(&**ledger, 3).await.district.id;
    let theirs = ledger.ensure_district("other", "Other").await.expect("a district").id;
    // The same roster ids and usernames: other schools, other people.
    assert_eq!(put(test, theirs, &[pupil(1)]).await, [Dangling], "our school is not theirs");
    assert_eq!(ledger.put_classes(theirs, &[class("c1", "s1")]).await.expect("classes"), [Dangling]);
    ledger.put_schools(theirs, &[school("s1", "North")]).await.expect("schools");
    assert_eq!(put(test, theirs, &[pupil(1), called(9, "p2")]).await, [Created, Created]);
    let enrolment =
        Enrolment { class: "c1".to_owned(), person: "p1".to_owned(), role: "student".to_owned(), active: true };
    assert_eq!(ledger.put_enrolments(theirs, &[enrolment]).await.expect("enrolments"), [Dangling]);
    let unknown = ledger.link_guardians(theirs, &[("p1".to_owned(), vec!["g1".to_owned()])]).await.expect("guardians");
    assert_eq!(unknown, [("p1".to_owned(), "g1".to_owned())], "our guardian is not theirs");
    assert_eq!(put(test, ours, &[pupil(1), pupil(2)]).await, [Unchanged, Unchanged]);
}

async fn two_imports_of_the_same_people_agree(test: &TestLedger) {
    let (one, two) = (&test.ledger, test.another().await);
    let district = district(test).await;
    let forth: Vec<Person> = (1..=200).map(pupil).collect();
    let back: Vec<Person> = forth.iter().rev().cloned().collect();
    let (a, b) = tokio::join!(one.put_people(district, &forth), two.put_people(district, &back));
    let (a, b) = (a.expect("people"), b.expect("people"));
    let (first, second) = if a[0] == Created { (a, b) } else { (b, a) };
    assert_eq!(first, [Created; 200]);
    assert_eq!(second, [Unchanged; 200]);
    assert_eq!(test.raw.number("SELECT count(*) FROM accounts").await, 200);
    assert_eq!(test.raw.number("SELECT count(*) FROM memberships").await, 200);
    let newer: Vec<Person> = forth.iter().map(|person| Person { grade: None, ..person.clone() }).collect();
    let (a, b) = tokio::join!(one.put_people(district, &newer), two.put_people(district, &back));
    a.expect("people");
    b.expect("people");
    let grades = test.raw.column("SELECT DISTINCT COALESCE(grade, '-') FROM accounts").await;
    assert_eq!(grades.len(), 1, "a whole batch came last: {grades:?}");
}

async fn two_imports_that_fight_over_usernames_do_not_fail(test: &TestLedger) {
    let (one, two) = (&test.ledger, test.another().await);
    let district = district(test).await;
    let ours: Vec<Person> = (1..=50).map(|n| called(n, &format!("name{n}"))).collect();
    let theirs: Vec<Person> = (101..=150).map(|n| called(n, &format!("NAME{}", n - 100))).collect();
    let (a, b) = tokio::join!(one.put_people(district, &ours), two.put_people(district, &theirs));
    let fates: Vec<RowFate> = a.expect("people").into_iter().chain(b.expect("people")).collect();
    assert_eq!(fates.iter().filter(|fate| **fate == Created).count(), 50);
    assert_eq!(fates.iter().filter(|fate| **fate == UsernameTaken).count(), 50);
}

async fn an_unknown_district_is_refused(test: &TestLedger) {
    let nobody = DistrictId::fresh();
    assert!(test.ledger.put_schools(nobody, &[school("s1", "North")]).await.is_err());
    assert!(test.ledger.put_people(nobody, &[]).await.is_err());
}
