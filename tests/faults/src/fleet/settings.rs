//! What our processes are told, and what follows from it for whoever judges them.
//!
//! Everything that takes time is short, so that a run of minutes sees what a year sees; groups are small, so that a task
//! takes many transactions.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Kind;
use crate::evidence::{Mode, Ms};

/// One message must be sent within this.
pub(crate) const SEND_DEADLINE: Duration = Duration::from_secs(2);
/// A claimed notification belongs to its worker for this long.
pub(crate) const LEASE: Duration = Duration::from_secs(4);
/// The pauses before the second, third and fourth attempt, in milliseconds, before jitter.
pub(crate) const RETRY_PAUSES: [Ms; 3] = [400, 800, 1_600];
/// The largest part by which jitter may change a pause.
pub(crate) const RETRY_JITTER: f64 = 0.1;
/// How often a channel that is down is tried again.
pub(crate) const PROBE: Duration = Duration::from_millis(300);
/// How often what a crash left behind is looked for.
pub(crate) const SCAN: Duration = Duration::from_millis(200);
/// How long something may be on a queue before an empty queue makes it count as lost.
pub(crate) const GRACE: Duration = Duration::from_secs(3);
/// How long the lease of the leader lasts.
pub(crate) const LEADER: Duration = Duration::from_secs(2);
/// How long a stopping worker finishes what is in hand. A service manager waits longer.
pub(crate) const DRAIN: Duration = Duration::from_secs(10);

/// The most resets in one transaction.
const GROUP: usize = 8;
/// Reset messages that one process has in hand: four groups.
const PREFETCH: usize = 4 * GROUP;
/// Messages that one process sends at a time on one channel.
const CONNECTIONS: usize = 4;
/// Messages of one channel that one process is sending, or has sent without having stored the result. Few, so that the bound
/// on repeated messages is sharp.
const SLOTS: usize = 8;

/// Where the cluster's servers are.
pub(crate) struct Servers {
    /// PostgreSQL, or a proxy before it.
    pub(crate) database: String,
    /// RabbitMQ.
    pub(crate) broker: String,
    /// Redis.
    pub(crate) redis: String,
    /// The first word of queues and keys.
    pub(crate) prefix: String,
}

/// The variables of a cluster's processes.
pub(crate) fn cluster(servers: &Servers) -> Vec<(String, String)> {
    let Servers { database, broker, redis, prefix } = servers;
    let own = [
        ("KEYBELL_MODE", "cluster"),
        ("KEYBELL_DATABASE_URL", database),
        ("KEYBELL_AMQP_URL", broker),
        ("KEYBELL_REDIS_URL", redis),
        ("KEYBELL_BROKER__PREFIX", prefix),
        ("KEYBELL_REDIS__PREFIX", prefix),
    ];
    own.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).chain(common()).collect()
}

/// The variables of the embedded process.
pub(crate) fn embedded() -> Vec<(String, String)> {
    std::iter::once(("KEYBELL_MODE".to_owned(), "embedded".to_owned())).chain(common()).collect()
}

fn common() -> impl Iterator<Item = (String, String)> {
    let seconds = |name: &'static str, time: Duration| (name, time.as_secs_f64().to_string());
    let number = |name: &'static str, value: usize| (name, value.to_string());
    let text = |name: &'static str, value: &str| (name, value.to_owned());
    let [first, second, _] = RETRY_PAUSES;
    let all = [
        // Everything is said that can be said: no secret may be among it.
        text("KEYBELL_LOG", "trace"),
        text("RUST_LOG", "trace"),
        seconds("KEYBELL_SCHEDULER__DISPATCH_SECONDS", Duration::from_millis(50)),
        seconds("KEYBELL_SCHEDULER__SCAN_SECONDS", SCAN),
        seconds("KEYBELL_SCHEDULER__GRACE_SECONDS", GRACE),
        seconds("KEYBELL_SCHEDULER__PROJECT_SECONDS", Duration::from_millis(100)),
        seconds("KEYBELL_SCHEDULER__LEADER_SECONDS", LEADER),
        number("KEYBELL_WORKER__GROUP", GROUP),
        number("KEYBELL_WORKER__PREFETCH", PREFETCH),
        seconds("KEYBELL_WORKER__DRAIN_SECONDS", DRAIN),
        number("KEYBELL_EMAIL__CONNECTIONS", CONNECTIONS),
        number("KEYBELL_SMS__CONNECTIONS", CONNECTIONS),
        number("KEYBELL_EMAIL__SLOTS", SLOTS),
        number("KEYBELL_SMS__SLOTS", SLOTS),
        seconds("KEYBELL_TIMING__SEND_DEADLINE_SECONDS", SEND_DEADLINE),
        seconds("KEYBELL_TIMING__LEASE_SECONDS", LEASE),
        seconds("KEYBELL_TIMING__RETRY_INITIAL_SECONDS", Duration::from_millis(first.unsigned_abs())),
        number("KEYBELL_TIMING__RETRY_MULTIPLIER", usize::try_from(second / first).unwrap_or(1)),
        seconds("KEYBELL_TIMING__RETRY_MAX_SECONDS", Duration::from_secs(5)),
        text("KEYBELL_TIMING__RETRY_JITTER", &RETRY_JITTER.to_string()),
        seconds("KEYBELL_TIMING__PROBE_SECONDS", PROBE),
        // The load has few keys, and asks as often as a district's whole software would.
        number("KEYBELL_HTTP__REQUESTS_PER_SECOND", 1_000),
        number("KEYBELL_HTTP__BURST", 2_000),
    ];
    all.into_iter().map(|(name, value)| (name.to_owned(), value))
}

/// How many processes of each kind there are, unless somebody wants it otherwise.
pub(crate) fn counts(mode: Mode) -> BTreeMap<Kind, usize> {
    match mode {
        Mode::Cluster => {
            BTreeMap::from([(Kind::Api, 2), (Kind::Scheduler, 2), (Kind::Reset, 2), (Kind::Email, 1), (Kind::Sms, 1)])
        }
        Mode::Embedded => BTreeMap::from([(Kind::Serve, 1)]),
    }
}

/// How many resets the fleet has in hand at most: what a pause may overshoot by. Of each process that resets, all of
/// its prefetched messages may be in transactions that have seen the task running, and one dead letter.
pub(crate) fn in_flight(counts: &BTreeMap<Kind, usize>) -> usize {
    let resetting = counts.iter().filter(|(kind, _)| matches!(kind, Kind::Reset | Kind::Serve));
    resetting.map(|(_, count)| count * (PREFETCH + 1)).sum()
}

/// How many messages one process may have on their way at a time: so many may come twice because of one crash. A dead
/// letter takes one of the same places.
pub(crate) const fn slots(mode: Mode) -> u64 {
    let channels = match mode {
        Mode::Cluster => 1,
        Mode::Embedded => 2,
    };
    SLOTS as u64 * channels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pauses_grow_by_one_factor() {
        let [first, second, third] = RETRY_PAUSES;
        assert_eq!(second % first, 0);
        assert_eq!(third, second * (second / first));
    }

    #[test]
    fn a_fleet_has_so_many_resets_in_hand() {
        assert_eq!(in_flight(&counts(Mode::Cluster)), 66);
        assert_eq!(in_flight(&counts(Mode::Embedded)), 33);
        assert_eq!((slots(Mode::Cluster), slots(Mode::Embedded)), (8, 16));
    }
}
