//! Rosters that are wrong, through `keybell roster import`: what the report says, how it ends, and who is in afterwards.
//!
//! Whoever is sound goes in and the rest is told row by row (one bad row in ten thousand must not keep nine thousand
//! children out on the first day of school); what is wrong with a file as a whole refuses the file.

mod files;
mod tables;

use std::path::Path;

use futures_util::{StreamExt as _, stream};
use keybell_tests::ledgers::Raw;
use keybell_tests::program::Program;
use tempfile::TempDir;

use crate::evidence::CANARY;
use crate::{Listed, people};

/// One case.
pub(crate) struct Row {
    number: &'static str,
    what: &'static str,
    /// What is imported.
    input: Input,
    /// The exit code.
    code: i32,
    /// What the report or the error says, each of these.
    says: &'static [&'static str],
    /// The usernames that are in afterwards.
    people: &'static [&'static str],
}

/// What is imported.
pub(crate) enum Input {
    /// A folder whose `users.csv` is this.
    Users(Vec<u8>),
    /// A folder with these files over the usual ones; an empty name stands for none of the usual ones.
    Folder(Vec<(String, Vec<u8>)>),
    /// A file of this name.
    File(&'static str, Vec<u8>),
}

fn rows() -> Vec<Row> {
    tables::rows().into_iter().chain(files::rows()).collect()
}

pub(crate) fn listed() -> Listed {
    rows().into_iter().map(|row| (row.number, row.what.to_owned())).collect()
}

fn put(home: &Path, input: &Input) -> std::path::PathBuf {
    let folder = home.join("roster");
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, bytes).expect("a file");
    };
    match input {
        Input::File(name, bytes) => {
            write(name, bytes);
            return folder.join(name);
        }
        Input::Users(users) => {
            people::write(&folder, "Rivermoor", &[]);
            write("users.csv", users);
        }
        Input::Folder(files) => {
            if !files.iter().any(|(name, _)| name.is_empty()) {
                people::write(&folder, "Rivermoor", &[people::pupil("ann")]);
            }
            for (name, bytes) in files.iter().filter(|(name, _)| !name.is_empty()) {
                write(name, bytes);
            }
        }
    }
    folder
}

async fn check(row: &Row) -> Option<String> {
    let Row { number, what, input, code, says, people } = row;
    let home = TempDir::new().expect("a temporary folder");
    let path = put(home.path(), input);
    let data = home.path().join("data");
    let import = Program::on(&data, ["--output", "json", "roster", "import"]).arg(&path);
    let ended = import.run().await;
    let said = format!("{}{}", ended.stdout, ended.stderr);
    let mut wrong = Vec::new();
    if ended.code != Some(*code) {
        wrong.push(format!("it ended with {:?} and not {code}", ended.code));
    }
    wrong.extend(says.iter().filter(|words| !said.contains(*words)).map(|words| format!("it does not say `{words}`")));
    if said.contains("panicked") || said.contains(CANARY) {
        wrong.push("it panicked, or repeated a password".to_owned());
    }
    let file = data.join("keybell.sqlite");
    let found = if file.exists() {
        Raw::sqlite(&file).column("SELECT username FROM accounts ORDER BY username").await
    } else {
        Vec::new()
    };
    if found != *people {
        wrong.push(format!("in are {found:?} and not {people:?}"));
    }
    (!wrong.is_empty()).then(|| format!("{number} {what}: {}\n{said}", wrong.join("; ")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_roster_is_imported_or_refused_as_its_row_says() {
    let rows = rows();
    let wrong: Vec<String> =
        stream::iter(&rows).map(check).buffer_unordered(3).filter_map(|wrong| async { wrong }).collect().await;
    assert!(wrong.is_empty(), "{} rows are not as they should be:\n{}", wrong.len(), wrong.join("\n\n"));
}

/// R60: the same file twice changes nothing the second time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_roster_twice_changes_nothing() {
    let home = TempDir::new().expect("a temporary folder");
    let folder = home.path().join("roster");
    people::write(&folder, "Rivermoor", &[people::pupil("ann"), people::pupil("ben")]);
    let import = || Program::on(&home.path().join("data"), ["roster", "import"]).arg(&folder);
    let first: serde_json::Value = import().json().await;
    let second: serde_json::Value = import().json().await;
    assert_eq!((&first["total"]["created"], &second["total"]["created"]), (&3.into(), &0.into()), "{first} {second}");
    assert_eq!(second["total"]["updated"], 0, "{second}");
}
