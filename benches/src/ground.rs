//! A database, a prefix on the broker and one on Redis, with districts full of synthetic pupils; gone afterwards.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use keybell_backends::ledger::SqlLedger;
use keybell_backends::queue::rabbitmq::RabbitQueue;
use keybell_scheduler::intake::{Intake, json};
use keybell_shared::actor::{Actor, Role as Caller};
use keybell_shared::clock::Stopwatch;
use keybell_shared::ids::{DistrictId, TaskId};
use keybell_shared::ports::ledger::{KeyLedger as _, Ledger};
use keybell_shared::precautions;
use keybell_tests::fleet::{Broker, Live};
use keybell_tests::ledgers::{Raw, TestLedger};
use secrecy::SecretString;
use uuid::Uuid;

use crate::role::{Process, Role, Setting};

/// How long anything may take before the measurement is given up.
const PATIENCE: Duration = Duration::from_mins(20);

/// Where a part is measured.
pub(crate) struct Ground {
    /// The ledger.
    pub(crate) ledger: Arc<SqlLedger>,
    /// The queues.
    pub(crate) queue: Arc<RabbitQueue>,
    prefix: String,
    database: TestLedger,
    broker: Broker,
    live: Live,
}

impl Ground {
    /// Empty.
    pub(crate) async fn new() -> Self {
        let prefix = format!("bench-{}", Uuid::new_v4().simple());
        let database = TestLedger::postgres().await;
        let (broker, live) = (Broker::new(&prefix), Live::new(&prefix));
        let queue = RabbitQueue::new(&SecretString::from(broker.url()), &prefix);
        Self { ledger: Arc::clone(&database.ledger), queue, prefix, database, broker, live }
    }

    /// Plain SQL.
    pub(crate) fn sql(&self) -> &Raw {
        &self.database.raw
    }

    /// A district of so many pupils, each with an e-mail address and a school.
    pub(crate) async fn district(&self, pupils: u32) -> Result<DistrictId> {
        let slug = format!("district-{}", Uuid::new_v4().simple());
        let id = self.ledger.ensure_district(&slug, "Synthetic District").await?.id;
        self.sql()
            .run(&format!(
                "INSERT INTO schools (district_id, source_id, name)
                 SELECT '{id}', 's' || n, 'School ' || n FROM generate_series(1, GREATEST({pupils} / 500, 1)) AS n"
            ))
            .await;
        // Ids of version 7, in the order in which a roster would bring people.
        self.sql()
            .run(&format!(
                "INSERT INTO accounts (id, district_id, source_id, username, username_key, given_name, family_name, family_key,
                     role, rank, grade, email, school_id, active, fingerprint)
                 SELECT ('0190' || substr(to_hex(n >> 16 | 65536), 2) || '-' || substr(to_hex(n & 65535 | 65536), 2) || '-7'
                         || substr(md5(n::text || '{id}'), 1, 3) || '-8' || substr(md5(n::text || '{id}'), 4, 3) || '-'
                         || substr(md5(n::text || '{id}'), 7, 12))::uuid,
                     '{id}', 'p' || n, 'pupil' || n, 'pupil' || n, 'Given' || n, 'Family' || n, 'family' || n, 'student', 10,
                     '05', 'pupil' || n || '@example.org', s.id, TRUE, 'synthetic'
                 FROM generate_series(1, {pupils}) AS n
                 JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place, count(*) OVER () AS all_of_them
                       FROM schools WHERE district_id = '{id}') AS s ON s.place = n % s.all_of_them"
            ))
            .await;
        self.sql()
            .run(&format!(
                "INSERT INTO memberships (account_id, school_id, role)
                 SELECT id, school_id, 'student' FROM accounts WHERE district_id = '{id}'"
            ))
            .await;
        self.sql().run("ANALYZE accounts").await;
        self.sql().run("ANALYZE memberships").await;
        Ok(id)
    }

    /// Submits a reset of the whole district through the intake. Everybody is to be told by e-mail.
    pub(crate) async fn submit(&self, district: DistrictId) -> Result<TaskId> {
        let caller = Actor { district, role: Caller::DistrictAdmin, name: "bench".to_owned(), key: None, person: None };
        let body = serde_json::json!({"selection": {"scope": "all"}, "reason": "start_of_year",
            "acknowledgement": precautions::VERSION});
        let request = match json::parse(body.to_string().as_bytes()) {
            Ok(request) => request,
            Err(problem) => bail!("the request is refused: {problem:?}"),
        };
        let ledger: Arc<dyn Ledger> = Arc::<SqlLedger>::clone(&self.ledger);
        match Intake::new(ledger, None).submit(&caller, request, &Uuid::new_v4().to_string()).await {
            Ok(submitted) => Ok(submitted.task),
            Err(problem) => bail!("the request is refused: {problem:?}"),
        }
    }

    /// Starts a process on this ground.
    pub(crate) async fn start(&self, name: &str, role: Role) -> Result<Process> {
        let Some(database) = self.database.url() else { bail!("the ledger is on PostgreSQL") };
        Process::start(&Setting {
            role,
            name: name.to_owned(),
            database: database.to_owned(),
            broker: self.broker.url().to_owned(),
            redis: self.live.url().to_owned(),
            prefix: self.prefix.clone(),
        })
        .await
    }

    /// Asks every so often until the answer is yes; answers the seconds since `watch` began.
    pub(crate) async fn until<F: Future<Output = Result<bool>>>(
        &self,
        what: &str,
        every: Duration,
        watch: Stopwatch,
        mut asked: impl FnMut() -> F,
    ) -> Result<f64> {
        while !asked().await? {
            if watch.elapsed() > PATIENCE {
                bail!("{what}: not within {} minutes", PATIENCE.as_secs() / 60);
            }
            tokio::time::sleep(every).await;
        }
        Ok(watch.elapsed().as_secs_f64())
    }

    /// How many items of a task no worker has dealt with.
    pub(crate) async fn untouched(&self, task: TaskId) -> i64 {
        let states = "'pending', 'queued'";
        self.sql().number(&format!("SELECT count(*) FROM items WHERE task_id = '{task}' AND state IN ({states})")).await
    }
}
