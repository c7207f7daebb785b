//! Following a task by its event stream. A lost connection is made again, and goes on after the last event that was
//! seen, so that nothing is missed when the server restarts.

use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use keybell_shared::clock::Stopwatch;
use keybell_shared::ids::TaskId;

use super::shapes::Moment;
use super::sse::{Event, Reader};
use super::{Ask, Body, Desk};
use crate::outcome::Exit;

/// How long to wait before the stream is asked for again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How long a server may be away before the command gives up.
const PATIENCE: Duration = Duration::from_mins(5);

/// Follows one task.
pub(crate) struct Follower<'a> {
    desk: &'a Desk,
    path: String,
    open: Option<(Body, Reader)>,
    waiting: std::collections::VecDeque<Event>,
    last: Option<String>,
    away: Option<Stopwatch>,
    ended: bool,
}

impl<'a> Follower<'a> {
    /// Its moments, each newer than the one before, the last one final. An error ends it.
    pub(crate) fn start(desk: &'a Desk, task: TaskId) -> BoxStream<'a, Result<Moment>> {
        let follower = Self {
            desk,
            path: format!("/v1/tasks/{task}/events"),
            open: None,
            waiting: std::collections::VecDeque::new(),
            last: None,
            away: None,
            ended: false,
        };
        stream::unfold(follower, |mut follower| async move {
            let moment = follower.next().await.transpose()?;
            follower.ended |= moment.is_err();
            Some((moment, follower))
        })
        .boxed()
    }

    async fn next(&mut self) -> Result<Option<Moment>> {
        while !self.ended {
            if let Some(event) = self.waiting.pop_front() {
                let moment: Moment =
                    serde_json::from_str(&event.data).context("an event has another shape than expected")?;
                self.last = Some(event.id).filter(|id| !id.is_empty());
                self.ended = moment.state.is_final();
                return Ok(Some(moment));
            }
            if let Err(error) = self.more().await {
                self.open = None;
                let watch = self.away.get_or_insert_with(Stopwatch::start);
                if Exit::of(&error) != Exit::Unavailable || watch.elapsed() > PATIENCE {
                    return Err(error);
                }
                tracing::debug!("{error:#}; asking again");
                tokio::time::sleep(AGAIN_AFTER).await;
            }
        }
        Ok(None)
    }

    /// Takes what comes next on the stream, and opens it if it is not open.
    async fn more(&mut self) -> Result<()> {
        let (mut body, mut reader) = if let Some(open) = self.open.take() {
            open
        } else {
            let ask = Ask { last_event: self.last.as_deref(), ..Ask::get(&self.path) };
            (self.desk.download(ask).await?, Reader::default())
        };
        match body.piece().await? {
            Some(piece) => {
                self.away = None;
                self.waiting.extend(reader.feed(&piece));
                self.open = Some((body, reader));
                Ok(())
            }
            // The server is stopping, or has nothing more for this mark.
            None => Err(Exit::Unavailable.because("the event stream ended early")),
        }
    }
}
