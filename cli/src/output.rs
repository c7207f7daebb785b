//! Writing results: tables that line up, or one JSON document.

use std::io::{IsTerminal as _, Write as _};

use serde::Serialize;

/// Writes lines to standard output. A reader that has gone away is no error.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).unwrap_or_default();
}

/// Writes lines to standard error: what happens meanwhile, and what went wrong.
pub(crate) fn complain(text: &str) {
    let mut out = std::io::stderr().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).unwrap_or_default();
}

/// Writes one JSON document to standard output.
pub(crate) fn say_json<T: Serialize>(value: &T) -> anyhow::Result<()> {
    say(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Asks a question that is answered with yes or no. Without a terminal the answer is no.
pub(crate) fn ask(question: &str) -> bool {
    if !std::io::stdin().is_terminal() {
        complain(&format!("{question} Nobody is here to answer; use --yes in scripts."));
        return false;
    }
    let mut out = std::io::stderr().lock();
    write!(out, "{question} [y/N] ").and_then(|()| out.flush()).unwrap_or_default();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).unwrap_or_default();
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// A table whose columns line up; numbers stand at the right.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(head.get(column).map(|cell| cell.chars().count())).max().unwrap_or_default()
    };
    let number = |column: usize| {
        let mut cells = rows.iter().filter_map(|row| row.get(column)).peekable();
        cells.peek().is_some() && cells.all(|cell| cell.chars().all(|c| c.is_ascii_digit()))
    };
    let columns: Vec<(usize, bool)> = (0..head.len()).map(|column| (width(column), number(column))).collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells
            .iter()
            .zip(&columns)
            .map(|(cell, (width, right))| if *right { format!("{cell:>width$}") } else { format!("{cell:<width$}") })
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(head.to_vec())];
    lines.push(columns.iter().map(|(width, _)| "─".repeat(*width)).collect::<Vec<_>>().join("  "));
    lines.extend(rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let text = table(&["what", "n"], &[vec!["told".into(), "7".into()], vec!["skipped".into(), "120".into()]]);
        assert_eq!(text, "what       n\n───────  ───\ntold       7\nskipped  120");
    }
}
