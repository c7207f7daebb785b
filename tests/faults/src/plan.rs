//! What is done to a run, and when: a schedule drawn from a seed, so that a run that failed can be repeated.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use serde::Serialize;

use crate::evidence::Mode;
use crate::fleet::Kind;

/// A way to break something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub(crate) enum Fault {
    /// SIGKILL.
    Kill(Kind),
    /// SIGTERM, and a new process.
    Terminate(Kind),
    /// SIGSTOP for longer than a lease, then SIGCONT.
    Freeze(Kind),
    /// The broker closes every connection.
    BrokerConnections,
    /// The broker's application is stopped, and started again.
    BrokerApplication,
    /// SIGKILL of the broker.
    BrokerKill,
    /// SIGKILL of the broker, and its data are gone.
    BrokerWipe,
    /// A work queue is emptied.
    BrokerPurge,
    /// A work queue is deleted.
    BrokerDelete,
    /// The broker runs out of memory and takes nothing more.
    BrokerAlarm,
    /// PostgreSQL ends our sessions.
    LedgerSessions,
    /// PostgreSQL restarts without a checkpoint.
    LedgerRestart,
    /// Every answer of PostgreSQL comes late.
    LedgerSlow,
    /// The answer to a COMMIT is lost.
    LedgerCommit,
    /// Somebody locks the accounts.
    LedgerLocks,
    /// No connection is left.
    LedgerConnections,
    /// Redis is emptied.
    BoardFlush,
    /// SIGKILL of Redis.
    BoardKill,
    /// Redis stands still.
    BoardStall,
    /// The mail server is away.
    MailAway,
    /// The SMS provider is away.
    SmsAway,
    /// The disk under SQLite is full.
    DiskFull,
    /// A second process is started on the same folder.
    SecondProcess,
}

impl Fault {
    /// In the report.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kill(Kind::Api) => "kill -9 api",
            Self::Kill(Kind::Scheduler) => "kill -9 scheduler",
            Self::Kill(Kind::Reset) => "kill -9 reset worker",
            Self::Kill(Kind::Email) => "kill -9 e-mail worker",
            Self::Kill(Kind::Sms) => "kill -9 SMS worker",
            Self::Kill(Kind::Serve) => "kill -9 serve",
            Self::Terminate(Kind::Api) => "SIGTERM api",
            Self::Terminate(Kind::Scheduler) => "SIGTERM scheduler",
            Self::Terminate(Kind::Reset) => "SIGTERM reset worker",
            Self::Terminate(Kind::Email) => "SIGTERM e-mail worker",
            Self::Terminate(Kind::Sms) => "SIGTERM SMS worker",
            Self::Terminate(Kind::Serve) => "SIGTERM serve",
            Self::Freeze(Kind::Api) => "SIGSTOP api",
            Self::Freeze(Kind::Scheduler) => "SIGSTOP scheduler",
            Self::Freeze(Kind::Reset) => "SIGSTOP reset worker",
            Self::Freeze(Kind::Email) => "SIGSTOP e-mail worker",
            Self::Freeze(Kind::Sms) => "SIGSTOP SMS worker",
            Self::Freeze(Kind::Serve) => "SIGSTOP serve",
            Self::BrokerConnections => "RabbitMQ closes all connections",
            Self::BrokerApplication => "RabbitMQ application stopped",
            Self::BrokerKill => "RabbitMQ killed",
            Self::BrokerWipe => "RabbitMQ data wiped",
            Self::BrokerPurge => "work queue purged",
            Self::BrokerDelete => "work queue deleted",
            Self::BrokerAlarm => "RabbitMQ memory alarm",
            Self::LedgerSessions => "PostgreSQL sessions ended",
            Self::LedgerRestart => "PostgreSQL immediate restart",
            Self::LedgerSlow => "PostgreSQL slow",
            Self::LedgerCommit => "COMMIT's answer lost",
            Self::LedgerLocks => "accounts locked",
            Self::LedgerConnections => "PostgreSQL connections exhausted",
            Self::BoardFlush => "Redis flushed",
            Self::BoardKill => "Redis killed",
            Self::BoardStall => "Redis stalled",
            Self::MailAway => "mail server away",
            Self::SmsAway => "SMS provider away",
            Self::DiskFull => "disk full",
            Self::SecondProcess => "second process on the folder",
        }
    }

    /// Which of the things that can break at the same time it concerns.
    pub(crate) const fn lane(self) -> Lane {
        match self {
            Self::Kill(_) | Self::Terminate(_) | Self::Freeze(_) | Self::SecondProcess => Lane::Processes,
            Self::MailAway | Self::SmsAway => Lane::Providers,
            Self::BrokerConnections
            | Self::BrokerApplication
            | Self::BrokerKill
            | Self::BrokerWipe
            | Self::BrokerPurge
            | Self::BrokerDelete
            | Self::BrokerAlarm
            | Self::LedgerSessions
            | Self::LedgerRestart
            | Self::LedgerSlow
            | Self::LedgerCommit
            | Self::LedgerLocks
            | Self::LedgerConnections
            | Self::BoardFlush
            | Self::BoardKill
            | Self::BoardStall
            | Self::DiskFull => Lane::Servers,
        }
    }

    /// How long it lasts, at least and at most, in milliseconds. A freeze is longer than a lease.
    const fn length(self) -> (u64, u64) {
        match self {
            Self::Kill(_) => (50, 800),
            Self::Freeze(_) => (2_000, 9_000),
            Self::BrokerApplication | Self::BrokerKill | Self::BrokerAlarm | Self::BoardKill => (500, 6_000),
            Self::MailAway | Self::SmsAway => (1_000, 8_000),
            Self::LedgerLocks | Self::LedgerConnections | Self::LedgerSlow | Self::BoardStall | Self::DiskFull => {
                (1_000, 5_000)
            }
            Self::Terminate(_)
            | Self::BrokerConnections
            | Self::BrokerWipe
            | Self::BrokerPurge
            | Self::BrokerDelete
            | Self::LedgerSessions
            | Self::LedgerRestart
            | Self::LedgerCommit
            | Self::BoardFlush
            | Self::SecondProcess => (0, 0),
        }
    }

    /// Whether a result of sending may stay unknown because of it, so that a message may rightly come twice.
    pub(crate) const fn may_repeat_messages(self) -> bool {
        matches!(
            self,
            Self::LedgerSessions
                | Self::LedgerRestart
                | Self::LedgerCommit
                | Self::LedgerSlow
                | Self::LedgerLocks
                | Self::LedgerConnections
                | Self::DiskFull
        )
    }
}

/// Faults of different lanes happen at the same time; those of one lane follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    Processes,
    Servers,
    Providers,
}

/// A fault with its time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planned {
    /// Since the load began. When the one before it in its lane takes longer, it waits for that.
    pub(crate) at: Duration,
    pub(crate) fault: Fault,
    /// Which of several processes or queues: modulo their number.
    pub(crate) which: usize,
    pub(crate) length: Duration,
}

/// The schedule of a run.
pub(crate) fn schedule(mode: Mode, seed: u64, length: Duration) -> Vec<Planned> {
    let mut all = Vec::new();
    for lane in [Lane::Processes, Lane::Servers, Lane::Providers] {
        // A stream of its own for each lane: what one lane draws does not change the others.
        let mut rng = StdRng::seed_from_u64(seed ^ (lane as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let (choices, pause) = choices(mode, lane);
        let weights: Vec<(Fault, u32)> = choices;
        let mut at = rng.random_range(500..1_500);
        while at < u64::try_from(length.as_millis()).unwrap_or(u64::MAX) {
            let Ok((fault, _)) = weights.choose_weighted(&mut rng, |(_, weight)| *weight) else { break };
            let (least, most) = fault.length();
            let lasts = rng.random_range(least..=most);
            let which = usize::try_from(rng.next_u32()).unwrap_or_default();
            all.push(Planned {
                at: Duration::from_millis(at),
                fault: *fault,
                which,
                length: Duration::from_millis(lasts),
            });
            at += lasts + rng.random_range(pause.0..pause.1);
        }
    }
    all.sort_by_key(|planned| planned.at);
    all
}

/// What may happen in a lane, how often compared with each other, and the pause between two, in milliseconds.
fn choices(mode: Mode, lane: Lane) -> (Vec<(Fault, u32)>, (u64, u64)) {
    let kinds = [Kind::Api, Kind::Scheduler, Kind::Reset, Kind::Email, Kind::Sms];
    match (mode, lane) {
        (Mode::Cluster, Lane::Processes) => {
            let mut choices = Vec::new();
            for kind in kinds {
                choices.extend([(Fault::Kill(kind), 12), (Fault::Terminate(kind), 2), (Fault::Freeze(kind), 1)]);
            }
            (choices, (200, 1_600))
        }
        (Mode::Cluster, Lane::Servers) => (
            vec![
                (Fault::BrokerConnections, 4),
                (Fault::BrokerApplication, 1),
                (Fault::BrokerKill, 1),
                (Fault::BrokerWipe, 1),
                (Fault::BrokerPurge, 3),
                (Fault::BrokerDelete, 3),
                (Fault::BrokerAlarm, 2),
                (Fault::LedgerSessions, 5),
                (Fault::LedgerRestart, 2),
                (Fault::LedgerSlow, 2),
                (Fault::LedgerCommit, 8),
                (Fault::LedgerLocks, 2),
                (Fault::LedgerConnections, 2),
                (Fault::BoardFlush, 4),
                (Fault::BoardKill, 2),
                (Fault::BoardStall, 2),
            ],
            (1_500, 6_000),
        ),
        (Mode::Embedded, Lane::Processes) => (
            vec![
                (Fault::Kill(Kind::Serve), 8),
                (Fault::Terminate(Kind::Serve), 2),
                (Fault::Freeze(Kind::Serve), 1),
                (Fault::SecondProcess, 1),
            ],
            (2_000, 6_000),
        ),
        (Mode::Embedded, Lane::Servers) => (vec![(Fault::DiskFull, 1)], (8_000, 20_000)),
        (_, Lane::Providers) => (vec![(Fault::MailAway, 2), (Fault::SmsAway, 1)], (6_000, 20_000)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_repeats_its_schedule_and_another_one_does_not() {
        let drawn = |seed| {
            let all = schedule(Mode::Cluster, seed, Duration::from_mins(5));
            all.iter().map(|one| (one.at, one.fault, one.which, one.length)).collect::<Vec<_>>()
        };
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
    }

    #[test]
    fn ten_minutes_see_every_fault_of_the_mode_and_kill_hundreds_of_processes() {
        for mode in [Mode::Cluster, Mode::Embedded] {
            let all = schedule(mode, 1, Duration::from_mins(10));
            let seen: BTreeSet<Fault> = all.iter().map(|one| one.fault).collect();
            let possible: BTreeSet<Fault> = [Lane::Processes, Lane::Servers, Lane::Providers]
                .into_iter()
                .flat_map(|lane| choices(mode, lane).0)
                .map(|(fault, _)| fault)
                .collect();
            assert_eq!(seen, possible, "{mode:?}");
        }
        let kills = schedule(Mode::Cluster, 1, Duration::from_mins(10));
        let kills = kills.iter().filter(|one| matches!(one.fault, Fault::Kill(_))).count();
        assert!(kills > 200, "{kills}");
    }
}
