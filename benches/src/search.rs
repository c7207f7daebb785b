//! Looking for accounts among very many on PostgreSQL: how long `GET /v1/accounts` waits for the ledger.

use anyhow::{Context as _, Result};
use clap::Args;
use keybell_shared::actor::{Actor, Role};
use keybell_shared::clock::Stopwatch;
use keybell_shared::ids::{AccountId, DistrictId};
use keybell_shared::ports::ledger::{AccountFilter, DirectoryLedger as _, KeyLedger as _};
use keybell_shared::request::Where;
use keybell_tests::ledgers::{TestLedger, as_district_admin};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::output::{columns, step};

/// How large the district is.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many accounts.
    #[arg(long, default_value_t = 1_000_000)]
    accounts: u32,
    /// How many pages of each search are timed.
    #[arg(long, default_value_t = 200)]
    pages: usize,
    /// SQLite instead of PostgreSQL.
    #[arg(long)]
    sqlite: bool,
}

/// One search.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// What was looked for.
    pub(crate) what: String,
    /// Accounts on the first page.
    pub(crate) found: usize,
    /// Pages until there was somebody, or no further page.
    pub(crate) tries: usize,
    /// How long these took together, milliseconds.
    pub(crate) waited: f64,
    /// Milliseconds: of the first page, the middle, the 99th of a hundred, the longest.
    pub(crate) first: f64,
    /// The middle of all pages.
    pub(crate) p50: f64,
    /// The 99th of a hundred.
    pub(crate) p99: f64,
    /// The longest.
    pub(crate) longest: f64,
}

/// Rows of a page, as the API has it without `limit`.
const PAGE: u32 = 100;

/// Searches by every filter.
pub(crate) async fn measure(options: &Options) -> Result<Vec<Row>> {
    let test = if options.sqlite { TestLedger::sqlite().await } else { TestLedger::postgres().await };
    let district = test.ledger.ensure_district("bench", "Synthetic District").await?.id;
    step(&format!("making {} accounts", options.accounts));
    fill(&test, district, options.accounts).await;
    let admin = as_district_admin(district);
    let mut rows = Vec::new();
    for (what, begins, narrowed) in searches() {
        let narrowed: Where = serde_json::from_value(narrowed)?;
        let filter = AccountFilter { narrowed, begins: begins.map(str::to_owned), only: None };
        rows.push(walk(what.to_owned(), &test, &admin, &filter, options.pages).await?);
    }
    for (what, role, who) in [
        ("everybody, as a principal", Role::Principal, "teacher"),
        ("everybody, as a teacher", Role::Teacher, "teacher"),
    ] {
        let sql = format!("SELECT id FROM accounts WHERE role = '{who}' ORDER BY id LIMIT 1");
        let person: Uuid = test.raw.text(&sql).await.parse().context("a teacher")?;
        let actor = Actor { role, person: Some(AccountId(person)), ..admin.clone() };
        rows.push(walk(what.to_owned(), &test, &actor, &AccountFilter::default(), options.pages).await?);
    }
    Ok(rows)
}

/// What people look for: each field alone, and fields together.
fn searches() -> Vec<(&'static str, Option<&'static str>, serde_json::Value)> {
    let classes: Vec<String> = (0..12).map(|n| format!("Class {}", 7 + n * 1_001)).collect();
    let schools: Vec<String> = (0..20).map(|n| format!("School {}", 9 + n * 91)).collect();
    let beginnings: Vec<String> = (0..30).map(|n| format!("Family{}", 100 + n * 17)).collect();
    let mut all = vec![
        ("everybody", None, json!({})),
        ("q=person4711", Some("person4711"), json!({})),
        ("q=family12", Some("family12"), json!({})),
        ("q=p", Some("p"), json!({})),
        ("q=nobody", Some("nobody"), json!({})),
        ("a school", None, json!({"schools": ["School 77"]})),
        ("a class", None, json!({"classes": ["Class 1234"]})),
        ("a grade", None, json!({"grades": ["05"]})),
        ("a graduation year", None, json!({"graduation_years": [2030]})),
        ("a group", None, json!({"groups": ["Group 7"]})),
        ("teachers", None, json!({"user_types": ["teacher"]})),
        ("students", None, json!({"user_types": ["student"]})),
        ("a role that nobody has", None, json!({"user_types": ["principal"]})),
        ("a family name", None, json!({"family_name_prefix": ["Family77"]})),
        ("a school and a grade", None, json!({"schools": ["School 77"], "grades": ["05"]})),
        ("a grade and a group that never meet", None, json!({"grades": ["05"], "groups": ["Group 7"]})),
        ("q=p, a grade of another year", Some("p"), json!({"grades": ["05"], "graduation_years": [2031]})),
        ("ten grades", None, json!({"grades": ["01", "02", "03", "04", "05", "06", "07", "08", "09", "10"]})),
        ("q=family12, a school", Some("family12"), json!({"schools": ["School 77"]})),
        ("q=family12, a grade", Some("family12"), json!({"grades": ["05"]})),
        ("q=family12, a group", Some("family12"), json!({"groups": ["Group 7"]})),
        ("q=family1, a grade", Some("family1"), json!({"grades": ["05"]})),
        (
            "a family name of 11,000, a year",
            None,
            json!({"family_name_prefix": ["Family77"], "graduation_years": [2030]}),
        ),
        ("a class and a year", None, json!({"classes": ["Class 1234"], "graduation_years": [2030]})),
    ];
    all.extend([
        ("twelve classes", None, json!({"classes": classes})),
        ("twenty schools", None, json!({"schools": schools})),
        ("twenty schools, a grade", None, json!({"schools": schools, "grades": ["05"]})),
        ("thirty family names", None, json!({"family_name_prefix": beginnings})),
        ("thirty family names, teachers", None, json!({"family_name_prefix": beginnings, "user_types": ["teacher"]})),
    ]);
    // Very many each, and nobody or hardly anybody together; or all of them at the end.
    all.extend([
        ("a grade of another year", None, json!({"grades": ["05"], "graduation_years": [2031]})),
        ("a grade, a large group of other grades", None, json!({"grades": ["06"], "groups": ["Odd"]})),
        ("students in a large group of others", None, json!({"user_types": ["student"], "groups": ["Grown-ups"]})),
        ("q=family1, a grade of another year", Some("family1"), json!({"grades": ["05"], "graduation_years": [2031]})),
        (
            "q=family12, a grade of another year",
            Some("family12"),
            json!({"grades": ["05"], "graduation_years": [2031]}),
        ),
        ("q=late, the last tenth", Some("late"), json!({})),
        ("q=late, a grade", Some("late"), json!({"grades": ["05"]})),
        ("q=late, a group of the first tenth", Some("late"), json!({"groups": ["Early"]})),
        ("q=last, the last fiftieth", Some("last"), json!({})),
        ("q=last, students", Some("last"), json!({"user_types": ["student"]})),
        ("a group of the first tenth, one of its end", None, json!({"groups": ["Early"], "graduation_years": [2020]})),
    ]);
    all
}

async fn walk(what: String, test: &TestLedger, actor: &Actor, filter: &AccountFilter, pages: usize) -> Result<Row> {
    step(&what);
    let mut times = Vec::with_capacity(pages);
    let (mut after, mut found): (Option<AccountId>, Option<usize>) = (None, None);
    let (mut looking, mut tries, mut waited) = (true, 0, 0.0);
    while times.len() < pages {
        let watch = Stopwatch::start();
        let page = test.ledger.search(actor, filter, after, PAGE).await?;
        let took = watch.elapsed().as_secs_f64() * 1e3;
        times.push(took);
        found.get_or_insert(page.accounts.len());
        if looking {
            (tries, waited) = (tries + 1, waited + took);
            looking = page.accounts.is_empty() && page.next.is_some();
        }
        // From the beginning again, when the end was reached.
        after = page.next;
    }
    let first = times.first().copied().unwrap_or_default();
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times.get((times.len() * share / 100).min(times.len() - 1)).copied().unwrap_or_default();
    Ok(Row { what, found: found.unwrap_or_default(), tries, waited, first, p50: at(50), p99: at(99), longest: at(100) })
}

/// A million accounts within a minute: straight in SQL, on both databases the same but for the ids.
async fn fill(test: &TestLedger, district: DistrictId, accounts: u32) {
    let postgres = test.raw.is_postgres();
    let schools = (accounts / 500).max(1);
    let numbers = |n: u32| {
        if postgres {
            format!("generate_series(1, {n}) AS s(n)")
        } else {
            format!(
                "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {n}) SELECT n FROM s) AS s"
            )
        }
    };
    // Of version 7, in the order in which a roster would bring people.
    let id = if postgres {
        "('0190' || lpad(to_hex(n), 8, '0') || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid"
    } else {
        "printf('0190%04x-%04x-7abc-8abc-%012x', n >> 16, n & 65535, n)"
    };
    // Beginnings that come late, in the order of ids.
    let (late, last) = (accounts / 10 * 9, accounts / 50 * 49);
    let name = format!("CASE WHEN n > {last} THEN 'last' WHEN n > {late} THEN 'late' ELSE 'person' END");
    let kind = "CASE WHEN n % 20 = 19 THEN 'teacher' WHEN n % 3 = 2 THEN 'guardian' ELSE 'student' END";
    let statements = [
        format!(
            "INSERT INTO schools (district_id, source_id, name) SELECT '{district}', 's' || n, 'School ' || n FROM {}",
            numbers(schools)
        ),
        format!(
            "INSERT INTO classes (district_id, school_id, source_id, title)
             SELECT '{district}', n % {schools} + 1, 'c' || n, 'Class ' || n FROM {}",
            numbers(accounts / 50)
        ),
        format!(
            "INSERT INTO accounts (id, district_id, source_id, username, username_key, given_name, family_name, family_key,
                 role, rank, grade, graduation_year, email, school_id, active, fingerprint)
             SELECT {id}, '{district}', 'p' || n, {name} || n, {name} || n, 'Given' || n, 'Family' || n % 9973,
                 'family' || n % 9973, {kind}, CASE WHEN n % 20 = 19 THEN 30 ELSE 10 END,
                 CASE WHEN {kind} = 'student' THEN substr('00' || (n % 12 + 1), length('00' || (n % 12 + 1)) - 1, 2) END,
                 CASE WHEN {kind} = 'student' THEN CASE WHEN n > {last} THEN 2020 ELSE 2038 - n % 12 - 1 END END, 'person' || n || '@example.org',
                 n % {schools} + 1, TRUE, 'synthetic'
             FROM {}",
            numbers(accounts)
        ),
        "INSERT INTO memberships (account_id, school_id, role) SELECT id, school_id, role FROM accounts".to_owned(),
        format!(
            "INSERT INTO enrolments (class_id, account_id, role)
             SELECT CAST(substr(source_id, 2) AS BIGINT) % {} + 1, id, role FROM accounts WHERE role <> 'guardian'",
            accounts / 50
        ),
        format!(
            "INSERT INTO account_groups (district_id, name, account_id)
             SELECT '{district}', 'Group ' || CAST(substr(source_id, 2) AS BIGINT) % 997, id FROM accounts
             WHERE grade = '06'"
        ),
        format!(
            "INSERT INTO account_groups (district_id, name, account_id)
             SELECT '{district}', g.name, a.id FROM accounts a
             JOIN (SELECT 'Odd' AS name UNION SELECT 'Grown-ups' UNION SELECT 'Early') AS g
                 ON CASE g.name WHEN 'Odd' THEN a.grade IN ('01', '03', '05', '07', '09', '11')
                     WHEN 'Grown-ups' THEN a.role <> 'student'
                     ELSE CAST(substr(a.source_id, 2) AS BIGINT) <= {} END",
            accounts / 10
        ),
        // As autovacuum does within a minute of an import: only then is what an index says enough.
        if postgres { "VACUUM ANALYZE" } else { "ANALYZE" }.to_owned(),
    ];
    for statement in statements {
        test.raw.run(&statement).await;
    }
}

/// A line for each search.
pub(crate) fn table(rows: &[Row]) -> String {
    let head = ["looked for", "found", "first page, ms", "p50", "p99", "longest", "pages to somebody", "took"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    lines.extend(rows.iter().map(|row| {
        let mut line = vec![row.what.clone(), row.found.to_string()];
        line.extend([row.first, row.p50, row.p99, row.longest].map(|ms| format!("{ms:.1}")));
        line.extend([row.tries.to_string(), format!("{:.1}", row.waited)]);
        line
    }));
    columns(&lines)
}
