//! Watching a task: both phases with their rates, the queues and workers; a live view on a terminal, plain lines
//! elsewhere.

mod rate;
mod view;

use std::time::Duration;

use anyhow::Result;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use keybell_shared::ids::TaskId;
use keybell_shared::states::TaskState;
use tokio_util::sync::CancellationToken;

use crate::desk::shapes::{Fleet, Moment};
use crate::desk::{Desk, Follower, read};
use crate::outcome::Exit;

pub(crate) use rate::time;
pub(crate) use view::View;

/// How often the view is drawn again while nothing happens.
const REDRAW: Duration = Duration::from_millis(250);
/// When queues and workers are looked at first.
const FLEET_FIRST: Duration = Duration::from_millis(500);
/// How often queues and workers are looked at.
const FLEET_EVERY: Duration = Duration::from_secs(2);

/// Shows a task until it ends, or until `stop`. Answers its last moment.
pub(crate) async fn follow(desk: &Desk, task: TaskId, stop: &CancellationToken) -> Result<Moment> {
    follow_noting(desk, task, stop, View::new(), |_| {}).await
}

/// As [`follow`], and hands each moment to `note`; silently with [`View::hidden`].
pub(crate) async fn follow_noting(
    desk: &Desk,
    task: TaskId,
    stop: &CancellationToken,
    mut view: View,
    mut note: impl FnMut(&Moment),
) -> Result<Moment> {
    let mut moments = Follower::start(desk, task);
    let mut fleets = fleets(desk);
    let mut redraw = tokio::time::interval(REDRAW);
    let mut last: Option<Moment> = None;
    loop {
        tokio::select! {
            biased;
            moment = moments.next() => match moment.transpose()? {
                Some(moment) => {
                    note(&moment);
                    view.show(&moment);
                    // Where nobody but this process works, nobody else can approve it while this process runs.
                    if moment.state.is_final() || (waits(&moment) && desk.is_alone()) {
                        view.end();
                        return Ok(moment);
                    }
                    if waits(&moment) && !last.as_ref().is_some_and(waits) {
                        view.waits(task);
                    }
                    last = Some(moment);
                }
                None => return ended(last),
            },
            () = stop.cancelled(), if last.is_some() => {
                view.end();
                return ended(last);
            }
            Some(fleet) = fleets.next() => view.fleet(fleet),
            _ = redraw.tick() => view.draw(),
        }
    }
}

/// Whether nothing goes on before a second person has approved it.
fn waits(moment: &Moment) -> bool {
    moment.state == TaskState::AwaitingApproval
}

fn ended(last: Option<Moment>) -> Result<Moment> {
    last.ok_or_else(|| Exit::Unavailable.because("the event stream ended before it said anything"))
}

/// The queues and workers, now and then; nothing where the caller may not see them.
fn fleets(desk: &Desk) -> BoxStream<'_, Fleet> {
    stream::unfold(true, move |first| async move {
        // Not at once: workers that start with this command are not there yet.
        let mut pause = if first { FLEET_FIRST } else { FLEET_EVERY };
        loop {
            tokio::time::sleep(pause).await;
            let answer = desk.get("/v1/fleet").await;
            if let Ok(fleet) = answer.and_then(|answer| read::<Fleet>(&answer)) {
                return Some((fleet, false));
            }
            // The server is away for a moment, or this caller may not see them: the watch goes on without.
            pause = FLEET_EVERY;
        }
    })
    .boxed()
}
