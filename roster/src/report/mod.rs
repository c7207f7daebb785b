//! What became of every row of a roster.

mod table;

use std::borrow::Cow;
use std::fmt;
use std::ops::AddAssign;

use serde::Serialize;

use crate::code::RowCode;
use crate::recognise::Format;

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
    /// Neither in nor out: what they refer to may be in the district, which is not asked when a roster of changes is only
    /// looked at. Always 0 in an import.
    pub unjudged: u64,
    /// Warnings; their rows are in.
    pub warnings: u64,
}

impl Counts {
    /// Whether every row that was read has exactly one fate.
    #[must_use]
    pub const fn add_up(&self) -> bool {
        self.read == self.created + self.updated + self.unchanged + self.inactive + self.rejected + self.unjudged
    }

    /// The last one is shown only where there is anything in it.
    const fn cells(&self) -> [u64; 8] {
        let Self { read, created, updated, unchanged, inactive, rejected, unjudged, warnings } = *self;
        [read, created, updated, unchanged, inactive, rejected, warnings, unjudged]
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
        self.unjudged += more.unjudged;
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
    /// What the roster is.
    pub format: Format,
    /// The OneRoster version, as the manifest writes it; empty for other formats.
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
    pub(crate) fn new(format: Format, version: String) -> Self {
        Self {
            format,
            version,
            district_name: None,
            files: Vec::new(),
            total: Counts::default(),
            not_needed: Vec::new(),
            problems: Vec::new(),
            problems_left_out: 0,
        }
    }

    /// What the roster is, in one line.
    #[must_use]
    pub fn title(&self) -> String {
        crate::inspect::title(self.format, &self.version)
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
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
