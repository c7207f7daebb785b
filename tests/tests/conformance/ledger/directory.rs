//! Looking for accounts, and marking them.

use keybell_backends::ledger::SearchPlan;
use keybell_shared::actor::{Actor, Role};
use keybell_shared::ids::AccountId;
use keybell_shared::ports::ledger::{
    AccountFilter, AccountLedger as _, AccountView, DirectoryLedger as _, Enrolment, ItemFilter, Managed, Marked,
    Marks, Membership, Person, RosterLedger as _, School, TaskLedger as _,
};
use keybell_shared::request::Where;
use keybell_tests::ledgers::{Fixture, TestLedger, district_with, pupil, request, task};
use keybell_tests::on_both;
use serde_json::json;

on_both!(
    a_search_finds_whom_a_selection_means,
    pages_are_complete_and_in_order,
    names_are_found_by_their_beginning,
    everybody_sees_the_own_part_only,
    marks_are_kept_audited_and_survive_an_import,
    whom_an_administrator_says_somebody_else_manages_is_never_reset,
    the_rosters_word_about_a_provider_goes_first,
    another_districts_account_cannot_be_marked,
    every_source_of_candidates_has_its_index,
    a_rare_account_is_found_among_very_many,
);

/// Everybody whom the filter lets through, page by page.
async fn all(on: &TestLedger, actor: &Actor, filter: &AccountFilter, limit: u32) -> Vec<String> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = on.ledger.search(actor, filter, after, limit).await.expect("a page");
        assert!(page.accounts.len() <= limit as usize);
        found.extend(page.accounts.into_iter().map(|account| account.username));
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

fn filter(narrowed: serde_json::Value) -> AccountFilter {
    let narrowed: Where = serde_json::from_value(narrowed).expect("a filter");
    AccountFilter { narrowed, ..AccountFilter::default() }
}

/// Two schools, groups, years and names.
async fn town(on: &TestLedger) -> Fixture {
    let fixture = district_with(&*on.ledger, 9).await;
    let district = fixture.district.id;
    let south = School { source_id: "s2".to_owned(), name: "South School".to_owned(), active: true };
    on.ledger.put_schools(district, &[south]).await.expect("a school");
    let named = |n: usize, family: &str, year: i32, groups: &[&str]| Person {
        family_name: family.to_owned(),
        graduation_year: Some(year),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        ..pupil(n)
    };
    let at = |person: Person, school: &str| Person {
        memberships: vec![Membership { school: school.to_owned(), role: "student".to_owned() }],
        ..person
    };
    let people = [
        named(1, "Müller", 2030, &["chess", "choir"]),
        named(2, "MULLIGAN", 2031, &["chess"]),
        at(named(3, "Łukasz", 2030, &[]), "s2"),
        at(named(4, "Núñez", 2032, &["choir"]), "s2"),
    ];
    on.ledger.put_people(district, &people).await.expect("people");
    fixture
}

async fn a_search_finds_whom_a_selection_means(on: &TestLedger) {
    let fixture = town(on).await;
    town(on).await;
    let admin = fixture.admin();
    for (narrowed, expected) in [
        (json!({"graduation_years": [2030]}), vec!["p1", "p3"]),
        (json!({"graduation_years": [2030, 2032]}), vec!["p1", "p3", "p4"]),
        (json!({"groups": ["choir"]}), vec!["p1", "p4"]),
        (json!({"groups": ["chess", "choir"]}), vec!["p1", "p2", "p4"]),
        (json!({"groups": ["choir"], "schools": ["South School"]}), vec!["p4"]),
        (json!({"family_name_prefix": ["mull"]}), vec!["p1", "p2"]),
        (json!({"family_name_prefix": ["MÜLL", "nune", "luk"]}), vec!["p1", "p2", "p3", "p4"]),
        (json!({"family_name_prefix": ["mull"], "graduation_years": [2031]}), vec!["p2"]),
        (json!({"schools": ["s2"]}), vec!["p3", "p4"]),
        (json!({"classes": ["1a"], "user_types": ["teacher"]}), vec!["t1"]),
        (json!({"user_types": ["guardian"], "grades": ["05"]}), vec![]),
    ] {
        assert_eq!(all(on, &admin, &filter(narrowed.clone()), 50).await, expected, "{narrowed}");
        for scope in ["all", "without_role", "all_except"] {
            let mut selection = json!({"scope": scope, "where": narrowed});
            if scope == "all_except" {
                selection["accounts"] = json!(["p2", "t1"]);
            }
            let meant = task(&*on.ledger, &admin, request(json!({"selection": selection}))).await;
            let items = on.ledger.items(fixture.district.id, meant, ItemFilter::default(), 100).await.expect("items");
            let meant: Vec<String> = items.into_iter().map(|item| item.username).collect();
            let left_out: &[&str] = match scope {
                "without_role" => &["t1"],
                "all_except" => &["p2", "t1"],
                _ => &[],
            };
            let left: Vec<&str> = expected.iter().copied().filter(|name| !left_out.contains(name)).collect();
            assert_eq!(meant, left, "{scope} {narrowed}");
        }
    }
}

async fn pages_are_complete_and_in_order(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 60).await;
    let admin = fixture.admin();
    let everybody = all(on, &admin, &AccountFilter::default(), 200).await;
    assert_eq!(everybody.len(), 81);
    for limit in [1, 7, 80, 81, 82] {
        assert_eq!(all(on, &admin, &AccountFilter::default(), limit).await, everybody, "{limit} a page");
        let pupils = all(on, &admin, &filter(json!({"grades": ["05"], "schools": ["s1"]})), limit).await;
        assert_eq!(pupils.len(), 60, "{limit} a page");
        let named = all(on, &admin, &filter(json!({"family_name_prefix": ["family-p1"]})), limit).await;
        assert_eq!(named.len(), 11, "{limit} a page");
    }
    let ids = on.ledger.search(&admin, &AccountFilter::default(), None, 200).await.expect("a page").accounts;
    assert!(ids.is_sorted_by_key(|account| account.id));
}

async fn names_are_found_by_their_beginning(on: &TestLedger) {
    let fixture = town(on).await;
    let begins = |text: &str| AccountFilter { begins: Some(text.to_owned()), ..AccountFilter::default() };
    for (text, expected) in
        [("mü", vec!["p1", "p2"]), ("P1", vec!["p1"]), ("t", vec!["t1"]), ("lukasz", vec!["p3"]), ("%", vec![])]
    {
        assert_eq!(all(on, &fixture.admin(), &begins(text), 50).await, expected, "{text}");
    }
    let both = AccountFilter { begins: Some("p".to_owned()), ..filter(json!({"groups": ["choir"]})) };
    assert_eq!(all(on, &fixture.admin(), &both, 50).await, ["p1", "p4"]);
    let one = AccountFilter { only: Some(fixture.teacher), ..AccountFilter::default() };
    assert_eq!(all(on, &fixture.admin(), &one, 50).await, ["t1"]);
}

async fn everybody_sees_the_own_part_only(on: &TestLedger) {
    let fixture = town(on).await;
    let stranger = district_with(&*on.ledger, 3).await;
    let everybody = AccountFilter::default();
    let by = |role: Role, person: AccountId| Actor {
        role,
        person: Some(person),
        name: "somebody".to_owned(),
        ..fixture.admin()
    };
    // The head of the southern school is a district administrator's equal at no other, and reaches nobody above them.
    let head = Person {
        role: "principal".to_owned(),
        rank: 40,
        grade: None,
        memberships: vec![Membership { school: "s2".to_owned(), role: "principal".to_owned() }],
        ..pupil(70)
    };
    let above = Person {
        role: "districtAdministrator".to_owned(),
        rank: 50,
        ..Person { source_id: "d1".to_owned(), username: "d1".to_owned(), ..head.clone() }
    };
    on.ledger.put_people(fixture.district.id, &[head, above]).await.expect("people");
    let wanted = AccountFilter { begins: Some("p70".to_owned()), ..everybody.clone() };
    let found = on.ledger.search(&fixture.admin(), &wanted, None, 9).await.expect("a page");
    let head = found.accounts[0].id;
    assert_eq!(all(on, &by(Role::Principal, head), &everybody, 50).await, ["p3", "p4", "p70"]);
    // A pupil who leaves the class is not the teacher's any more; a teacher sees no teacher.
    let gone = Enrolment { class: "c1".to_owned(), person: "p9".to_owned(), role: "student".to_owned(), active: false };
    on.ledger.put_enrolments(fixture.district.id, &[gone]).await.expect("an enrolment");
    let seen = all(on, &by(Role::Teacher, fixture.teacher), &everybody, 3).await;
    assert_eq!(seen, ["p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8"]);
    let south = filter(json!({"schools": ["s2"]}));
    assert_eq!(all(on, &by(Role::Teacher, fixture.teacher), &south, 50).await, ["p3", "p4"]);
    let theirs = AccountFilter { only: Some(stranger.pupils[0]), ..AccountFilter::default() };
    assert!(all(on, &fixture.admin(), &theirs, 50).await.is_empty(), "another district's account is not there");
}

async fn marks_are_kept_audited_and_survive_an_import(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let (admin, account) = (fixture.admin(), fixture.pupils[0]);
    let protect = Marks { protected: Some(true), ..Marks::default() };
    let marked = mark(on, &admin, account, protect.clone()).await;
    assert!(marked.protected && !marked.quick_login);
    mark(on, &admin, account, protect).await;
    let marked = mark(on, &admin, account, Marks { quick_login: Some(true), ..Marks::default() }).await;
    assert!(marked.protected && marked.quick_login, "the other mark stays");
    let renamed = Person { family_name: "Other".to_owned(), ..pupil(1) };
    on.ledger.put_people(fixture.district.id, &[renamed]).await.expect("a re-import");
    let only = AccountFilter { only: Some(account), ..AccountFilter::default() };
    let kept = on.ledger.search(&admin, &only, None, 1).await.expect("a page").accounts.remove(0);
    assert!(kept.protected && kept.quick_login && kept.family_name == "Other", "{kept:?}");
    let audit = "SELECT actor, action, subject FROM audit WHERE action LIKE 'account.%' ORDER BY id";
    let subject = format!("account {account}");
    assert_eq!(
        on.raw.rows(audit).await,
        [["console", "account.protected", &subject], ["console", "account.quick_login", &subject]],
        "what changed nothing is not audited"
    );
}

fn by(provider: &str) -> Managed {
    Managed::By(provider.to_owned())
}

/// Marks an account; nothing stands in the way.
async fn mark(on: &TestLedger, admin: &Actor, account: AccountId, marks: Marks) -> AccountView {
    match on.ledger.mark(admin, account, marks).await.expect("an answer").expect("there") {
        Marked::Now(account) => *account,
        Marked::ByRoster(provider) => panic!("the roster says {provider}"),
    }
}

async fn manage(on: &TestLedger, admin: &Actor, account: AccountId, managed: Managed) -> Option<String> {
    mark(on, admin, account, Marks { managed: Some(managed), ..Marks::default() }).await.managed_by
}

async fn whom_an_administrator_says_somebody_else_manages_is_never_reset(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let (admin, account, district) = (fixture.admin(), fixture.pupils[0], fixture.district.id);
    for _ in 0..2 {
        assert_eq!(manage(on, &admin, account, by("clever")).await.as_deref(), Some("clever"));
    }
    // An import that says nothing of it, with something new and with nothing.
    let moved = Person { family_name: "Other".to_owned(), ..pupil(1) };
    for _ in 0..2 {
        on.ledger.put_people(district, std::slice::from_ref(&moved)).await.expect("a re-import");
    }
    let everybody = request(json!({"selection": {"scope": "all", "where": {"user_types": ["student"]}}}));
    let meant = task(&*on.ledger, &admin, everybody).await;
    let items = on.ledger.items(district, meant, ItemFilter::default(), 10).await.expect("items");
    let codes: Vec<_> =
        items.iter().map(|item| (item.username.as_str(), item.code.map(keybell_shared::codes::Code::as_str))).collect();
    assert_eq!(codes, [("p1", Some("S01")), ("p2", None)]);
    let sign_in = on.ledger.sign_in(district, "p1").await.expect("an answer").expect("there");
    assert!(!sign_in.usable, "who signs in elsewhere does not sign in here");
    assert!(!on.ledger.change_password("w", account, 0, "$h$").await.expect("an answer"));
    for _ in 0..2 {
        assert_eq!(manage(on, &admin, account, Managed::Unsaid).await, None);
    }
    let audit = "SELECT action, detail, subject FROM audit WHERE action LIKE 'account.%managed' ORDER BY id";
    let subject = format!("account {account}");
    assert_eq!(
        on.raw.rows(audit).await,
        [["account.managed", "by \"clever\"", &subject], ["account.unmanaged", "", &subject]],
        "what changed nothing is not audited"
    );
}

async fn the_rosters_word_about_a_provider_goes_first(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let (admin, account, district) = (fixture.admin(), fixture.pupils[0], fixture.district.id);
    let said = |provider: Option<&str>| Person { managed_by: provider.map(str::to_owned), ..pupil(1) };
    assert_eq!(manage(on, &admin, account, by("classlink")).await.as_deref(), Some("classlink"));
    on.ledger.put_people(district, &[said(Some("clever"))]).await.expect("people");
    let only = AccountFilter { only: Some(account), ..AccountFilter::default() };
    let shown = async || on.ledger.search(&admin, &only, None, 1).await.expect("a page").accounts.remove(0).managed_by;
    assert_eq!(shown().await.as_deref(), Some("clever"));
    // When the roster falls silent, what the administrator said still holds.
    on.ledger.put_people(district, &[said(None)]).await.expect("people");
    assert_eq!(shown().await.as_deref(), Some("classlink"));
    on.ledger.put_people(district, &[said(Some("clever"))]).await.expect("people");
    // The own word is taken back, the roster's is not, nor is another set beside it; and then no other mark is, either.
    assert_eq!(manage(on, &admin, account, Managed::Unsaid).await.as_deref(), Some("clever"));
    for managed in [Managed::Unsaid, by("classlink")] {
        let marks = Marks { protected: Some(true), managed: Some(managed), ..Marks::default() };
        let refused = on.ledger.mark(&admin, account, marks).await;
        assert_eq!(refused, Ok(Some(Marked::ByRoster("clever".to_owned()))));
    }
    assert_eq!(on.raw.number("SELECT count(*) FROM accounts WHERE protected").await, 0);
}

async fn another_districts_account_cannot_be_marked(on: &TestLedger) {
    let (own, other) = (district_with(&*on.ledger, 1).await, district_with(&*on.ledger, 1).await);
    let marks = Marks { protected: Some(true), quick_login: Some(true), managed: Some(by("clever")) };
    assert_eq!(on.ledger.mark(&own.admin(), other.pupils[0], marks).await, Ok(None));
    assert_eq!(
        on.raw.number("SELECT count(*) FROM accounts WHERE protected OR quick_login OR managed_mark IS NOT NULL").await,
        0
    );
}

async fn every_source_of_candidates_has_its_index(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 150).await;
    for _ in 0..4 {
        district_with(&*on.ledger, 150).await;
    }
    // Everybody differs from everybody else, so that an index is worth its while.
    for sql in [
        "UPDATE accounts SET grade = upper(username), role = username, graduation_year = CAST(substr(username, 2) AS INTEGER)",
        "UPDATE memberships SET role = CAST(account_id AS TEXT)",
        "INSERT INTO schools (district_id, source_id, name) SELECT district_id, CAST(id AS TEXT), 'x' FROM accounts",
        "INSERT INTO classes (district_id, school_id, source_id, title)
         SELECT district_id, id, source_id, source_id FROM schools WHERE name = 'x'",
        "UPDATE memberships SET school_id =
         (SELECT s.id FROM schools s WHERE s.name = 'x' AND s.source_id = CAST(memberships.account_id AS TEXT))",
        "UPDATE enrolments SET class_id = (SELECT c.id FROM classes c WHERE c.title = CAST(enrolments.account_id AS TEXT))",
        "INSERT INTO account_groups (district_id, name, account_id) SELECT district_id, CAST(id AS TEXT), id FROM accounts",
        // Which rows everybody can see is a part of what PostgreSQL weighs, and only VACUUM notes it.
        if on.raw.is_postgres() { "VACUUM ANALYZE" } else { "ANALYZE" },
    ] {
        on.raw.run(sql).await;
    }
    let plans = on.ledger.search_plans(fixture.district.id).await.expect("plans");
    assert!(plans.len() >= 22);
    for SearchPlan { index, in_order, plan } in plans {
        let read = plan.lines().any(|line| line.contains(index) && (on.raw.is_postgres() || line.contains("SEARCH")));
        assert!(read, "{index} is not used:\n{plan}");
        assert!(!plan.contains("Seq Scan") && !plan.contains("SCAN a USING"), "{index}:\n{plan}");
        // What merges lists has a `Sort Key`, too.
        for unordered in ["Sort  (", "TEMP B-TREE", "SCAN a", "SCAN x"] {
            assert!(!in_order || !plan.contains(unordered), "{index}:\n{plan}");
        }
    }
}

/// More people than one call looks at: the last one is the only one in a group, and the only two of a grade and year
/// together; both are found, and a broad filter with nobody in it ends.
async fn a_rare_account_is_found_among_very_many(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 1).await;
    let people = (2..=10_000).map(|n| Person { graduation_year: Some(2030), ..pupil(n) });
    let people: Vec<Person> = people.chain([Person { groups: vec!["one".to_owned()], ..pupil(10_001) }]).collect();
    for page in people.chunks(1_000) {
        on.ledger.put_people(fixture.district.id, page).await.expect("people");
    }
    let admin = fixture.admin();
    let page = on.ledger.search(&admin, &filter(json!({"groups": ["one"]})), None, 5).await.expect("a page");
    assert_eq!((page.accounts.len(), page.next), (1, None), "by its index, at once");
    let nobody = filter(json!({"graduation_years": [2030], "user_types": ["guardian"]}));
    assert!(all(on, &admin, &nobody, 50).await.is_empty());
    let page = on.ledger.search(&admin, &filter(json!({"grades": ["05"]})), None, 5).await.expect("a page");
    assert!(page.accounts.len() == 5 && page.next.is_some());
    assert_eq!(all(on, &admin, &filter(json!({"graduation_years": [2030]})), 200).await.len(), 9_999);
}
