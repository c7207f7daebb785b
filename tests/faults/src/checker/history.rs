//! Every transition of tasks, items and notifications, and every change of a password, as the database saw it.
//!
//! The database writes them down itself, by triggers in a table of ours beside the program's: whatever changes a row
//! cannot avoid it, and what is rolled back was never written. For each row the entries are in the order of its changes,
//! because they are written under the row's lock.
//!
//! To be installed after the migrations and before anything is asked, by the role that owns the tables: the triggers run
//! with the rights of whoever changes a row.

use keybell_tests::ledgers::Raw;

use super::rows::{maybe, number, rows};
use crate::evidence::Ms;

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Task,
    Item,
    Notification,
    /// An account's password; `from` and `to` are credential versions.
    Account,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Task, Self::Item, Self::Notification, Self::Account];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Item => "item",
            Self::Notification => "notification",
            Self::Account => "account",
        }
    }

    /// The table whose rows are watched.
    const fn table(self) -> &'static str {
        match self {
            Self::Task => "tasks",
            Self::Item => "items",
            Self::Notification => "notifications",
            Self::Account => "accounts",
        }
    }

    /// The column whose old and new value are `from` and `to`.
    const fn subject(self) -> &'static str {
        match self {
            Self::Task | Self::Item | Self::Notification => "state",
            Self::Account => "credential_version",
        }
    }

    /// The columns whose changes are written down; a change to the same value is one, too.
    const fn watched(self) -> &'static str {
        match self {
            Self::Task | Self::Notification => "state",
            Self::Item => "state, attempt_id, credential_version",
            Self::Account => "credential_version, password_hash",
        }
    }

    /// Task, item, account, attempt, credential version and detail, as columns of the row.
    const fn columns(self) -> [Option<&'static str>; 6] {
        match self {
            Self::Task => [Some("id"), None, None, None, None, None],
            Self::Item => [
                Some("task_id"),
                Some("id"),
                Some("account_id"),
                Some("attempt_id"),
                Some("credential_version"),
                Some("code"),
            ],
            Self::Notification => {
                [Some("task_id"), Some("item_id"), Some("account_id"), None, Some("credential_version"), Some("code")]
            }
            Self::Account => [None, None, Some("id"), None, Some("credential_version"), Some("password_hash")],
        }
    }

    /// What of a row's life is written down. Accounts come and change with every roster; only their passwords matter.
    const fn events(self) -> &'static [Event] {
        match self {
            Self::Task | Self::Item | Self::Notification => &[Event::Insert, Event::Update, Event::Delete],
            Self::Account => &[Event::Update],
        }
    }
}

#[derive(Clone, Copy)]
enum Event {
    Insert,
    Update,
    Delete,
}

/// What `to` says of a row that was deleted: no state, so that every check that reads states stumbles over it.
const GONE: &str = "gone";

/// One change. The table says more, for whoever looks for the reason of a violation: the item and the account.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Grows with the changes of each row; between rows of different transactions it is no order of commits.
    pub(crate) seq: i64,
    /// When the statement changed the row, by the database's clock; its transaction ended later.
    pub(crate) at: Ms,
    pub(crate) kind: Kind,
    pub(crate) id: String,
    /// The former state; `None` for a new row.
    pub(crate) from: Option<String>,
    pub(crate) to: String,
    pub(crate) task: Option<String>,
    pub(crate) attempt: Option<String>,
    pub(crate) version: Option<i64>,
    /// The code of an item or notification; the hash of an account.
    pub(crate) detail: Option<String>,
}

impl Entry {
    /// Whether an item changed its account's password here.
    pub(crate) fn changes_password(&self) -> bool {
        self.kind == Kind::Item
            && matches!(self.from.as_deref(), Some("pending" | "queued"))
            && matches!(self.to.as_str(), "reset" | "notified" | "silent" | "undelivered")
    }
}

/// Creates the table and the triggers. Doing so again changes nothing.
pub(crate) async fn install(ledger: &Raw) {
    let seq = if ledger.is_postgres() {
        "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
    } else {
        "INTEGER PRIMARY KEY AUTOINCREMENT"
    };
    ledger
        .run(&format!(
            "CREATE TABLE IF NOT EXISTS faults_history (seq {seq}, at BIGINT NOT NULL, kind TEXT NOT NULL, \
             id TEXT NOT NULL, origin TEXT, target TEXT NOT NULL, task TEXT, item TEXT, account TEXT, attempt TEXT, \
             version BIGINT, detail TEXT)"
        ))
        .await;
    for kind in Kind::ALL {
        for &event in kind.events() {
            for statement in trigger(ledger.is_postgres(), kind, event) {
                ledger.run(&statement).await;
            }
        }
    }
}

/// The statements that create one trigger.
fn trigger(postgres: bool, kind: Kind, event: Event) -> Vec<String> {
    let (word, on, row) = match event {
        Event::Insert => ("insert", "INSERT".to_owned(), "NEW"),
        Event::Update => ("update", format!("UPDATE OF {}", kind.watched()), "NEW"),
        Event::Delete => ("delete", "DELETE".to_owned(), "OLD"),
    };
    let name = format!("faults_{}_{word}", kind.as_str());
    let (table, note) = (kind.table(), note(postgres, kind, event, row));
    if postgres {
        vec![
            format!(
                "CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS \
                 $note$ BEGIN {note}; RETURN NULL; END $note$"
            ),
            format!("CREATE OR REPLACE TRIGGER {name} AFTER {on} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"),
        ]
    } else {
        vec![format!("CREATE TRIGGER IF NOT EXISTS {name} AFTER {on} ON {table} FOR EACH ROW BEGIN {note}; END")]
    }
}

/// The statement that writes one change down.
fn note(postgres: bool, kind: Kind, event: Event, row: &str) -> String {
    let now = if postgres {
        // Not the time at which the transaction or the statement began: both may have waited for a lock since.
        "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT"
    } else {
        "CAST(unixepoch('subsec') * 1000 AS INTEGER)"
    };
    let text = |row: &str, column: &str| format!("CAST({row}.{column} AS TEXT)");
    let subject = kind.subject();
    let (origin, target) = match event {
        Event::Insert => ("NULL".to_owned(), text("NEW", subject)),
        Event::Update => (text("OLD", subject), text("NEW", subject)),
        Event::Delete => (text("OLD", subject), format!("'{GONE}'")),
    };
    let [task, item, account, attempt, version, detail] = kind.columns();
    let column = |name: Option<&str>| name.map_or_else(|| "NULL".to_owned(), |name| text(row, name));
    let version = version.map_or_else(|| "NULL".to_owned(), |name| format!("{row}.{name}"));
    format!(
        "INSERT INTO faults_history (at, kind, id, origin, target, task, item, account, attempt, version, detail) \
         VALUES ({now}, '{}', {}, {origin}, {target}, {}, {}, {}, {}, {version}, {})",
        kind.as_str(),
        text(row, "id"),
        column(task),
        column(item),
        column(account),
        column(attempt),
        column(detail)
    )
}

/// All changes of these kinds, in the order in which they were written.
pub(crate) async fn read(ledger: &Raw, kinds: &[Kind]) -> Vec<Entry> {
    let wanted: Vec<String> = kinds.iter().map(|kind| format!("'{}'", kind.as_str())).collect();
    let sql = format!(
        "SELECT seq, at, kind, id, origin, target, task, attempt, version, detail FROM faults_history \
         WHERE kind IN ({}) ORDER BY seq",
        wanted.join(", ")
    );
    let rows: Vec<[String; 10]> = rows(ledger, &sql).await;
    let kind_of = |word: &str| Kind::ALL.into_iter().find(|kind| kind.as_str() == word);
    rows.into_iter()
        .filter_map(|[seq, at, kind, id, from, to, task, attempt, version, detail]| {
            Some(Entry {
                seq: number(&seq)?,
                at: number(&at)?,
                kind: kind_of(&kind)?,
                id,
                from: maybe(&from),
                to,
                task: maybe(&task),
                attempt: maybe(&attempt),
                version: number(&version),
                detail: maybe(&detail),
            })
        })
        .collect()
}

/// The hash of every password that an account ever had, by account and credential version.
pub(crate) async fn hashes(ledger: &Raw) -> std::collections::HashMap<(String, i64), String> {
    read(ledger, &[Kind::Account])
        .await
        .into_iter()
        .filter_map(|entry| Some(((entry.id, entry.version?), entry.detail?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use keybell_tests::ledgers::TestLedger;
    use keybell_tests::on_both;

    use super::*;
    use crate::checker::world::World;

    on_both!(every_transition_is_written_down_and_the_program_does_not_mind);

    async fn every_transition_is_written_down_and_the_program_does_not_mind(on: &TestLedger) {
        let world = World::new(on).await;
        let entries = read(&on.raw, &Kind::ALL).await;
        let first = world.tasks[0].to_string();
        let items: Vec<&Entry> =
            entries.iter().filter(|entry| entry.kind == Kind::Item && entry.task.as_ref() == Some(&first)).collect();
        let life = |id: &str| -> Vec<&str> {
            items.iter().filter(|entry| entry.id == id).map(|entry| entry.to.as_str()).collect()
        };
        let ids: Vec<&str> = items.iter().filter(|entry| entry.from.is_none()).map(|entry| entry.id.as_str()).collect();
        assert_eq!(ids.len(), 4, "one statement wrote four items down");
        assert_eq!(life(ids[0]), ["pending", "queued", "reset", "notified"]);
        assert_eq!(life(ids[1]), ["pending", "reset", "undelivered"]);
        assert_eq!(life(ids[3]), ["pending", "reset", "silent"]);
        let changed: Vec<&&Entry> = items.iter().filter(|entry| entry.changes_password()).collect();
        assert_eq!(changed.len(), 4);
        assert!(changed.iter().all(|entry| entry.version == Some(1) && entry.attempt.is_some()));
        assert_eq!(hashes(&on.raw).await.len(), 5, "four passwords, and one of them twice");
        let now = crate::checker::world::now();
        assert!(entries.iter().all(|entry| (now - 60_000..=now + 1_000).contains(&entry.at)));
        on.ledger.migrate().await.expect("our tables do not stand in the way of migrations");
        keybell_shared::ports::ledger::LeaderLedger::ping(&*on.ledger).await.expect("nor of the program");
    }
}
