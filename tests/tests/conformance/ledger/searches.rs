//! Fields of a search together: whatever index it reads, it finds the same people.

use keybell_backends::ledger::Bounds;
use keybell_shared::actor::{Actor, Role};
use keybell_shared::ids::AccountId;
use keybell_shared::ports::ledger::{
    AccountFilter, Class, DirectoryLedger as _, Enrolment, Membership, Person, RosterLedger as _, School,
};
use keybell_tests::ledgers::{Fixture, TestLedger, district_with, pupil};
use keybell_tests::on_both;
use serde_json::{Value, json};

on_both!(
    fields_together_find_the_same_by_every_index,
    what_everybody_has_and_nobody_together_is_soon_known,
    long_lists_that_meet_late_or_never_are_known_at_once,
);

/// Enough that half of them are more than are read whole at once.
const PEOPLE: usize = 4_800;
const CLASS: usize = 40;
const SCHOOL: usize = 400;

/// Whether somebody with this number is meant.
type Means = fn(usize) -> bool;

/// A field of a filter, and whom it means.
struct Asked {
    field: &'static str,
    value: Value,
    means: Means,
}

fn asked() -> Vec<Asked> {
    let of = |field, value, means| Asked { field, value, means };
    let numbered =
        |of: &str, numbers: std::ops::Range<usize>| json!(numbers.map(|n| format!("{of}{n}")).collect::<Vec<_>>());
    vec![
        of("q", json!("u"), |n| n % 2 == 1),
        of("q", json!("ómega"), |n| n > 2_400),
        of("q", json!("p12"), |n| n.to_string().starts_with("12") && n.is_multiple_of(2)),
        of("family_name_prefix", json!(["OMEGA"]), |n| n > 2_400),
        of("family_name_prefix", json!(["alpha1", "alpha2", "alpha22", "-"]), |n| {
            n <= 2_400 && (n.to_string().starts_with('1') || n.to_string().starts_with('2'))
        }),
        of("grades", json!(["02"]), |n| n % 3 == 1),
        of("graduation_years", json!([2031, 2033]), |n| n % 2 == 1),
        of("graduation_years", json!((2_031..2_045).collect::<Vec<_>>()), |n| !n.is_multiple_of(4)),
        of("user_types", json!(["guardian"]), |n| n.is_multiple_of(5)),
        of("user_types", json!(["prefect", "teacher", "aide", "proctor", "other"]), |n| n.is_multiple_of(7)),
        of("groups", json!(["late"]), |n| n > 4_000),
        of("groups", json!(["even", "few"]), |n| n.is_multiple_of(2) || n.is_multiple_of(97)),
        of("schools", json!(["School 3"]), |n| (n - 1) / SCHOOL == 3),
        of("schools", numbered("s-", 1..11), |n| (1..11).contains(&((n - 1) / SCHOOL))),
        of("classes", json!(["c-7"]), |n| !n.is_multiple_of(11) && (n - 1) / CLASS == 7),
        of("classes", numbered("Class ", 30..100), |n| !n.is_multiple_of(11) && (30..100).contains(&((n - 1) / CLASS))),
    ]
}

fn somebody(n: usize) -> Person {
    let role = if n.is_multiple_of(5) { "guardian" } else { "student" };
    let at = |role: &str| Membership { school: format!("s-{}", (n - 1) / SCHOOL), role: role.to_owned() };
    let groups = [("even", n.is_multiple_of(2)), ("few", n.is_multiple_of(97)), ("late", n > 4_000)];
    Person {
        username: format!("{}{n}", if n.is_multiple_of(2) { 'p' } else { 'u' }),
        family_name: format!("{}{n}", if n > 2_400 { "Ómega" } else { "Alpha" }),
        role: role.to_owned(),
        grade: Some(format!("0{}", n % 3 + 1)),
        graduation_year: Some(2_030 + i32::try_from(n % 4).expect("a year")),
        groups: groups.iter().filter(|(_, member)| *member).map(|(name, _)| (*name).to_owned()).collect(),
        active: !n.is_multiple_of(13),
        memberships: [at(role)].into_iter().chain(n.is_multiple_of(7).then(|| at("prefect"))).collect(),
        ..pupil(n)
    }
}

/// Everybody, in the order of their numbers; their ids are in the same.
async fn county(on: &TestLedger) -> Fixture {
    let fixture = district_with(&*on.ledger, 0).await;
    let district = fixture.district.id;
    let schools: Vec<School> = (0..PEOPLE / SCHOOL)
        .map(|n| School { source_id: format!("s-{n}"), name: format!("School {n}"), active: true })
        .collect();
    on.ledger.put_schools(district, &schools).await.expect("schools");
    let classes: Vec<Class> = (0..PEOPLE / CLASS)
        .map(|n| Class {
            source_id: format!("c-{n}"),
            school: format!("s-{}", n * CLASS / SCHOOL),
            title: format!("Class {n}"),
            active: true,
        })
        .collect();
    on.ledger.put_classes(district, &classes).await.expect("classes");
    let people: Vec<Person> = (1..=PEOPLE).map(somebody).collect();
    let enrolled = |n: usize| Enrolment {
        class: format!("c-{}", (n - 1) / CLASS),
        person: format!("p{n}"),
        role: "student".to_owned(),
        active: !n.is_multiple_of(11),
    };
    let taught = |n: usize| Enrolment {
        class: format!("c-{n}"),
        person: "t1".to_owned(),
        role: "teacher".to_owned(),
        active: true,
    };
    let enrolments: Vec<Enrolment> = (1..=PEOPLE).map(enrolled).chain((20..32).map(taught)).collect();
    for page in people.chunks(800) {
        on.ledger.put_people(district, page).await.expect("people");
    }
    for page in enrolments.chunks(800) {
        on.ledger.put_enrolments(district, page).await.expect("enrolments");
    }
    fixture
}

fn filter(of: &[&Asked]) -> AccountFilter {
    let mut filter = AccountFilter::default();
    let mut narrowed = json!({});
    for Asked { field, value, .. } in of {
        match *field {
            "q" => filter.begins = value.as_str().map(str::to_owned),
            field => narrowed[field] = value.clone(),
        }
    }
    AccountFilter { narrowed: serde_json::from_value(narrowed).expect("a filter"), ..filter }
}

/// The roster ids of all whom the filter lets through, and the pages that it took.
async fn all(on: &TestLedger, actor: &Actor, filter: &AccountFilter) -> (Vec<String>, usize) {
    let (mut found, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = on.ledger.search(actor, filter, after, 200).await.expect("a page");
        pages += 1;
        found.extend(page.accounts.into_iter().map(|account| account.source_id));
        match page.next {
            Some(next) => after = Some(next),
            None => return (found, pages),
        }
    }
}

/// The same by lists that are read side by side, in short stretches; `None` where the search or the database never does so.
async fn side_by_side(on: &TestLedger, actor: &Actor, filter: &AccountFilter, bounds: Bounds) -> Option<Vec<String>> {
    let (mut found, mut after, mut ids) = (Vec::new(), None, Vec::new());
    loop {
        let page = on.ledger.search_side_by_side(actor, filter, after, 150, bounds).await.expect("a page")?;
        ids.extend(page.accounts.iter().map(|account| account.id));
        found.extend(page.accounts.into_iter().map(|account| account.source_id));
        assert!(ids.is_sorted_by(|one, other| one < other), "in order, nobody twice");
        assert!(page.next.is_none() || page.next > after, "no way forward");
        match page.next {
            Some(next) => after = Some(next),
            None => return Some(found),
        }
    }
}

/// People of another district who are the same in all that a search asks for.
async fn neighbours(on: &TestLedger) {
    let other = district_with(&*on.ledger, 0).await.district.id;
    let school = School { source_id: "s-0".to_owned(), name: "School 0".to_owned(), active: true };
    on.ledger.put_schools(other, &[school]).await.expect("a school");
    let people: Vec<Person> = (1..=SCHOOL).map(somebody).collect();
    on.ledger.put_people(other, &people).await.expect("people");
}

/// One field, two and three, as an administrator, a principal and a teacher of more classes than are read one by one.
async fn fields_together_find_the_same_by_every_index(on: &TestLedger) {
    neighbours(on).await;
    let fixture = county(on).await;
    neighbours(on).await;
    let fields = asked();
    let mut together: Vec<Vec<&Asked>> = fields.iter().map(|one| vec![one]).collect();
    for (place, one) in fields.iter().enumerate() {
        let others = fields.iter().skip(place + 1).filter(|other| other.field != one.field);
        for (number, other) in others.clone().enumerate() {
            together.push(vec![one, other]);
            let third =
                others.clone().cycle().skip(number + 3).take(fields.len()).find(|third| third.field != other.field);
            together.extend(third.filter(|_| number % 4 == 0).map(|third| vec![one, other, third]));
        }
    }
    let head = Person {
        role: "principal".to_owned(),
        rank: 40,
        memberships: vec![Membership { school: "s-3".to_owned(), role: "principal".to_owned() }],
        ..pupil(PEOPLE + 1)
    };
    on.ledger.put_people(fixture.district.id, &[head]).await.expect("a principal");
    let by = |role: Role, person: AccountId| Actor { role, person: Some(person), ..fixture.admin() };
    let filtered = AccountFilter { begins: Some(format!("p{}", PEOPLE + 1)), ..AccountFilter::default() };
    let head = on.ledger.search(&fixture.admin(), &filtered, None, 2).await.expect("a page").accounts[0].id;
    let see: [(Actor, Means); 3] = [
        (fixture.admin(), |_| true),
        (by(Role::Principal, head), |n| (n - 1) / SCHOOL == 3),
        (by(Role::Teacher, fixture.teacher), |n| !n.is_multiple_of(11) && (20..32).contains(&((n - 1) / CLASS))),
    ];
    let mut met = 0;
    for (place, (actor, sees)) in see.into_iter().enumerate() {
        // Each actor with a third of them; every field is with every other in one.
        for (number, fields) in together.iter().skip(place).step_by(3).enumerate() {
            let asked = |n: &usize| sees(*n) && fields.iter().all(|field| (field.means)(*n));
            let mut meant: Vec<String> = (1..=PEOPLE).filter(asked).map(|n| format!("p{n}")).collect();
            let (mut found, _) = all(on, &actor, &filter(fields)).await;
            let ours = |id: &String| *id != format!("p{}", PEOPLE + 1) && id != "t1";
            found.retain(ours);
            // Pages come by id, and ids in the order in which an import wrote: in two lanes, that is not the file's.
            meant.sort_unstable();
            found.sort_unstable();
            let said: Vec<_> = fields.iter().map(|field| (field.field, &field.value)).collect();
            assert!(found == meant, "{:?} {said:?}: {} of {}", actor.role, found.len(), meant.len());
            let bounds =
                Bounds { each: 700, all: 1_400, sorted: if number % 2 == 0 { 3_000 } else { 900 }, judged: 200 };
            if let Some(mut found) = side_by_side(on, &actor, &filter(fields), bounds).await {
                found.retain(ours);
                found.sort_unstable();
                assert!(found == meant, "side by side: {:?} {said:?}: {} of {}", actor.role, found.len(), meant.len());
                met += 1;
            }
        }
    }
    assert!(met > 60 || !on.raw.is_postgres(), "{met} of {}", together.len());
}

/// Each of these lets a third or more through, and nobody has all.
async fn what_everybody_has_and_nobody_together_is_soon_known(on: &TestLedger) {
    let fixture = county(on).await;
    for (begins, narrowed) in [
        (None, json!({"groups": ["even"], "graduation_years": [2031, 2033]})),
        (Some("u"), json!({"groups": ["even"]})),
        (Some("alpha"), json!({"groups": ["late"]})),
        (Some("p"), json!({"family_name_prefix": ["omega"], "graduation_years": [2031]})),
        // Whose username begins with this has an even number, and such a year is that of odd ones.
        (Some("p"), json!({"grades": ["01"], "graduation_years": [2033], "user_types": ["student"]})),
    ] {
        let narrowed = serde_json::from_value(narrowed).expect("a filter");
        let filter = AccountFilter { narrowed, begins: begins.map(str::to_owned), only: None };
        assert_eq!(all(on, &fixture.admin(), &filter).await, (vec![], 1), "{filter:?}");
    }
}

/// Forty thousand: the even ones are of a grade and the odd ones in a group, the last of them both; and names that only the last
/// third have. What SQLite answers on several pages, PostgreSQL answers on one.
async fn long_lists_that_meet_late_or_never_are_known_at_once(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 0).await;
    let district = fixture.district.id;
    let (numbers, id) = if on.raw.is_postgres() {
        ("generate_series(1, 40000) AS s(n)", "('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid")
    } else {
        (
            "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 40000) SELECT n FROM s) AS s",
            "printf('01900000-0000-7000-8000-%012x', n)",
        )
    };
    let name = "CASE WHEN n > 26000 THEN 'y' ELSE 'x' END || n";
    for statement in [
        format!(
            "INSERT INTO accounts (id, district_id, source_id, username, username_key, given_name, family_name, family_key,
                 role, rank, grade, active, fingerprint)
             SELECT {id}, '{district}', 'n' || n, {name}, {name}, 'Given', 'Family', 'family', 'student', 10,
                 CASE WHEN n % 2 = 0 THEN '01' ELSE '02' END, TRUE, 'synthetic'
             FROM {numbers}"
        ),
        format!(
            "INSERT INTO account_groups (district_id, name, account_id)
             SELECT '{district}', CASE WHEN n <= 26000 THEN 'early' ELSE 'late' END, {id} FROM {numbers}"
        ),
        format!(
            "INSERT INTO account_groups (district_id, name, account_id)
             SELECT '{district}', 'odd', {id} FROM {numbers} WHERE n % 2 = 1 OR n = 40000"
        ),
    ] {
        on.raw.run(&statement).await;
    }
    let application = Actor { role: Role::Application, ..fixture.admin() };
    for (begins, narrowed, meant) in [
        (None, json!({"grades": ["01"], "groups": ["odd"]}), vec!["n40000"]),
        (None, json!({"grades": ["01"], "groups": ["odd"], "user_types": ["student"]}), vec!["n40000"]),
        (Some("y"), json!({"grades": ["01"], "groups": ["odd"]}), vec!["n40000"]),
        (Some("y"), json!({"groups": ["early"], "user_types": ["student"]}), vec![]),
        (Some("x"), json!({"groups": ["late"], "family_name_prefix": ["family"]}), vec![]),
    ] {
        for actor in [fixture.admin(), application.clone()] {
            let narrowed = serde_json::from_value(narrowed.clone()).expect("a filter");
            let filter = AccountFilter { narrowed, begins: begins.map(str::to_owned), only: None };
            let (found, pages) = all(on, &actor, &filter).await;
            assert_eq!(found, meant, "{filter:?}");
            assert!(pages == 1 || !on.raw.is_postgres(), "{pages} pages: {filter:?}");
        }
    }
}
