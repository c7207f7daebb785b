//! Waves: which items belong to which, whose turn it is, and when a task halts.

use keybell_shared::fold::fold;
use keybell_shared::grade;
use keybell_shared::ids::{DistrictId, TaskId};
use keybell_shared::ports::ledger::Turned;
use keybell_shared::request::{WaveBy, Waves};
use keybell_shared::states::{ItemState, TaskState};
use serde::Serialize;

use super::SqlLedger;
use super::control::{enter_because, note};
use super::periodic;
use super::sql::{Failure, Row, Sql, Tx, args, json as json_arg};

/// Who turns waves, in the audit.
const KEYBELL: &str = "keybell";

/// The accounts with one key: a school, or a grade, which an older process may still write in another form.
struct Group {
    key: String,
    label: String,
    accounts: i64,
}

/// A wave of a task.
#[derive(Serialize)]
struct Wave {
    number: i32,
    label: String,
    accounts: i64,
}

/// The wave of a key.
#[derive(Serialize)]
struct Place {
    key: String,
    wave: i32,
}

/// Divides the pending items of a task that is being frozen into waves, the canary first. Its turn has the first one.
pub(super) async fn divide(tx: &mut Tx, task: TaskId, waves: &Waves) -> Sql<()> {
    let mut all = Vec::new();
    if waves.canary > 0 {
        let accounts = tx
            .run(
                "UPDATE items SET wave = 1 WHERE id IN (
                     SELECT id FROM items WHERE task_id = $1 AND state = 'pending' ORDER BY random() LIMIT $2)",
                args![task, waves.canary],
            )
            .await?;
        if accounts > 0 {
            let accounts = i64::try_from(accounts).unwrap_or(i64::MAX);
            all.push(Wave { number: 1, label: "canary".to_owned(), accounts });
        }
    }
    let places = places(&mut all, groups(tx, task, waves.by).await?, waves.by);
    let statement = match waves.by {
        WaveBy::School => {
            "UPDATE items SET wave = r.wave FROM accounts a, {rows $2: key text, wave integer} AS r
             WHERE items.task_id = $1 AND items.state = 'pending' AND items.wave IS NULL
                 AND a.id = items.account_id AND r.key = COALESCE(CAST(a.school_id AS TEXT), '')"
        }
        WaveBy::Grade => {
            "UPDATE items SET wave = r.wave FROM accounts a, {rows $2: key text, wave integer} AS r
             WHERE items.task_id = $1 AND items.state = 'pending' AND items.wave IS NULL
                 AND a.id = items.account_id AND r.key = COALESCE(a.grade, '')"
        }
    };
    tx.run(statement, args![task, json_arg(&places)]).await?;
    tx.run(
        "INSERT INTO task_waves (task_id, wave, label, accounts)
         SELECT $1, r.number, r.label, r.accounts FROM {rows $2: number integer, label text, accounts bigint} AS r",
        args![task, json_arg(&all)],
    )
    .await?;
    if !all.is_empty() {
        tx.run("UPDATE tasks SET wave = 1 WHERE id = $1", args![task]).await?;
    }
    Ok(())
}

/// The groups that what is left after the canary falls into.
async fn groups(tx: &mut Tx, task: TaskId, by: WaveBy) -> Sql<Vec<Group>> {
    let statement = match by {
        WaveBy::School => {
            "SELECT COALESCE(CAST(a.school_id AS TEXT), '') AS key, COALESCE(s.name, '') AS label, count(*) AS n
             FROM items i JOIN accounts a ON a.id = i.account_id LEFT JOIN schools s ON s.id = a.school_id
             WHERE i.task_id = $1 AND i.state = 'pending' AND i.wave IS NULL GROUP BY 1, 2"
        }
        WaveBy::Grade => {
            "SELECT COALESCE(a.grade, '') AS key, COALESCE(a.grade, '') AS label, count(*) AS n
             FROM items i JOIN accounts a ON a.id = i.account_id
             WHERE i.task_id = $1 AND i.state = 'pending' AND i.wave IS NULL GROUP BY 1, 2"
        }
    };
    let rows = tx.all(statement, args![task]).await?;
    rows.iter()
        .map(|row| Ok(Group { key: row.get("key")?, label: row.get("label")?, accounts: row.get("n")? }))
        .collect()
}

/// Gives each group its wave, in order, behind those that are there; grades that are one grade share a wave.
fn places(all: &mut Vec<Wave>, mut groups: Vec<Group>, by: WaveBy) -> Vec<Place> {
    let identity = |group: &Group| match by {
        WaveBy::School => group.key.clone(),
        WaveBy::Grade => grade::normal(&group.key),
    };
    groups.sort_by_cached_key(|group| (order(group, by), identity(group)));
    let mut last: Option<String> = None;
    let mut places = Vec::new();
    for group in groups {
        let own = identity(&group);
        if let Some(wave) = all.last_mut().filter(|_| last.as_ref() == Some(&own)) {
            wave.accounts += group.accounts;
        } else {
            let number = i32::try_from(all.len()).unwrap_or(i32::MAX).saturating_add(1);
            let label = match (by, group.label.is_empty()) {
                (WaveBy::School, false) => group.label,
                (WaveBy::Grade, false) => own.clone(),
                (WaveBy::School, true) => "no school".to_owned(),
                (WaveBy::Grade, true) => "no grade".to_owned(),
            };
            all.push(Wave { number, label, accounts: group.accounts });
        }
        places.push(Place { key: group.key, wave: all.last().map_or(1, |wave| wave.number) });
        last = Some(own);
    }
    places
}

/// Schools by their names, grades from the youngest on; who has none comes last.
fn order(group: &Group, by: WaveBy) -> (u8, u32, String) {
    if group.label.is_empty() {
        return (9, 0, String::new());
    }
    match by {
        WaveBy::School => (0, 0, fold(&group.label)),
        WaveBy::Grade => {
            let key = grade::normal(&group.label);
            match (key.as_str(), key.parse()) {
                ("IT" | "PR", _) => (0, 0, key),
                ("PK", _) => (1, 0, key),
                ("TK", _) => (2, 0, key),
                ("KG", _) => (3, 0, key),
                (_, Ok(number)) => (4, number, String::new()),
                (_, Err(_)) => (5, 0, key),
            }
        }
    }
}

impl SqlLedger {
    /// Turns every task whose wave is settled to its next one.
    pub(super) async fn turn_settled_waves(&self, limit: u32) -> Sql<Vec<Turned>> {
        let rows = self.db.read(periodic::SETTLED_WAVES, args![limit]).await?;
        let mut turned = Vec::new();
        for row in &rows {
            let (task, wave): (TaskId, i32) = (row.get("id")?, row.get("wave")?);
            turned.extend(self.db.retrying(|| self.turn_wave(task, wave)).await?);
        }
        Ok(turned)
    }

    /// Turns one task under its lock, or halts it at the beginning of its next wave.
    async fn turn_wave(&self, task: TaskId, wave: i32) -> Sql<Option<Turned>> {
        let mut tx = self.db.begin().await?;
        let Some(row) = tx.first("SELECT * FROM tasks WHERE id = $1 {lock}", args![task]).await? else {
            return Ok(None);
        };
        let runs = row.word::<TaskState>("state")? == TaskState::Running;
        let next = tx.first(NEXT, args![task, wave]).await?;
        let Some(next) =
            next.filter(|_| runs && matches!(row.get::<Option<i32>>("wave"), Ok(Some(now)) if now == wave))
        else {
            return Ok(None);
        };
        let Some((failed, settled)) = outcome(&mut tx, task, wave).await? else { return Ok(None) };
        let waves = asked(&row)?.ok_or_else(|| Failure::row("a task in waves does not say which"))?;
        let district: DistrictId = row.get("district_id")?;
        let (before, after): (String, String) = (next.get("before")?, next.get("label")?);
        let number: i32 = next.get("wave")?;
        let halted = waves.halts(failed, settled).then(|| {
            format!(
                "of wave {wave} ({before}) {failed} of {settled} accounts failed or could not be told, more than {} percent",
                waves.halt_above_percent.unwrap_or_default()
            )
        });
        tx.run("UPDATE tasks SET wave = $2, halted = $3 WHERE id = $1", args![task, number, halted.clone()]).await?;
        if let Some(reason) = &halted {
            enter_because(&mut tx, district, task, TaskState::Paused, KEYBELL, Some(reason)).await?;
        } else {
            let detail = format!("wave {number} ({after}) follows: {failed} of {settled} failed or could not be told");
            note(&mut tx, district, task, "task.wave", detail, KEYBELL).await?;
        }
        tx.commit().await?;
        Ok(Some(Turned { task, wave: u32::try_from(number).unwrap_or_default(), halted }))
    }
}

/// The wave after one of a task's, and what that one is called.
const NEXT: &str = "SELECT n.wave, n.label, w.label AS before FROM task_waves w
     JOIN task_waves n ON n.task_id = w.task_id AND n.wave = w.wave + 1 WHERE w.task_id = $1 AND w.wave = $2";

/// How many accounts of a wave failed or could not be told, among those that were tried; `None` while one is open.
async fn outcome(tx: &mut Tx, task: TaskId, wave: i32) -> Sql<Option<(u64, u64)>> {
    let statement = "SELECT state, count(*) AS n FROM items WHERE task_id = $1 AND wave = $2 GROUP BY state";
    let (mut failed, mut settled) = (0, 0);
    for row in tx.all(statement, args![task, wave]).await? {
        let n = u64::try_from(row.get::<i64>("n")?).unwrap_or_default();
        match row.word("state")? {
            ItemState::Pending | ItemState::Queued | ItemState::Reset => return Ok(None),
            ItemState::Failed | ItemState::Undelivered => {
                failed += n;
                settled += n;
            }
            ItemState::Notified | ItemState::Silent => settled += n,
            // Nobody tried to change these.
            ItemState::Skipped | ItemState::Cancelled | ItemState::Superseded => {}
        }
    }
    Ok(Some((failed, settled)))
}

/// How the task of this row is divided, if it is.
pub(super) fn asked(row: &Row) -> Sql<Option<Waves>> {
    let unreadable = |error| Failure::row(format!("the waves of a task cannot be read: {error}"));
    row.get::<Option<String>>("waves")?.map(|said| serde_json::from_str(&said)).transpose().map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grades_are_in_the_order_of_age_and_one_grade_is_one_wave() {
        let group = |key: &str| Group { key: key.to_owned(), label: key.to_owned(), accounts: 2 };
        let groups = ["10", "", "02", "KG", "PK", "2", "other", "1"].map(group).into_iter().collect();
        let mut all = vec![Wave { number: 1, label: "canary".to_owned(), accounts: 5 }];
        let places = places(&mut all, groups, WaveBy::Grade);
        let labels: Vec<(i32, &str, i64)> =
            all.iter().map(|wave| (wave.number, wave.label.as_str(), wave.accounts)).collect();
        assert_eq!(labels[..4], [(1, "canary", 5), (2, "PK", 2), (3, "KG", 2), (4, "01", 2)]);
        assert_eq!((labels[4].0, labels[4].2, labels[5], labels[6]), (5, 4, (6, "10", 2), (7, "OTHER", 2)));
        assert_eq!(labels[7], (8, "no grade", 2));
        let two: Vec<i32> =
            places.iter().filter(|place| ["2", "02"].contains(&place.key.as_str())).map(|p| p.wave).collect();
        assert_eq!(two, [5, 5]);
    }
}
