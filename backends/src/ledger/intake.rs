//! Accepting a request.

use async_trait::async_trait;
use keybell_shared::actor::Actor;
use keybell_shared::events::{Fact, TaskAccepted};
use keybell_shared::fault::{self, Mechanism};
use keybell_shared::ids::{AccountId, DistrictId};
use keybell_shared::ports::ledger::{
    Acceptance, Idempotency, IntakeLedger, LedgerResult, NewTask, Preview, Reissue, Resolved, UnknownNames,
};
use keybell_shared::request::Selection;
use keybell_shared::seal::hex;
use serde_json::json;

use super::SqlLedger;
use super::counters::Deltas;
use super::journal::{self, NewAudit, NewEvent};
use super::producers;
use super::reissue::take_up;
use super::selection::{exclusion, filter_args, selected};
use super::sql::{Failure, Row, Sql, args, json as json_arg};

/// What was accepted under a key.
const KNOWN: &str =
    "SELECT fingerprint, task_id FROM idempotency WHERE district_id = $1 AND producer = $2 AND key = $3";

/// The answer to a repeated key.
fn answer(row: &Row, idempotency: &Idempotency) -> Sql<Acceptance> {
    Ok(if row.get::<String>("fingerprint")? == idempotency.fingerprint {
        Acceptance::Repeated(row.get("task_id")?)
    } else {
        Acceptance::Mismatch
    })
}

#[async_trait]
impl IntakeLedger for SqlLedger {
    async fn resolve_accounts(&self, district: DistrictId, names: &[String]) -> LedgerResult<Resolved> {
        let mut resolved = Resolved::default();
        let mut seen = std::collections::HashSet::new();
        for page in names.chunks(2_000) {
            let wanted: Vec<_> = page.iter().map(|name| json!({"name": name, "key": name.to_lowercase()})).collect();
            let rows = self
                .db
                .read(
                    "SELECT r.name AS name, COALESCE(u.id, s.id, i.id) AS id
                     FROM {rows $2: name text, key text} AS r
                     LEFT JOIN accounts u ON u.district_id = $1 AND u.username_key = r.key
                     LEFT JOIN accounts s ON s.district_id = $1 AND s.source_id = r.name
                     LEFT JOIN accounts i ON i.district_id = $1 AND {pg i.id::text}{lite i.id} = r.key",
                    args![district, json_arg(&wanted)],
                )
                .await?;
            for row in rows {
                match row.get::<Option<AccountId>>("id")? {
                    Some(id) if seen.insert(id) => resolved.found.push(id),
                    Some(_) => {}
                    None => resolved.unknown.push(row.get("name")?),
                }
            }
        }
        Ok(resolved)
    }

    async fn unknown_names(&self, district: DistrictId, selection: &Selection) -> LedgerResult<UnknownNames> {
        let narrowed = &selection.narrowed;
        let mut unknown = UnknownNames::new();
        for (field, names, statement) in [
            (
                "schools",
                &narrowed.schools,
                "SELECT r.name AS name FROM {rows $2: name text} AS r WHERE NOT EXISTS (
                     SELECT 1 FROM schools s WHERE s.district_id = $1 AND (s.source_id = r.name OR s.name = r.name))",
            ),
            (
                "classes",
                &narrowed.classes,
                "SELECT r.name AS name FROM {rows $2: name text} AS r WHERE NOT EXISTS (
                     SELECT 1 FROM classes c WHERE c.district_id = $1 AND (c.source_id = r.name OR c.title = r.name))",
            ),
            (
                "grades",
                &narrowed.grades,
                "SELECT r.name AS name FROM {rows $2: name text} AS r WHERE NOT EXISTS (
                     SELECT 1 FROM accounts a WHERE a.district_id = $1 AND a.grade = r.name)",
            ),
            (
                "user_types",
                &narrowed.user_types,
                "SELECT r.name AS name FROM {rows $2: name text} AS r WHERE NOT EXISTS (
                     SELECT 1 FROM accounts a WHERE a.district_id = $1 AND (a.role = r.name OR EXISTS (
                         SELECT 1 FROM memberships m WHERE m.account_id = a.id AND m.role = r.name)))",
            ),
        ] {
            if names.is_empty() {
                continue;
            }
            let wanted: Vec<_> = names.iter().map(|name| json!({"name": name})).collect();
            for row in self.db.read(statement, args![district, json_arg(&wanted)]).await? {
                unknown.push((field, row.get("name")?));
            }
        }
        Ok(unknown)
    }

    async fn preview(&self, actor: &Actor, selection: &Selection, named: &[AccountId]) -> LedgerResult<Preview> {
        let mut arguments = filter_args(actor.district, selection, actor.role, actor.person);
        arguments.extend(args![json_arg(named), actor.role.reach()]);
        let rows = self
            .db
            .read(
                concat!(
                    "SELECT ",
                    exclusion!("$10"),
                    " AS code, count(*) AS n FROM accounts a
                     WHERE ",
                    selected!("a.id {in $9 uuid}"),
                    " GROUP BY 1 ORDER BY 1"
                ),
                arguments,
            )
            .await?;
        Ok(counted(&rows)?)
    }

    async fn preview_reissue(&self, actor: &Actor, reissue: &Reissue) -> LedgerResult<Preview> {
        Ok(self.count_reissue(actor, reissue).await?)
    }

    async fn known(&self, district: DistrictId, idempotency: &Idempotency) -> LedgerResult<Option<Acceptance>> {
        let arguments = args![district, &idempotency.producer, &idempotency.key];
        let row = self.db.read_first(KNOWN, arguments).await?.filter(|_| !fault::off(Mechanism::Idempotency));
        Ok(row.map(|row| answer(&row, idempotency)).transpose()?)
    }

    async fn accept(&self, task: NewTask) -> LedgerResult<Acceptance> {
        match self.db.retrying(|| self.accept_once(&task)).await {
            // Two of the same at the same time: the other one was faster, so now it is a repetition.
            Err(Failure::Duplicate(_)) => Ok(self.db.retrying(|| self.accept_once(&task)).await?),
            other => Ok(other?),
        }
    }
}

/// Reads rows of `code` and `n`: how many accounts would meet which exclusion, NULL for none.
pub(super) fn counted(rows: &[Row]) -> Sql<Preview> {
    let mut preview = Preview::default();
    for row in rows {
        let n = u64::try_from(row.get::<i64>("n")?).unwrap_or_default();
        match row.maybe_word("code")? {
            None => preview.eligible = n,
            Some(code) => preview.skipped.push((code, n)),
        }
    }
    Ok(preview)
}

impl SqlLedger {
    async fn accept_once(&self, task: &NewTask) -> Sql<Acceptance> {
        let district = task.actor.district;
        let key = &task.idempotency;
        let mut unique = key.key.clone();
        let mut tx = self.db.begin().await?;
        if let Some(row) = tx.first(KNOWN, args![district, &key.producer, &key.key]).await? {
            if !fault::off(Mechanism::Idempotency) {
                return answer(&row, key);
            }
            unique = task.id.to_string();
        }
        if let Some(allowed) = producers::over_quota(&mut tx, task).await? {
            return Ok(Acceptance::OverQuota(allowed));
        }
        tx.run(
            "INSERT INTO idempotency (district_id, producer, key, fingerprint, task_id, created_at)
             VALUES ($1, $2, $3, $4, $5, {now})",
            args![district, &key.producer, &unique, &key.fingerprint, task.id],
        )
        .await?;
        let mut request = task.request.clone();
        // The named accounts have rows of their own; fifty thousand names would be read again with every item.
        request.selection.accounts.clear();
        let request = serde_json::to_string(&request).map_err(|error| Failure::row(error.to_string()))?;
        let (key_id, sealed) = match &task.shared {
            Some(sealed) => (Some(sealed.key_id.clone()), Some(hex(&sealed.bytes))),
            None => (None, None),
        };
        tx.run(
            "INSERT INTO tasks (id, district_id, state, requester, requester_role, requester_account, request, \
                 shared_key_id, shared_sealed, created_at)
             VALUES ($1, $2, 'expanding', $3, $4, $5, $6, $7, $8, {now})",
            args![
                task.id,
                district,
                &task.actor.name,
                task.actor.role.as_str(),
                task.actor.person,
                request,
                key_id,
                sealed
            ],
        )
        .await?;
        super::trace::note(&mut tx, task.id).await?;
        if let Some(reissue) = &task.reissue {
            take_up(&mut tx, district, task.id, reissue).await?;
        }
        for page in task.named.chunks(5_000) {
            tx.run(
                "INSERT INTO task_accounts (task_id, account_id)
                 SELECT $1, a.id FROM accounts a WHERE a.district_id = $2 AND a.id {in $3 uuid}",
                args![task.id, district, json_arg(page)],
            )
            .await?;
        }
        let parent = task.reissue.as_ref().map(|reissue| reissue.parent);
        let again = parent.map(|parent| format!(", again for task {parent}")).unwrap_or_default();
        let scope = task.request.selection.scope.as_str();
        let accepted = TaskAccepted { task: task.id, producer: key.producer.clone(), key: key.key.clone(), parent };
        let accepted = NewEvent { district, fact: Fact::TaskAccepted(accepted) };
        let events: Vec<NewEvent> = [accepted].into_iter().chain(producers::acceptance(task)).collect();
        journal::events(&mut tx, &events).await?;
        let audit = NewAudit {
            district,
            actor: task.actor.name.clone(),
            action: "task.accepted",
            subject: format!("task {}", task.id),
            detail: format!("reason {:?}, scope {scope}{again}", task.request.reason),
        };
        journal::audits(&mut tx, &[audit]).await?;
        let mut deltas = Deltas::default();
        deltas.of(task.id);
        deltas.store(&mut tx, "intake").await?;
        tx.commit().await?;
        Ok(Acceptance::Accepted(task.id))
    }
}
