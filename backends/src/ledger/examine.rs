//! What the doctor is told about the database.

use std::time::Duration;

use keybell_shared::clock::Millis;

use super::SqlLedger;
use super::sql::{Db, Failure, Row, Sql, args};
use crate::examine::{Gathered, Seen, clock, now, within};

/// No database takes longer to answer the doctor.
const PATIENCE: Duration = Duration::from_secs(4);

/// The oldest version that the tests run on.
const OLDEST: i64 = 14;

impl SqlLedger {
    /// Looks at the server, our rights there, its clock, the migrations and who leads.
    pub async fn examine(&self) -> Vec<Seen> {
        within(PATIENCE, |gathered| async move {
            let looked = match &self.db {
                Db::Postgres { .. } => self.examine_postgres(&gathered).await,
                Db::Sqlite { .. } => self.examine_sqlite(&gathered).await,
            };
            if let Err(failure) = looked {
                gathered.push(Seen::wrong(words(failure)));
            }
        })
        .await
    }

    async fn examine_sqlite(&self, gathered: &Gathered) -> Sql<()> {
        let row = self.one("SELECT sqlite_version() AS version").await?;
        gathered.push(Seen::fine(format!("SQLite {}", row.get::<String>("version")?)));
        self.examine_migrations(gathered).await
    }

    async fn examine_postgres(&self, gathered: &Gathered) -> Sql<()> {
        // Before the clock is looked at, so that the way to the server is open.
        let server = self
            .one(
                "SELECT current_setting('server_version') AS version,
                        current_setting('server_version_num')::BIGINT / 10000 AS major,
                        pg_is_in_recovery() AS standby,
                        current_setting('fsync') || '/' || current_setting('synchronous_commit') AS safety,
                        current_setting('max_connections')::BIGINT AS most,
                        (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used",
            )
            .await?;
        let version = format!("PostgreSQL {}", server.get::<String>("version")?);
        let (used, most): (i64, i64) = (server.get("used")?, server.get("most")?);
        let detail = format!("{version}, {used} of {most} connections in use");
        gathered.push(if server.get::<i64>("major")? < OLDEST {
            Seen::warning(format!("{detail}; versions before {OLDEST} are not tested"))
        } else if used * 10 >= most * 9 {
            Seen::warning(format!("{detail}; raise max_connections, or lower database.connections"))
        } else {
            Seen::fine(detail)
        });
        if server.get::<bool>("standby")? {
            gathered.push(Seen::wrong(
                "this server is a standby, which takes no changes; database.url must name the primary",
            ));
        }
        let safety: String = server.get("safety")?;
        if safety.starts_with("off") || safety.ends_with("/off") {
            gathered.push(Seen::warning(format!(
                "fsync/synchronous_commit is {safety}: after a crash a reset that somebody was told of may be undone"
            )));
        }
        let before = now();
        let row = self.one("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::BIGINT AS now").await?;
        gathered.push(clock(before, row.get::<Millis>("now")?, now()));
        self.examine_rights(gathered).await?;
        self.examine_migrations(gathered).await?;
        self.examine_leader(gathered).await
    }

    async fn examine_rights(&self, gathered: &Gathered) -> Sql<()> {
        let row = self
            .one(
                "SELECT current_user::TEXT AS who,
                        count(*) AS tables,
                        COALESCE(string_agg(c.relname, ', ' ORDER BY c.relname) FILTER (WHERE NOT (
                            has_table_privilege(c.oid, 'SELECT') AND (c.relname = '_sqlx_migrations' OR (
                                has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE')
                                AND has_table_privilege(c.oid, 'DELETE'))))), '') AS lacking,
                        COALESCE(bool_and(pg_has_role(c.relowner, 'USAGE')), TRUE)
                            AND COALESCE(has_schema_privilege(current_schema(), 'CREATE'), FALSE) AS migrates
                 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')",
            )
            .await?;
        let (who, lacking): (String, String) = (row.get("who")?, row.get("lacking")?);
        let migrates: bool = row.get("migrates")?;
        gathered.push(if !lacking.is_empty() {
            Seen::wrong(format!(
                "the user {who} may not read and write {lacking}; as the tables' owner: GRANT SELECT, INSERT, UPDATE, DELETE \
                 ON ALL TABLES IN SCHEMA public TO {who}"
            ))
        } else if migrates {
            Seen::fine(format!("the user {who} may read, write and migrate"))
        } else {
            Seen::fine(format!("the user {who} may read and write, but not migrate (`keybell migrate` needs the owner)"))
        });
        Ok(())
    }

    async fn examine_migrations(&self, gathered: &Gathered) -> Sql<()> {
        let wanted = self.db.newest_migration();
        let row = match self
            .one(
                "SELECT COALESCE(MAX(version), 0) AS newest, COUNT(*) FILTER (WHERE NOT success) AS broken
                 FROM _sqlx_migrations",
            )
            .await
        {
            Ok(row) => row,
            Err(Failure::Defect(reason)) => {
                let text = format!("the database has no schema of Keybell ({reason}); run keybell migrate");
                gathered.push(Seen::wrong(text));
                return Ok(());
            }
            Err(other) => return Err(other),
        };
        let applied: i64 = row.get("newest")?;
        gathered.push(if row.get::<i64>("broken")? > 0 {
            Seen::wrong("a migration was cut off half way; see docs/operations.md#upgrade")
        } else if applied < wanted {
            Seen::wrong(format!(
                "the schema is at migration {applied} and this build needs {wanted}; run keybell migrate"
            ))
        } else if applied > wanted {
            Seen::warning(format!(
                "the schema is at migration {applied}, newer than this build ({wanted}): right during an upgrade, else \
                 this program is too old"
            ))
        } else {
            Seen::fine(format!("the schema is at migration {applied}, as this build needs it"))
        });
        Ok(())
    }

    async fn examine_leader(&self, gathered: &Gathered) -> Sql<()> {
        let asked = self
            .db
            .read_first("SELECT holder, held_until - {now} AS rest FROM leases WHERE name = 'scheduler'", args![])
            .await;
        let row = match asked {
            // Without the table the migrations were told of.
            Err(Failure::Defect(_)) => return Ok(()),
            other => other?,
        };
        let led =
            row.map(|row| Ok::<_, Failure>((row.get::<String>("holder")?, row.get::<i64>("rest")?))).transpose()?;
        gathered.push(match led {
            Some((holder, left)) if left > 0 => Seen::fine(format!("{holder} leads the scheduler")),
            Some((holder, left)) => Seen::warning(format!(
                "no scheduler leads; {holder} did until {} s ago. Start `keybell scheduler`",
                -left / 1_000
            )),
            None => Seen::warning("no scheduler leads; start `keybell scheduler`"),
        });
        Ok(())
    }

    async fn one(&self, statement: &'static str) -> Sql<Row> {
        let row = self.db.read_first(statement, args![]).await?;
        row.ok_or_else(|| Failure::row("the database answered without a row".to_owned()))
    }
}

fn words(failure: Failure) -> String {
    keybell_shared::error::LedgerError::from(failure).to_string()
}
