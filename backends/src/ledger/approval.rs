//! A second person's approval.

use async_trait::async_trait;
use keybell_shared::actor::{Actor, CONSOLE, Role};
use keybell_shared::clock::Millis;
use keybell_shared::events::{Fact, TaskApproved, TaskChanged, TaskStarted};
use keybell_shared::ids::{AccountId, TaskId};
use keybell_shared::ports::ledger::{Approval, ApprovalLedger, LedgerResult, Standing};
use keybell_shared::states::TaskState;

use super::SqlLedger;
use super::control::{locked, note, standing};
use super::journal::{self, NewEvent};
use super::sql::{Row, Sql, Tx, args};

#[async_trait]
impl ApprovalLedger for SqlLedger {
    async fn approve(&self, actor: &Actor, task: TaskId, digest: &str) -> LedgerResult<Option<Approval>> {
        Ok(self.db.retrying(|| self.approve_once(actor, task, digest)).await?)
    }
}

impl SqlLedger {
    async fn approve_once(&self, actor: &Actor, task: TaskId, digest: &str) -> Sql<Option<Approval>> {
        let mut tx = self.db.begin().await?;
        // The task's lock: a cancel wins or waits.
        let Some(row) = locked(&mut tx, actor.district, task).await? else { return Ok(None) };
        let before = standing(&row)?;
        let same_digest = row.get::<Option<String>>("digest")?.as_deref() == Some(digest);
        let by_this_one = row.get::<Option<String>>("approved_by")?.as_deref() == Some(actor.name.as_str());
        if before.state != TaskState::AwaitingApproval {
            return Ok(Some(if by_this_one && same_digest {
                Approval::Approved(before)
            } else {
                Approval::NotAwaiting(before)
            }));
        }
        if is_same_person(&row, actor)? || is_of_the_same_hand(&mut tx, &row, actor).await? {
            return Ok(Some(Approval::SamePerson));
        }
        if actor.is_nameless() {
            return Ok(Some(Approval::Nameless));
        }
        if is_asked_by_nobody(&row)? {
            return Ok(Some(Approval::AskerNameless));
        }
        if is_newer(&mut tx, &row, actor).await? {
            return Ok(Some(Approval::KeyTooNew));
        }
        if !same_digest {
            return Ok(Some(Approval::OtherDigest));
        }
        let state = if before.held { TaskState::Paused } else { TaskState::Running };
        tx.run(
            "UPDATE tasks SET state = $2, held = FALSE, approved_by = $3 WHERE id = $1 AND state = 'awaiting_approval'",
            args![task, state.as_str(), &actor.name],
        )
        .await?;
        let digest = digest.to_owned();
        let approved = Fact::TaskApproved(TaskApproved { task, digest: digest.clone(), state });
        let starts_at = row.get::<Option<Millis>>("start_at")?.map(Millis::rfc3339);
        let follows = if before.held {
            Fact::TaskPaused(TaskChanged { task, state, reason: None })
        } else {
            Fact::TaskStarted(TaskStarted { task, digest: digest.clone(), starts_at })
        };
        let action = approved.kind();
        let events = [approved, follows].map(|fact| NewEvent { district: actor.district, fact });
        journal::events(&mut tx, &events).await?;
        note(&mut tx, actor.district, task, action, format!("digest {digest}, now {state}"), &actor.name).await?;
        tx.commit().await?;
        Ok(Some(Approval::Approved(Standing { state, held: false })))
    }
}

/// By name, and by the person behind the keys.
fn is_same_person(task: &Row, actor: &Actor) -> Sql<bool> {
    let asked: Option<AccountId> = task.get("requester_account")?;
    let same_person = asked.is_some() && asked == actor.person;
    Ok(same_person || task.get::<String>("requester")? == actor.name)
}

/// Whether an administrator asked with a key that names no person. It was refused at once, unless the intake that took it was
/// configured otherwise, or knew of fewer accounts.
fn is_asked_by_nobody(task: &Row) -> Sql<bool> {
    let (role, person): (Role, Option<AccountId>) = (task.word("requester_role")?, task.get("requester_account")?);
    Ok(role == Role::DistrictAdmin && person.is_none() && task.get::<String>("requester")? != CONSOLE)
}

/// Whether the approver's key was made with a key of whoever asked, or with one that was made so, and so on; or the other
/// way round: who makes keys could otherwise be two persons, for a key names whomever its maker says.
async fn is_of_the_same_hand(tx: &mut Tx, task: &Row, actor: &Actor) -> Sql<bool> {
    let Some(key) = actor.key else { return Ok(false) };
    let asked: String = task.get("requester")?;
    let of_asker = "WITH RECURSIVE above AS (
             SELECT k.id, k.made_by FROM api_keys k WHERE k.district_id = $1 AND k.name = $2
             UNION SELECT m.id, m.made_by FROM api_keys m JOIN above o ON m.id = o.made_by)
         SELECT 1 AS found FROM above WHERE id = $3 LIMIT 1";
    let of_approver = "WITH RECURSIVE above AS (
             SELECT k.id, k.name, k.made_by FROM api_keys k WHERE k.district_id = $1 AND k.id = $3
             UNION SELECT m.id, m.name, m.made_by FROM api_keys m JOIN above o ON m.id = o.made_by)
         SELECT 1 AS found FROM above WHERE name = $2 LIMIT 1";
    for sql in [of_asker, of_approver] {
        if tx.first(sql, args![actor.district, &asked, key]).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the approver's key was made after the task was asked for.
async fn is_newer(tx: &mut Tx, task: &Row, actor: &Actor) -> Sql<bool> {
    let Some(key) = actor.key else { return Ok(false) };
    let row = tx.first("SELECT created_at FROM api_keys WHERE id = $1", args![key]).await?;
    let made: Option<i64> = row.map(|row| row.get("created_at")).transpose()?;
    Ok(made.is_some_and(|made| task.get::<i64>("created_at").is_ok_and(|asked| made > asked)))
}
