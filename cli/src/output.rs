//! Writing results: tables that line up, or one JSON document.

pub(crate) mod colour;
pub(crate) mod table;

use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::sync::OnceLock;

use serde::Serialize;

use table::{Cell, Column};

/// Why standard output could not be written, if it could not.
static LOST: OnceLock<String> = OnceLock::new();

/// Writes lines to standard output. A reader that has gone away is no error; a full disk is one, see [`lost`].
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush())
        && error.kind() != ErrorKind::BrokenPipe
    {
        LOST.get_or_init(|| error.to_string());
    }
}

/// Why something that was said did not arrive: a key that is shown once must not be lost with a good exit code.
pub(crate) fn lost() -> Option<&'static str> {
    LOST.get().map(String::as_str)
}

/// Writes lines to standard error: what happens meanwhile, and what went wrong.
pub(crate) fn complain(text: &str) {
    let mut out = std::io::stderr().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).unwrap_or_default();
}

/// A text as wide as the terminal: its lines are put together to paragraphs and broken again. A numbered paragraph
/// stands beside its number.
pub(crate) fn folded(text: &str) -> String {
    let width = colour::width().unwrap_or(usize::MAX);
    let mut paragraphs: Vec<String> = Vec::new();
    for line in text.lines() {
        match paragraphs.last_mut() {
            Some(paragraph) if line.starts_with(' ') && !paragraph.is_empty() => {
                paragraph.push(' ');
                paragraph.push_str(line.trim_start());
            }
            _ => paragraphs.push(line.to_owned()),
        }
    }
    let lines = paragraphs.iter().flat_map(|paragraph| {
        let numbered = paragraph.split_once(". ").is_some_and(|(number, _)| number.bytes().all(|b| b.is_ascii_digit()));
        let indent = if numbered { "   " } else { "" };
        let lines = table::wrap(paragraph, width.saturating_sub(indent.len()).max(20));
        lines.into_iter().enumerate().map(move |(n, line)| if n == 0 { line } else { format!("{indent}{line}") })
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Writes one JSON document to standard output.
pub(crate) fn say_json<T: Serialize + ?Sized>(value: &T) -> anyhow::Result<()> {
    say(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Writes a table to standard output, as wide as the terminal.
pub(crate) fn say_table(columns: &[Column], rows: &[Vec<Cell>]) {
    say(&table::render(columns, rows, colour::width(), colour::on_stdout()));
}

/// Asks a question that is answered with yes or no. Without a terminal the answer is no.
pub(crate) fn ask(question: &str) -> bool {
    ask_or(question, "--yes")
}

/// As [`ask`], where scripts need to say `instead`.
pub(crate) fn ask_or(question: &str, instead: &str) -> bool {
    if !std::io::stdin().is_terminal() {
        complain(&format!("{question} Nobody is here to answer; in scripts use {instead}."));
        return false;
    }
    let mut out = std::io::stderr().lock();
    write!(out, "{question} [y/N] ").and_then(|()| out.flush()).unwrap_or_default();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).unwrap_or_default();
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// A table whose columns line up; numbers stand at the right, and the last column may be broken into lines.
pub(crate) fn table(head: &[&'static str], rows: &[Vec<String>]) -> String {
    let number = |column: usize| {
        let mut cells = rows.iter().filter_map(|row| row.get(column)).peekable();
        cells.peek().is_some() && cells.all(|cell| cell.chars().all(|c| c.is_ascii_digit()))
    };
    let last = head.len().saturating_sub(1);
    let column = |(index, head): (usize, &&'static str)| match number(index) {
        true => table::numbers(head),
        false if index == last => table::text(head),
        false => table::words(head),
    };
    let columns: Vec<Column> = head.iter().enumerate().map(column).collect();
    let cells: Vec<Vec<Cell>> =
        rows.iter().map(|row| row.iter().map(|text| Cell::from(text.as_str())).collect()).collect();
    table::render(&columns, &cells, colour::width(), colour::on_stdout())
}
