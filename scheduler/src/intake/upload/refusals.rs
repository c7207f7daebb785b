//! Why an upload is not started.

use keybell_shared::ids::TaskId;
use keybell_shared::problem::{Problem, ProblemKind};

use super::trial::{Trial, TrialCounts};

/// Rows that a refusal lists.
const LISTED: usize = 20;

/// The word that a trial run answers is missing or cut.
pub(super) fn no_trial() -> Problem {
    let detail = "this is not what a trial run answers; try the file out, and send its `trial` unchanged";
    Problem::invalid("upload.no_trial", "trial", detail)
}

/// A file could not be marked.
pub(super) fn no_memory() -> Problem {
    let detail = "there is not enough memory at the moment to try a file out; try it again in a minute";
    Problem::new(ProblemKind::Unavailable, "upload.busy", detail)
}

/// Another file was tried out.
pub(super) fn other_file() -> Problem {
    let detail = "the file is not the one that was tried out; try this one out, look at the answer, and start that";
    conflict("upload.other_file", detail.to_owned())
}

/// The trial run would answer something else now.
pub(super) fn changed() -> Problem {
    let detail = "a trial run would not answer the same any more, because the people, their passwords or usernames changed, \
                  or because other rules were asked for; nothing was started: try the file out again";
    conflict("upload.changed", detail.to_owned())
}

/// What the trial run answered has been started.
pub(in crate::intake) fn started(task: TaskId) -> Problem {
    let detail = format!(
        "this trial run has been started already, as task {task}; to upload the file once more, try it out again and start \
         that"
    );
    conflict("upload.started", detail)
}

/// Rows have errors; the first of them are listed.
pub(super) fn rows(trial: &Trial) -> Problem {
    let wrong = || trial.rows.iter().filter(|row| row.is_error());
    let all = wrong().count();
    let rest = match all.saturating_sub(LISTED) {
        0 => String::new(),
        rest => format!(" (the first {LISTED} are listed, {rest} more are not)"),
    };
    let detail = format!(
        "{all} of {} rows have errors{rest}, so nothing was started; correct them and try the file out again, or allow a \
         partial upload",
        trial.rows.len()
    );
    let entries = wrong().take(LISTED).map(|row| format!("line {}: {}: {}", row.line, row.code, row.detail)).collect();
    Problem::new(ProblemKind::Invalid, "upload.rows_refused", detail).with_entries(entries)
}

/// Not one row can be done.
pub(super) fn nothing(counts: TrialCounts) -> Problem {
    let detail = format!(
        "no row can be done: {} would be skipped, and {} have errors; the result of a trial run says why",
        counts.skipped, counts.errors
    );
    Problem::new(ProblemKind::Invalid, "upload.nothing_to_do", detail)
}

/// Very many rows have one password.
pub(super) fn same_password(largest: u64, most: u64) -> Problem {
    let detail = format!(
        "{largest} rows have the same password, which is more than {most}; everybody who has it can open all of these \
         accounts. Give them passwords of their own, or reset them with a shared password, which has rules for that"
    );
    Problem::new(ProblemKind::Invalid, "upload.same_password", detail)
}

fn conflict(code: &'static str, detail: String) -> Problem {
    Problem::new(ProblemKind::Conflict, code, detail)
}
