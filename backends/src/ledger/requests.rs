//! The requests of tasks, read once for a group of items.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use keybell_shared::ids::TaskId;
use keybell_shared::request::ResetRequest;
use keybell_shared::seal::{Sealed, unhex};

use super::sql::{Db, Failure, Row, Sql, Tx, args, json};

/// What a group of items needs to know of a task.
#[derive(Clone, Debug)]
pub(super) struct TaskRequest {
    pub(super) request: Arc<ResetRequest>,
    pub(super) shared: Option<Sealed>,
}

/// The requests of tasks that were asked for lately. A request never changes once it is accepted.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests(Arc<Mutex<HashMap<TaskId, TaskRequest>>>);

/// More than this are not kept: all are forgotten and read anew.
const KEPT: usize = 256;

const READ: &str = "SELECT id, request, shared_key_id, shared_sealed FROM tasks WHERE id {in $1 uuid}";

impl Requests {
    /// The requests of these tasks, read within a transaction.
    pub(super) async fn within(&self, tx: &mut Tx, tasks: &BTreeSet<TaskId>) -> Sql<HashMap<TaskId, TaskRequest>> {
        match self.kept(tasks) {
            Some(known) => Ok(known),
            None => self.keep(&tx.all(READ, args![json(tasks)]).await?),
        }
    }

    /// The same, outside of one.
    pub(super) async fn of(&self, db: &Db, tasks: &BTreeSet<TaskId>) -> Sql<HashMap<TaskId, TaskRequest>> {
        match self.kept(tasks) {
            Some(known) => Ok(known),
            None => self.keep(&db.read(READ, args![json(tasks)]).await?),
        }
    }

    /// All of them, if all are known.
    fn kept(&self, tasks: &BTreeSet<TaskId>) -> Option<HashMap<TaskId, TaskRequest>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.iter().map(|task| Some((*task, kept.get(task)?.clone()))).collect()
    }

    fn keep(&self, rows: &[Row]) -> Sql<HashMap<TaskId, TaskRequest>> {
        let known = read(rows)?;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() + known.len() > KEPT {
            kept.clear();
        }
        kept.extend(known.iter().map(|(task, request)| (*task, request.clone())));
        Ok(known)
    }
}

/// Reads the rows of [`READ`].
fn read(rows: &[Row]) -> Sql<HashMap<TaskId, TaskRequest>> {
    rows.iter()
        .map(|row| {
            let text: String = row.get("request")?;
            let request = serde_json::from_str(&text)
                .map_err(|error| Failure::row(format!("a task's request cannot be read: {error}")))?;
            let shared =
                match (row.get::<Option<String>>("shared_key_id")?, row.get::<Option<String>>("shared_sealed")?) {
                    (Some(key_id), Some(sealed)) => Some(Sealed {
                        key_id,
                        bytes: unhex(&sealed).ok_or_else(|| Failure::row("a sealed password is not hexadecimal"))?,
                    }),
                    _ => None,
                };
            Ok((row.get("id")?, TaskRequest { request: Arc::new(request), shared }))
        })
        .collect()
}
