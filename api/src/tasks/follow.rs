//! Following one task: snapshots from the board as they come, from the ledger when the board is silent or gone, and
//! never one that is not newer than the last.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use keybell_shared::actor::Actor;
use keybell_shared::ids::TaskId;
use keybell_shared::progress::Snapshot;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use crate::parts::Api;

/// Without the board, the ledger is asked this often.
const POLL: Duration = Duration::from_secs(1);
/// While the board is watched, the ledger is asked once in this many polls: the watch is only a hint. The caller's key
/// is looked at as often, so that a revoked one ends its streams.
const POLLS_PER_CHECK: u32 = 5;
/// How long the board may take to answer.
const BOARD_WITHIN: Duration = Duration::from_secs(1);

/// How far a reader has come: the order of snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    epoch: i64,
    version: i64,
}

impl Mark {
    /// The mark of a snapshot.
    pub(super) const fn of(snapshot: &Snapshot) -> Self {
        Self { epoch: snapshot.epoch, version: snapshot.version }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.version)
    }
}

impl FromStr for Mark {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        // Neither number is ever negative.
        let number = |digits: &str| -> Result<i64, ()> {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            if plain { digits.parse().map_err(|_| ()) } else { Err(()) }
        };
        let (epoch, version) = text.split_once('-').ok_or(())?;
        Ok(Self { epoch: number(epoch)?, version: number(version)? })
    }
}

/// A reader of one task.
pub(super) struct Follower {
    api: Api,
    actor: Actor,
    task: TaskId,
    /// What was shown last.
    seen: Option<Mark>,
    /// To be looked at before anything else.
    first: Option<Snapshot>,
    live: Option<BoxStream<'static, Snapshot>>,
    poll: Interval,
    polls: u32,
    ended: bool,
}

impl Follower {
    /// Begins with what the ledger says now, or what the board says if that is newer.
    pub(super) async fn start(api: Api, actor: Actor, now: Snapshot, seen: Option<Mark>) -> Self {
        let mut poll = interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        poll.reset();
        let task = now.task;
        let mut follower = Self { api, actor, task, seen, first: Some(now), live: None, poll, polls: 0, ended: false };
        follower.watch().await;
        follower
    }

    /// The next newer snapshot; `None` after the final one.
    pub(super) async fn next(&mut self) -> Option<Snapshot> {
        while !self.ended {
            let candidate = match self.first.take() {
                Some(first) => Some(first),
                None => self.wait().await,
            };
            let Some(snapshot) = candidate else { continue };
            // The end is the end, also for a reader who has seen it already.
            self.ended = self.ended || snapshot.state.is_final();
            let mark = Mark::of(&snapshot);
            if self.seen.is_none_or(|seen| mark > seen) {
                self.seen = Some(mark);
                return Some(snapshot);
            }
        }
        None
    }

    /// Waits for news from the board or for the next look at the ledger.
    async fn wait(&mut self) -> Option<Snapshot> {
        let Some(live) = &mut self.live else {
            self.poll.tick().await;
            self.polls += 1;
            if self.polls.is_multiple_of(POLLS_PER_CHECK) {
                self.watch().await;
            }
            return self.look().await;
        };
        tokio::select! {
            news = live.next() => {
                // The stream ends when its connection is lost.
                if news.is_none() {
                    self.live = None;
                }
                news.filter(|snapshot| snapshot.task == self.task)
            }
            _ = self.poll.tick() => {
                self.polls += 1;
                if self.polls.is_multiple_of(POLLS_PER_CHECK) { self.look().await } else { None }
            }
        }
    }

    /// Asks the ledger, and whether the caller may still see it.
    async fn look(&mut self) -> Option<Snapshot> {
        let view = match self.api.ledger.task(self.actor.district, self.task).await {
            Ok(Some(view)) => view,
            Ok(None) => {
                self.ended = true;
                return None;
            }
            // What the board shows is still good; the ledger is asked again soon.
            Err(error) => {
                tracing::debug!(%error, "an event stream could not ask the ledger");
                return None;
            }
        };
        if self.polls.is_multiple_of(POLLS_PER_CHECK)
            && let Some(key) = self.actor.key
            && let Ok(None) = self.api.ledger.key(key).await
        {
            self.ended = true;
            return None;
        }
        Some(view.progress)
    }

    /// Watches the board, if it answers, and takes what it shows if that is newer. Watching begins before reading, so
    /// that nothing is lost between the two.
    async fn watch(&mut self) {
        let board = &self.api.board;
        let Ok(Ok(live)) = timeout(BOARD_WITHIN, board.watch(self.task)).await else { return };
        self.live = Some(live);
        if let Ok(Ok(Some(shown))) = timeout(BOARD_WITHIN, board.read(self.task)).await
            && shown.task == self.task
            && shown.district == self.actor.district
            && self.first.as_ref().is_none_or(|first| shown.is_newer_than(first))
        {
            self.first = Some(shown);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_survives_its_text_and_has_the_order_of_snapshots() {
        let mark = Mark { epoch: 3, version: 12 };
        assert_eq!(mark.to_string(), "3-12");
        assert_eq!("3-12".parse(), Ok(mark));
        assert!(mark < Mark { epoch: 4, version: 1 } && mark > Mark { epoch: 3, version: 11 });
        for wrong in ["", "-", "3", "3-", "-12", "3--1", "a-1", "3-12-1", "3-99999999999999999999", " 3-12", "+3-12"] {
            assert!(wrong.parse::<Mark>().is_err(), "{wrong}");
        }
    }
}
