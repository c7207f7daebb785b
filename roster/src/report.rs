//! What became of every row of a roster.

use std::borrow::Cow;
use std::fmt::Write;
use std::iter;
use std::ops::AddAssign;

use serde::Serialize;

use crate::code::RowCode;

/// How many problems [`Report::table`] shows.
const SHOWN: usize = 20;
/// How many problems a report keeps one by one; more are only counted. Bounds the memory that a wrong file can take.
const KEPT: usize = 200_000;

/// How many rows had which fate. `read` is the sum of all fates; warnings are counted apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Rows that were read; blank lines and the header are none.
    pub read: u64,
    /// New in the ledger.
    pub created: u64,
    /// Changed something.
    pub updated: u64,
    /// Known already, or nothing that the ledger keeps (a district's own row in `orgs.csv`).
    pub unchanged: u64,
    /// Made or found inactive.
    pub inactive: u64,
    /// Left out; each has a problem with its code.
    pub rejected: u64,
    /// Warnings; their rows are in.
    pub warnings: u64,
}

impl Counts {
    /// Whether every row that was read has exactly one fate.
    #[must_use]
    pub const fn add_up(&self) -> bool {
        self.read == self.created + self.updated + self.unchanged + self.inactive + self.rejected
    }

    const fn cells(&self) -> [u64; 7] {
        [self.read, self.created, self.updated, self.unchanged, self.inactive, self.rejected, self.warnings]
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.read += more.read;
        self.created += more.created;
        self.updated += more.updated;
        self.unchanged += more.unchanged;
        self.inactive += more.inactive;
        self.rejected += more.rejected;
        self.warnings += more.warnings;
    }
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was read to its end.
    Read,
    /// It could be read only up to some line; what came before is in.
    Broken,
    /// It was not read; a problem says why.
    Refused,
}

/// One file of the roster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// Its name.
    pub file: Cow<'static, str>,
    /// What became of it.
    pub outcome: Outcome,
    /// What became of its rows.
    pub counts: Counts,
}

/// What a problem did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The file was not read, or not to its end.
    File,
    /// The row was left out.
    Row,
    /// Nothing was left out but what the code says.
    Warning,
}

/// One thing that is wrong with the roster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file.
    pub file: Cow<'static, str>,
    /// The line where the row starts, from 1, as an editor counts; 0 for the file as a whole.
    pub line: u64,
    /// The column, as the standard spells it.
    pub column: Option<Cow<'static, str>>,
    /// The code.
    pub code: RowCode,
    /// What it did.
    pub effect: Effect,
    /// What is wrong, in words.
    pub reason: Cow<'static, str>,
    /// What the value looks like, where that helps; never the value.
    pub shape: Option<String>,
}

/// What an import did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The OneRoster version, as the manifest writes it.
    pub version: String,
    /// The district's name, if `orgs.csv` tells it.
    pub district_name: Option<String>,
    /// The files that hold people, schools, classes and enrolments, in the order of reading.
    pub files: Vec<FileReport>,
    /// The sum over all files.
    pub total: Counts,
    /// Files that are there but not needed; they were not opened.
    pub not_needed: Vec<String>,
    /// What is wrong, in the order of finding.
    pub problems: Vec<Problem>,
    /// How many more problems there are than `problems` could keep.
    pub problems_left_out: u64,
}

impl Report {
    pub(crate) fn new(version: String) -> Self {
        Self {
            version,
            district_name: None,
            files: Vec::new(),
            total: Counts::default(),
            not_needed: Vec::new(),
            problems: Vec::new(),
            problems_left_out: 0,
        }
    }

    /// Whether every file was read and no row was left out.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.total.rejected == 0 && self.files.iter().all(|file| file.outcome == Outcome::Read)
    }

    /// The counts of a file, which appears in the report from now on.
    pub(crate) fn file(&mut self, name: &str) -> &mut FileReport {
        let at = self.files.iter().position(|known| known.file == name).unwrap_or_else(|| {
            let file = Cow::Owned(name.to_owned());
            self.files.push(FileReport { file, outcome: Outcome::Read, counts: Counts::default() });
            self.files.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "the position was found, or pushed, just above")]
        &mut self.files[at]
    }

    /// Keeps a problem and counts it.
    pub(crate) fn note(&mut self, problem: Problem) {
        let counts = &mut self.file(&problem.file).counts;
        match problem.effect {
            Effect::Row => counts.rejected += 1,
            Effect::Warning => counts.warnings += 1,
            Effect::File => {}
        }
        if self.problems.len() < KEPT {
            self.problems.push(problem);
        } else {
            self.problems_left_out += 1;
        }
    }

    /// Adds up the total.
    pub(crate) fn finish(&mut self) {
        self.total = Counts::default();
        for file in &self.files {
            self.total += file.counts;
        }
    }

    /// The report for a terminal: one line per file, the total, and the first problems, those with rows or files
    /// left out before the warnings.
    #[must_use]
    pub fn table(&self) -> String {
        const HEAD: [&str; 8] = ["file", "read", "created", "updated", "unchanged", "inactive", "rejected", "warnings"];
        let rows = self.files.iter().map(|file| (name_of(file), &file.counts));
        let rows: Vec<(String, &Counts)> = rows.chain(iter::once(("total".to_owned(), &self.total))).collect();
        let first = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max(4);
        let mut out = String::new();
        let mut line = |name: &str, cells: &[String]| {
            let cells: String = HEAD.iter().skip(1).zip(cells).fold(String::new(), |line, (head, cell)| {
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

fn push_line(out: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    if out.write_fmt(line).is_ok() {
        out.push('\n');
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if let Some(column) = &self.column {
            write!(f, " {column}")?;
        }
        write!(f, " {} {}", self.code, self.reason)?;
        self.shape.as_ref().map_or(Ok(()), |shape| write!(f, " ({shape})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let mut report = Report::new("1.1".to_owned());
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
        let mut report = Report::new("1.1".to_owned());
        for line in 0..KEPT as u64 + 3 {
            report.note(problem(line, RowCode::E12, Effect::Row));
        }
        assert_eq!((report.problems.len(), report.problems_left_out), (KEPT, 3));
        assert!(report.table().ends_with(&format!("and {} more\n", KEPT - SHOWN + 3)));
    }
}
