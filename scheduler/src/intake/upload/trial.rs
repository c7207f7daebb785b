//! The answer of a trial run, and the token that binds the upload to it.

use std::collections::BTreeMap;

use keybell_shared::codes::Code;
use keybell_shared::problem::Problem;
use keybell_shared::seal::hex;
use keybell_shared::upload::{Judged, Mark, UploadFile};
use sha2::{Digest, Sha256};

use super::judge::Finding;
use super::{Uploading, refusals};
use crate::intake::idempotency;

/// What an upload would do.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Binds the upload: to the file, to what is asked beside it, and to what was found out about every row.
    pub trial: String,
    /// Every row of the file, in its order.
    pub rows: Vec<Judged>,
}

/// How many rows would fare how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrialCounts {
    /// They would be done.
    pub ok: u64,
    /// Of them: how many accounts would get another username.
    pub renamed: u64,
    /// They would be left as they are.
    pub skipped: u64,
    /// They have an error.
    pub errors: u64,
}

impl Trial {
    /// Puts the answer together: for this file, or for the one that it was promised for.
    pub(super) fn of(mark: &Mark, findings: &[Finding], asked: &Uploading) -> Result<Self, Problem> {
        let mut hasher = Sha256::new();
        hasher.update(idempotency::fingerprint(asked)?);
        for Finding { judged, account } in findings {
            let whom = account.as_ref().map(|account| (account.id.0, account.version));
            let said = (judged.line, whom, judged.code.as_str(), &judged.new_username);
            hasher.update(format!("{said:?}\n"));
        }
        let trial = format!("{}-{}", mark.to_text(), hex(&hasher.finalize()));
        Ok(Self { trial, rows: findings.iter().map(|finding| finding.judged.clone()).collect() })
    }

    /// How many rows would fare how.
    #[must_use]
    pub fn counts(&self) -> TrialCounts {
        let mut counts = TrialCounts::default();
        for row in &self.rows {
            if row.code == Code::OK {
                counts.ok += 1;
                counts.renamed += u64::from(row.new_username.is_some());
            } else if row.is_error() {
                counts.errors += 1;
            } else {
                counts.skipped += 1;
            }
        }
        counts
    }

    /// How many rows have which code, in the order of the legend.
    #[must_use]
    pub fn by_code(&self) -> Vec<(Code, u64)> {
        let mut codes: BTreeMap<Code, u64> = BTreeMap::new();
        for row in &self.rows {
            *codes.entry(row.code).or_default() += 1;
        }
        codes.into_iter().collect()
    }
}

/// The mark of a file that is tried out.
pub(super) async fn mark(file: &UploadFile) -> Result<Mark, Problem> {
    blocking(&file.digest, |digest| Mark::of(&digest).ok_or_else(refusals::no_memory)).await
}

/// The mark of a file that is always the same under one name.
pub(super) async fn lasting(file: &UploadFile, name: &str) -> Result<Mark, Problem> {
    let salt = Sha256::digest(name);
    let mark = move |digest: String| Mark::with(&digest, salt.get(..16).unwrap_or_default());
    blocking(&file.digest, move |digest| mark(digest).ok_or_else(refusals::no_memory)).await
}

/// The mark in the answer of a trial run, if it is this file's.
pub(super) async fn same_file(promised: &str, file: &UploadFile) -> Result<Mark, Problem> {
    let is_whole = |found: &str| found.len() == 64 && found.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let parts = promised.split_once('-').filter(|(_, found)| is_whole(found));
    let read = parts.and_then(|(mark, _)| Mark::from_text(mark));
    let mark = read.ok_or_else(refusals::no_trial)?;
    blocking(&file.digest, |digest| if mark.fits(&digest) { Ok(mark) } else { Err(refusals::other_file()) }).await
}

async fn blocking<T: Send + 'static>(
    digest: &str,
    work: impl FnOnce(String) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let digest = digest.to_owned();
    tokio::task::spawn_blocking(move || work(digest)).await.unwrap_or_else(|_| Err(refusals::no_memory()))
}
