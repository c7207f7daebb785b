//! Pauses, resumes and cancels: a script for each task, drawn when it is accepted and never changed by what happens.

use std::sync::Arc;
use std::time::Duration;

use keybell_shared::clock::wall;
use keybell_shared::ids::TaskId;

use super::dice::Dice;
use super::doors::Ask;
use super::ground::Ground;
use super::requests::{ended, pause};
use crate::evidence::{Action, Control};

/// Something that is done to a task, so long after what was done before.
type Step = (Duration, Action);

/// Draws what shall be done to a task, and does it beside.
pub(super) fn look_after(ground: &Arc<Ground>, district: usize, task: TaskId, key: &str) {
    let steps = script(&mut ground.dice(&format!("control {key}")), ground.plan.control_percent);
    if steps.is_empty() {
        return;
    }
    let beside = Arc::clone(ground);
    ground.beside(async move { play(&beside, district, task, &steps).await });
}

/// What is done to a task. Whoever pauses resumes or cancels afterwards.
fn script(dice: &mut Dice, percent: usize) -> Vec<Step> {
    if !dice.percent(percent) {
        return Vec::new();
    }
    // At once, while it is still being written down, or later.
    let soon = |dice: &mut Dice| if dice.percent(30) { dice.millis(0, 60) } else { dice.millis(50, 4_000) };
    match dice.below(100) {
        0..40 => vec![(soon(dice), Action::Pause), (dice.millis(100, 5_000), Action::Resume)],
        40..55 => vec![
            (soon(dice), Action::Pause),
            (dice.millis(50, 2_000), Action::Resume),
            (dice.millis(50, 1_500), Action::Pause),
            (dice.millis(50, 3_000), Action::Resume),
        ],
        55..85 => vec![(soon(dice), Action::Cancel)],
        _ => vec![(soon(dice), Action::Pause), (dice.millis(100, 3_000), Action::Cancel)],
    }
}

async fn play(ground: &Ground, district: usize, task: TaskId, steps: &[Step]) {
    let mut paused = false;
    for (pause, action) in steps {
        if !ground.rest(*pause).await {
            // Nothing new, but nothing is left paused.
            if paused {
                control(ground, district, task, Action::Resume).await;
            }
            return;
        }
        // A pause that nobody answered may have been heard.
        paused = *action == Action::Pause;
        let has_ended = control(ground, district, task, *action).await;
        if has_ended {
            return;
        }
    }
}

/// Asks until there is an answer, each try written down. Answers whether the task has ended.
async fn control(ground: &Ground, district: usize, task: TaskId, action: Action) -> bool {
    let Some(town) = ground.towns.get(district) else { return true };
    let word = match action {
        Action::Pause => "pause",
        Action::Resume => "resume",
        Action::Cancel => "cancel",
    };
    let path = format!("/v1/tasks/{task}/{word}");
    for tries in 1.. {
        let asked_at = wall().0;
        let heard = ground.doors.ask(&town.district, Ask::post(&path)).await;
        let answered_at = wall().0;
        ground.book.control(Control { task, action, asked_at, answered_at, status: heard.status });
        if !heard.is_passing() {
            let over = match heard.status {
                200 => ended(&heard.json()),
                409 => true,
                other => {
                    ground.book.odd(format!("{word} of the task {task} was answered with {other} ({})", heard.code()));
                    true
                }
            };
            if over {
                ground.book.ends(task);
            }
            return over;
        }
        if ground.gives_up() {
            ground.book.odd(format!("{word} of the task {task} was never answered"));
            return false;
        }
        pause(ground, &heard, tries).await;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_pauses_resumes_or_cancels() {
        let (mut cancelled, mut resumed) = (0, 0);
        for n in 0..500 {
            let steps = script(&mut Dice::new(1, &format!("control {n}")), 60);
            match steps.last() {
                Some((_, Action::Cancel)) => cancelled += 1,
                Some((_, Action::Resume)) => resumed += 1,
                Some((_, Action::Pause)) => panic!("it stays paused: {steps:?}"),
                None => {}
            }
        }
        assert!(cancelled > 80 && resumed > 80, "{cancelled} {resumed}");
    }
}
