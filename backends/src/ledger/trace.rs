//! The trace that a task's request belongs to, so that whoever works on the task later continues it.

use keybell_shared::ids::TaskId;
use keybell_shared::trace::{self, TraceParent};

use super::SqlLedger;
use super::sql::{Sql, Tx, args, json};

/// Notes the current trace with a task that is being accepted. Nothing is done while spans are not recorded.
pub(super) async fn note(tx: &mut Tx, task: TaskId) -> Sql<()> {
    if let Some(place) = trace::current().filter(|place| place.sampled()) {
        tx.run("UPDATE tasks SET trace = $2 WHERE id = $1", args![task, place.to_string()]).await?;
    }
    Ok(())
}

impl SqlLedger {
    /// The traces of tasks. What is no trace context of this version is left out.
    pub(super) async fn traces_of(&self, tasks: &[TaskId]) -> Sql<Vec<(TaskId, TraceParent)>> {
        let statement = "SELECT id, trace FROM tasks WHERE id {in $1 uuid} AND trace IS NOT NULL";
        let rows = self.db.read(statement, args![json(tasks)]).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            if let Ok(place) = row.get::<String>("trace")?.parse() {
                found.push((row.get("id")?, place));
            }
        }
        Ok(found)
    }
}
