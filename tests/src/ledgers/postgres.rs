//! A PostgreSQL database for one test, cloned from a migrated template that is built once for each schema.

use std::str::FromStr;
use std::time::Duration;

use keybell_backends::ledger::SqlLedger;
use keybell_shared::clock::Stopwatch;
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use uuid::Uuid;

/// Only names the template: the ledger migrates it itself.
static SCHEMA: Migrator = sqlx::migrate!("../migrations/postgres");

/// How long a database may be in use before a test gives up on it.
const PATIENCE: Duration = Duration::from_mins(1);

/// Any number that no one else uses: one process at a time builds the template.
const TEMPLATE_LOCK: i64 = 0x6b65_7962_656c_6c00;

/// One test's database; dropped with this value, also when the test panics.
pub(super) struct Database {
    server: String,
    name: String,
    url: String,
}

impl Database {
    pub(super) async fn create() -> Self {
        let server = server();
        let name = format!("kb_test_{}", Uuid::now_v7().simple());
        let mut admin = connect(&server).await;
        let template = template(&mut admin, &server).await;
        changed(&mut admin, &format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        admin.close().await.expect("close the administrative connection");
        let url = with_database(&server, &name);
        Self { server, name, url }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        // A thread of its own, because the test's runtime may be ending.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let mut admin = connect(&server).await;
                changed(&mut admin, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
            });
        });
        assert!(
            dropping.join().is_ok() || std::thread::panicking(),
            "the test's database {} could not be dropped",
            self.name
        );
    }
}

#[expect(clippy::disallowed_methods, reason = "where the test services are is no part of the configuration")]
fn server() -> String {
    std::env::var("KEYBELL_DATABASE_URL")
        .expect("KEYBELL_DATABASE_URL is not set; start the services: eval \"$(scripts/services env)\"")
}

async fn connect(url: &str) -> PgConnection {
    let options = PgConnectOptions::from_str(url).expect("KEYBELL_DATABASE_URL is a PostgreSQL URL");
    let began = Stopwatch::start();
    loop {
        match options.connect().await {
            Ok(connection) => return connection,
            // Tests side by side may have every connection that the server allows; some of them end soon.
            Err(sqlx::Error::Database(error))
                if error.code().as_deref() == Some("53300") && began.elapsed() < PATIENCE =>
            {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(error) => {
                panic!("PostgreSQL does not answer ({error}); start the services: eval \"$(scripts/services env)\"")
            }
        }
    }
}

/// The name of the migrated template; it is built if this schema has none yet.
async fn template(admin: &mut PgConnection, server: &str) -> String {
    let digest = SCHEMA.iter().fold(Sha256::new(), |hash, migration| hash.chain_update(&migration.checksum)).finalize();
    let name = format!("kb_template_{}", keybell_shared::seal::hex(digest.get(..8).unwrap_or_default()));
    if exists(admin, &name).await {
        return name;
    }
    run(admin, &format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})")).await;
    if !exists(admin, &name).await {
        // Built under another name, so that a template that exists is always complete.
        run(admin, &format!("DROP DATABASE IF EXISTS {name}_raw WITH (FORCE)")).await;
        run(admin, &format!("CREATE DATABASE {name}_raw TEMPLATE template0 ENCODING 'UTF8'")).await;
        let url = SecretString::from(with_database(server, &format!("{name}_raw")));
        let ledger = SqlLedger::postgres(&url, 1).expect("a PostgreSQL URL");
        ledger.migrate().await.expect("the PostgreSQL migrations");
        ledger.close().await;
        run(admin, &format!("ALTER DATABASE {name}_raw RENAME TO {name}")).await;
    }
    run(admin, &format!("SELECT pg_advisory_unlock({TEMPLATE_LOCK})")).await;
    name
}

async fn exists(admin: &mut PgConnection, name: &str) -> bool {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)")
        .bind(name)
        .fetch_one(admin)
        .await
        .expect("the list of databases")
}

async fn run(admin: &mut PgConnection, statement: &str) {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(admin).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
}

/// Creates or drops a database. The server waits five seconds for others to let go of it (a connection that ends while the
/// disk is busy), and refuses then; and it refuses at once while an autovacuum works there, which only a superuser may end.
/// It is asked again for a while.
async fn changed(admin: &mut PgConnection, statement: &str) {
    let began = Stopwatch::start();
    loop {
        match sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *admin).await {
            Ok(_) => return,
            Err(sqlx::Error::Database(error)) if is_in_use(error.as_ref()) && began.elapsed() < PATIENCE => {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            Err(error) => panic!("{statement}: {error}"),
        }
    }
}

fn is_in_use(error: &dyn sqlx::error::DatabaseError) -> bool {
    matches!(error.code().as_deref(), Some("55006" | "42501"))
}

/// The URL with another database's name.
fn with_database(url: &str, name: &str) -> String {
    let (base, options) = url.split_once('?').map_or((url, String::new()), |(base, rest)| (base, format!("?{rest}")));
    let (scheme, rest) = base.split_once("://").expect("a URL has a scheme");
    let host = rest.split_once('/').map_or(rest, |(host, _)| host);
    format!("{scheme}://{host}/{name}{options}")
}
