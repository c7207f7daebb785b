//! Grades: one grade is one grade, however rosters and people write it.

use keybell_shared::ports::ledger::RowFate::{Unchanged, Updated};
use keybell_shared::ports::ledger::{
    AccountFilter, DirectoryLedger as _, IntakeLedger as _, ItemFilter, Person, RosterLedger as _, TaskLedger as _,
};
use keybell_tests::ledgers::{Fixture, TestLedger, district_with, pupil, request, task};
use keybell_tests::on_both;
use serde_json::{Value, json};

on_both!(a_grade_is_found_however_it_is_written, grades_are_found_also_those_of_an_older_build);

const GRADES: &str = "SELECT COALESCE(grade, '-') FROM accounts WHERE role = 'student' ORDER BY username";

fn in_grade(n: usize, grade: &str) -> Person {
    Person { grade: Some(grade.to_owned()), ..pupil(n) }
}

/// The usernames that a search finds, those that a task means, and how many a preview counts.
async fn meant(on: &TestLedger, fixture: &Fixture, grades: &Value) -> Vec<String> {
    let admin = fixture.admin();
    let asked = request(json!({"selection": {"scope": "all", "where": {"grades": grades}}}));
    let filter = AccountFilter { narrowed: asked.selection.narrowed.clone(), ..AccountFilter::default() };
    let found = on.ledger.search(&admin, &filter, None, 50).await.expect("a page").accounts;
    let found: Vec<String> = found.into_iter().map(|account| account.username).collect();
    let preview = on.ledger.preview(&admin, &asked, &[]).await.expect("a preview");
    assert_eq!(preview.eligible, found.len() as u64, "{grades}");
    let task = task(&*on.ledger, &admin, asked).await;
    let items = on.ledger.items(fixture.district.id, task, ItemFilter::default(), 50).await.expect("items");
    let items: Vec<String> = items.into_iter().map(|item| item.username).collect();
    assert_eq!(items, found, "{grades}");
    found
}

async fn a_grade_is_found_however_it_is_written(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 8).await;
    let district = fixture.district.id;
    let written = ["9", "09", "Grade 9", "9th", "K", "kindergarten", "Year 9", " "];
    let people: Vec<Person> = written.iter().zip(1..).map(|(grade, n)| in_grade(n, grade)).collect();
    on.ledger.put_people(district, &people).await.expect("people");
    assert_eq!(on.raw.column(GRADES).await, ["09", "09", "09", "09", "KG", "KG", "YEAR 9", "-"]);
    for asked in [json!(["9"]), json!(["09"]), json!(["9th grade"]), json!(["9", "09", "ninth"])] {
        assert_eq!(meant(on, &fixture, &asked).await, ["p1", "p2", "p3", "p4"], "{asked}");
    }
    assert_eq!(meant(on, &fixture, &json!(["0", "year 9"])).await, ["p5", "p6", "p7"]);
    // Unknown ones are told as they were asked for.
    let asked = request(json!({"selection": {"scope": "all", "where": {"grades": ["9", "KG", "10th", "Year 09"]}}}));
    let unknown = on.ledger.unknown_names(district, &asked.selection).await.expect("an answer");
    assert_eq!(unknown, [("grades", "10th".to_owned()), ("grades", "Year 09".to_owned())]);
    // Another spelling is no change.
    let again = [in_grade(1, "09"), in_grade(2, "9th"), in_grade(5, "0"), in_grade(6, "1")];
    let fates = on.ledger.put_people(district, &again).await.expect("people");
    assert_eq!(fates, [Unchanged, Unchanged, Unchanged, Updated]);
    let shown = on.ledger.search(&fixture.admin(), &AccountFilter::default(), None, 50).await.expect("a page").accounts;
    assert_eq!(shown.first().and_then(|account| account.grade.as_deref()), Some("09"));
}

async fn grades_are_found_also_those_of_an_older_build(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 6).await;
    let other = district_with(&*on.ledger, 1).await;
    // More of them than are rewritten at a time.
    let many: Vec<Person> = (7..=1_206).map(pupil).collect();
    on.ledger.put_people(fixture.district.id, &many).await.expect("people");
    let as_written = [("9", "p1"), ("09", "p2"), ("Kindergarten", "p3"), ("", "p4"), ("Other", "p5")];
    on.raw.run("UPDATE accounts SET grade = '3' WHERE role = 'student'").await;
    for (grade, name) in as_written {
        let of = format!("username = '{name}' AND district_id = '{}'", fixture.district.id);
        on.raw.run(&format!("UPDATE accounts SET grade = '{grade}' WHERE {of}")).await;
    }
    for _ in 0..2 {
        on.ledger.migrate().await.expect("migrated again");
        let first = "SELECT COALESCE(grade, '-') FROM accounts WHERE username IN ('p1', 'p2', 'p3', 'p4', 'p5')";
        let first = format!("{first} AND district_id = '{}' ORDER BY username", fixture.district.id);
        assert_eq!(on.raw.column(&first).await, ["09", "09", "KG", "-", "OTHER"]);
        assert_eq!(on.raw.number("SELECT count(*) FROM accounts WHERE grade = '03'").await, 1_202);
        assert_eq!(on.raw.number("SELECT count(*) FROM accounts WHERE grade = '3'").await, 0);
    }
    assert_eq!(meant(on, &fixture, &json!(["9"])).await, ["p1", "p2"]);
    assert_eq!(meant(on, &other, &json!(["third"])).await, ["p1"]);
}
