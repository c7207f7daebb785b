//! A running cluster under load, and what can be waited for in it.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use keybell_shared::clock::{Stopwatch, wall};
use keybell_tests::ledgers::Raw;
use serde_json::Value;

use super::work::{Asker, Work};
use crate::evidence::{Channel, Message, Mode, Ms};
use crate::fleet::{Kind, settings};
use crate::scenario::{Setup, World};
use crate::services::Services;

/// Nothing is waited for longer.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often the ledger is asked: often enough for the figures, seldom enough not to be the load.
const LOOK: Duration = Duration::from_millis(25);
/// Pupils of the district.
const PUPILS: usize = 3_000;
/// So much is always waiting to be dispatched when a fault comes.
const WAITING: i64 = 150;

/// The cluster, with one district and tasks that never end.
pub(super) struct Bench {
    pub(super) world: World,
    pub(super) asker: Asker,
    work: Work,
}

impl Bench {
    /// Starts everything and waits until passwords change.
    pub(super) async fn start(folder: &Path, program: PathBuf, seed: u64) -> Result<Self> {
        let mut setup = Setup::new(Mode::Cluster, program, folder.to_owned(), seed);
        // A second scheduler, to take over; otherwise one of each is enough, and shows its absence at once.
        setup.counts =
            [(Kind::Api, 2), (Kind::Scheduler, 2), (Kind::Reset, 1), (Kind::Email, 1), (Kind::Sms, 1)].into();
        // As in a district's own cluster: what is said about every row at `trace` is not measured.
        setup.variables = [("KEYBELL_LOG", "info"), ("RUST_LOG", "info")].map(|(a, b)| (a.into(), b.into())).to_vec();
        let world = World::start(setup, None).await?;
        world.sinks.calm();
        let key = bring_in(&world).await?;
        let asker = Asker::new(world.fleet.api_urls(), key)?;
        let work = Work::begin(asker.clone());
        let bench = Self { world, asker, work };
        bench.flowing().await?;
        Ok(bench)
    }

    /// Ends the load and the cluster. Answers what was not as it should be.
    pub(super) async fn stop(mut self) -> Result<Vec<String>> {
        self.work.end().await;
        let mut oddities = self.world.fleet.unexpected_exits();
        let stopped = self.world.fleet.stop().await;
        oddities.extend(stopped.iter().filter(|one| one.code != Some(0)).map(|one| {
            format!("{}-{} ended with {:?} when it was stopped at the end", one.kind.name(), one.index, one.code)
        }));
        self.services()?.stop().await;
        Ok(oddities)
    }

    pub(super) fn services(&mut self) -> Result<&mut Services> {
        self.world.services.as_mut().context("a cluster has servers")
    }

    pub(super) const fn ledger(&self) -> &Raw {
        &self.world.ledger
    }

    /// Waits until everything moves: passwords change, people are told, and more is waiting.
    pub(super) async fn flowing(&self) -> Result<()> {
        let watch = Stopwatch::start();
        let since = wall().0;
        let pending = "SELECT count(*) FROM items WHERE state = 'pending'";
        loop {
            let moves = self.count(&changed(since)).await > 0 && self.told_since(since, &HashSet::new()).is_some();
            if moves && self.count(pending).await >= WAITING && self.all_run() {
                return Ok(());
            }
            if watch.elapsed() > PATIENCE * 3 {
                bail!("nothing moves any more before the next fault; see the logs in {}", self.world.folder.display());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn all_run(&self) -> bool {
        let all = [Kind::Api, Kind::Scheduler, Kind::Reset, Kind::Email, Kind::Sms];
        self.world.fleet.running().len() == all.into_iter().map(|kind| self.world.fleet.count(kind)).sum::<usize>()
    }

    /// The time from `since` until the next password was changed, on the ledger's clock.
    pub(super) async fn next_reset(&self, since: Ms) -> Option<Ms> {
        self.until(since, async || self.count(&changed(since)).await > 0).await?;
        Some(self.count(&format!("SELECT MIN(changed_at) FROM accounts WHERE changed_at > {since}")).await - since)
    }

    /// The time from `since` until an item that was dispatched after it was reset: scheduler, broker and worker work.
    pub(super) async fn next_dispatched_reset(&self, since: Ms) -> Option<Ms> {
        let sql = format!("SELECT count(*) FROM items WHERE queued_at > {since} AND credential_version IS NOT NULL");
        self.until(since, async || self.count(&sql).await > 0).await
    }

    /// The time from `since` until the next item was dispatched.
    pub(super) async fn next_dispatch(&self, since: Ms) -> Option<Ms> {
        let sql = format!("SELECT count(*) FROM items WHERE queued_at > {since}");
        self.until(since, async || self.count(&sql).await > 0).await
    }

    /// The time from `since` until the board shows something that was counted after it.
    pub(super) async fn next_projection(&self, since: Ms) -> Option<Ms> {
        self.until(since, async || self.board().await.values().any(|(_, counted_at)| *counted_at > since)).await
    }

    /// The time from `since` until the board shows of every open task what the ledger had then, or more.
    pub(super) async fn board_is_true(&self, since: Ms) -> Option<Ms> {
        let sql = "SELECT t.id, COALESCE(SUM(c.revision), 0) FROM tasks t LEFT JOIN counters c ON c.task_id = t.id
                   WHERE t.state IN ('expanding', 'awaiting_approval', 'running', 'paused', 'cancelling') GROUP BY t.id";
        let truth: Vec<(String, i64)> = self
            .ledger()
            .rows(sql)
            .await
            .into_iter()
            .filter_map(|row| <[String; 2]>::try_from(row).ok())
            .map(|[task, version]| (task, version.parse().unwrap_or(i64::MAX)))
            .collect();
        let shown = |board: &HashMap<String, (i64, Ms)>| {
            truth.iter().all(|(task, version)| board.get(task).is_some_and(|(shown, _)| shown >= version))
        };
        self.until(since, async || shown(&self.board().await)).await
    }

    /// Version and time of every snapshot on the board; empty when it is away.
    async fn board(&self) -> HashMap<String, (i64, Ms)> {
        let Some(services) = &self.world.services else { return HashMap::new() };
        let number = |snapshot: &Value, name: &str| snapshot.get(name).and_then(Value::as_i64).unwrap_or_default();
        let snapshots = services.redis.snapshots(&self.world.prefix).await.unwrap_or_default();
        let of = |snapshot: &Value| (number(snapshot, "version"), number(snapshot, "counted_at"));
        snapshots.into_iter().map(|(task, snapshot)| (task, of(&snapshot))).collect()
    }

    /// What is on its way to people now: notifications with the fence of their claim.
    pub(super) async fn sending(&self) -> Vec<(String, String)> {
        let rows = self.ledger().rows("SELECT id, fence FROM notifications WHERE state = 'sending'").await;
        rows.into_iter().filter_map(|row| <[String; 2]>::try_from(row).ok()).map(Into::into).collect()
    }

    /// The time from `since` until none of these claims holds any more.
    pub(super) async fn given_back(&self, since: Ms, claims: &[(String, String)]) -> Option<Ms> {
        self.until(since, async || {
            let open: HashSet<(String, String)> = self.sending().await.into_iter().collect();
            !claims.iter().any(|claim| open.contains(claim))
        })
        .await
    }

    /// The time from `since` until the mail server took a message that was not on its way then.
    pub(super) async fn next_mail(&self, since: Ms, on_their_way: &HashSet<String>) -> Option<Ms> {
        self.until(since, async || self.told_since(since, on_their_way).is_some()).await?;
        self.told_since(since, on_their_way).map(|at| at - since)
    }

    fn told_since(&self, since: Ms, on_their_way: &HashSet<String>) -> Option<Ms> {
        let messages = self.world.sinks.messages();
        let new = |message: &&Message| {
            let another = message.message_id.as_ref().is_some_and(|id| !on_their_way.contains(id));
            message.channel == Channel::Email && message.at > since && another
        };
        messages.iter().find(new).map(|message| message.at)
    }

    /// How many messages came again.
    pub(super) fn repeated(&self) -> usize {
        let messages = self.world.sinks.messages();
        let distinct: HashSet<(&str, &str)> =
            messages.iter().map(|one| (one.to.as_str(), one.message_id.as_deref().unwrap_or(&one.text))).collect();
        messages.len() - distinct.len()
    }

    /// A number of the ledger; 0 for NULL.
    pub(super) async fn count(&self, sql: &str) -> i64 {
        self.ledger().text(sql).await.parse().unwrap_or_default()
    }

    /// Waits for a condition. Answers the time since `since`, or `None` when patience is over.
    pub(super) async fn until(&self, since: Ms, holds: impl AsyncFn() -> bool) -> Option<Ms> {
        let watch = Stopwatch::start();
        while watch.elapsed() < PATIENCE {
            if holds().await {
                return Some(wall().0 - since);
            }
            tokio::time::sleep(LOOK).await;
        }
        None
    }
}

fn changed(since: Ms) -> String {
    format!("SELECT count(*) FROM accounts WHERE changed_at > {since}")
}

/// Imports the district and makes a key for it.
async fn bring_in(world: &World) -> Result<String> {
    let mut users =
        "sourcedId,enabledUser,orgSourcedIds,role,username,givenName,familyName,email,sms,agentSourcedIds,grades\n"
            .to_owned();
    for n in 0..PUPILS {
        let sms = if n % 5 == 0 { format!("+17215{n:06}") } else { String::new() };
        writeln!(users, "p{n},true,school,student,p{n},Given,Name-{n},p{n}@example.org,{sms},,05")?;
    }
    let manifest = "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\nfile.orgs,bulk\nfile.users,bulk\n\
                    file.academicSessions,absent\nfile.classes,absent\nfile.courses,absent\nfile.enrollments,absent\n";
    let orgs = "sourcedId,name,type,identifier,parentSourcedId\n\
                district,Riverside,district,,\nschool,North,school,,district\n";
    let folder = world.folder.join("roster");
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    for (name, text) in [("manifest.csv", manifest), ("orgs.csv", orgs), ("users.csv", &users)] {
        std::fs::write(folder.join(name), text).with_context(|| format!("{name} cannot be written"))?;
    }
    let path = folder.display().to_string();
    world.fleet.command(&["roster", "import", &path, "--district", "riverside"]).await?;
    let made = ["apikey", "create", "--district", "riverside", "--name", "recovery", "--role", "district_admin"];
    let said = world.fleet.command(&[made.as_slice(), &["--output", "json"]].concat()).await?;
    // Not repeated in an error: it holds the key.
    let made: Value = serde_json::from_str(&said).ok().context("`keybell apikey create` said no JSON")?;
    made.get("key").and_then(Value::as_str).map(ToOwned::to_owned).context("`keybell apikey create` named no key")
}

/// What of the fleet's settings the targets follow from: claims end with their lease, and the scan sees it.
pub(super) fn lease_target() -> Ms {
    Ms::try_from((settings::LEASE + settings::SCAN + Duration::from_secs(1)).as_millis()).unwrap_or(Ms::MAX)
}
