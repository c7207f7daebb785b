//! A second person's approval of a task's accounts.

use keybell_shared::actor::{Actor, Role};
use keybell_shared::clock::Millis;
use keybell_shared::config::Window;
use keybell_shared::ids::{AccountId, ApiKeyId, DistrictId, TaskId};
use keybell_shared::ports::ledger::{
    Acceptance, Approval, ApprovalLedger as _, Chosen, Chunk, DispatchLedger as _, Expansion, ExpansionLedger as _,
    Idempotency, IntakeLedger as _, KeyFate, KeyLedger as _, NewKey, NewTask, ProducerLedger as _, QuotaChange,
    Reissue, Standing, TaskLedger as _, TaskView, Uploaded,
};
use keybell_shared::request::{PasswordSource, Scope};
use keybell_shared::seal::Sealed;
use keybell_shared::states::{ItemState, TaskState};
use keybell_tests::ledgers::{Fixture, TestLedger, accept, district_with, request};
use keybell_tests::on_both;
use serde_json::json;

on_both!(
    a_large_task_waits_for_a_second_person_and_a_small_one_does_not,
    a_published_request_waits_like_any_other,
    uploads_and_reissues_wait_like_any_other,
    whoever_asked_does_not_approve,
    a_key_that_was_made_with_the_askers_key_is_no_second_person,
    two_keys_are_two_persons_when_they_say_so,
    an_approval_names_the_accounts_that_were_seen_and_counts_once,
    a_held_task_is_paused_when_it_is_approved,
    of_a_cancel_and_an_approval_one_wins,
);

/// Accepts a request for the three pupils, and expands it where two may be reset without an approval.
async fn waiting(on: &TestLedger, actor: &Actor) -> TaskId {
    let asked = request(json!({"selection": {"scope": "all", "where": {"user_types": ["student"]}}}));
    let task = accept(&*on.ledger, actor, asked).await;
    expanded(on, task, Some(2)).await;
    task
}

async fn expanded(on: &TestLedger, task: TaskId, approval_above: Option<u32>) {
    let how = Expansion { size: 100, approval_above };
    let chunk = on.ledger.expand_next("s", task, how).await.expect("a chunk");
    assert!(matches!(chunk, Chunk::Finished(_)), "{chunk:?}");
}

async fn view(on: &TestLedger, fixture: &Fixture, task: TaskId) -> TaskView {
    on.ledger.task(fixture.district.id, task).await.expect("a task").expect("there")
}

fn second(fixture: &Fixture) -> Actor {
    Actor { name: "second".to_owned(), ..fixture.admin() }
}

async fn approve(on: &TestLedger, actor: &Actor, task: TaskId, digest: &str) -> Approval {
    on.ledger.approve(actor, task, digest).await.expect("an answer").expect("a task of the district")
}

/// The kinds of the events about tasks, in their order.
async fn told(on: &TestLedger) -> Vec<String> {
    on.raw.column("SELECT kind FROM events WHERE kind LIKE 'task.%' ORDER BY id").await
}

const RUNS: Standing = Standing { state: TaskState::Running, held: false };

async fn a_large_task_waits_for_a_second_person_and_a_small_one_does_not(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    let task = waiting(on, &fixture.admin()).await;
    let waits = view(on, &fixture, task).await;
    assert_eq!((waits.progress.state, waits.digest.as_ref().map(String::len)), (TaskState::AwaitingApproval, Some(64)));
    assert_eq!(told(on).await, ["task.accepted", "task.awaiting_approval"]);
    // Nothing is dispatched, nothing is closed, and it is shown.
    assert_eq!(on.ledger.runnable(10, &[]).await, Ok(Vec::new()));
    let pending = on.ledger.pending(task, None, 10).await.expect("items");
    let items: Vec<_> = pending.iter().map(|(item, _)| *item).collect();
    assert_eq!((items.len(), on.ledger.mark_queued(&items).await), (3, Ok(0)), "not even by mistake");
    assert_eq!(on.ledger.finish(10).await, Ok(Vec::new()));
    let shown = on.ledger.snapshots().await.expect("snapshots");
    assert_eq!(
        shown.iter().map(|one| (one.task, one.state)).collect::<Vec<_>>(),
        [(task, TaskState::AwaitingApproval)]
    );

    on.raw.run("UPDATE accounts SET active = FALSE WHERE username = 'p1'").await;
    let small = waiting(on, &fixture.admin()).await;
    assert_eq!(view(on, &fixture, small).await.progress.state, TaskState::Running, "two passwords, and two are free");
}

async fn a_published_request_waits_like_any_other(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    on.ledger.allow_producer(&fixture.admin(), "sis", QuotaChange::default()).await.expect("a producer");
    let task = waiting(on, &Actor::producer(fixture.district.id, "sis")).await;
    assert_eq!(view(on, &fixture, task).await.progress.state, TaskState::AwaitingApproval);
}

/// For an approval, for their start, and for the end of a blackout.
async fn uploads_and_reissues_wait_like_any_other(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    let (district, admin) = (fixture.district.id, fixture.admin());
    let earlier = accept(&*on.ledger, &admin, request(json!({"selection": {"scope": "all"}}))).await;
    expanded(on, earlier, None).await;
    on.ledger.cancel(district, earlier, "me").await.expect("cancelled");
    let later = json!({"selection": {"scope": "all"}, "start": {"at": "2099-01-01T00:00:00Z"}});
    let new = |later: Option<&serde_json::Value>| {
        let id = TaskId::fresh();
        let plain = json!({"selection": {"scope": "all"}});
        let mut asked = request(later.unwrap_or(&plain).clone());
        asked.selection.scope = Scope::Selected;
        let idempotency = Idempotency { producer: "console".into(), key: id.to_string(), fingerprint: "f".into() };
        let (actor, named, uploaded) = (admin.clone(), Vec::new(), Vec::new());
        NewTask { id, actor, request: asked, named, shared: None, uploaded, idempotency, reissue: None, trial: None }
    };
    let reissue = |later| {
        let chosen = Chosen::States(vec![ItemState::Cancelled]);
        NewTask { reissue: Some(Reissue { parent: earlier, chosen }), ..new(later) }
    };
    let upload = |later| {
        let mut task = NewTask { named: fixture.pupils.clone(), ..new(later) };
        task.request.password = PasswordSource::Uploaded;
        let sealed = || Sealed { key_id: "k".to_owned(), bytes: vec![1, 2, 3] };
        let row = |account: &AccountId| Uploaded { account: *account, sealed: sealed(), username: None };
        task.uploaded = fixture.pupils.iter().map(row).collect();
        task
    };
    for new in [reissue(None), upload(None)] {
        let task = new.id;
        assert_eq!(on.ledger.accept(new).await, Ok(Acceptance::Accepted(task)));
        expanded(on, task, Some(2)).await;
        assert_eq!(view(on, &fixture, task).await.progress.state, TaskState::AwaitingApproval);
        assert_eq!(on.ledger.runnable(10, &[]).await, Ok(Vec::new()));
        on.ledger.cancel(district, task, "me").await.expect("cancelled");
    }
    let exams = Window { from: Millis(0), until: Millis(i64::MAX), districts: Vec::new(), reason: "exams".to_owned() };
    for new in [reissue(Some(&later)), upload(Some(&later))] {
        let task = new.id;
        assert_eq!(on.ledger.accept(new).await, Ok(Acceptance::Accepted(task)));
        expanded(on, task, None).await;
        assert_eq!(view(on, &fixture, task).await.progress.state, TaskState::Running);
        assert_eq!(on.ledger.runnable(10, &[]).await, Ok(Vec::new()), "not before its start");
        on.raw.run(&format!("UPDATE tasks SET start_at = 1 WHERE id = '{task}'")).await;
        assert_eq!(on.ledger.runnable(10, std::slice::from_ref(&exams)).await, Ok(Vec::new()), "nor during a blackout");
        let runs = on.ledger.runnable(10, &[]).await.expect("runnable");
        assert_eq!(runs.iter().map(|one| one.task).collect::<Vec<_>>(), [task]);
        on.ledger.cancel(district, task, "me").await.expect("cancelled");
    }
}

/// A caller with a stored key of this person, made now.
async fn keyed(on: &TestLedger, district: DistrictId, name: &str, person: Option<&str>) -> Actor {
    keyed_by(on, None, district, name, person).await
}

/// The same, made with the key of this caller.
async fn keyed_by(
    on: &TestLedger,
    maker: Option<&Actor>,
    district: DistrictId,
    name: &str,
    person: Option<&str>,
) -> Actor {
    let id = ApiKeyId::fresh();
    let key = NewKey {
        id,
        district,
        name: name.to_owned(),
        role: Role::DistrictAdmin,
        person: person.map(str::to_owned),
        secret_hash: vec![0xAB; 32],
        made_by: maker.and_then(|maker| maker.key),
    };
    assert_eq!(on.ledger.add_key(key).await, Ok(KeyFate::Added));
    on.ledger.key(id).await.expect("an answer").expect("the key").1
}

/// Keys that were made by the console, or with one third key, are those of two persons when each names its own, and else not.
async fn two_keys_are_two_persons_when_they_say_so(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 6).await;
    let district = fixture.district.id;
    let maker = keyed(on, district, "maker", Some("t1")).await;
    let mut keys = Vec::new();
    for by in [None, Some(&maker)] {
        let of = |name: &str| format!("{name} by {}", by.map_or("console", |by| by.name.as_str()));
        let ann = keyed_by(on, by, district, &of("ann"), Some("g1")).await;
        let too = keyed_by(on, by, district, &of("ann, too"), Some("G1")).await;
        let bob = keyed_by(on, by, district, &of("bob"), Some("g2")).await;
        let nobody = keyed_by(on, by, district, &of("nobody"), None).await;
        keys.push((ann, too, bob, nobody));
    }
    on.raw.run("UPDATE api_keys SET created_at = created_at - 1000").await;
    for (ann, too, bob, nobody) in keys {
        let task = waiting(on, &ann).await;
        let digest = view(on, &fixture, task).await.digest.expect("frozen");
        assert_eq!(approve(on, &too, task, &digest).await, Approval::SamePerson, "{}", too.name);
        assert_eq!(approve(on, &nobody, task, &digest).await, Approval::Nameless, "{}", nobody.name);
        assert_eq!(view(on, &fixture, task).await.progress.state, TaskState::AwaitingApproval);
        assert_eq!(approve(on, &bob, task, &digest).await, Approval::Approved(RUNS), "{}", bob.name);
        // Asked for by nobody who is known; whoever sits at the machine is not known to be another one, either.
        let task = waiting(on, &nobody).await;
        let digest = view(on, &fixture, task).await.digest.expect("frozen");
        for second in [&bob, &fixture.admin()] {
            assert_eq!(approve(on, second, task, &digest).await, Approval::AskerNameless, "{}", second.name);
        }
        // What the console or a program asks, a person approves; what a person asks, the console may.
        for (asker, second) in [
            (&fixture.admin(), &bob),
            (&ann, &fixture.admin()),
            (&Actor { role: Role::Application, ..nobody.clone() }, &bob),
        ] {
            let task = waiting(on, asker).await;
            let digest = view(on, &fixture, task).await.digest.expect("frozen");
            assert_eq!(approve(on, second, task, &digest).await, Approval::Approved(RUNS), "{}", asker.name);
        }
    }
}

async fn a_key_that_was_made_with_the_askers_key_is_no_second_person(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 6).await;
    let district = fixture.district.id;
    // Each says that it is somebody else's, for whoever makes a key says what they like.
    let first = keyed(on, district, "first", Some("t1")).await;
    let child = keyed_by(on, Some(&first), district, "child", Some("p1")).await;
    let grandchild = keyed_by(on, Some(&child), district, "grandchild", Some("p2")).await;
    let colleague = keyed(on, district, "colleague", Some("p3")).await;
    on.raw.run("UPDATE api_keys SET created_at = created_at - 1000").await;
    for (asker, same) in [(&first, &child), (&first, &grandchild), (&child, &first), (&grandchild, &first)] {
        let task = waiting(on, asker).await;
        let digest = view(on, &fixture, task).await.digest.expect("frozen");
        assert_eq!(approve(on, same, task, &digest).await, Approval::SamePerson, "{} for {}", same.name, asker.name);
        assert_eq!(view(on, &fixture, task).await.progress.state, TaskState::AwaitingApproval);
        assert_eq!(approve(on, &colleague, task, &digest).await, Approval::Approved(RUNS));
    }
}

async fn whoever_asked_does_not_approve(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    let district = fixture.district.id;
    let person: Option<AccountId> = Some(fixture.teacher);
    let asker = Actor { name: "office".to_owned(), person, ..fixture.admin() };
    let older = keyed(on, district, "older", Some("p1")).await;
    on.raw.run("UPDATE api_keys SET created_at = created_at - 1000").await;
    let task = waiting(on, &asker).await;
    on.raw.run("UPDATE tasks SET created_at = created_at - 500").await;
    let digest = view(on, &fixture, task).await.digest.expect("frozen");
    for same in [asker.clone(), Actor { person: None, ..asker.clone() }, Actor { person, ..older.clone() }] {
        assert_eq!(approve(on, &same, task, &digest).await, Approval::SamePerson, "{}", same.name);
    }
    // Who may make keys makes one after the other.
    let newer = keyed(on, district, "newer", Some("p2")).await;
    assert_eq!(approve(on, &newer, task, &digest).await, Approval::KeyTooNew);
    let stranger = district_with(&*on.ledger, 1).await;
    assert_eq!(on.ledger.approve(&second(&stranger), task, &digest).await, Ok(None), "another district's");
    assert_eq!(view(on, &fixture, task).await.progress.state, TaskState::AwaitingApproval);
    assert_eq!(approve(on, &older, task, &digest).await, Approval::Approved(RUNS));
}

async fn an_approval_names_the_accounts_that_were_seen_and_counts_once(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    let task = waiting(on, &fixture.admin()).await;
    let digest = view(on, &fixture, task).await.digest.expect("frozen");
    for wrong in ["", "0", &digest[1..], &digest.to_uppercase()] {
        assert_eq!(approve(on, &second(&fixture), task, wrong).await, Approval::OtherDigest, "{wrong}");
    }
    for _ in 0..2 {
        assert_eq!(approve(on, &second(&fixture), task, &digest).await, Approval::Approved(RUNS));
    }
    let third = Actor { name: "third".to_owned(), ..fixture.admin() };
    assert_eq!(approve(on, &third, task, &digest).await, Approval::NotAwaiting(RUNS));
    let approved = view(on, &fixture, task).await;
    assert_eq!((approved.progress.state, approved.approved_by.as_deref()), (TaskState::Running, Some("second")));
    assert_eq!(told(on).await, ["task.accepted", "task.awaiting_approval", "task.approved", "task.started"]);
    let noted = on.raw.rows("SELECT actor, detail FROM audit WHERE action = 'task.approved'").await;
    assert_eq!(noted.len(), 1);
    assert!(noted[0][0] == "second" && noted[0][1].contains(&digest), "{noted:?}");
    assert_eq!(on.ledger.runnable(10, &[]).await.expect("runnable").len(), 1);
}

async fn a_held_task_is_paused_when_it_is_approved(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    let district = fixture.district.id;
    let asked = request(json!({"selection": {"scope": "all"}}));
    let task = accept(&*on.ledger, &fixture.admin(), asked).await;
    on.ledger.pause(district, task, "me").await.expect("held");
    expanded(on, task, Some(0)).await;
    let waits = |held| Standing { state: TaskState::AwaitingApproval, held };
    let now = view(on, &fixture, task).await;
    assert_eq!(Standing { state: now.progress.state, held: now.held }, waits(true));
    // To let it go is not to approve it.
    assert_eq!(on.ledger.resume(district, task, "me").await, Ok(Some(waits(false))));
    assert_eq!(on.ledger.runnable(10, &[]).await, Ok(Vec::new()));
    assert_eq!(on.ledger.pause(district, task, "me").await, Ok(Some(waits(true))));
    let digest = now.digest.expect("frozen");
    let paused = Standing { state: TaskState::Paused, held: false };
    assert_eq!(approve(on, &second(&fixture), task, &digest).await, Approval::Approved(paused));
    assert_eq!(on.ledger.runnable(10, &[]).await, Ok(Vec::new()));
    assert_eq!(on.ledger.resume(district, task, "me").await, Ok(Some(RUNS)));
}

async fn of_a_cancel_and_an_approval_one_wins(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 3).await;
    let (district, other) = (fixture.district.id, on.another_or_same().await);
    for _ in 0..8 {
        let task = waiting(on, &fixture.admin()).await;
        let digest = view(on, &fixture, task).await.digest.expect("frozen");
        let deputy = second(&fixture);
        let (cancel, approval) =
            tokio::join!(on.ledger.cancel(district, task, "me"), other.approve(&deputy, task, &digest));
        // A cancel may follow an approval; an approval does not follow a cancel.
        assert_eq!(cancel, Ok(Some(TaskState::Cancelled)));
        let ended = view(on, &fixture, task).await;
        assert_eq!(ended.progress.state, TaskState::Cancelled);
        let approval = approval.expect("an answer").expect("a task");
        if let Approval::NotAwaiting(standing) = approval {
            assert!(matches!(standing.state, TaskState::Cancelling | TaskState::Cancelled), "{standing:?}");
            assert_eq!(ended.approved_by, None);
        } else {
            assert_eq!((approval, ended.approved_by.as_deref()), (Approval::Approved(RUNS), Some("second")));
        }
        assert_eq!(
            on.raw
                .number(&format!("SELECT count(*) FROM items WHERE task_id = '{task}' AND state <> 'cancelled'"))
                .await,
            0
        );
    }
}
