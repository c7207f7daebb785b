//! Carries a schedule out. Lanes go on at the same time; what was done, and when it was over, is written down.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use keybell_shared::clock::{Stopwatch, wall};
use tokio::time::sleep;

use crate::disk::Disk;
use crate::evidence::{Crashes, Ms};
use crate::fleet::{Fleet, Kind};
use crate::plan::{Fault, Lane, Planned};
use crate::proxy::Proxy;
use crate::scenario::World;
use crate::services::Services;
use crate::sinks::Sinks;

/// How late a slow PostgreSQL answers, each time.
const SLOW: Duration = Duration::from_millis(100);

/// What was done.
#[derive(Debug, Default)]
pub(crate) struct Injections {
    /// Each fault, and when it was over.
    pub(crate) done: Vec<(Fault, Ms)>,
    /// What could not be done, and why.
    pub(crate) missed: Vec<(Fault, String)>,
}

impl Injections {
    fn note(&mut self, fault: Fault, result: Result<()>) {
        match result {
            Ok(()) => self.done.push((fault, wall().0)),
            Err(error) => self.missed.push((fault, format!("{error:#}"))),
        }
    }

    fn and(mut self, other: Self) -> Self {
        self.done.extend(other.done);
        self.missed.extend(other.missed);
        self
    }

    /// What these mean for the number of messages that may rightly come twice.
    pub(crate) fn crashes(&self, known: Crashes) -> Crashes {
        let count = |wanted: &dyn Fn(Fault) -> bool| {
            u64::try_from(self.done.iter().filter(|(fault, _)| wanted(*fault)).count()).unwrap_or(u64::MAX)
        };
        let sends = |kind| matches!(kind, Kind::Email | Kind::Sms | Kind::Serve);
        Crashes {
            senders: count(&|fault| matches!(fault, Fault::Kill(kind) if sends(kind))),
            all: count(&|fault| matches!(fault, Fault::Kill(_))),
            frozen: count(&|fault| matches!(fault, Fault::Freeze(kind) if sends(kind))),
            ledger: count(&Fault::may_repeat_messages),
            ..known
        }
    }
}

/// Carries the schedule out, to its end.
pub(crate) async fn inject(world: &mut World, disk: Option<&Disk>, schedule: &[Planned]) -> Injections {
    let begun = Stopwatch::start();
    let of = |lane| schedule.iter().filter(move |planned| planned.fault.lane() == lane);
    let World { fleet, services, proxy, sinks, .. } = world;
    let fleet = &*fleet;
    let processes = async {
        let mut injections = Injections::default();
        for planned in of(Lane::Processes) {
            wait(begun, planned).await;
            injections.note(planned.fault, process(fleet, planned).await);
        }
        injections
    };
    let servers = async {
        let mut injections = Injections::default();
        for planned in of(Lane::Servers) {
            wait(begun, planned).await;
            let result = match (planned.fault, services.as_mut(), proxy.as_ref()) {
                (Fault::DiskFull, _, _) => full(disk, planned.length).await,
                (_, Some(services), Some(proxy)) => server(services, proxy, planned).await,
                _ => Err(anyhow::anyhow!("there is no such server in this mode")),
            };
            injections.note(planned.fault, result);
        }
        injections
    };
    let providers = async {
        let mut injections = Injections::default();
        for planned in of(Lane::Providers) {
            wait(begun, planned).await;
            provider(sinks, planned).await;
            injections.note(planned.fault, Ok(()));
        }
        injections
    };
    let (processes, servers, providers) = tokio::join!(processes, servers, providers);
    processes.and(servers).and(providers)
}

async fn wait(begun: Stopwatch, planned: &Planned) {
    sleep(planned.at.saturating_sub(begun.elapsed())).await;
}

#[expect(clippy::wildcard_enum_match_arm, reason = "each lane has its own faults")]
async fn process(fleet: &Fleet, planned: &Planned) -> Result<()> {
    let which = |kind| planned.which % fleet.count(kind).max(1);
    match planned.fault {
        Fault::Kill(kind) => {
            ensure!(fleet.kill(kind, which(kind), planned.length).await, "there was no process at that moment");
        }
        Fault::Freeze(kind) => fleet.freeze(kind, which(kind), planned.length).await,
        Fault::Terminate(kind) => {
            let stopped = fleet.terminate(kind, which(kind)).await?;
            if stopped.code != Some(0) || stopped.took > Duration::from_secs(30) {
                bail!("{} ended with {:?} after {:?}", planned.fault.name(), stopped.code, stopped.took);
            }
        }
        Fault::SecondProcess => {
            let (code, _) = fleet.second_process().await?;
            ensure!(code != Some(0), "a second process worked on the same folder");
        }
        other => bail!("{} is done to no process", other.name()),
    }
    Ok(())
}

#[expect(clippy::wildcard_enum_match_arm, reason = "each lane has its own faults")]
async fn server(services: &mut Services, proxy: &Proxy, planned: &Planned) -> Result<()> {
    let Services { postgres, rabbitmq, redis } = services;
    let length = planned.length;
    match planned.fault {
        Fault::BrokerConnections => rabbitmq.close_connections().await,
        Fault::BrokerApplication => {
            rabbitmq.stop_app().await?;
            sleep(length).await;
            rabbitmq.start_app().await
        }
        Fault::BrokerKill => {
            rabbitmq.kill().await;
            sleep(length).await;
            rabbitmq.start().await
        }
        Fault::BrokerWipe => rabbitmq.wipe().await,
        Fault::BrokerPurge | Fault::BrokerDelete => {
            let mut queues: Vec<String> = rabbitmq.queues().await?.into_iter().map(|queue| queue.name).collect();
            queues.retain(|name| [".reset", ".email", ".sms"].iter().any(|end| name.ends_with(end)));
            queues.sort_unstable();
            let queue = queues.get(planned.which % queues.len().max(1)).context("there is no work queue now")?;
            if planned.fault == Fault::BrokerPurge {
                rabbitmq.purge(queue).await
            } else {
                rabbitmq.delete_queue(queue).await
            }
        }
        Fault::BrokerAlarm => {
            rabbitmq.memory_alarm(true).await?;
            sleep(length).await;
            rabbitmq.memory_alarm(false).await
        }
        Fault::LedgerSessions => postgres.terminate_backends().await.map(drop),
        Fault::LedgerRestart => postgres.restart_immediate().await,
        Fault::LedgerSlow => {
            proxy.delay(SLOW);
            sleep(length).await;
            proxy.delay(Duration::ZERO);
            Ok(())
        }
        Fault::LedgerCommit => {
            let before = proxy.commits_cut();
            proxy.cut_at_commit(1);
            let begun = Stopwatch::start();
            while proxy.commits_cut() == before {
                if begun.elapsed() > Duration::from_secs(5) {
                    proxy.cut_at_commit(0);
                    bail!("nothing was committed within 5 s");
                }
                sleep(Duration::from_millis(10)).await;
            }
            Ok(())
        }
        Fault::LedgerLocks => postgres.lock_accounts(length).await,
        Fault::LedgerConnections => {
            postgres.limit_connections(Some(3)).await?;
            // What is connected stays so: without this nobody would notice.
            postgres.terminate_backends().await?;
            sleep(length).await;
            postgres.limit_connections(None).await
        }
        Fault::BoardFlush => redis.flush().await,
        Fault::BoardKill => {
            redis.kill().await;
            sleep(length).await;
            redis.start().await
        }
        Fault::BoardStall => redis.stall(length).await,
        other => bail!("{} is done to no server of a cluster", other.name()),
    }
}

async fn provider(sinks: &mut Sinks, planned: &Planned) {
    if planned.fault == Fault::MailAway {
        sinks.mail_down().await;
        sleep(planned.length).await;
        sinks.mail_up().await;
    } else {
        sinks.sms_down();
        sleep(planned.length).await;
        sinks.sms_up();
    }
}

async fn full(disk: Option<&Disk>, length: Duration) -> Result<()> {
    let disk = disk.context("the folder has no disk of its own, which only root can make")?;
    disk.fill()?;
    sleep(length).await;
    disk.free()
}
