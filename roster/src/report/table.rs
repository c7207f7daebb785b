//! The report for a terminal.

use std::fmt::{self, Write};
use std::iter;

use super::{Counts, FileReport, Outcome, Problem, Report};

/// How many problems are shown.
const SHOWN: usize = 20;

impl Report {
    /// The report for a terminal: one line per file, the total, and the first problems, those with rows or files
    /// left out before the warnings.
    #[must_use]
    pub fn table(&self) -> String {
        const HEAD: [&str; 9] =
            ["file", "read", "created", "updated", "unchanged", "inactive", "rejected", "warnings", "not judged"];
        let columns = if self.total.unjudged > 0 { HEAD.len() } else { HEAD.len() - 1 };
        let rows = self.files.iter().map(|file| (name_of(file), &file.counts));
        let rows: Vec<(String, &Counts)> = rows.chain(iter::once(("total".to_owned(), &self.total))).collect();
        let first = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max(4);
        let mut out = String::new();
        let mut line = |name: &str, cells: &[String]| {
            let cells: String =
                HEAD.iter().take(columns).skip(1).zip(cells).fold(String::new(), |line, (head, cell)| {
                    line + &format!("  {cell:>width$}", width = head.len().max(8))
                });
            push_line(&mut out, format_args!("{name:<first$}{cells}"));
        };
        line("file", &HEAD.iter().skip(1).map(ToString::to_string).collect::<Vec<_>>());
        for (name, counts) in &rows {
            line(name, &counts.cells().map(|count| count.to_string()));
        }
        if !self.not_needed.is_empty() {
            push_line(&mut out, format_args!("not needed: {}", self.not_needed.join(", ")));
        }
        self.push_problems(&mut out);
        out
    }

    fn push_problems(&self, out: &mut String) {
        let mut order: Vec<&Problem> = self.problems.iter().collect();
        order.sort_by_key(|problem| problem.effect);
        if !order.is_empty() {
            out.push('\n');
        }
        for problem in order.iter().take(SHOWN) {
            push_line(out, format_args!("{problem}"));
        }
        let more = u64::try_from(order.len().saturating_sub(SHOWN)).unwrap_or(u64::MAX) + self.problems_left_out;
        if more > 0 {
            push_line(out, format_args!("and {more} more"));
        }
    }
}

fn name_of(file: &FileReport) -> String {
    match file.outcome {
        Outcome::Read => file.file.to_string(),
        Outcome::Broken => format!("{} (broken)", file.file),
        Outcome::Refused => format!("{} (refused)", file.file),
    }
}

fn push_line(out: &mut String, line: fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    if out.write_fmt(line).is_ok() {
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Effect, KEPT};
    use super::*;
    use crate::code::RowCode;
    use crate::recognise::Format;

    fn problem(line: u64, code: RowCode, effect: Effect) -> Problem {
        Problem {
            file: "users.csv".into(),
            line,
            column: Some("email".into()),
            code,
            effect,
            reason: "there is no @".into(),
            shape: Some("9 letters".to_owned()),
        }
    }

    #[test]
    fn the_table_is_aligned_and_shows_what_was_left_out_first() {
        let mut report = Report::new(Format::OneRoster, "1.1".to_owned());
        report.file("enrollments.csv").counts = Counts { read: 12, created: 12, ..Counts::default() };
        report.file("users.csv").counts = Counts { read: 3, created: 2, ..Counts::default() };
        report.note(problem(17, RowCode::W01, Effect::Warning));
        report.note(problem(18, RowCode::E12, Effect::Row));
        report.finish();
        let table = report.table();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[0], "file                 read   created   updated  unchanged  inactive  rejected  warnings");
        assert_eq!(lines[2], "users.csv               3         2         0          0         0         1         1");
        assert_eq!(lines[3], "total                  15        14         0          0         0         1         1");
        assert_eq!(lines[5], "users.csv:18 email E12 there is no @ (9 letters)");
        assert_eq!(lines[6], "users.csv:17 email W01 there is no @ (9 letters)");
        assert!(report.total.add_up());
    }

    #[test]
    fn problems_beyond_the_bound_are_counted() {
        let mut report = Report::new(Format::OneRoster, "1.1".to_owned());
        for line in 0..KEPT as u64 + 3 {
            report.note(problem(line, RowCode::E12, Effect::Row));
        }
        assert_eq!((report.problems.len(), report.problems_left_out), (KEPT, 3));
        assert!(report.table().ends_with(&format!("and {} more\n", KEPT - SHOWN + 3)));
    }
}
