//! What has to happen so that a missing mechanism is missed. Each is harmless to a whole program: that is its control.

use std::time::Duration;

use anyhow::{Context as _, Result};
use keybell_shared::fault::Window;
use keybell_shared::ids::TaskId;
use keybell_shared::progress::Snapshot;
use serde_json::{Value, json};

use super::act::Act;
use crate::evidence::Action;
use crate::fleet::Kind;
use crate::load::Small;
use crate::scenario::Setup;
use crate::sinks::Policy;

/// The district whose people behave as their address says.
pub(crate) const OWN: usize = 0;
/// The other one.
const OTHER: usize = 1;

/// The watcher who looks at the board itself.
const BOARD: u32 = 9;

/// What is done to a small world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Provocation {
    /// A task, and nothing else.
    Ordinary,
    /// The same request under the same key.
    AskedTwice,
    /// The same message to the AMQP door.
    PublishedTwice,
    /// A recipient who says "later" has got a newer password when it is later.
    RetryAfterNewer,
    /// A newer password is to be told while the older message is on its way.
    SlowSender,
    /// The same without the index that keeps it so.
    SlowSenderWithoutIndex,
    /// A notifier stands still between claim and message, until after its lease.
    FrozenBeforeSending,
    /// A notifier stands still between message and result, until after its lease.
    LateResult,
    /// The messages of items that are done come again.
    DeliveredAgain,
    /// Somebody who leads no more shows what was true once.
    TwoLeaders,
    /// A queue is emptied.
    Purged,
    /// A notifier dies after a claim.
    SenderKilled,
    /// A connection breaks before COMMIT.
    CommitBroken,
    /// A reset worker dies in a transaction.
    ResetterKilled,
    /// The broker answers nothing more, and what it was given last is gone.
    BrokerSwallows,
    /// A cancel meets a full queue.
    Cancelled,
    /// A pause meets a full queue.
    Paused,
    /// Recipients who refuse for good.
    Refused,
    /// Recipients who refuse for now, for ever.
    Busy,
    /// Recipients of every nature, with servers that hang up.
    Troubled,
    /// A stranger asks for a task.
    Trespass,
}

/// Something for [`Small::ask`] that asks for nothing special.
pub(crate) fn plain() -> Value {
    json!({})
}

impl Provocation {
    /// How its world differs from the usual one.
    pub(super) fn prepare(self, setup: &mut Setup) {
        setup.policy = if self == Self::Troubled { Policy::new(7) } else { Policy::kind() };
        let mut say = |name: &str, value: &str| setup.variables.push((name.to_owned(), value.to_owned()));
        match self {
            // Long enough for another task in between.
            Self::RetryAfterNewer | Self::LateResult => {
                say("KEYBELL_TIMING__RETRY_INITIAL_SECONDS", "6");
                say("KEYBELL_TIMING__RETRY_MAX_SECONDS", "12");
            }
            Self::SlowSender | Self::SlowSenderWithoutIndex => say("KEYBELL_TIMING__LEASE_SECONDS", "20"),
            Self::Cancelled | Self::Paused => {
                setup.counts.insert(Kind::Reset, 1);
            }
            Self::BrokerSwallows => setup.broker_by_proxy = true,
            Self::Ordinary
            | Self::AskedTwice
            | Self::PublishedTwice
            | Self::FrozenBeforeSending
            | Self::DeliveredAgain
            | Self::TwoLeaders
            | Self::Purged
            | Self::SenderKilled
            | Self::CommitBroken
            | Self::ResetterKilled
            | Self::Refused
            | Self::Busy
            | Self::Troubled
            | Self::Trespass => {}
        }
    }

    /// How many districts it needs.
    pub(super) const fn districts(self) -> usize {
        if matches!(self, Self::Troubled | Self::Trespass) { 2 } else { 1 }
    }

    /// Does it.
    pub(super) async fn run(self, act: &mut Act) -> Result<()> {
        match self {
            Self::Ordinary => ordinary(act).await,
            Self::AskedTwice => asked_twice(act).await,
            Self::PublishedTwice => published_twice(act).await,
            Self::RetryAfterNewer => retry_after_newer(act).await,
            Self::SlowSender => slow_sender(act).await,
            Self::SlowSenderWithoutIndex => {
                act.world.ledger.run("DROP INDEX notifications_one_sending").await;
                slow_sender(act).await
            }
            Self::FrozenBeforeSending => frozen_before_sending(act).await,
            Self::LateResult => late_result(act).await,
            Self::DeliveredAgain => delivered_again(act).await,
            Self::TwoLeaders => two_leaders(act).await,
            Self::Purged => purged(act).await,
            Self::SenderKilled => sender_killed(act).await,
            Self::CommitBroken => in_window(act, Window::ResetWritten, "error").await,
            Self::ResetterKilled => {
                act.world.crashes.all += 1;
                in_window(act, Window::ResetWritten, "exit").await
            }
            Self::BrokerSwallows => broker_swallows(act).await,
            Self::Cancelled => held(act, Action::Cancel).await,
            Self::Paused => held(act, Action::Pause).await,
            Self::Refused => told(act, "never-").await,
            Self::Busy => told(act, "busy-").await,
            Self::Troubled => troubled(act).await,
            Self::Trespass => trespass(act).await,
        }
    }
}

async fn ordinary(act: &Act) -> Result<()> {
    let task = act.small.ask(OWN, &act.small.pupils(OWN, "steady-", 20), &plain()).await?;
    act.small.until_ended(OWN, task).await.map(drop)
}

async fn asked_twice(act: &Act) -> Result<()> {
    let body = Small::body(&act.small.pupils(OWN, "steady-", 5), &plain());
    for _ in 0..2 {
        let task = act.small.ask_as(OWN, "the-same-key", &body).await?;
        act.small.until_ended(OWN, task).await?;
    }
    Ok(())
}

async fn published_twice(act: &Act) -> Result<()> {
    let allow = ["producer", "allow", "guest", "--district", act.small.slug(OWN)];
    act.world.fleet.command(&allow).await.context("allowing a producer")?;
    let body = Small::body(&act.small.pupils(OWN, "steady-", 5), &plain());
    act.small.published(OWN, "the-same-message", &body);
    for _ in 0..2 {
        act.request("the-same-message", &body).await?;
        act.until("tasks", "SELECT count(*) FROM tasks", 1).await?;
    }
    // An answer for each: then the second one was looked at, too.
    let answers = "SELECT count(*) FROM events WHERE kind LIKE 'request.%'";
    act.until("answers", answers, 2).await
}

async fn retry_after_newer(act: &Act) -> Result<()> {
    let busy = act.small.pupils(OWN, "busy-", 5);
    let older = act.small.ask(OWN, &busy, &plain()).await?;
    let later = "SELECT count(*) FROM notifications WHERE state = 'waiting' AND attempts = 1";
    act.until("notifications wait for their second attempt", later, i64::try_from(busy.len())?).await?;
    act.world.sinks.accept_everybody();
    let newer = act.small.ask(OWN, &busy, &plain()).await?;
    act.small.until_ended(OWN, newer).await?;
    act.small.until_ended(OWN, older).await.map(drop)
}

async fn slow_sender(act: &Act) -> Result<()> {
    older_and_newer(act, Window::NoticeClaimed, "sleep:6").await
}

async fn frozen_before_sending(act: &mut Act) -> Result<()> {
    older_and_newer(act, Window::NoticeClaimed, "sleep:8").await
}

/// While the older message stands in a window, the same person gets a newer password.
async fn older_and_newer(act: &Act, window: Window, action: &str) -> Result<()> {
    let one = act.small.pupils(OWN, "steady-", 1);
    act.arms.arm(window, action)?;
    let older = act.small.ask(OWN, &one, &plain()).await?;
    act.arms.until_acted(window).await?;
    let newer = act.small.ask(OWN, &one, &plain()).await?;
    act.small.until_ended(OWN, newer).await?;
    act.small.until_ended(OWN, older).await?;
    // Whoever stood still goes on, and may do harm then.
    tokio::time::sleep(Duration::from_secs(5)).await;
    Ok(())
}

async fn late_result(act: &mut Act) -> Result<()> {
    act.arms.arm(Window::NoticeSent, "sleep:6")?;
    // Its message may come twice.
    act.world.crashes.frozen += 1;
    let task = act.small.ask(OWN, &act.small.pupils(OWN, "steady-", 1), &plain()).await?;
    act.arms.until_acted(Window::NoticeSent).await?;
    act.small.until_ended(OWN, task).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok(())
}

async fn delivered_again(act: &Act) -> Result<()> {
    // Some who are busy keep the task open for a while.
    let names = [act.small.pupils(OWN, "steady-", 20), act.small.pupils(OWN, "busy-", 4)].concat();
    let task = act.small.ask(OWN, &names, &plain()).await?;
    act.until_items(task, "notified", 10).await?;
    act.deliver_again(task, "notified").await?;
    act.small.until_ended(OWN, task).await.map(drop)
}

async fn two_leaders(act: &mut Act) -> Result<()> {
    let names = [act.small.pupils(OWN, "steady-", 60), act.small.pupils(OWN, "busy-", 8)].concat();
    let task = act.small.ask(OWN, &names, &plain()).await?;
    act.until_items(task, "notified", 5).await?;
    act.arms.arm(Window::ProgressRead, "sleep:1")?;
    act.arms.until_acted(Window::ProgressRead).await?;
    let leader = leader(act).await?;
    let watched = async {
        // Until the new leader has shown the end, and the old one is awake again.
        for _ in 0..160 {
            look_at_the_board(act, task).await?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::Ok(())
    };
    let frozen = act.world.fleet.freeze(Kind::Scheduler, leader, Duration::from_secs(6));
    tokio::join!(watched, frozen).0?;
    act.small.until_ended(OWN, task).await.map(drop)
}

/// Which of the schedulers leads. The holder of the lease is named after its process.
async fn leader(act: &Act) -> Result<usize> {
    let holder = act.world.ledger.text("SELECT holder FROM leases WHERE name = 'scheduler'").await;
    let schedulers = act.world.fleet.running().into_iter().filter(|(kind, _)| *kind == Kind::Scheduler);
    let found = schedulers.enumerate().find(|(_, (_, pid))| holder.ends_with(&format!("-{pid}")));
    Ok(found.with_context(|| format!("no scheduler is {holder}"))?.0)
}

/// What the board shows of a task, past the API, which would look at the version once more.
async fn look_at_the_board(act: &Act, task: TaskId) -> Result<()> {
    let board = act.services()?.redis.snapshots(&act.world.prefix).await?;
    let Some((_, shown)) = board.into_iter().find(|(id, _)| *id == task.to_string()) else { return Ok(()) };
    let Snapshot { counts, .. } = serde_json::from_value(shown).context("a snapshot")?;
    let progress = json!({
        "total": counts.total(),
        "reset": {
            "pending": counts.open, "reset": counts.changed(), "skipped": counts.skipped, "cancelled": counts.cancelled,
            "superseded": counts.superseded, "failed": counts.failed
        },
        "notify": {
            "total": counts.changed(), "waiting": counts.telling, "notified": counts.notified, "silent": counts.silent,
            "undelivered": counts.undelivered, "retries": counts.retries
        }
    });
    act.small.sample(task, BOARD, progress);
    Ok(())
}

async fn purged(act: &Act) -> Result<()> {
    act.world.fleet.hold(Kind::Reset).await;
    let names = act.small.pupils(OWN, "steady-", 20);
    let task = act.small.ask(OWN, &names, &plain()).await?;
    act.until_items(task, "queued", names.len()).await?;
    act.services()?.rabbitmq.purge(&act.named("reset")).await?;
    act.world.fleet.release(Kind::Reset).await;
    ended_or_late(act, task).await
}

async fn sender_killed(act: &mut Act) -> Result<()> {
    (act.world.crashes.senders, act.world.crashes.all) = (1, 1);
    in_window(act, Window::NoticeClaimed, "exit").await
}

/// A task meets somebody in a window.
async fn in_window(act: &Act, window: Window, action: &str) -> Result<()> {
    act.arms.arm(window, action)?;
    let task = act.small.ask(OWN, &act.small.pupils(OWN, "steady-", 20), &plain()).await?;
    act.arms.until_acted(window).await?;
    ended_or_late(act, task).await
}

/// Whoever is without the mechanism never ends; nobody waits for that here.
async fn ended_or_late(act: &Act, task: TaskId) -> Result<()> {
    drop(tokio::time::timeout(Duration::from_secs(20), act.small.until_ended(OWN, task)).await);
    Ok(())
}

async fn broker_swallows(act: &mut Act) -> Result<()> {
    // The connection for publishing is there before the broker is not.
    ordinary(act).await?;
    let proxy = act.world.broker.as_ref().context("this world has no proxy before the broker")?;
    proxy.freeze(true);
    let task = act.small.ask(OWN, &act.small.pupils(OWN, "steady-", 20), &plain()).await?;
    // Without confirms everything is noted as queued at once; with them, nothing.
    tokio::time::sleep(Duration::from_secs(3)).await;
    proxy.cut_all();
    proxy.freeze(false);
    ended_or_late(act, task).await
}

/// A control meets many queued items.
async fn held(act: &Act, action: Action) -> Result<()> {
    act.world.fleet.hold(Kind::Reset).await;
    let names = act.small.pupils(OWN, "", 150);
    let task = act.small.ask(OWN, &names, &plain()).await?;
    act.until_items(task, "queued", names.len()).await?;
    act.world.fleet.release(Kind::Reset).await;
    let begun = format!("SELECT count(*) FROM items WHERE task_id = '{task}' AND credential_version IS NOT NULL");
    act.until("passwords are changed", &begun, 1).await?;
    act.small.control(OWN, task, action).await?;
    match action {
        Action::Cancel => ended_or_late(act, task).await,
        Action::Pause | Action::Resume => {
            // Long enough for everything to be reset by whoever does not hear it.
            tokio::time::sleep(Duration::from_secs(10)).await;
            act.small.control(OWN, task, Action::Resume).await?;
            act.small.until_ended(OWN, task).await.map(drop)
        }
    }
}

/// A task whose people cannot be told; at most until somebody has been tried more often than anybody should be.
async fn told(act: &Act, beginning: &str) -> Result<()> {
    let task = act.small.ask(OWN, &act.small.pupils(OWN, beginning, 100), &plain()).await?;
    let too_often = "SELECT COALESCE(MAX(attempts), 0) FROM notifications";
    while !act.small.look(OWN, task).await? && act.world.ledger.number(too_often).await <= 5 {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

/// Several tasks for the same people: only a few of them meet a server that hangs up, and not always.
async fn troubled(act: &Act) -> Result<()> {
    for _ in 0..5 {
        let task = act.small.ask(OTHER, &act.small.pupils(OTHER, "", 100), &json!({"channel": "both"})).await?;
        act.small.until_ended(OTHER, task).await?;
    }
    Ok(())
}

async fn trespass(act: &Act) -> Result<()> {
    let task = act.small.ask(OWN, &act.small.pupils(OWN, "steady-", 5), &plain()).await?;
    act.small.until_ended(OWN, task).await?;
    act.small.trespass(OTHER, OWN, task).await
}
