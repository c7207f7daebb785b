//! The requests of tasks, read once for a group of items.

use std::collections::HashMap;
use std::sync::Arc;

use keybell_shared::ids::TaskId;
use keybell_shared::request::ResetRequest;
use keybell_shared::seal::{Sealed, unhex};

use super::sql::{Failure, Row, Sql};

/// What a group of items needs to know of a task.
#[derive(Clone)]
pub(super) struct TaskRequest {
    pub(super) request: Arc<ResetRequest>,
    pub(super) shared: Option<Sealed>,
}

/// The statement whose rows [`read`] understands; `$1` is a list of task ids.
pub(super) const REQUESTS: &str = "SELECT id, request, shared_key_id, shared_sealed FROM tasks WHERE id {in $1 uuid}";

/// Reads the rows of [`REQUESTS`].
pub(super) fn read(rows: &[Row]) -> Sql<HashMap<TaskId, TaskRequest>> {
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
