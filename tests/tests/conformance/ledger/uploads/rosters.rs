//! Rosters and uploads: whose word about a username counts.

use keybell_shared::ports::ledger::RowFate::{Created, Inactive, Unchanged, Updated, UsernameTaken};
use keybell_shared::ports::ledger::{Person, ResetLedger as _, RosterLedger as _, RowFate};
use keybell_tests::ledgers::{Fixture, TestLedger, district_with, pupil};
use keybell_tests::on_both;

use super::super::flow::{pending, until, write};
use super::renames::{E06, accounts, rename};
use super::running;

on_both!(
    a_roster_does_not_take_a_new_username_back,
    a_roster_that_says_the_new_username_has_it_again,
    a_roster_gives_nobody_the_username_of_a_renamed_account,
    a_roster_and_an_upload_at_the_same_time_agree,
    what_an_upload_does_behind_an_import_stays,
);

fn called(n: usize, username: &str) -> Person {
    Person { username: username.to_owned(), ..pupil(n) }
}

fn moved(person: Person, grade: &str) -> Person {
    Person { grade: Some(grade.to_owned()), ..person }
}

async fn put(on: &TestLedger, fixture: &Fixture, people: &[Person]) -> Vec<RowFate> {
    on.ledger.put_people(fixture.district.id, people).await.expect("people")
}

async fn a_roster_does_not_take_a_new_username_back(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    rename(on, &fixture, fixture.pupils[0], "Mia.Jensen").await;
    let renamed = "p1 Mia.Jensen mia.jensen renamed 1";
    assert_eq!(put(on, &fixture, &[pupil(1), pupil(2)]).await, [Unchanged, Unchanged]);
    // The grade changes, and the roster goes on saying the old name.
    assert_eq!(put(on, &fixture, &[moved(pupil(1), "06"), moved(pupil(2), "06")]).await, [Updated, Updated]);
    assert_eq!(accounts(on).await, [renamed, "p2 p2 p2 0"]);
    assert_eq!(on.raw.number("SELECT count(*) FROM accounts WHERE grade = '06'").await, 2);
    // The roster changes the name as well; the upload's stands until the roster says the same.
    assert_eq!(put(on, &fixture, &[called(1, "m.jensen"), called(2, "p.two")]).await, [Updated, Updated]);
    assert_eq!(accounts(on).await, [renamed, "p2 p.two p.two 0"]);
    let gone = Person { active: false, ..pupil(1) };
    assert_eq!(put(on, &fixture, &[gone]).await, [Inactive]);
    assert_eq!(accounts(on).await[0], renamed);
}

async fn a_roster_that_says_the_new_username_has_it_again(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    rename(on, &fixture, fixture.pupils[0], "Mia.Jensen").await;
    assert_eq!(put(on, &fixture, &[called(1, "mia.jensen")]).await, [Updated]);
    assert_eq!(accounts(on).await, ["p1 mia.jensen mia.jensen 1"]);
    assert_eq!(put(on, &fixture, &[called(1, "mia.olsen")]).await, [Updated]);
    assert_eq!(accounts(on).await, ["p1 mia.olsen mia.olsen 1"]);
}

async fn a_roster_gives_nobody_the_username_of_a_renamed_account(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    rename(on, &fixture, fixture.pupils[0], "mia.jensen").await;
    // Somebody else wants it: alone, together with the row that goes on saying the old name, and as somebody new.
    assert_eq!(put(on, &fixture, &[called(2, "MIA.jensen")]).await, [UsernameTaken]);
    assert_eq!(put(on, &fixture, &[called(2, "mia.jensen"), moved(pupil(1), "06")]).await, [UsernameTaken, Updated]);
    assert_eq!(put(on, &fixture, &[moved(pupil(1), "07"), called(9, "mia.jensen")]).await, [Updated, UsernameTaken]);
    // The old name is free, also while the roster goes on saying it of the renamed account.
    assert_eq!(put(on, &fixture, &[moved(pupil(1), "08"), called(9, "p1")]).await, [Updated, Created]);
    let now = accounts(on).await;
    assert_eq!(now, ["p1 mia.jensen mia.jensen renamed 1", "p2 p2 p2 0", "p9 p1 p1 0"]);
    assert_eq!(put(on, &fixture, &[moved(pupil(1), "09")]).await, [Updated], "nobody's name is in the way");
}

async fn a_roster_and_an_upload_at_the_same_time_agree(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 60).await;
    let other = on.another_or_same().await;
    let names: Vec<String> = (1..=60).map(|n| format!("new.name.{n}")).collect();
    let rows: Vec<_> = fixture.pupils.iter().zip(&names).map(|(&who, name)| (who, Some(name.as_str()))).collect();
    let (task, items) = running(on, &fixture, &rows).await;
    let writes: Vec<_> = on.ledger.reset_jobs(&items).await.expect("jobs").iter().map(write).collect();
    // The roster changes everybody's grade under the old name, and lets newcomers have half of the new names.
    let grown: Vec<Person> = (1..=60).map(|n| moved(pupil(n), "06")).collect();
    let new: Vec<Person> = (1..=30).map(|n| called(100 + n, &format!("new.name.{n}"))).collect();
    let commits = async {
        let mut outcomes = Vec::new();
        for group in writes.chunks(5) {
            outcomes.extend(other.commit_resets("w", group).await.expect("a commit"));
        }
        outcomes
    };
    let imports = async {
        let mut taken = 0;
        for (some, more) in grown.chunks(10).zip(new.chunks(5)) {
            put(on, &fixture, some).await;
            taken += put(on, &fixture, more).await.iter().filter(|fate| **fate == UsernameTaken).count();
        }
        taken
    };
    let (outcomes, taken) = tokio::join!(commits, imports);
    assert_eq!(outcomes.len(), 60, "none is left out");
    let refused = outcomes.iter().filter(|(_, outcome)| *outcome == E06).count();
    assert_eq!(refused + taken, 30, "each of the fought-over names has one owner");
    assert!(pending(on, task).await.is_empty());
    let reset = "SELECT count(*) FROM accounts WHERE credential_version = 1 AND renamed AND username LIKE 'new.name.%'";
    assert_eq!(on.raw.number(reset).await, i64::try_from(60 - refused).expect("few"), "no new name is lost again");
    let grown = "SELECT count(*) FROM accounts WHERE grade = '06' AND source_id NOT LIKE 'p1__'";
    assert_eq!(on.raw.number(grown).await, 60);
}

/// Imports people while an upload's commit is held open that gives an account a username: the import looks before it, and
/// waits for it when it writes.
async fn put_behind(on: &TestLedger, fixture: &Fixture, place: usize, name: &str, people: &[Person]) -> Vec<RowFate> {
    let raw = on.raw.clone();
    let open = format!(
        "BEGIN; UPDATE accounts SET username = '{name}', username_key = '{name}', renamed = TRUE WHERE id = '{}';
         SELECT pg_sleep(0.5) AS renamed; COMMIT",
        fixture.pupils[place]
    );
    let other = tokio::spawn(async move { raw.run(&open).await });
    let sleeping =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
    until(on, sleeping, 1).await;
    let fates = put(on, fixture, people).await;
    other.await.expect("the other transaction");
    fates
}

async fn what_an_upload_does_behind_an_import_stays(on: &TestLedger) {
    if !on.raw.is_postgres() {
        // There the transaction is the only writer: nothing happens behind it.
        return;
    }
    let fixture = district_with(&*on.ledger, 3).await;
    // Whom the import wants to call something else, and whose old name it passes on.
    let rows = [moved(called(1, "m.jensen"), "06"), called(2, "p1")];
    assert_eq!(put_behind(on, &fixture, 0, "mia.jensen", &rows).await, [Updated, Updated]);
    let now = accounts(on).await;
    assert_eq!(now, ["p1 mia.jensen mia.jensen renamed 0", "p2 p1 p1 0", "p3 p3 p3 0"]);
    assert_eq!(on.raw.number("SELECT count(*) FROM accounts WHERE grade = '06'").await, 1);
    // Whom the import wants to give a name that was free when it looked.
    let rows = [called(8, "free.name"), called(9, "Noah.Olsen")];
    assert_eq!(put_behind(on, &fixture, 2, "noah.olsen", &rows).await, [Created, UsernameTaken]);
    assert_eq!(accounts(on).await[2..], ["p3 noah.olsen noah.olsen renamed 0", "p8 free.name free.name 0"]);
}
