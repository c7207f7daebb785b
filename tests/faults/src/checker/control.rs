//! Invariant 7: after a cancel has answered, no further password of that task changes; a pause overshoots by at most the
//! work in flight.
//!
//! Answers are on the clock of this machine, changes on the database's, which is the same. A change is dated when its
//! statement ran, shortly before its COMMIT, so that a late commit may look early here. The ledger's own order closes
//! that gap: nothing of a task changes after the entry that ended it, whatever the clocks say.

use std::collections::HashMap;

use super::history::{self, Entry, Kind};
use super::{Case, Finding};
use crate::evidence::{Action, Control, Ms};

pub(crate) async fn check(case: &Case<'_>) -> Finding {
    let mut finding = Finding::new(7, "cancel is final, and pause overshoots by the work in flight");
    let entries = history::read(case.ledger, &[Kind::Task, Kind::Item]).await;
    let (mut changes, mut turns) = (HashMap::<&str, Vec<&Entry>>::new(), HashMap::<&str, Vec<&Entry>>::new());
    for entry in &entries {
        let Some(task) = entry.task.as_deref() else { continue };
        if entry.changes_password() {
            changes.entry(task).or_default().push(entry);
        } else if entry.kind == Kind::Task {
            turns.entry(task).or_default().push(entry);
        }
    }
    for control in case.evidence.controls.iter().filter(|control| (200..300).contains(&control.status)) {
        let task = control.task.to_string();
        let changes = changes.get(task.as_str()).map_or(&[][..], Vec::as_slice);
        let after = changes.iter().filter(|change| change.at > control.answered_at);
        match control.action {
            Action::Cancel => {
                let after = after.count();
                finding.expect(after == 0, || format!("task {task}: {after} passwords changed after its cancel"));
            }
            Action::Pause => {
                let until = paused_until(case, control, turns.get(task.as_str()).map_or(&[][..], Vec::as_slice));
                let overshot = after.filter(|change| change.at < until).count();
                finding.expect(overshot <= case.evidence.in_flight, || {
                    format!(
                        "task {task}: {overshot} passwords changed while it was paused; {} could be in flight",
                        case.evidence.in_flight
                    )
                });
            }
            Action::Resume => {}
        }
    }
    for (task, turns) in &turns {
        let Some(end) = turns.iter().find(|turn| turn.to == "cancelled") else { continue };
        let changes = changes.get(task).map_or(&[][..], Vec::as_slice);
        let after = changes.iter().filter(|change| change.seq > end.seq).count();
        finding.expect(after == 0, || format!("task {task}: {after} passwords changed after it was cancelled"));
    }
    finding
}

/// When the task may have gone on: when the next resume was asked; and when an earlier one, of which nobody knows
/// whether it was done, may have been.
fn paused_until(case: &Case<'_>, pause: &Control, turns: &[&Entry]) -> Ms {
    let mut until = Ms::MAX;
    for control in case.evidence.controls.iter().filter(|control| control.task == pause.task) {
        if control.action != Action::Resume {
            continue;
        }
        if control.asked_at >= pause.asked_at {
            // Two who ask at the same time: whichever came last counts.
            until = until.min(control.asked_at.max(pause.answered_at));
        } else if control.status == 0 || control.status >= 500 || control.answered_at >= pause.asked_at {
            let resumed = turns.iter().find(|turn| turn.to == "running" && turn.at >= pause.asked_at);
            until = until.min(resumed.map_or(Ms::MAX, |turn| turn.at));
        }
    }
    until
}

#[cfg(test)]
mod tests {
    use keybell_tests::ledgers::TestLedger;
    use keybell_tests::on_both;

    use super::*;
    use crate::checker::world::{World, caught, sound};

    on_both!(a_change_after_a_cancel_and_too_many_after_a_pause_are_found);

    async fn a_change_after_a_cancel_and_too_many_after_a_pause_are_found(on: &TestLedger) {
        let mut world = World::new(on).await;
        let whole = check(&world.case()).await;
        sound(&whole);
        // As if the first task had been paused before anything of it changed.
        let pause = Control { task: world.tasks[0], asked_at: 1, answered_at: 2, ..world.evidence.controls[0].clone() };
        world.evidence.controls.push(pause.clone());
        caught(&whole, &check(&world.case()).await, "4 passwords changed while it was paused; 1 could be in flight");
        world.evidence.in_flight = 4;
        sound(&check(&world.case()).await);
        world.evidence.in_flight = 1;
        // As if it had been resumed at once, whether or not anybody heard the answer.
        let resume = Control { action: Action::Resume, asked_at: 3, answered_at: 3, status: 0, ..pause };
        world.evidence.controls.push(resume);
        sound(&check(&world.case()).await);

        let third = world.tasks[2];
        for control in &mut world.evidence.controls {
            control.answered_at -= 100;
        }
        world.tamper(&format!("UPDATE items SET state = 'queued' WHERE task_id = '{third}'")).await;
        sound(&check(&world.case()).await);
        world.tamper(&format!("UPDATE items SET state = 'reset' WHERE task_id = '{third}'")).await;
        let after = check(&world.case()).await;
        caught(&whole, &after, "1 passwords changed after its cancel");
        caught(&whole, &after, "1 passwords changed after it was cancelled");
    }
}
