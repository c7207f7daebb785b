//! A private PostgreSQL.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::place::Place;
use super::process::{Server, run};
use crate::ports::Port;

/// The longest that a statement of ours may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The server, running or not.
pub(crate) struct Postgres {
    place: Place,
    /// Debian keeps its programs in a folder for each version.
    programs: PathBuf,
    port: Port,
    database: String,
    server: Option<Server>,
}

impl Postgres {
    /// Its data will lie below this folder, which its user must be able to get to.
    pub(crate) fn new(parent: &Path) -> Result<Self> {
        let (place, port) = (Place::make(parent, "postgres")?, Port::reserve()?);
        Ok(Self { place, programs: programs()?, port, database: "keybell".to_owned(), server: None })
    }

    pub(super) fn folder(&self) -> &Path {
        self.place.folder()
    }

    #[cfg(test)]
    pub(super) fn family(&self) -> Vec<u32> {
        self.server.iter().flat_map(Server::family).collect()
    }

    /// The database, as its owner, who is no superuser. Directly: a proxy has another address.
    pub(crate) fn url(&self) -> String {
        format!("postgres://keybell@{}/{}", self.address(), self.database)
    }

    /// The same database, as somebody who may do everything.
    #[cfg(test)]
    pub(crate) fn superuser_url(&self) -> String {
        format!("postgres://postgres@{}/{}", self.address(), self.database)
    }

    /// Where it answers.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Starts it with the data that it had, unless it runs.
    pub(crate) async fn start(&mut self) -> Result<()> {
        if self.server.as_mut().is_some_and(|server| server.ended().is_none()) {
            return Ok(());
        }
        let data = self.place.folder().join("data");
        let first = !data.join("PG_VERSION").exists();
        if first {
            let mut command = self.place.command(self.programs.join("initdb"));
            // Trusting everybody is safe here: it listens on the loopback interface only.
            command.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]);
            // The server itself syncs as it should; a machine that loses power now makes everything anew.
            command.arg("--no-sync").arg("-D").arg(&data);
            run(command, "initdb", PATIENCE * 2).await?;
        }
        // A killed server's file names a process that is gone, and whose number may be somebody else's by now.
        drop(std::fs::remove_file(data.join("postmaster.pid")));
        let mut command = self.place.command(self.programs.join("postgres"));
        command.arg("-D").arg(&data).args(["-p", &self.port.number().to_string()]);
        // No sockets in the file system: their paths may not be as long as ours.
        command.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
        command.args(["-c", "fsync=on", "-c", "max_connections=100"]);
        let mut server = Server::start("postgres", &self.place, command).await?;
        server.ready(&self.place, async || self.sql("postgres", "SELECT 1").await.is_ok()).await?;
        if first {
            self.sql("postgres", "CREATE ROLE keybell LOGIN").await?;
            self.sql("postgres", &format!("CREATE DATABASE {} OWNER keybell", self.database)).await?;
        }
        self.server = Some(server);
        Ok(())
    }

    /// Makes an empty database of this name, which is meant by everything from now on.
    pub(crate) async fn fresh_database(&mut self, name: &str) -> Result<()> {
        let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        ensure!(plain && !name.is_empty(), "{name:?} is no plain name; use a-z, 0-9 and _");
        self.sql("postgres", &format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)")).await?;
        self.sql("postgres", &format!("CREATE DATABASE \"{name}\" OWNER keybell")).await?;
        name.clone_into(&mut self.database);
        Ok(())
    }

    /// SIGKILL of everything at once: the server and all sessions.
    pub(crate) async fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            server.kill().await;
        }
    }

    /// What a hurried administrator does: an immediate shutdown, which recovers at the next start, and that start.
    pub(crate) async fn restart_immediate(&mut self) -> Result<()> {
        if let Some(server) = &mut self.server {
            server.ask("QUIT", PATIENCE).await;
        }
        self.kill().await;
        self.start().await
    }

    /// A clean shutdown: all data is in its files then.
    pub(super) async fn stop(&mut self) {
        if let Some(server) = &mut self.server {
            // INT ends the open sessions; TERM would wait for them.
            server.ask("INT", PATIENCE).await;
        }
        self.kill().await;
    }

    /// Ends every session of Keybell's. Answers how many there were.
    pub(crate) async fn terminate_backends(&self) -> Result<u64> {
        let statement = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'keybell'";
        let ended = self.sql("postgres", statement).await?;
        ended.trim().parse().with_context(|| format!("PostgreSQL ended {ended:?} sessions"))
    }

    /// Lets nobody write accounts for so long. Comes back when that is over.
    pub(crate) async fn lock_accounts(&self, length: Duration) -> Result<()> {
        let seconds = length.as_secs_f64();
        // Whoever reads without locking goes on. The lock itself must not wait for ever: others queue up behind it.
        let statement = format!(
            "BEGIN; SET LOCAL lock_timeout = '10s'; LOCK TABLE accounts IN EXCLUSIVE MODE; \
             SELECT pg_sleep({seconds}); COMMIT"
        );
        self.sql_within(&self.database, &statement, PATIENCE + length).await.map(drop)
    }

    /// How many connections Keybell may have, from the next one on; `None`: as many as there are.
    pub(crate) async fn limit_connections(&self, limit: Option<u32>) -> Result<()> {
        let limit = limit.map_or(-1, i64::from);
        self.sql("postgres", &format!("ALTER ROLE keybell CONNECTION LIMIT {limit}")).await.map(drop)
    }

    /// What a statement answers to somebody else, as text.
    #[cfg(test)]
    pub(crate) async fn ask(&self, url: &str, statement: &str) -> Result<String> {
        let mut command = self.place.command(self.programs.join("psql"));
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", url, "-c", statement]);
        Ok(run(command, "psql", PATIENCE * 3).await?.trim().to_owned())
    }

    async fn sql(&self, database: &str, statement: &str) -> Result<String> {
        self.sql_within(database, statement, PATIENCE).await
    }

    /// With the server's own client, so that nothing of ours lies between.
    async fn sql_within(&self, database: &str, statement: &str, patience: Duration) -> Result<String> {
        let mut command = self.place.command(self.programs.join("psql"));
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h", "127.0.0.1"]);
        command.args(["-p", &self.port.number().to_string(), "-d", database, "-c", statement]);
        command.env("PGCONNECT_TIMEOUT", "5");
        run(command, "psql", patience).await.with_context(|| format!("PostgreSQL: {statement}"))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A killed server would leave pieces of shared memory behind on the machine.
        if let Some(server) = &mut self.server {
            server.ask_and_block("QUIT", Duration::from_secs(3));
        }
    }
}

/// The folder of the newest server's programs.
fn programs() -> Result<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin)| ["initdb", "postgres", "psql"].iter().all(|program| bin.join(program).is_file()))
        .collect();
    versions.sort_unstable();
    let newest = versions.pop().context("PostgreSQL's server is missing. On Debian: apt-get install postgresql")?;
    Ok(newest.1)
}

#[cfg(test)]
mod tests {
    use keybell_shared::clock::Stopwatch;
    use keybell_tests::ledgers::Raw;

    use super::super::{place, process};
    use super::*;

    /// As Keybell would ask, by its own role.
    async fn ask(postgres: &Postgres, statement: &str) -> Result<String> {
        postgres.ask(&postgres.url(), statement).await
    }

    async fn wait_for(postgres: &Postgres, statement: &str, wanted: &str) {
        let watch = Stopwatch::start();
        while ask(postgres, statement).await.expect("an answer") != wanted {
            assert!(watch.elapsed() < PATIENCE, "never: {statement}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_operation() {
        let folder = tempfile::tempdir().expect("a folder");
        place::open(folder.path()).expect("ours");
        let mut postgres = Postgres::new(folder.path()).expect("a place");
        postgres.start().await.expect("it starts");

        let rights = "SELECT rolsuper, rolcreaterole, current_database() FROM pg_roles WHERE rolname = current_user";
        assert_eq!(ask(&postgres, rights).await.expect("an answer"), "f|f|keybell");
        assert_eq!(ask(&postgres, "SHOW fsync").await.expect("an answer"), "on");
        postgres.fresh_database("second").await.expect("a database");
        assert!(postgres.fresh_database("x\"; --").await.is_err(), "no plain name");
        let raw = Raw::postgres(&postgres.superuser_url());
        assert_eq!(raw.text("SELECT current_user || ' ' || current_database()").await, "postgres second");
        ask(&postgres, "CREATE TABLE accounts (id int); INSERT INTO accounts VALUES (1)").await.expect("its own");

        // Locked: a write waits until the end, a read does not.
        let watch = Stopwatch::start();
        let (locked, written) = tokio::join!(postgres.lock_accounts(Duration::from_secs(2)), async {
            let locks = "SELECT count(*) FROM pg_locks \
                         WHERE mode = 'ExclusiveLock' AND granted AND relation = 'accounts'::regclass";
            wait_for(&postgres, locks, "1").await;
            assert_eq!(ask(&postgres, "SELECT count(*) FROM accounts").await.expect("a read"), "1");
            let read = watch.elapsed();
            ask(&postgres, "UPDATE accounts SET id = 2").await.expect("a write");
            assert!(read < Duration::from_secs(2), "the read waited: {read:?}");
            watch.elapsed()
        });
        locked.expect("it locks");
        assert!(written >= Duration::from_secs(2), "the write did not wait: {written:?}");

        // Terminated: who sleeps is woken by an error, and is counted.
        let (slept, ended) = tokio::join!(ask(&postgres, "SELECT pg_sleep(60)"), async {
            // Its own session asks too, and sees itself.
            wait_for(&postgres, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'", "1").await;
            postgres.terminate_backends().await.expect("it ends them")
        });
        assert!(slept.is_err() && ended == 1, "{ended} ended");

        // No more connections for the role, but for us.
        postgres.limit_connections(Some(0)).await.expect("a limit");
        let refused = ask(&postgres, "SELECT 1").await.expect_err("one too many").to_string();
        assert!(refused.contains("too many connections for role"), "{refused}");
        postgres.limit_connections(None).await.expect("no limit");
        assert_eq!(ask(&postgres, "SELECT id FROM accounts").await.expect("an answer"), "2");

        // Restarted and killed in the middle of something: nothing stays behind, nothing that was committed is lost.
        let url = postgres.url();
        postgres.restart_immediate().await.expect("it starts again");
        assert_eq!(ask(&postgres, "SELECT id FROM accounts").await.expect("an answer"), "2");
        let mut sleeper = postgres.place.command(postgres.programs.join("psql"));
        sleeper.args([&url, "-c", "SELECT pg_sleep(60)"]).stderr(std::process::Stdio::null());
        let mut sleeper = sleeper.spawn().expect("psql");
        wait_for(&postgres, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'", "1").await;
        let all = postgres.family();
        assert!(all.len() > 3, "the server, its sessions and helpers: {all:?}");
        postgres.kill().await;
        assert!(!all.into_iter().any(process::is_alive), "somebody is left");
        assert!(!sleeper.wait().await.expect("psql").success(), "its session is gone");
        assert!(ask(&postgres, "SELECT 1").await.is_err(), "nobody answers");
        postgres.start().await.expect("it starts again");
        assert_eq!(
            (postgres.url(), ask(&postgres, "SELECT id FROM accounts").await.expect("an answer")),
            (url, "2".to_owned())
        );
        postgres.stop().await;
        postgres.start().await.expect("it starts again");
    }
}
