//! Accepting a request.

use async_trait::async_trait;
use keybell_shared::actor::Actor;
use keybell_shared::clock::Millis;
use keybell_shared::events::{Fact, TaskAccepted};
use keybell_shared::fault::{self, Mechanism};
use keybell_shared::fold::username_key;
use keybell_shared::grade;
use keybell_shared::ids::{AccountId, DistrictId, PlanId, TaskId};
use keybell_shared::ports::ledger::{
    Acceptance, Idempotency, IntakeLedger, LedgerResult, NewTask, Preview, Reissue, Resolved, UnknownNames,
};
use keybell_shared::request::{Confirm, ResetRequest, Selection, Start};
use keybell_shared::seal::hex;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::SqlLedger;
use super::counters::Deltas;
use super::journal::{self, NewAudit, NewEvent};
use super::producers;
use super::reissue::take_up;
use super::selection::{exclusion, filter_args, selected, way_args};
use super::sql::{Failure, Row, Sql, Tx, args, json as json_arg};
use super::uploaded::store_uploaded;

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
            let wanted: Vec<_> =
                page.iter().map(|name| json!({"name": name, "key": username_key(name), "id": as_id(name)})).collect();
            let rows = self
                .db
                .read(
                    "SELECT r.name AS name, COALESCE(i.id, u.id, s.id) AS id,
                         (i.id IS NULL AND u.id IS NOT NULL AND s.id IS NOT NULL AND u.id <> s.id) AS twice
                     FROM {rows $2: name text, key text, id uuid} AS r
                     LEFT JOIN accounts u ON u.district_id = $1 AND u.username_key = r.key
                     LEFT JOIN accounts s ON s.district_id = $1 AND s.source_id = r.name
                     LEFT JOIN accounts i ON i.district_id = $1 AND i.id = r.id",
                    args![district, json_arg(&wanted)],
                )
                .await?;
            for row in rows {
                match row.get::<Option<AccountId>>("id")? {
                    // Never a guess: the wrong person would get another one's password.
                    Some(_) if row.get("twice")? => {
                        let name: String = row.get("name")?;
                        resolved
                            .unknown
                            .push(format!("{name} (one's username and another's roster id; give the account id)"));
                    }
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
        let years: Vec<String> = narrowed.graduation_years.iter().map(ToString::to_string).collect();
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
                "SELECT r.name AS name FROM {rows $2: name text, form text} AS r WHERE NOT EXISTS (
                     SELECT 1 FROM accounts a WHERE a.district_id = $1 AND a.grade = r.form)",
            ),
            (
                "user_types",
                &narrowed.user_types,
                "SELECT r.name AS name FROM {rows $2: name text} AS r
                 WHERE NOT EXISTS (SELECT 1 FROM accounts a WHERE a.district_id = $1 AND a.role = r.name)
                     AND NOT EXISTS (SELECT 1 FROM memberships m JOIN accounts a ON a.id = m.account_id
                         WHERE m.role = r.name AND a.district_id = $1)",
            ),
            (
                "graduation_years",
                &years,
                "SELECT r.name AS name FROM {rows $2: name text} AS r WHERE NOT EXISTS (
                     SELECT 1 FROM accounts a
                     WHERE a.district_id = $1 AND a.graduation_year = CAST(r.name AS INTEGER))",
            ),
            (
                "groups",
                &narrowed.groups,
                "SELECT r.name AS name FROM {rows $2: name text} AS r WHERE NOT EXISTS (
                     SELECT 1 FROM account_groups g WHERE g.district_id = $1 AND g.name = r.name)",
            ),
        ] {
            if names.is_empty() {
                continue;
            }
            let wanted: Vec<_> = names.iter().map(|name| json!({"name": name, "form": grade::normal(name)})).collect();
            for row in self.db.read(statement, args![district, json_arg(&wanted)]).await? {
                unknown.push((field, row.get("name")?));
            }
        }
        Ok(unknown)
    }

    async fn place_names(&self, district: DistrictId) -> LedgerResult<Vec<String>> {
        let rows = self
            .db
            .read(
                "SELECT 0 AS place, slug AS name FROM districts WHERE id = $1
                 UNION ALL SELECT 1, name FROM districts WHERE id = $1
                 UNION ALL SELECT 2, name FROM schools WHERE district_id = $1 AND active
                 ORDER BY 1, 2",
                args![district],
            )
            .await?;
        Ok(rows.iter().map(|row| row.get("name")).collect::<Sql<_>>()?)
    }

    async fn preview(&self, actor: &Actor, request: &ResetRequest, named: &[AccountId]) -> LedgerResult<Preview> {
        let mut arguments = filter_args(actor.district, &request.selection, actor.role, actor.person, request.confirm);
        arguments.extend(args![json_arg(named), actor.role.reach(), request.mode.sets_password()]);
        arguments.extend(way_args(request.must_reach()));
        let rows = self
            .db
            .read(
                concat!(
                    "SELECT ",
                    exclusion!(reach "$15", sets "$16", must_reach "$17" by "$18" "$19" "$20" "$21"),
                    " AS code, count(*) AS n FROM accounts a
                     WHERE ",
                    selected!("a.id {in $14 uuid}"),
                    " GROUP BY 1 ORDER BY 1"
                ),
                arguments,
            )
            .await?;
        Ok(counted(&rows)?)
    }

    async fn preview_reissue(&self, actor: &Actor, reissue: &Reissue, request: &ResetRequest) -> LedgerResult<Preview> {
        Ok(self.count_reissue(actor, reissue, request).await?)
    }

    async fn now(&self) -> LedgerResult<Millis> {
        let row = self.db.read_first("SELECT {now} AS now", args![]).await?;
        let row = row.ok_or_else(|| Failure::row("the database does not say what time it is"))?;
        Ok(row.get("now")?)
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

/// The id that a name may be: read here, because comparing it as text would look at every account.
fn as_id(name: &str) -> Option<AccountId> {
    let lower = name.to_ascii_lowercase();
    lower.parse::<AccountId>().ok().filter(|id| id.to_string() == lower)
}

/// A part of a request that is no JSON.
fn unwritable(error: &serde_json::Error) -> Failure {
    Failure::row(error.to_string())
}

/// What the audit says of an accepted request.
fn accepted_detail(request: &ResetRequest, parent: Option<TaskId>, plan: Option<PlanId>) -> String {
    let again = parent.map(|parent| format!(", again for task {parent}")).unwrap_or_default();
    let planned = plan.map(|plan| format!(", as plan {plan}")).unwrap_or_default();
    let ResetRequest { reason, selection, confirm, start, .. } = request;
    let reached = if request.must_reach().is_some() { ", whoever cannot be told left untouched" } else { "" };
    let starts = start.as_ref().and_then(Start::instant).map(|at| format!(", not before {}", at.rfc3339()));
    let starts = starts.unwrap_or_default();
    let confirmed = confirmed(*confirm);
    format!("reason {reason:?}, scope {}{again}{planned}{confirmed}{reached}{starts}", selection.scope.as_str())
}

/// What was confirmed separately, for the audit.
const fn confirmed(confirm: Confirm) -> &'static str {
    match (confirm.requester, confirm.protected) {
        (false, false) => "",
        (true, false) => ", the requester's own account confirmed",
        (false, true) => ", protected accounts confirmed",
        (true, true) => ", the requester's own and protected accounts confirmed",
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

/// What is known under a request's key.
pub(super) enum Key {
    /// It was used: the answer.
    Used(Acceptance),
    /// It is new; the task will be found under this.
    Fresh(String),
}

/// Looks the key of a task up.
pub(super) async fn known(tx: &mut Tx, task: &NewTask) -> Sql<Key> {
    let key = &task.idempotency;
    match tx.first(KNOWN, args![task.actor.district, &key.producer, &key.key]).await? {
        Some(row) if !fault::off(Mechanism::Idempotency) => Ok(Key::Used(answer(&row, key)?)),
        Some(_) => Ok(Key::Fresh(task.id.to_string())),
        None => Ok(Key::Fresh(key.key.clone())),
    }
}

/// Under whose name trial runs are known that were started. Nobody else's name has parentheses and a key of this kind.
const TRIALS: &str = "(trial)";

/// The key of a trial run: nothing that could be sent as one.
fn trial_key(trial: &str) -> String {
    hex(&Sha256::digest(trial))
}

/// The task as which the trial run of this one was started. Two that come at once meet at the unique key.
async fn started(tx: &mut Tx, task: &NewTask) -> Sql<Option<TaskId>> {
    let Some(trial) = &task.trial else { return Ok(None) };
    let row = tx.first(KNOWN, args![task.actor.district, TRIALS, trial_key(trial)]).await?;
    row.map(|row| row.get("task_id")).transpose()
}

impl SqlLedger {
    async fn accept_once(&self, task: &NewTask) -> Sql<Acceptance> {
        let mut tx = self.db.begin().await?;
        let key = match known(&mut tx, task).await? {
            Key::Used(acceptance) => return Ok(acceptance),
            Key::Fresh(key) => key,
        };
        if let Some(started) = started(&mut tx, task).await? {
            return Ok(Acceptance::Started(started));
        }
        if let Some(allowed) = producers::over_quota(&mut tx, task).await? {
            return Ok(Acceptance::OverQuota(allowed));
        }
        let acceptance = insert_task(&mut tx, task, &key, None).await?;
        tx.commit().await?;
        Ok(acceptance)
    }
}

/// Writes a task down: under this key, and from this plan if it comes from one.
pub(super) async fn insert_task(tx: &mut Tx, task: &NewTask, unique: &str, plan: Option<PlanId>) -> Sql<Acceptance> {
    let district = task.actor.district;
    let key = &task.idempotency;
    let trial = task.trial.as_deref().map(|trial| (TRIALS, trial_key(trial)));
    let trial = trial.as_ref().map(|(producer, key)| (*producer, key.as_str()));
    for (producer, unique) in [(key.producer.as_str(), unique)].into_iter().chain(trial) {
        tx.run(
            "INSERT INTO idempotency (district_id, producer, key, fingerprint, task_id, created_at)
             VALUES ($1, $2, $3, $4, $5, {now})",
            args![district, producer, unique, &key.fingerprint, task.id],
        )
        .await?;
    }
    let mut request = task.request.clone();
    // The named accounts have rows of their own; fifty thousand names would be read again with every item.
    request.selection.accounts.clear();
    // So have the start and the waves: the release before does not know these members, and reads the rest.
    let start = request.start.take();
    let said = start.as_ref().map(serde_json::to_string).transpose().map_err(|error| unwritable(&error))?;
    let waves = request
        .waves
        .take()
        .map(|waves| serde_json::to_string(&waves))
        .transpose()
        .map_err(|error| unwritable(&error))?;
    let request = serde_json::to_string(&request).map_err(|error| unwritable(&error))?;
    let (key_id, sealed) = match &task.shared {
        Some(sealed) => (Some(sealed.key_id.clone()), Some(hex(&sealed.bytes))),
        None => (None, None),
    };
    tx.run(
        "INSERT INTO tasks (id, district_id, state, requester, requester_role, requester_account, request, \
             shared_key_id, shared_sealed, confirm_requester, confirm_protected, mode, plan_id, start_at, start_said, \
             urgent, waves, created_at)
         VALUES ($1, $2, 'expanding', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, {now})",
        args![
            task.id,
            district,
            &task.actor.name,
            task.actor.role.as_str(),
            task.actor.person,
            request,
            key_id,
            sealed,
            task.request.confirm.requester,
            task.request.confirm.protected,
            task.request.mode.as_str(),
            plan,
            start.as_ref().and_then(Start::instant).map(|at| at.0),
            said,
            task.request.is_urgent(),
            waves
        ],
    )
    .await?;
    super::trace::note(tx, task.id).await?;
    if let Some(reissue) = &task.reissue {
        take_up(tx, district, task.id, reissue).await?;
    }
    for page in task.named.chunks(5_000) {
        tx.run(
            "INSERT INTO task_accounts (task_id, account_id)
             SELECT $1, a.id FROM accounts a WHERE a.district_id = $2 AND a.id {in $3 uuid}",
            args![task.id, district, json_arg(page)],
        )
        .await?;
    }
    store_uploaded(tx, task.id, &task.uploaded).await?;
    journal_acceptance(tx, task, plan).await?;
    let mut deltas = Deltas::default();
    deltas.of(task.id);
    deltas.store(tx, "intake").await?;
    Ok(Acceptance::Accepted(task.id))
}

/// The events and the audit row of an accepted task.
async fn journal_acceptance(tx: &mut Tx, task: &NewTask, plan: Option<PlanId>) -> Sql<()> {
    let district = task.actor.district;
    let key = &task.idempotency;
    let parent = task.reissue.as_ref().map(|reissue| reissue.parent);
    let accepted = TaskAccepted { task: task.id, producer: key.producer.clone(), key: key.key.clone(), parent };
    let accepted = NewEvent { district, fact: Fact::TaskAccepted(accepted) };
    let events: Vec<NewEvent> = [accepted].into_iter().chain(producers::acceptance(task)).collect();
    journal::events(tx, &events).await?;
    let audit = NewAudit {
        district,
        actor: task.actor.name.clone(),
        action: "task.accepted",
        subject: format!("task {}", task.id),
        detail: accepted_detail(&task.request, parent, plan),
    };
    journal::audits(tx, &[audit]).await
}
