//! Writing items down, and whom a selection means.

use keybell_shared::actor::{Actor, Role};
use keybell_shared::codes::Code;
use keybell_shared::eligibility::{Decision, Facts, exclusion};
use keybell_shared::ids::{AccountId, TaskId};
use keybell_shared::ports::ledger::{
    Chunk, ExpansionLedger as _, IntakeLedger as _, ItemFilter, Person, ResetOutcome, RosterLedger as _,
    TaskLedger as _,
};
use keybell_shared::request::{Confirm, Mode};
use keybell_shared::states::{ItemState, TaskState};
use keybell_tests::ledgers::{Fixture, TestLedger, accept, district_with, pupil, request, task};
use keybell_tests::on_both;
use serde_json::json;

use super::flow::reset;

on_both!(
    chunks_add_up_and_the_last_one_starts_the_task,
    selections_mean_what_they_say,
    two_expanders_write_every_item_once,
    a_cancel_wins_between_two_chunks,
    the_rules_in_sql_are_the_rules_in_rust,
    what_is_confirmed_is_reset_by_the_same_rules_at_both_ends,
    who_joins_later_is_not_in_it_and_who_is_disabled_later_is_skipped,
);

async fn chunks_add_up_and_the_last_one_starts_the_task(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 30).await;
    on.raw.run(&format!("UPDATE accounts SET active = FALSE WHERE id = '{}'", fixture.pupils[4])).await;
    let task = accept(&*on.ledger, &fixture.admin(), request(json!({"selection": {"scope": "all"}}))).await;
    assert_eq!(on.ledger.expanding(5).await.expect("expanding"), [task]);
    let mut written = 0;
    loop {
        match on.ledger.expand_chunk("s", task, 7).await.expect("a chunk") {
            Chunk::More(n) => written += n,
            Chunk::Finished(n) => {
                written += n;
                break;
            }
            Chunk::NotExpanding => panic!("still expanding"),
        }
    }
    assert_eq!(written, 41, "thirty pupils, ten guardians and a teacher");
    assert_eq!(on.ledger.expand_chunk("s", task, 7).await, Ok(Chunk::NotExpanding));
    let view = on.ledger.task(fixture.district.id, task).await.expect("a task").expect("there");
    assert_eq!((view.progress.state, view.progress.counts.total()), (TaskState::Running, 41));
    assert_eq!((view.progress.counts.open, view.progress.counts.skipped), (40, 1));
    assert_eq!(view.digest.map(|digest| digest.len()), Some(64));
    let skipped = ItemFilter { state: Some(ItemState::Skipped), ..ItemFilter::default() };
    let items = on.ledger.items(fixture.district.id, task, skipped, 10).await.expect("items");
    assert_eq!(items.iter().map(|item| item.code).collect::<Vec<_>>(), [Some(Code::S03)]);
}

/// The usernames that a selection means, in the order of their ids.
async fn meant(on: &TestLedger, fixture: &Fixture, selection: serde_json::Value) -> Vec<String> {
    let task = task(&*on.ledger, &fixture.admin(), request(json!({"selection": selection}))).await;
    let items = on.ledger.items(fixture.district.id, task, ItemFilter::default(), 100).await.expect("items");
    items.into_iter().map(|item| item.username).collect()
}

async fn selections_mean_what_they_say(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    on.raw.run(&format!("UPDATE accounts SET grade = '06' WHERE id = '{}'", fixture.pupils[1])).await;
    on.raw.run(&format!("UPDATE enrolments SET active = FALSE WHERE account_id = '{}'", fixture.pupils[2])).await;
    // A stranger's district changes nothing.
    district_with(&*on.ledger, 3).await;
    assert_eq!(meant(on, &fixture, json!({"scope": "all"})).await, ["p1", "p2", "p3", "g1", "t1"]);
    assert_eq!(meant(on, &fixture, json!({"scope": "without_role"})).await, ["p1", "p2", "p3", "g1"]);
    let selected = json!({"scope": "selected", "accounts": ["P2", "t1"]});
    assert_eq!(meant(on, &fixture, selected).await, ["p2", "t1"]);
    let except =
        json!({"scope": "all_except", "accounts": ["p1", "g1"], "where": {"user_types": ["student", "guardian"]}});
    assert_eq!(meant(on, &fixture, except).await, ["p2", "p3"]);
    let grades = json!({"scope": "all", "where": {"grades": ["05", "06"], "classes": ["1a"]}});
    assert_eq!(meant(on, &fixture, grades).await, ["p1", "p2"], "AND between fields, OR within one");
    let class = json!({"scope": "all", "where": {"classes": ["c1"]}});
    assert_eq!(meant(on, &fixture, class).await, ["p1", "p2", "t1"], "its teacher is in it, and who left it is not");
    let class = json!({"scope": "without_role", "where": {"classes": ["c1"]}});
    assert_eq!(meant(on, &fixture, class).await, ["p1", "p2"]);
    // A teacher who is somebody's parent at the school is of both types.
    on.raw
        .run(&format!(
            "INSERT INTO memberships (account_id, school_id, role) SELECT account_id, school_id, 'parent'
             FROM memberships WHERE account_id = '{}'",
            fixture.teacher
        ))
        .await;
    let parents = json!({"scope": "all", "where": {"user_types": ["parent"]}});
    assert_eq!(meant(on, &fixture, parents).await, ["t1"]);
    let parents = json!({"scope": "without_role", "where": {"user_types": ["parent"]}});
    assert_eq!(meant(on, &fixture, parents).await, [""; 0], "whoever holds any privileged role counts as staff");
    let school = json!({"scope": "all", "where": {"schools": ["North School"], "user_types": ["teacher"]}});
    assert_eq!(meant(on, &fixture, school).await, ["t1"]);
}

async fn two_expanders_write_every_item_once(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 60).await;
    let other = on.another_or_same().await;
    let task = accept(&*on.ledger, &fixture.admin(), request(json!({"selection": {"scope": "all"}}))).await;
    let race = |ledger: std::sync::Arc<keybell_backends::ledger::SqlLedger>| async move {
        while !matches!(
            ledger.expand_chunk("s", task, 5).await.expect("a chunk"),
            Chunk::Finished(_) | Chunk::NotExpanding
        ) {}
    };
    tokio::join!(race(on.ledger.clone()), race(other));
    let view = on.ledger.task(fixture.district.id, task).await.expect("a task").expect("there");
    assert_eq!((view.progress.counts.total(), view.progress.state), (81, TaskState::Running));
    assert_eq!(on.raw.number(&format!("SELECT count(*) FROM items WHERE task_id = '{task}'")).await, 81);
}

async fn a_cancel_wins_between_two_chunks(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 20).await;
    let task = accept(&*on.ledger, &fixture.admin(), request(json!({"selection": {"scope": "all"}}))).await;
    on.ledger.expand_chunk("s", task, 5).await.expect("a chunk");
    let state = on.ledger.cancel(fixture.district.id, task, "me").await.expect("cancelled");
    assert_eq!(state, Some(TaskState::Cancelled));
    assert_eq!(on.ledger.expand_chunk("s", task, 5).await, Ok(Chunk::NotExpanding));
    let codes = on.ledger.codes(fixture.district.id, task).await.expect("codes");
    assert_eq!(
        codes.iter().map(|count| (count.state, count.code, count.items)).collect::<Vec<_>>(),
        [(ItemState::Cancelled, Some(Code::S08), 5)]
    );
}

/// Every combination of the facts about an account: the expansion (SQL) and the commit (Rust) must agree.
async fn the_rules_in_sql_are_the_rules_in_rust(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 64).await;
    let mut known: Vec<(AccountId, Facts)> = Vec::new();
    for (bits, account) in fixture.pupils.iter().enumerate() {
        let on_bit = |bit: usize| bits & (1 << bit) != 0;
        let rank = if on_bit(4) { 40 } else { 10 };
        on.raw
            .run(&format!(
                "UPDATE accounts SET managed_by = {}, active = {}, quick_login = {}, protected = {}, rank = {rank}
                 WHERE id = '{account}'",
                if on_bit(0) { "'clever'" } else { "NULL" },
                !on_bit(1),
                on_bit(2),
                on_bit(3),
            ))
            .await;
        if on_bit(5) {
            on.raw.run(&format!("DELETE FROM enrolments WHERE account_id = '{account}'")).await;
        }
        let facts = Facts {
            item: ItemState::Pending,
            task: TaskState::Running,
            task_seq: 1,
            last_reset_seq: 0,
            active: !on_bit(1),
            managed_elsewhere: on_bit(0),
            quick_login: on_bit(2),
            sets_password: true,
            protected: on_bit(3),
            requester: false,
            rank,
            reach: Role::Teacher.reach(),
            in_scope: !on_bit(5),
            out_of_reach: false,
            confirm: Confirm::default(),
            early: false,
        };
        known.push((*account, facts));
    }
    let teacher = Actor { role: Role::Teacher, person: Some(fixture.teacher), name: "t".to_owned(), ..fixture.admin() };
    let names: Vec<String> = (1..=64).map(|n| format!("p{n}")).collect();
    for mode in [Mode::Force, Mode::Request, Mode::ForceThenRequest] {
        let asked = request(json!({"selection": {"scope": "selected", "accounts": names}, "mode": mode}));
        let task: TaskId = task(&*on.ledger, &teacher, asked).await;
        let items = on.ledger.items(fixture.district.id, task, ItemFilter::default(), 100).await.expect("items");
        let found: Vec<(AccountId, Option<Code>)> = items.iter().map(|item| (item.account, item.code)).collect();
        let excluded = |facts: &Facts| exclusion(&Facts { sets_password: mode.sets_password(), ..facts.clone() });
        let expected: Vec<_> = known.iter().map(|(account, facts)| (*account, excluded(facts))).collect();
        assert_eq!(found, expected, "{mode:?}");
    }
}

/// Protected accounts and the requester's own, with every combination of what is confirmed: in the preview, in the
/// expansion, and at the reset itself, when the account has become what it is in between.
async fn what_is_confirmed_is_reset_by_the_same_rules_at_both_ends(on: &TestLedger) {
    for bits in 0..4_u8 {
        let confirm = Confirm { requester: bits & 1 != 0, protected: bits & 2 != 0 };
        let fixture = district_with(&*on.ledger, 4).await;
        let (own, kept) = (fixture.pupils[0], fixture.pupils[1]);
        let admin = Actor { person: Some(own), ..fixture.admin() };
        on.raw.run(&format!("UPDATE accounts SET protected = TRUE WHERE id = '{kept}'")).await;
        // Staff above everybody's reach stays out of it.
        on.raw
            .run(&format!("UPDATE accounts SET rank = 99, protected = TRUE WHERE id = '{}'", fixture.pupils[2]))
            .await;
        let names = ["p1", "p2", "p3", "p4"];
        let asked = request(json!({"selection": {"scope": "selected", "accounts": names}, "confirm": confirm}));
        let skipped = |confirmed: bool, code: Code| (!confirmed).then_some(code);
        let expected = [
            skipped(confirm.requester, Code::S05),
            skipped(confirm.protected, Code::S04),
            Some(if confirm.protected { Code::E10 } else { Code::S04 }),
            None,
        ];
        let preview = on.ledger.preview(&admin, &asked, &fixture.pupils).await.expect("a preview");
        assert_eq!(preview.eligible, expected.iter().filter(|code| code.is_none()).count() as u64, "{confirm:?}");
        let task: TaskId = task(&*on.ledger, &admin, asked).await;
        let items = on.ledger.items(fixture.district.id, task, ItemFilter::default(), 100).await.expect("items");
        assert_eq!(items.iter().map(|item| item.code).collect::<Vec<_>>(), expected, "{confirm:?}");
        // The last one becomes protected only now.
        on.raw.run(&format!("UPDATE accounts SET protected = TRUE WHERE id = '{}'", fixture.pupils[3])).await;
        on.raw
            .run(&format!(
                "UPDATE items SET state = 'queued', queued_at = 1 WHERE task_id = '{task}' AND state = 'pending'"
            ))
            .await;
        let open: Vec<_> = items.iter().filter(|item| item.code.is_none()).map(|item| item.id).collect();
        let outcomes = reset(on, &open).await;
        let changed = outcomes.iter().filter(|(_, outcome)| matches!(outcome, ResetOutcome::Changed(_))).count();
        let at_last = usize::from(confirm.protected);
        assert_eq!(changed, open.len() - 1 + at_last, "{confirm:?}: {outcomes:?}");
    }
}

async fn who_joins_later_is_not_in_it_and_who_is_disabled_later_is_skipped(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    let (district, admin) = (fixture.district.id, fixture.admin());
    let narrowed = json!({"selection": {"scope": "all", "where": {"user_types": ["student"]}}});
    let frozen = task(&*on.ledger, &admin, request(narrowed)).await;
    let members = async || {
        let items = on.ledger.items(district, frozen, ItemFilter::default(), 50).await.expect("items");
        items.into_iter().map(|item| (item.username, item.id)).collect::<Vec<_>>()
    };
    let before = members().await;
    let digest = async || on.ledger.task(district, frozen).await.expect("a task").expect("there").digest;
    let (said, names) = (digest().await, before.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>());
    assert_eq!(names, ["p1", "p2", "p3"]);
    // One joins, one is disabled, and one is no pupil any more, which the frozen set does not care about.
    let teacher = Person { role: "teacher".to_owned(), rank: 30, ..pupil(3) };
    let people = [pupil(4), Person { active: false, ..pupil(2) }, teacher];
    on.ledger.put_people(district, &people).await.expect("people");
    assert_eq!(on.ledger.expand_chunk("s", frozen, 10).await, Ok(Chunk::NotExpanding));
    assert_eq!((members().await, digest().await), (before.clone(), said));
    let items: Vec<_> = before.iter().map(|(_, id)| *id).collect();
    let outcomes = reset(on, &items).await;
    let changed: Vec<bool> = outcomes.iter().map(|(_, one)| matches!(one, ResetOutcome::Changed(_))).collect();
    assert_eq!(changed, [true, false, true], "{outcomes:?}");
    assert_eq!(outcomes[1], (items[1], ResetOutcome::NotChanged(Decision::Skip(Code::S03))));
}
