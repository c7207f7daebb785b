//! A PostgreSQL database for one purpose, made and dropped again: for `keybell bench`, which touches nobody's data.

use std::str::FromStr as _;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use super::sql::OpenError;

/// How often a database that is in use is asked for again.
const TRIES: u32 = 60;
/// The wait before that.
const PAUSE: Duration = Duration::from_millis(500);

/// Makes an empty database on the server that `url` names. Answers its URL.
///
/// # Errors
/// When the URL makes no sense, the server cannot be reached, or its user may not make databases.
pub async fn create_database(url: &SecretString, name: &str) -> Result<SecretString, OpenError> {
    plain(name)?;
    let own = with_database(url, name)?;
    // From the empty template, whose encoding is nobody's choice: names of pupils are UTF-8.
    run(url, &format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")).await?;
    Ok(own)
}

/// Drops a database of [`create_database`], whoever is still connected to it. One that is not there is no error.
///
/// # Errors
/// When the server cannot be reached or refuses.
pub async fn drop_database(url: &SecretString, name: &str) -> Result<(), OpenError> {
    plain(name)?;
    run(url, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await
}

async fn run(url: &SecretString, statement: &str) -> Result<(), OpenError> {
    let said = |error: sqlx::Error| OpenError::Database(error.to_string());
    // The parser's own words could repeat the password.
    let options = PgConnectOptions::from_str(url.expose_secret())
        .map_err(|_| OpenError::Url("write postgres://user:password@host:5432/database".to_owned()))?;
    let mut connection: PgConnection =
        options.application_name("keybell").disable_statement_logging().connect().await.map_err(said)?;
    let mut tries = 0;
    loop {
        // Only [`plain`] names get into a statement.
        match sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await {
            Ok(_) => return connection.close().await.map_err(said),
            Err(error) if tries < TRIES && is_in_use(&error) => {
                tries += 1;
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(said(error)),
        }
    }
}

/// Whether somebody is still in the database: a connection that is about to end, or an autovacuum, which only a superuser
/// may end, and which ends by itself soon.
fn is_in_use(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else { return false };
    match error.code().as_deref() {
        Some("55006") => true,
        Some("42501") => error.message().contains("process is being terminated"),
        Some(_) | None => false,
    }
}

/// Refuses a name that would need quotes.
fn plain(name: &str) -> Result<(), OpenError> {
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if !name.is_empty() && name.len() <= 63 && name.bytes().all(fine) {
        return Ok(());
    }
    Err(OpenError::Database(format!("`{name}` is no plain name of a database")))
}

/// The URL with another database's name.
fn with_database(url: &SecretString, name: &str) -> Result<SecretString, OpenError> {
    let mut url = reqwest::Url::parse(url.expose_secret())
        .map_err(|_| OpenError::Url("write postgres://user:password@host:5432/database".to_owned()))?;
    url.set_path(name);
    Ok(SecretString::from(String::from(url)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_of_a_url_changes() {
        let url = SecretString::from("postgres://me:p%40ss@db.example.org:5433/postgres?sslmode=require");
        let own = with_database(&url, "keybell_bench_1").expect("a URL");
        assert_eq!(own.expose_secret(), "postgres://me:p%40ss@db.example.org:5433/keybell_bench_1?sslmode=require");
    }

    #[test]
    fn a_name_never_steers_a_statement() {
        assert!(plain("keybell_bench_0af").is_ok());
        for name in ["", "a b", "a;drop", "A", "a\"b", "a-b"] {
            assert!(plain(name).is_err(), "{name}");
        }
    }
}
