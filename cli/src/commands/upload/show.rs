//! A trial run in words.

use std::path::Path;

use crate::commands::reset::counted;
use crate::desk::shapes::Trial;
use crate::output::table::{Cell, numbers, text, words};
use crate::output::{complain, say, say_table};

/// All of it, as a result.
pub(super) fn fully(path: &Path, trial: &Trial) {
    say(&format!("{}: {}", path.display(), trial.file.kind));
    for warning in &trial.file.warnings {
        say(&format!("  note: {warning}"));
    }
    say("");
    let codes: Vec<Vec<Cell>> = trial
        .codes
        .iter()
        .map(|row| vec![row.rows.to_string().into(), row.code.as_str().into(), row.meaning.as_str().into()])
        .collect();
    say_table(&[numbers("rows"), words("code"), text("what would happen")], &codes);
    say("");
    listed(trial, say);
    say(&format!("{}; nothing was changed", summary(trial)));
    if trial.rows.ok > 0 {
        say(&format!("to start exactly this: keybell upload start {} … --trial {}", path.display(), trial.token));
    }
}

/// The numbers and what is wrong, beside a question.
pub(super) fn briefly(place: &str, path: &Path, trial: &Trial) {
    complain(&format!("{place}: {} ({}): {}", path.display(), trial.file.kind, summary(trial)));
    for warning in &trial.file.warnings {
        complain(&format!("  note: {warning}"));
    }
    for row in trial.codes.iter().filter(|row| row.code != "OK") {
        complain(&format!("  {:>6} {} {}", row.rows, row.code, row.meaning));
    }
    if trial.rows.errors > 0 {
        listed(trial, complain);
    }
}

fn summary(trial: &Trial) -> String {
    let rows = &trial.rows;
    let renamed = if rows.renamed > 0 { format!(" ({} with a new username)", rows.renamed) } else { String::new() };
    format!(
        "{} would be set{renamed}, {} left as they are, {} with errors",
        counted(rows.ok, "password"),
        rows.skipped,
        rows.errors
    )
}

fn listed(trial: &Trial, to: fn(&str)) {
    if trial.listed.is_empty() {
        return;
    }
    for row in &trial.listed {
        to(&format!("  line {:>5}  {}  {}: {}", row.line, row.code, row.username, row.detail));
    }
    if trial.unlisted > 0 {
        to(&format!("  and {} more; --result FILE writes all of them", trial.unlisted));
    }
    to("");
}
