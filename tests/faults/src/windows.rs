//! The gaps between two steps that belong together, one by one: a process ends, panics or stands still in each of them,
//! and no promise may be broken. Random kills hardly ever meet them.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use keybell_shared::clock::Stopwatch;
use keybell_shared::fault::{EXIT_CODE, Window};
use keybell_shared::ids::TaskId;
use serde_json::json;

use crate::evidence::Action;
use crate::fleet::settings::LEASE;
use crate::load::Small;
use crate::mutations::act::Act;
use crate::mutations::provocations::{OWN, plain};
use crate::mutations::{Stage, broken};
use crate::sinks::Policy;

/// What happens in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    /// As by `kill -9`.
    Exit,
    /// In the middle of a future.
    Panic,
    /// For three times as long as a lease.
    Sleep,
    /// The second step fails.
    Error,
    /// The answer to COMMIT is lost, and both sides of the connection with it.
    CutAtCommit,
}

/// One line of the table.
pub(crate) struct Row {
    pub(crate) window: &'static str,
    pub(crate) blows: Vec<&'static str>,
    pub(crate) faults: Vec<String>,
    pub(crate) seconds: u64,
}

impl Row {
    /// As a line of the table.
    pub(crate) fn line(&self) -> String {
        let Self { window, blows, faults, seconds } = self;
        let verdict =
            faults.first().map_or_else(|| "nothing was broken".to_owned(), |first| format!("BROKEN: {first}"));
        format!("  {window:<30}{:<28}{seconds:>4} s  {verdict}", blows.join(", "))
    }
}

impl Blow {
    const fn name(self) -> &'static str {
        match self {
            Self::Exit => "exit",
            Self::Panic => "panic",
            Self::Sleep => "sleep",
            Self::Error => "error",
            Self::CutAtCommit => "answer lost",
        }
    }

    fn action(self) -> String {
        match self {
            Self::Exit | Self::Panic | Self::Error | Self::CutAtCommit => self.name().to_owned(),
            Self::Sleep => format!("sleep:{}", (LEASE * 3).as_secs()),
        }
    }
}

/// The window whose fault comes from outside: the answer to COMMIT is lost between the database and the worker (W14).
const ANSWER_LOST: &str = "commit-answer-lost";

/// Runs every window, or the one of this name, in worlds below `folder`. Says each line as soon as it is known.
pub(crate) async fn run(
    program: &Path,
    folder: &Path,
    only: Option<&str>,
    mut say: impl FnMut(&Row),
) -> Result<Vec<Row>> {
    let mut chosen: Vec<(&'static str, Option<Window>)> =
        Window::ALL.iter().map(|window| (window.name(), Some(*window))).collect();
    chosen.push((ANSWER_LOST, None));
    let names: Vec<&str> = chosen.iter().map(|(name, _)| *name).collect();
    chosen.retain(|(name, _)| only.is_none_or(|wanted| wanted == *name));
    ensure!(!chosen.is_empty(), "there is no window of that name; there are {}", names.join(", "));
    let mut stage = Stage { program, folder, services: None, worlds: 0 };
    let mut rows = Vec::with_capacity(chosen.len());
    for (name, window) in chosen {
        let watch = Stopwatch::start();
        let blows = blows(window);
        let faults = match Box::pin(play(&mut stage, window, &blows)).await {
            Ok(faults) => faults,
            Err(error) => vec![format!("it could not be run: {error:#}")],
        };
        let blows = blows.into_iter().map(Blow::name).collect();
        let row = Row { window: name, blows, faults, seconds: watch.elapsed().as_secs() };
        say(&row);
        rows.push(row);
    }
    if let Some(mut services) = stage.services {
        services.stop().await;
    }
    Ok(rows)
}

fn blows(window: Option<Window>) -> Vec<Blow> {
    match window {
        None => vec![Blow::CutAtCommit],
        Some(Window::ResetWritten) => vec![Blow::Exit, Blow::Panic, Blow::Sleep, Blow::Error],
        Some(_) => vec![Blow::Exit, Blow::Panic, Blow::Sleep],
    }
}

/// One world, in which every blow is dealt, one after the other. Answers everything that is wrong with it in the end.
async fn play(stage: &mut Stage<'_>, window: Option<Window>, blows: &[Blow]) -> Result<Vec<String>> {
    let mut act = stage.raise(1, |setup| setup.policy = Policy::kind()).await?;
    let done = deal_all(&mut act, window, blows).await;
    let verdict = stage.strike(act).await?;
    done?;
    // Whoever was told to end did so; and a process of which a part panicked may end, to be started again whole.
    let (told, exits) = (EXIT_CODE.to_string(), verdict.evidence.unexpected_exits);
    let exits = exits.iter().filter(|exit| !exit.contains(&told));
    let panics = blows.iter().filter(|blow| **blow == Blow::Panic).count();
    let mut faults = broken(&verdict.findings, verdict.waited_for);
    faults.extend(exits.skip(panics).map(|exit| format!("a process ended by itself: {exit}")));
    Ok(faults)
}

async fn deal_all(act: &mut Act, window: Option<Window>, blows: &[Blow]) -> Result<()> {
    if window == Some(Window::PublishedRequestCommitted) {
        let allow = ["producer", "allow", "guest", "--district", act.small.slug(OWN)];
        act.world.fleet.command(&allow).await.context("allowing a producer")?;
    }
    for blow in blows {
        deal(act, window, *blow).await.context(blow.name())?;
    }
    Ok(())
}

/// A task meets one blow, and comes to its end all the same.
async fn deal(act: &mut Act, window: Option<Window>, blow: Blow) -> Result<()> {
    count(act, window, blow);
    match window {
        Some(window) => act.arms.arm(window, &blow.action())?,
        None => act.world.proxy.as_ref().context("this needs a cluster")?.cut_at_commit(6),
    }
    let task = match window {
        Some(Window::PublishedRequestCommitted) => published(act, blow).await?,
        Some(Window::CancelEntered) => cancelled(act).await?,
        Some(_) | None => Some(act.small.ask(OWN, &people(act), &plain()).await?),
    };
    if let Some(window) = window {
        act.arms.until_acted(window).await?;
    }
    if let Some(task) = task {
        ensure!(act.small.until_ended(OWN, task).await?, "the task {task} does not end");
    }
    if blow == Blow::Sleep {
        // Whoever stood still goes on, and may do harm then.
        tokio::time::sleep(LEASE * 3).await;
    }
    Ok(())
}

/// What may rightly come twice because of it.
fn count(act: &mut Act, window: Option<Window>, blow: Blow) {
    let crashes = &mut act.world.crashes;
    crashes.all += 1;
    let sends = matches!(window, Some(Window::NoticeClaimed | Window::NoticeSent | Window::NoticeRecorded));
    match blow {
        // A panic ends a whole batch, with every message of it that is on its way.
        Blow::Exit | Blow::Panic if sends => crashes.senders += 1,
        Blow::Sleep if sends => crashes.frozen += 1,
        Blow::CutAtCommit => crashes.ledger += 1,
        Blow::Exit | Blow::Panic | Blow::Sleep | Blow::Error => {}
    }
}

/// Pupils who are told at once, some who must be tried again, and some who cannot be told.
fn people(act: &Act) -> Vec<String> {
    ["steady-", "busy-", "never-"]
        .into_iter()
        .zip([24, 3, 3])
        .flat_map(|(who, n)| act.small.pupils(OWN, who, n))
        .collect()
}

/// A request by the AMQP door. Its task is known when there is one more.
async fn published(act: &Act, blow: Blow) -> Result<Option<TaskId>> {
    let (key, body) = (format!("published-{}", blow.name()), Small::body(&people(act), &json!({})));
    act.small.published(OWN, &key, &body);
    act.request(&key, &body).await?;
    let ours = format!("FROM idempotency WHERE key = '{key}'");
    act.until("tasks of the message", &format!("SELECT count(*) {ours}"), 1).await?;
    Ok(Some(act.world.ledger.text(&format!("SELECT task_id {ours}")).await.parse()?))
}

/// A cancel that is asked again until somebody answers.
async fn cancelled(act: &Act) -> Result<Option<TaskId>> {
    let task = act.small.ask(OWN, &people(act), &plain()).await?;
    act.small.control(OWN, task, Action::Cancel).await?;
    Ok(Some(task))
}
