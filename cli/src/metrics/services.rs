//! The services that this process needs: whether they answer, and how the database's connections are used. Asked
//! whenever the metrics are read.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use keybell_backends::ledger::SqlLedger;
use keybell_shared::ports::board::Board;
use keybell_shared::ports::ledger::LeaderLedger as _;
use keybell_shared::ports::queue::WorkQueue;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;

use crate::wiring::Backends;

/// How long each service may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// The services behind the ports.
pub(super) struct Services {
    pub(super) ledger: Arc<SqlLedger>,
    queue: Arc<dyn WorkQueue>,
    board: Arc<dyn Board>,
    up: Family<[(&'static str, &'static str); 1], Gauge>,
}

impl Services {
    pub(super) fn new(backends: &Backends) -> Self {
        Self {
            ledger: Arc::clone(&backends.ledger),
            queue: Arc::clone(&backends.queue),
            board: Arc::clone(&backends.board),
            up: Family::default(),
        }
    }

    /// Shows them.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("keybell_backends_up", "Whether a service answers this process", self.up.clone());
        registry.register_collector(Box::new(Pools(Arc::clone(&self.ledger))));
    }

    /// Asks all of them, at once.
    pub(super) async fn ask(&self) {
        let (ledger, queue, board) =
            tokio::join!(answers(self.ledger.ping()), answers(self.queue.ping()), answers(self.board.ping()));
        for (service, up) in [("ledger", ledger), ("queue", queue), ("board", board)] {
            self.up.get_or_create(&[("service", service)]).set(up.into());
        }
    }
}

/// Whether a service answers in time.
pub(super) async fn answers<E: fmt::Display>(ping: impl Future<Output = Result<(), E>>) -> bool {
    matches!(tokio::time::timeout(ANSWER_WITHIN, ping).await, Ok(Ok(())))
}

/// The connections to the database.
struct Pools(Arc<SqlLedger>);

impl fmt::Debug for Pools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pools")
    }
}

impl Collector for Pools {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let pools = self.0.connections();
        let name = "keybell_backends_database_connections";
        let help = "Connections to the database, by what they do.";
        let mut connections = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for pool in &pools {
            for (state, count) in [("in_use", pool.in_use), ("idle", pool.idle)] {
                let labels = [("pool", pool.pool), ("state", state)];
                ConstGauge::new(i64::from(count)).encode(connections.encode_family(&labels)?)?;
            }
        }
        let name = "keybell_backends_database_connections_max";
        let help = "The most connections that this process opens to the database.";
        let mut most = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for pool in &pools {
            ConstGauge::new(i64::from(pool.max)).encode(most.encode_family(&[("pool", pool.pool)])?)?;
        }
        Ok(())
    }
}
