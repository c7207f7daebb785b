//! Who leads, and whether the database is as this build needs it.

use std::time::Duration;

use async_trait::async_trait;
use keybell_shared::error::LedgerError;
use keybell_shared::ports::ledger::{LeaderLedger, LedgerResult, Pulse};

use super::SqlLedger;
use super::periodic;
use super::sql::{Failure, Sql, args};

#[async_trait]
impl LeaderLedger for SqlLedger {
    async fn lead(&self, lease: &str, holder: &str, ttl: Duration) -> LedgerResult<bool> {
        // One statement, so that two who ask at once are put in order by the row itself.
        let changed = self
            .db
            .retrying(|| {
                self.db.run(
                    "INSERT INTO leases (name, holder, held_until) VALUES ($1, $2, {now} + $3)
                     ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
                     WHERE leases.holder = excluded.holder OR leases.held_until <= {now}",
                    args![lease, holder, ttl],
                )
            })
            .await?;
        Ok(changed == 1)
    }

    async fn resign(&self, lease: &str, holder: &str) -> LedgerResult<()> {
        self.db
            .retrying(|| self.db.run("DELETE FROM leases WHERE name = $1 AND holder = $2", args![lease, holder]))
            .await?;
        Ok(())
    }

    async fn pulse(&self) -> LedgerResult<Pulse> {
        let row = self.db.read_first(periodic::PULSE, args![]).await?;
        let pulse = row.map(|row| -> Sql<Pulse> {
            Ok(Pulse {
                expanding: row.get("expanding")?,
                waves: row.get("waves")?,
                closable: row.get("closable")?,
                unsent: row.get("unsent")?,
                not_handed_out: row.get("not_handed_out")?,
            })
        });
        Ok(pulse.transpose()?.unwrap_or(Pulse::ALL))
    }

    async fn ping(&self) -> LedgerResult<()> {
        let wanted = self.db.newest_migration();
        // A database that was never migrated has no such table, and says so as a refusal.
        let applied = match self
            .db
            .read_first("SELECT COALESCE(MAX(version), 0) AS newest FROM _sqlx_migrations WHERE success", args![])
            .await
        {
            Ok(row) => row.map(|row| row.get::<i64>("newest")).transpose()?.unwrap_or_default(),
            Err(Failure::Defect(reason)) => {
                let text = format!("it has no schema of Keybell ({reason}); run keybell migrate");
                return Err(LedgerError::Defect(text));
            }
            Err(other) => return Err(other.into()),
        };
        if applied < wanted {
            return Err(LedgerError::Defect(format!(
                "the schema is at migration {applied} and this build needs {wanted}; run keybell migrate"
            )));
        }
        Ok(())
    }
}
