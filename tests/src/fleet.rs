//! A fleet of `keybell` processes on real PostgreSQL, RabbitMQ and Redis, with names of its own for each test.

use std::path::{Path, PathBuf};

use keybell_shared::ids::TaskId;
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

use crate::http::Caller;
use crate::ledgers::{Raw, TestLedger};
use crate::program::{Program, Running};

mod broker;
mod live;
mod process;
mod roster;
mod users;

pub use broker::{Broker, Listener};
pub use live::Live;
pub use process::Process;
pub use roster::Person;
pub use users::BrokerUser;

/// The command lines of a fleet's processes.
pub const API: &[&str] = &["api"];
/// The scheduler.
pub const SCHEDULER: &[&str] = &["scheduler"];
/// A reset worker with one hashing thread, so that two of them share a small machine.
pub const RESET: &[&str] = &["worker", "--stages", "reset", "--concurrency", "1"];
/// An e-mail worker.
pub const EMAIL: &[&str] = &["worker", "--stages", "email"];
/// An SMS worker.
pub const SMS: &[&str] = &["worker", "--stages", "sms"];

/// Everything of the configuration that takes time, short enough for tests; groups small, so that a task takes many.
const TIMINGS: &[(&str, &str)] = &[
    ("KEYBELL_HTTP__LISTEN", "127.0.0.1:0"),
    ("KEYBELL_SCHEDULER__DISPATCH_SECONDS", "0.05"),
    ("KEYBELL_SCHEDULER__SCAN_SECONDS", "0.2"),
    ("KEYBELL_SCHEDULER__GRACE_SECONDS", "1"),
    ("KEYBELL_SCHEDULER__PROJECT_SECONDS", "0.1"),
    ("KEYBELL_SCHEDULER__LEADER_SECONDS", "2"),
    ("KEYBELL_WORKER__GROUP", "8"),
    ("KEYBELL_WORKER__DRAIN_SECONDS", "10"),
    ("KEYBELL_TIMING__SEND_DEADLINE_SECONDS", "2"),
    ("KEYBELL_TIMING__LEASE_SECONDS", "4"),
    ("KEYBELL_TIMING__RETRY_INITIAL_SECONDS", "0.4"),
    ("KEYBELL_TIMING__RETRY_MULTIPLIER", "2"),
    ("KEYBELL_TIMING__RETRY_MAX_SECONDS", "5"),
    ("KEYBELL_TIMING__RETRY_JITTER", "0.1"),
    ("KEYBELL_TIMING__PROBE_SECONDS", "0.3"),
];

/// What one test has of its own: a database, a prefix on the broker and on Redis, a folder with keys, a configuration.
/// Gone after the test; start processes after it, so that they end before it.
pub struct World {
    /// The database.
    pub ledger: TestLedger,
    /// The queues.
    pub broker: Broker,
    /// The live progress.
    pub live: Live,
    folder: TempDir,
    variables: Vec<(String, String)>,
}

impl World {
    /// A migrated database without anybody, and no process.
    ///
    /// # Panics
    /// When a service is not there.
    pub async fn new() -> Self {
        keybell_shared::tls::init();
        let prefix = format!("test-{}", Uuid::new_v4().simple());
        let ledger = TestLedger::postgres().await;
        let (broker, live) = (Broker::new(&prefix), Live::new(&prefix));
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        let mut world = Self { ledger, broker, live, folder, variables: Vec::new() };
        world.set("KEYBELL_MODE", "cluster");
        let urls = [world.database_url(), world.broker.url().to_owned(), world.live.url().to_owned()];
        for (name, url) in ["KEYBELL_DATABASE_URL", "KEYBELL_AMQP_URL", "KEYBELL_REDIS_URL"].into_iter().zip(urls) {
            world.set(name, &url);
        }
        world.set("KEYBELL_BROKER__PREFIX", &prefix);
        world.set("KEYBELL_REDIS__PREFIX", &prefix);
        for (name, value) in TIMINGS {
            world.set(name, value);
        }
        let _made = world.program(["keys", "create"]).run_to(0).await;
        world
    }

    /// Sets a variable of all processes that are started from now on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Sends e-mail and SMS to these servers.
    pub fn tell_by(&mut self, smtp: &str, sms: Option<&crate::sms::SmsServer>) {
        self.set("KEYBELL_EMAIL__SENDER", "smtp");
        self.set("KEYBELL_EMAIL__URL", smtp);
        if let Some(provider) = sms {
            self.set("KEYBELL_SMS__SENDER", "http");
            self.set("KEYBELL_SMS__URL", &provider.url());
            self.set("KEYBELL_SMS__USERNAME", crate::sms::USERNAME);
            self.set("KEYBELL_SMS__PASSWORD", crate::sms::TOKEN);
        }
    }

    /// The URL of the database, without any relay.
    ///
    /// # Panics
    /// Never: the world's ledger is PostgreSQL.
    #[must_use]
    pub fn database_url(&self) -> String {
        self.ledger.url().unwrap_or_else(|| panic!("the ledger is on PostgreSQL")).to_owned()
    }

    /// Plain SQL.
    #[must_use]
    pub const fn sql(&self) -> &Raw {
        &self.ledger.raw
    }

    /// The folder of the processes: keys, outbox.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A `keybell` command of this world.
    pub fn program<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Program {
        Program::on(self.folder(), arguments).envs(self.variables.clone())
    }

    /// Starts a process of the fleet.
    #[must_use]
    pub fn start(&self, arguments: &[&str]) -> Process {
        Process::start(arguments.join(" "), self.program(arguments.iter().copied()))
    }

    /// Starts the API and waits until it listens. Its URL is the second part.
    pub async fn start_api(&self) -> (Process, String) {
        let mut api = self.start(API);
        let url = listening(&mut api).await;
        (api, url)
    }

    /// Writes a roster of these people and imports it.
    pub async fn import(&self, people: &[Person]) -> PathBuf {
        let folder = self.folder().join("roster");
        roster::write(&folder, people);
        let path = folder.display().to_string();
        let _imported = self.program(["roster", "import", &path]).run_to(0).await;
        folder
    }

    /// A district administrator's API key.
    ///
    /// # Panics
    /// When there is not exactly one district.
    pub async fn key(&self) -> String {
        let made: Value = self.program(["apikey", "create", "--name", "test", "--role", "district_admin"]).json().await;
        made.get("key").and_then(Value::as_str).unwrap_or_else(|| panic!("no key: {made}")).to_owned()
    }

    /// Starts everything: API, scheduler, two reset workers, one e-mail worker, one SMS worker. People must be there.
    pub async fn fleet(&self) -> Fleet {
        let key = self.key().await;
        let (scheduler, email, sms) = (self.start(SCHEDULER), self.start(EMAIL), self.start(SMS));
        let resets = vec![self.start(RESET), self.start(RESET)];
        let (api, url) = self.start_api().await;
        Fleet { caller: Caller::new(&url, &key), api, scheduler, resets, email, sms }
    }

    /// How many items of a task have this state.
    pub async fn items_in(&self, task: TaskId, state: &str) -> i64 {
        self.sql().number(&format!("SELECT count(*) FROM items WHERE task_id = '{task}' AND state = '{state}'")).await
    }

    /// How many passwords a task has changed so far.
    pub async fn changed(&self, task: TaskId) -> i64 {
        let sql = format!("SELECT count(*) FROM items WHERE task_id = '{task}' AND credential_version IS NOT NULL");
        self.sql().number(&sql).await
    }
}

/// The URL that an API process says it listens on.
pub async fn listening(api: &mut Running) -> String {
    let line = api.line_with("listens on http://").await;
    let at = line.find("http://").unwrap_or_default();
    line.get(at..).unwrap_or_default().trim().to_owned()
}

/// Running processes.
pub struct Fleet {
    /// A caller of the API with an administrator's key.
    pub caller: Caller,
    /// The API.
    pub api: Process,
    /// The scheduler.
    pub scheduler: Process,
    /// The reset workers.
    pub resets: Vec<Process>,
    /// The e-mail worker.
    pub email: Process,
    /// The SMS worker.
    pub sms: Process,
}

impl Fleet {
    /// Stops everything, as a service manager does; each process must end well.
    pub async fn stop(self) {
        let Self { api, scheduler, resets, email, sms, .. } = self;
        let processes: Vec<Process> = resets.into_iter().chain([email, sms, scheduler, api]).collect();
        for process in &processes {
            process.terminate();
        }
        for process in processes {
            let _ended = process.wait(crate::program::PATIENCE).await.with_code(0);
        }
    }
}
