//! Plans: what a request would do, written down, and started exactly so or not at all.

use std::time::Duration;

use keybell_shared::actor::Actor;
use keybell_shared::codes::Code;
use keybell_shared::ids::{PlanId, TaskId};
use keybell_shared::ports::ledger::{
    Acceptance, Applied, Chunk, Difference, ExpansionLedger as _, Fate, Idempotency, IntakeLedger as _, ItemFilter,
    MAX_PLANS, NewPlan, NewTask, PlanFilter, PlanItem, PlanLedger as _, PlanView, RosterLedger as _, TaskLedger as _,
};
use keybell_shared::states::ItemState;
use keybell_tests::ledgers::{Fixture, TestLedger, district_with, expand, pupil, request, task};
use keybell_tests::on_both;
use serde_json::{Value, json};

use super::unreachable::{every_way, nobody_can_be_told, with_every_contact};

on_both!(
    a_plan_says_who_and_why_and_changes_nothing,
    whom_a_plan_calls_unreachable_nobody_could_tell,
    a_plan_becomes_exactly_its_accounts_whatever_changes_afterwards,
    a_plan_refuses_with_the_difference,
    what_does_not_matter_to_a_plan_may_change,
    a_plan_is_started_once_also_by_two_at_once,
    an_expired_plan_is_refused_and_forgotten_unless_its_task_needs_it,
    a_caller_keeps_the_newest_plans,
    a_plan_that_means_nobody_is_not_written_down,
    the_fleet_is_measured_by_tasks_that_ended,
);

const DAY: Duration = Duration::from_hours(24);

/// Makes a plan; named accounts are resolved.
async fn made_within(on: &TestLedger, actor: &Actor, asked: Value, keep: Duration) -> Option<PlanView> {
    let request = request(asked);
    let named = on.ledger.resolve_accounts(actor.district, &request.selection.accounts).await.expect("names").found;
    let plan =
        NewPlan { id: PlanId::fresh(), actor: actor.clone(), producer: actor.name.clone(), request, named, keep };
    on.ledger.make_plan(plan).await.expect("a plan")
}

pub(super) async fn made(on: &TestLedger, fixture: &Fixture, asked: Value) -> PlanView {
    made_within(on, &fixture.admin(), asked, DAY).await.expect("it means somebody")
}

fn as_task(fixture: &Fixture, plan: &PlanView, key: &str) -> NewTask {
    NewTask {
        id: TaskId::fresh(),
        actor: fixture.admin(),
        request: plan.request.clone(),
        named: Vec::new(),
        shared: None,
        uploaded: Vec::new(),
        idempotency: Idempotency {
            producer: "console".to_owned(),
            key: key.to_owned(),
            fingerprint: format!("of {}", plan.id),
        },
        reissue: None,
        trial: None,
    }
}

pub(super) async fn applied(on: &TestLedger, fixture: &Fixture, plan: &PlanView, key: &str) -> Applied {
    on.ledger.apply_plan(as_task(fixture, plan, key), plan.id).await.expect("an answer")
}

pub(super) async fn accepted(on: &TestLedger, fixture: &Fixture, plan: &PlanView) -> TaskId {
    let answer = applied(on, fixture, plan, "once").await;
    let Applied::Answered(Acceptance::Accepted(task)) = answer else { panic!("not started: {answer:?}") };
    task
}

/// All people of a plan, page by page.
pub(super) async fn people(on: &TestLedger, fixture: &Fixture, plan: &PlanView, fate: Option<Fate>) -> Vec<PlanItem> {
    let mut all: Vec<PlanItem> = Vec::new();
    loop {
        let filter = PlanFilter { fate, after: all.last().map(|item| item.account) };
        let page = on.ledger.plan_items(fixture.district.id, plan.id, filter, 2).await.expect("a page");
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

fn names(items: &[PlanItem]) -> Vec<&str> {
    items.iter().map(|item| item.username.as_str()).collect()
}

async fn a_plan_says_who_and_why_and_changes_nothing(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 6).await;
    on.raw.run("UPDATE accounts SET active = FALSE WHERE username = 'p1'").await;
    on.raw.run("UPDATE accounts SET email = NULL WHERE username IN ('p2', 'p3')").await;
    let before = on.raw.text("SELECT count(*) FROM events").await;
    let asked = json!({"selection": {"scope": "all"}, "channel": "email"});
    let plan = made(on, &fixture, asked.clone()).await;
    assert_eq!((plan.people.eligible, plan.unreachable), (8, 2), "six pupils, two guardians and a teacher");
    assert_eq!(plan.people.skipped, [(Code::S03, 1)]);
    assert_eq!((plan.digest.len(), plan.expired, plan.task), (64, false, None));
    assert_eq!(plan.expires_at.0 - plan.created_at.0, 24 * 3_600_000);
    assert_eq!(names(&people(on, &fixture, &plan, None).await), ["p1", "p2", "p3", "p4", "p5", "p6", "g1", "g2", "t1"]);
    assert_eq!(names(&people(on, &fixture, &plan, Some(Fate::Unreachable)).await), ["p2", "p3"]);
    assert_eq!(people(on, &fixture, &plan, Some(Fate::Reset)).await.len(), 6);
    let skipped = people(on, &fixture, &plan, Some(Fate::Skipped)).await;
    assert_eq!((names(&skipped), skipped[0].code), (vec!["p1"], Some(Code::S03)));

    let cascade = made(on, &fixture, json!({"selection": {"scope": "all"}, "channel": "cascade"})).await;
    assert_eq!(cascade.unreachable, 1, "p3 has a guardian");
    let silent = json!({"selection": {"scope": "all"}, "password": {"source": "shared"}});
    assert_eq!(made(on, &fixture, silent).await.unreachable, 0, "nobody is to be told");
    assert_eq!(made(on, &fixture, asked).await.digest, plan.digest, "the same people, the same digest");

    assert_eq!(on.raw.number("SELECT count(*) FROM tasks").await, 0);
    assert_eq!(on.raw.number("SELECT count(*) FROM accounts WHERE credential_version <> 0 OR must_change").await, 0);
    assert_eq!(on.raw.text("SELECT count(*) FROM events").await, before);
    let stranger = district_with(&*on.ledger, 1).await;
    assert!(on.ledger.plan(stranger.district.id, plan.id).await.expect("an answer").is_none());
    assert_eq!(people(on, &stranger, &plan, None).await, []);
}

/// Every combination of addresses, channels and recipients: the plan (SQL) and the reset (Rust) must agree.
async fn whom_a_plan_calls_unreachable_nobody_could_tell(on: &TestLedger) {
    let (fixture, contacts) = with_every_contact(on).await;
    for (rule, asked) in every_way() {
        let plan = made(on, &fixture, asked).await;
        let unreachable = people(on, &fixture, &plan, Some(Fate::Unreachable)).await;
        for (pupil, contacts) in &contacts {
            let expected = nobody_can_be_told(rule, contacts);
            let found = unreachable.iter().any(|item| item.account == *pupil);
            assert_eq!(found, expected, "{rule:?} {contacts:?}");
        }
    }
}

async fn a_plan_becomes_exactly_its_accounts_whatever_changes_afterwards(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 6).await;
    on.raw.run("UPDATE accounts SET active = FALSE WHERE username = 'p1'").await;
    let asked = json!({"selection": {"scope": "all_except", "accounts": ["p6"], "where": {"user_types": ["student"]}}});
    let plan = made(on, &fixture, asked).await;
    let task = accepted(on, &fixture, &plan).await;
    assert_eq!(
        on.ledger.plan(fixture.district.id, plan.id).await.expect("a plan").and_then(|plan| plan.task),
        Some(task)
    );
    // Between the acceptance and the last chunk of the expansion everything changes.
    assert_eq!(on.ledger.expand_chunk("s", task, 2).await, Ok(Chunk::More(2)));
    on.raw.run("UPDATE accounts SET active = TRUE WHERE username = 'p1'").await;
    on.raw.run("UPDATE accounts SET active = FALSE WHERE username = 'p4'").await;
    on.raw.run("UPDATE accounts SET role = 'teacher', grade = NULL WHERE username = 'p5'").await;
    on.ledger.put_people(fixture.district.id, &[pupil(77)]).await.expect("a new pupil");
    expand(&*on.ledger, task).await;
    let items = on.ledger.items(fixture.district.id, task, ItemFilter::default(), 100).await.expect("items");
    let mut found: Vec<_> = items.iter().map(|item| (item.username.as_str(), item.state, item.code)).collect();
    found.sort_unstable_by_key(|(name, ..)| *name);
    assert_eq!(
        found,
        [
            ("p1", ItemState::Skipped, Some(Code::S03)),
            ("p2", ItemState::Pending, None),
            ("p3", ItemState::Pending, None),
            ("p4", ItemState::Skipped, Some(Code::S03)),
            ("p5", ItemState::Pending, None),
        ],
        "who was skipped in the plan stays so, who is no longer eligible is skipped, and nobody joins"
    );
    let view = on.ledger.task(fixture.district.id, task).await.expect("a task").expect("there");
    assert_eq!((view.plan, view.progress.counts.total()), (Some(plan.id), 5));
}

/// Looks at what differs after a change, and takes it back.
async fn differing(on: &TestLedger, fixture: &Fixture, plan: &PlanView, change: &str, back: &str) -> Difference {
    on.raw.run(change).await;
    let answer = applied(on, fixture, plan, "changed").await;
    on.raw.run(back).await;
    let Applied::Changed(difference) = answer else { panic!("{change}: {answer:?}") };
    difference
}

async fn a_plan_refuses_with_the_difference(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 6).await;
    let asked = json!({"selection": {"scope": "all", "where": {"grades": ["05"]}}, "channel": "cascade"});
    let plan = made(on, &fixture, asked).await;
    let first = |name: &str, what: &str| vec![(name.to_owned(), what.to_owned())];
    let none = Difference::default();
    let g1 = "(SELECT id FROM accounts WHERE username = 'g1')";
    for (change, back, expected) in [
        (
            "UPDATE accounts SET grade = '05' WHERE username = 't1'",
            "UPDATE accounts SET grade = NULL WHERE username = 't1'",
            Difference { joined: 1, first: first("t1", "joined"), ..none.clone() },
        ),
        (
            "UPDATE accounts SET grade = '06' WHERE username = 'p2'",
            "UPDATE accounts SET grade = '05' WHERE username = 'p2'",
            Difference { left: 1, first: first("p2", "left"), ..none.clone() },
        ),
        (
            "UPDATE accounts SET protected = TRUE WHERE username = 'p3'",
            "UPDATE accounts SET protected = FALSE WHERE username = 'p3'",
            Difference { eligibility: 1, first: first("p3", "eligibility"), ..none.clone() },
        ),
        (
            "UPDATE accounts SET email = 'attacker@example.net' WHERE username = 'p4'",
            "UPDATE accounts SET email = 'p4@example.org' WHERE username = 'p4'",
            Difference { contact: 1, first: first("p4", "contact"), ..none.clone() },
        ),
        (
            "UPDATE accounts SET sms = '+15559999999' WHERE username = 'g1'",
            "UPDATE accounts SET sms = '+15550000001' WHERE username = 'g1'",
            Difference { contact: 1, first: first("p3", "contact"), ..none.clone() },
        ),
        (
            "INSERT INTO relatives SELECT id, 0, 'attacker@example.net', NULL FROM accounts WHERE username = 'p2'",
            "DELETE FROM relatives",
            Difference { contact: 1, first: first("p2", "contact"), ..none.clone() },
        ),
        (
            "UPDATE accounts SET credential_version = 1 WHERE username = 'p5'",
            "UPDATE accounts SET credential_version = 0 WHERE username = 'p5'",
            Difference { changed: 1, first: first("p5", "changed"), ..none.clone() },
        ),
        (
            "UPDATE accounts SET managed_by = 'clever' WHERE role = 'student'",
            "UPDATE accounts SET managed_by = NULL WHERE role = 'student'",
            Difference {
                eligibility: 6,
                first: (1..=6).flat_map(|n| first(&format!("p{n}"), "eligibility")).collect(),
                ..none.clone()
            },
        ),
    ] {
        assert_eq!(differing(on, &fixture, &plan, change, back).await, expected, "{change}");
    }
    let gone = format!("DELETE FROM guardians WHERE guardian_id = {g1}");
    on.raw.run(&gone).await;
    assert!(matches!(applied(on, &fixture, &plan, "k").await, Applied::Changed(Difference { contact: 1, .. })));
    assert_eq!(on.raw.number("SELECT count(*) FROM tasks").await, 0, "nothing was started");
    assert_eq!(on.raw.number("SELECT count(*) FROM idempotency").await, 0, "and the keys are free");
    let again = made(on, &fixture, json!({"selection": {"scope": "all", "where": {"grades": ["05"]}}})).await;
    accepted(on, &fixture, &again).await;
}

async fn what_does_not_matter_to_a_plan_may_change(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    let plan = made(on, &fixture, json!({"selection": {"scope": "selected", "accounts": ["p1", "p3"]}})).await;
    on.raw.run("UPDATE accounts SET given_name = 'Other', sms = '+15550123' WHERE username = 'p1'").await;
    on.raw.run("UPDATE accounts SET email = NULL WHERE username IN ('p2', 'g1')").await;
    on.ledger.put_people(fixture.district.id, &[pupil(9)]).await.expect("a new pupil");
    accepted(on, &fixture, &plan).await;
}

async fn a_plan_is_started_once_also_by_two_at_once(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 5).await;
    let other = on.another_or_same().await;
    let plan = made(on, &fixture, json!({"selection": {"scope": "all"}})).await;
    let (one, two) = tokio::join!(
        on.ledger.apply_plan(as_task(&fixture, &plan, "one"), plan.id),
        other.apply_plan(as_task(&fixture, &plan, "two"), plan.id)
    );
    let (one, two) = (one.expect("an answer"), two.expect("an answer"));
    let (task, key) = match (&one, &two) {
        (Applied::Answered(Acceptance::Accepted(task)), Applied::Used(used)) if task == used => (*task, "one"),
        (Applied::Used(used), Applied::Answered(Acceptance::Accepted(task))) if task == used => (*task, "two"),
        neither => panic!("one of them starts it: {neither:?}"),
    };
    assert_eq!(on.raw.number("SELECT count(*) FROM tasks").await, 1);
    // The same key is a repetition, whatever the people are now.
    on.raw.run("UPDATE accounts SET active = FALSE WHERE username = 'p1'").await;
    assert_eq!(applied(on, &fixture, &plan, key).await, Applied::Answered(Acceptance::Repeated(task)));
    assert_eq!(applied(on, &fixture, &plan, "three").await, Applied::Used(task));
    let mismatch = NewTask {
        idempotency: Idempotency {
            producer: "console".to_owned(),
            key: key.to_owned(),
            fingerprint: "of something else".to_owned(),
        },
        ..as_task(&fixture, &plan, key)
    };
    let answer = on.ledger.apply_plan(mismatch, plan.id).await.expect("an answer");
    assert_eq!(answer, Applied::Answered(Acceptance::Mismatch));
}

/// Sweeps until nothing is left.
async fn swept(on: &TestLedger) -> u64 {
    let mut gone = 0;
    loop {
        match on.ledger.sweep_plans(3).await.expect("a sweep") {
            0 => return gone,
            some => gone += some,
        }
    }
}

async fn an_expired_plan_is_refused_and_forgotten_unless_its_task_needs_it(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 5).await;
    let asked = json!({"selection": {"scope": "selected", "accounts": ["p1", "p2", "p3", "p4"]}});
    let fresh = made(on, &fixture, asked.clone()).await;
    let old = made_within(on, &fixture.admin(), asked.clone(), Duration::ZERO).await.expect("a plan");
    assert!(old.expired);
    assert_eq!(applied(on, &fixture, &old, "old").await, Applied::Expired);
    assert_eq!(swept(on).await, 9, "four names, four accounts and the plan itself");
    assert!(on.ledger.plan(fixture.district.id, old.id).await.expect("an answer").is_none());
    assert_eq!(applied(on, &fixture, &old, "old").await, Applied::Gone);

    let task = accepted(on, &fixture, &fresh).await;
    on.raw.run("UPDATE plans SET expires_at = 1").await;
    assert_eq!(swept(on).await, 0, "its accounts are not written down yet");
    expand(&*on.ledger, task).await;
    assert_eq!(swept(on).await, 9);
    let items = on.ledger.items(fixture.district.id, task, ItemFilter::default(), 10).await.expect("items");
    assert_eq!(items.len(), 4, "the task has accounts of its own");
    for table in ["plans", "plan_named", "plan_accounts"] {
        assert_eq!(on.raw.number(&format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
    }
}

async fn a_caller_keeps_the_newest_plans(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let asked = || json!({"selection": {"scope": "all"}});
    let other = Actor { name: "another".to_owned(), ..fixture.admin() };
    let others = made_within(on, &other, asked(), DAY).await.expect("a plan");
    let first = made(on, &fixture, asked()).await;
    for _ in 0..MAX_PLANS {
        made(on, &fixture, asked()).await;
    }
    let look = async |plan: &PlanView| {
        on.ledger.plan(fixture.district.id, plan.id).await.expect("an answer").expect("there").expired
    };
    assert!(look(&first).await && !look(&others).await);
    assert_eq!(on.raw.number("SELECT count(*) FROM plans WHERE expires_at > created_at + 3600000").await, 11);
}

async fn a_plan_that_means_nobody_is_not_written_down(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 2).await;
    let nobody = json!({"selection": {"scope": "all", "where": {"grades": ["12"]}}});
    assert!(made_within(on, &fixture.admin(), nobody, DAY).await.is_none());
    assert_eq!(on.raw.number("SELECT count(*) FROM plans").await, 0);
}

async fn the_fleet_is_measured_by_tasks_that_ended(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 120).await;
    assert_eq!(on.ledger.measured(true).await, Ok(None), "nothing has ended");
    let asked = || request(json!({"selection": {"scope": "all", "where": {"user_types": ["student"]}}}));
    for (began, ended) in [(10_000, 20_000), (30_000, 90_000)] {
        let done = task(&*on.ledger, &fixture.admin(), asked()).await;
        on.raw
            .run(&format!(
                "UPDATE items SET state = 'notified', code = 'N00', changed_at = {began} WHERE task_id = '{done}'"
            ))
            .await;
        on.raw
            .run(&format!("UPDATE counters SET open = 0, notified = 120 WHERE task_id = '{done}' AND open > 0"))
            .await;
        on.raw.run(&format!("UPDATE tasks SET state = 'completed', finished_at = {ended} WHERE id = '{done}'")).await;
    }
    let measured = on.ledger.measured(true).await.expect("an answer").expect("two were measured");
    assert_eq!((measured.accounts, measured.took), (120, Duration::from_secs(10)), "the fastest");
    assert!((measured.per_second() - 12.0).abs() < 0.01);
    assert_eq!(on.ledger.measured(false).await, Ok(None), "no task that told nobody");
    on.raw.run("UPDATE counters SET notified = 99 WHERE notified = 120").await;
    assert_eq!(on.ledger.measured(true).await, Ok(None), "too few to say anything");
}
