//! The answer of a trial run, as version 1 of the API writes it.

use keybell_scheduler::intake::{Trial, TrialCounts};
use keybell_shared::codes::Code;
use keybell_shared::upload::{Judged, UploadFile};
use serde::Serialize;
use utoipa::ToSchema;

/// Rows that an answer lists; the result file has all of them.
const LISTED: usize = 200;

/// What an upload of the file would do.
#[derive(Serialize, ToSchema)]
pub(super) struct UploadTrial {
    /// Binds the upload to the file, to the rules, and to what was found out about every row.
    #[schema(pattern = "^[0-9a-f]{64}-[0-9a-f]{64}$")]
    trial: String,
    file: TriedFile,
    rows: RowCounts,
    /// How many rows have which code.
    codes: Vec<RowsWith>,
    /// The rows that would not be done, in their order; the first 200.
    listed: Vec<TriedRow>,
    /// How many more there are; the result file has all of them.
    #[schema(minimum = 0)]
    unlisted: u64,
}

/// The file as it was read.
#[derive(Serialize, ToSchema)]
pub(super) struct TriedFile {
    /// What it was taken for.
    #[schema(example = "CSV, UTF-8, commas")]
    kind: String,
    /// What is odd about it and does no harm.
    warnings: Vec<String>,
}

/// How the rows would fare.
#[derive(Serialize, ToSchema)]
pub(super) struct RowCounts {
    /// All; always `ok`, `skipped` and `errors` together.
    #[schema(minimum = 0)]
    total: u64,
    /// They would be done.
    #[schema(minimum = 0)]
    ok: u64,
    /// Of them: accounts that would get another username.
    #[schema(minimum = 0)]
    renamed: u64,
    /// Their accounts would be left as they are.
    #[schema(minimum = 0)]
    skipped: u64,
    /// They have an error; one is enough to stop the whole upload, unless that is allowed.
    #[schema(minimum = 0)]
    errors: u64,
}

/// How many rows have a code.
#[derive(Serialize, ToSchema)]
pub(super) struct RowsWith {
    code: Code,
    /// In plain words.
    meaning: &'static str,
    /// How many.
    #[schema(minimum = 0)]
    rows: u64,
}

/// A row that would not be done.
#[derive(Serialize, ToSchema)]
pub(super) struct TriedRow {
    /// Its line; the header is line 1.
    #[schema(minimum = 1)]
    line: u64,
    /// The username of today; as the row writes it where it means nobody.
    username: String,
    code: Code,
    /// What the code means.
    meaning: &'static str,
    /// What is wrong here, and what to do.
    detail: String,
}

impl UploadTrial {
    pub(super) fn new(file: UploadFile, trial: Trial) -> Self {
        let TrialCounts { ok, renamed, skipped, errors } = trial.counts();
        let codes = trial.by_code().into_iter();
        let left = || trial.rows.iter().filter(|row| row.code != Code::OK);
        let listed: Vec<TriedRow> = left().take(LISTED).map(TriedRow::from).collect();
        Self {
            file: TriedFile { kind: file.kind, warnings: file.warnings },
            rows: RowCounts { total: ok + skipped + errors, ok, renamed, skipped, errors },
            codes: codes.map(|(code, rows)| RowsWith { code, meaning: code.meaning(), rows }).collect(),
            unlisted: left().count().saturating_sub(listed.len()) as u64,
            listed,
            trial: trial.trial,
        }
    }
}

impl From<&Judged> for TriedRow {
    fn from(row: &Judged) -> Self {
        Self {
            line: row.line,
            username: row.username.clone(),
            code: row.code,
            meaning: row.code.meaning(),
            detail: row.detail.clone(),
        }
    }
}
