//! Tasks in waves: one after the other, the canary first, and no further when too much failed.

use keybell_shared::eligibility::Decision;
use keybell_shared::ids::{ItemId, TaskId};
use keybell_shared::ports::ledger::{
    DispatchLedger as _, LeaderLedger as _, ResetLedger as _, RosterLedger as _, Runnable, School, TaskLedger as _,
    TaskView, Turned, WaveView,
};
use keybell_shared::states::TaskState;
use keybell_tests::ledgers::{Fixture, TestLedger, district_with, request, task};
use keybell_tests::on_both;
use serde_json::{Value, json};

on_both!(
    one_wave_after_the_other_is_handed_out_the_canary_first,
    schools_go_by_their_names_and_who_has_none_comes_last,
    above_the_share_the_task_halts_and_a_person_goes_on_with_the_next_wave,
    a_wave_is_turned_once_and_never_while_a_person_has_paused_the_task,
    a_task_in_waves_is_read_by_the_release_before_and_shown_as_it_was_asked,
);

/// Nine pupils in three grades, in waves.
async fn in_waves(on: &TestLedger, waves: Value) -> (Fixture, TaskId) {
    let fixture = district_with(&*on.ledger, 9).await;
    for (grade, names) in [("KG", "'p1', 'p2', 'p3'"), ("02", "'p4', 'p5'"), ("2", "'p6'"), ("10", "'p7', 'p8', 'p9'")]
    {
        on.raw
            .run(&format!(
                "UPDATE accounts SET grade = '{grade}' WHERE username IN ({names}) AND district_id = '{}'",
                fixture.district.id
            ))
            .await;
    }
    let asked = json!({"selection": {"scope": "all", "where": {"user_types": ["student"]}}, "waves": waves});
    let task = task(&*on.ledger, &fixture.admin(), request(asked)).await;
    (fixture, task)
}

async fn view(on: &TestLedger, fixture: &Fixture, task: TaskId) -> TaskView {
    on.ledger.task(fixture.district.id, task).await.expect("a task").expect("there")
}

async fn items(on: &TestLedger, task: TaskId, wave: u32) -> Vec<ItemId> {
    let pending = on.ledger.pending(task, Some(wave), 100).await.expect("items");
    pending.into_iter().map(|(item, _)| item).collect()
}

/// Ends the open items of a wave: so many failed, and everybody else was told.
async fn settle(on: &TestLedger, task: TaskId, wave: u32, failed: u32) {
    let open = format!("task_id = '{task}' AND wave = {wave}");
    on.raw.run(&format!("UPDATE items SET state = 'notified', code = 'N00' WHERE {open}")).await;
    on.raw
        .run(&format!(
            "UPDATE items SET state = 'undelivered', code = 'N05' WHERE id IN (
                 SELECT id FROM items WHERE {open} ORDER BY id LIMIT {failed})"
        ))
        .await;
}

async fn turned(on: &TestLedger) -> Vec<(u32, bool)> {
    let turned = on.ledger.turn_waves(10).await.expect("turned");
    turned.into_iter().map(|Turned { wave, halted, .. }| (wave, halted.is_some())).collect()
}

/// The wave of what is handed out now.
async fn handed_out(on: &TestLedger) -> Vec<Option<u32>> {
    let runnable = on.ledger.runnable(10, &[]).await.expect("runnable");
    runnable.iter().map(|Runnable { wave, .. }| *wave).collect()
}

async fn labels(on: &TestLedger, task: TaskId) -> Vec<String> {
    on.raw.column(&format!("SELECT label FROM task_waves WHERE task_id = '{task}' ORDER BY wave")).await
}

async fn one_wave_after_the_other_is_handed_out_the_canary_first(on: &TestLedger) {
    let (fixture, task) = in_waves(on, json!({"by": "grade", "canary": 2})).await;
    let first = view(on, &fixture, task).await;
    assert_eq!(first.wave, Some(WaveView { current: 1, of: 4, label: "canary".to_owned() }));
    let names = labels(on, task).await;
    assert_eq!(names, ["canary", "KG", "02", "10"]);
    let mut seen = 0;
    for wave in 1..=4 {
        assert_eq!(handed_out(on).await, [Some(wave)]);
        let now = items(on, task, wave).await;
        seen += now.len();
        assert!(!now.is_empty() && (wave > 1 || now.len() == 2), "wave {wave}: {now:?}");
        // A message of a later wave changes nothing.
        if wave < 4 {
            let later = items(on, task, wave + 1).await;
            let jobs = on.ledger.reset_jobs(&later).await.expect("jobs");
            assert!(jobs.len() == later.len() && jobs.iter().all(|job| job.decision == Decision::Hold));
        }
        let jobs = on.ledger.reset_jobs(&now).await.expect("jobs");
        assert!(jobs.iter().all(|job| job.decision == Decision::Reset));
        assert_eq!(on.ledger.mark_queued(&now).await, Ok(now.len() as u64));
        assert_eq!(handed_out(on).await, [], "nothing of the next wave while this one is open");
        assert_eq!(turned(on).await, []);
        assert_eq!(on.ledger.pulse().await.map(|pulse| pulse.waves), Ok(false));
        settle(on, task, wave, 0).await;
        assert_eq!(on.ledger.pulse().await.map(|pulse| pulse.waves), Ok(wave < 4), "wave {wave} is settled");
        assert_eq!(turned(on).await, if wave < 4 { vec![(wave + 1, false)] } else { Vec::new() });
    }
    assert_eq!(seen, 9, "everybody has a turn");
    let closed = on.ledger.finish(10).await.expect("closed");
    assert_eq!(closed.iter().map(|one| (one.task, one.state)).collect::<Vec<_>>(), [(task, TaskState::Completed)]);
    let noted = on.raw.column("SELECT actor FROM audit WHERE action = 'task.wave'").await;
    assert_eq!(noted, ["keybell"; 3]);
}

async fn schools_go_by_their_names_and_who_has_none_comes_last(on: &TestLedger) {
    let fixture = district_with(&*on.ledger, 6).await;
    let district = fixture.district.id;
    let adams = School { source_id: "s2".to_owned(), name: "adams school".to_owned(), active: true };
    on.ledger.put_schools(district, &[adams]).await.expect("a school");
    let school = format!("(SELECT id FROM schools WHERE source_id = 's2' AND district_id = '{district}')");
    for (school, name) in [(school.as_str(), "p1"), ("NULL", "p2")] {
        on.raw
            .run(&format!(
                "UPDATE accounts SET school_id = {school} WHERE username = '{name}' AND district_id = '{district}'"
            ))
            .await;
    }
    let asked = json!({"selection": {"scope": "all", "where": {"user_types": ["student"]}}, "waves": {"by": "school"}});
    let task = task(&*on.ledger, &fixture.admin(), request(asked)).await;
    assert_eq!(labels(on, task).await, ["adams school", "North School", "no school"]);
    let mut sizes = Vec::new();
    for wave in 1..=3 {
        sizes.push(items(on, task, wave).await.len());
    }
    assert_eq!(sizes, [1, 4, 1]);
}

async fn above_the_share_the_task_halts_and_a_person_goes_on_with_the_next_wave(on: &TestLedger) {
    let (fixture, task) = in_waves(on, json!({"by": "grade", "canary": 5, "halt_above_percent": 20})).await;
    let district = fixture.district.id;
    settle(on, task, 1, 2).await;
    assert_eq!(turned(on).await, [(2, true)]);
    assert_eq!((turned(on).await, handed_out(on).await), (vec![], vec![]));
    let halted = view(on, &fixture, task).await;
    let reason = halted.halted.expect("a reason");
    assert_eq!(halted.progress.state, TaskState::Paused);
    assert!(reason.contains("wave 1 (canary) 2 of 5"), "{reason}");
    let told = on.raw.text("SELECT body FROM events WHERE kind = 'task.paused'").await;
    assert!(told.contains(&reason), "{told}");
    let noted = on.raw.rows("SELECT actor, detail FROM audit WHERE action = 'task.paused'").await;
    assert!(noted.len() == 1 && noted[0][0] == "keybell" && noted[0][1].contains(&reason), "{noted:?}");

    on.ledger.resume(district, task, "me").await.expect("resumed");
    let goes_on = view(on, &fixture, task).await;
    assert_eq!((goes_on.halted, goes_on.wave.map(|wave| wave.current)), (None, Some(2)));
    assert_eq!(handed_out(on).await, [Some(2)]);
    assert_eq!(turned(on).await, [], "the failures of an earlier wave halt nothing again");
    // A pause by a person is no halt.
    on.ledger.pause(district, task, "me").await.expect("paused");
    assert_eq!(view(on, &fixture, task).await.halted, None);

    let (_, task) = in_waves(on, json!({"by": "grade", "canary": 5, "halt_above_percent": 20})).await;
    settle(on, task, 1, 1).await;
    assert_eq!(turned(on).await, [(2, false)], "not more than the share");
}

async fn a_wave_is_turned_once_and_never_while_a_person_has_paused_the_task(on: &TestLedger) {
    let (fixture, task) = in_waves(on, json!({"by": "grade", "canary": 1})).await;
    let district = fixture.district.id;
    settle(on, task, 1, 0).await;
    on.ledger.pause(district, task, "me").await.expect("paused");
    assert_eq!(turned(on).await, []);
    on.ledger.resume(district, task, "me").await.expect("resumed");
    let other = on.another_or_same().await;
    let (one, two) = tokio::join!(on.ledger.turn_waves(10), other.turn_waves(10));
    assert_eq!(one.expect("turned").len() + two.expect("turned").len(), 1);
    assert_eq!(view(on, &fixture, task).await.wave.map(|wave| wave.current), Some(2));
    assert_eq!(on.ledger.cancel(district, task, "me").await, Ok(Some(TaskState::Cancelled)));
    assert_eq!(turned(on).await, []);
}

async fn a_task_in_waves_is_read_by_the_release_before_and_shown_as_it_was_asked(on: &TestLedger) {
    let (fixture, task) = in_waves(on, json!({"by": "school", "halt_above_percent": 5})).await;
    let stored = on.raw.text(&format!("SELECT request FROM tasks WHERE id = '{task}'")).await;
    assert!(!stored.contains("waves"), "{stored}");
    let shown = serde_json::to_value(view(on, &fixture, task).await.request).expect("JSON");
    assert_eq!(shown["waves"], json!({"by": "school", "canary": 0, "halt_above_percent": 5}));
    // Nothing of it is in a task without waves.
    let plain = request(json!({"selection": {"scope": "all"}}));
    let plain = keybell_tests::ledgers::task(&*on.ledger, &fixture.admin(), plain).await;
    let marked = format!("SELECT count(*) FROM items WHERE task_id = '{plain}' AND wave IS NOT NULL");
    assert_eq!((on.raw.number(&marked).await, view(on, &fixture, plain).await.wave), (0, None));
}
