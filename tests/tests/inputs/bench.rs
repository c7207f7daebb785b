//! A running server with two districts, on either kind of ledger.

use std::net::SocketAddr;

use keybell_shared::clock::Stopwatch;
use keybell_tests::fleet::World;
use keybell_tests::http::Caller;
use keybell_tests::ledgers::Raw;
use keybell_tests::program::{PATIENCE, Program, Running};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::people;

/// What makes a table short: no limit on requests, no long waits.
const QUICK: [(&str, &str); 9] = [
    ("KEYBELL_HTTP__LISTEN", "127.0.0.1:0"),
    ("KEYBELL_HTTP__REQUESTS_PER_SECOND", "100000"),
    ("KEYBELL_HTTP__BURST", "100000"),
    ("KEYBELL_SCHEDULER__DISPATCH_SECONDS", "0.05"),
    ("KEYBELL_SCHEDULER__SCAN_SECONDS", "0.1"),
    ("KEYBELL_TIMING__SEND_DEADLINE_SECONDS", "2"),
    ("KEYBELL_TIMING__LEASE_SECONDS", "4"),
    ("KEYBELL_TIMING__PROBE_SECONDS", "0.2"),
    ("KEYBELL_TIMING__RETRY_INITIAL_SECONDS", "0.2"),
];

/// Where everything lies.
enum Home {
    Embedded(TempDir),
    Cluster(Box<World>),
}

/// A place to run `keybell` in.
pub(crate) struct Bench {
    home: Home,
    variables: Vec<(String, String)>,
}

impl Bench {
    /// An empty data folder.
    pub(crate) fn embedded() -> Self {
        Self { home: Home::Embedded(tempfile::tempdir().expect("a temporary folder")), variables: Vec::new() }
    }

    /// A database of its own on PostgreSQL.
    pub(crate) async fn cluster() -> Self {
        Self { home: Home::Cluster(Box::new(World::new().await)), variables: Vec::new() }
    }

    /// Sets a variable of everything that is started from now on.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// `keybell ARGUMENTS…`.
    pub(crate) fn program<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Program {
        let program = match &self.home {
            Home::Embedded(home) => Program::on(&home.path().join("data"), arguments),
            Home::Cluster(world) => world.program(arguments),
        };
        program.envs(QUICK).envs(self.variables.clone())
    }

    /// Imports a district with these rows of `users.csv`; answers the report.
    pub(crate) async fn import(&self, district: &str, rows: &[String]) -> Value {
        let folder = match &self.home {
            Home::Embedded(home) => home.path(),
            Home::Cluster(world) => world.folder(),
        };
        let (folder, slug) = (folder.join(district), district.to_lowercase());
        people::write(&folder, district, rows);
        self.program(["roster", "import", "--district", &slug]).arg(&folder).json().await
    }

    /// Makes an API key of a district.
    pub(crate) async fn key(&self, district: &str, role: &str) -> String {
        let slug = district.to_lowercase();
        let arguments = ["apikey", "create", "--name", role, "--role", role, "--district", &slug];
        let made: Value = self.program(arguments).json().await;
        made["key"].as_str().expect("a key").to_owned()
    }

    /// Plain SQL beside the server.
    pub(crate) fn raw(&self) -> Raw {
        match &self.home {
            Home::Embedded(home) => Raw::sqlite(&home.path().join("data/keybell.sqlite")),
            Home::Cluster(world) => world.sql().clone(),
        }
    }

    /// Starts the server and waits until it listens.
    pub(crate) async fn serve(&self) -> (Running, SocketAddr) {
        let command = match &self.home {
            Home::Embedded(_) => "serve",
            Home::Cluster(_) => "api",
        };
        let mut running = self.program([command]).start();
        let line = running.line_with("the API listens on http://").await;
        let (_, address) = line.split_once("http://").expect("the line holds it");
        let address = address.trim().parse().expect("an address");
        (running, address)
    }
}

/// A server with the districts `Rivermoor` (thirty pupils and one who is not active) and `Elsewhere` (one pupil).
pub(crate) struct Server {
    /// The process.
    pub(crate) running: Running,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Beside it.
    pub(crate) raw: Raw,
    /// What the rows refer to.
    pub(crate) door: Door,
    /// Dropped last.
    _bench: Bench,
}

/// What the rows of a table refer to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Door {
    /// An administrator's key.
    pub(crate) key: String,
    /// The key of somebody who may only look.
    pub(crate) operator: String,
    /// The administrator's key of the other district.
    pub(crate) other: String,
    /// A task that has ended.
    pub(crate) ended: String,
    /// An account of the other district, by its id.
    pub(crate) foreign: String,
    /// A cursor of the other district's tasks.
    pub(crate) cursor: String,
}

impl Server {
    /// Starts it.
    pub(crate) async fn start(bench: Bench) -> Self {
        let mut rows: Vec<String> = (1..=30).map(|n| people::pupil(&format!("pupil{n}"))).collect();
        rows.push("id-left,false,s,student,left,Given,Family,left@example.org,,,05".to_owned());
        bench.import("Rivermoor", &rows).await;
        bench.import("Elsewhere", &[people::pupil("far"), people::pupil("farther")]).await;
        let mut door = Door {
            key: bench.key("Rivermoor", "district_admin").await,
            operator: bench.key("Rivermoor", "operator").await,
            other: bench.key("Elsewhere", "district_admin").await,
            ..Door::default()
        };
        let raw = bench.raw();
        door.foreign = raw.text("SELECT id FROM accounts WHERE username = 'far'").await;
        let (running, address) = bench.serve().await;
        let url = format!("http://{address}");
        let caller = Caller::new(&url, &door.key);
        let task = caller.start("first", &request(&["pupil1"])).await.with_status(202).task();
        let other = caller.with_key(&door.other);
        let theirs = [other.start("a", &request(&["far"])).await, other.start("b", &request(&["farther"])).await];
        if raw.is_postgres() {
            // Nobody works here: the API is alone.
            raw.run("UPDATE tasks SET state = 'completed'").await;
        } else {
            caller.ended(task).await;
            for answer in &theirs {
                other.ended(answer.task()).await;
            }
        }
        let page = other.get("/v1/tasks?limit=1").await.with_status(200);
        door.cursor = page.text("/next").to_owned();
        assert!(!door.cursor.is_empty(), "{}", page.body);
        door.ended = task.to_string();
        settled(&raw).await;
        Self { running, address, raw, door, _bench: bench }
    }
}

/// Waits until nothing is on its way any more, so that counts stand still.
async fn settled(raw: &Raw) {
    let watch = Stopwatch::start();
    let open = "SELECT count(*) FROM tasks WHERE state NOT IN ('completed', 'completed_with_errors')";
    while raw.number(open).await > 0 {
        assert!(watch.elapsed() < PATIENCE, "the first tasks do not end");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// A request for these accounts.
pub(crate) fn request(accounts: &[&str]) -> Value {
    json!({
        "selection": {"scope": "selected", "accounts": accounts},
        "reason": "lost", "acknowledgement": "2026-11"
    })
}
