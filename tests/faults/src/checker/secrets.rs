//! Invariant 10: no password, key or credential lies anywhere in clear, in any usual encoding.
//!
//! One pass over every file of the servers, the logs and the captured answers looks for all secrets in all encodings at
//! once. Before it, a canary is written in each encoding: a pass that does not find it is blind, and says so.
//!
//! What it cannot see: text that PostgreSQL compressed (values above about 2 KiB), that a server encrypted, or that was
//! overwritten before the pass. The journals of the mail server and the SMS provider are in memory and no file.

mod canary;
mod encodings;
mod scan;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::{Case, Finding};
use crate::evidence::Secret;
use canary::Canary;
use encodings::Encoding;
use scan::{Place, Scanner};

/// Shorter secrets are not looked for: in gigabytes of anything they are found by accident. All that Keybell draws, and
/// all that the harness gives it, is longer; a shorter one is a mistake of the harness and reported.
///
/// Eight bytes are at least ten characters of base64 and sixteen of hexadecimal, so that this is long enough for the
/// derived encodings, too.
const SHORTEST: usize = 8;

/// What a secret is, in the report. The secret itself is never in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// A password that somebody was told.
    Password,
    /// Another secret, by its name.
    Named(String),
    Canary,
}

impl What {
    fn text(&self) -> &str {
        match self {
            Self::Password => "a password that was told",
            Self::Named(name) => name,
            Self::Canary => "the canary",
        }
    }
}

pub(crate) async fn check(case: &Case<'_>) -> Finding {
    let mut finding = Finding::new(10, "no secret lies anywhere in clear");
    let evidence = case.evidence;
    let passwords: BTreeSet<&String> =
        evidence.messages.iter().filter_map(|message| message.password.as_ref()).collect();
    let mut secrets: Vec<(What, String)> =
        passwords.into_iter().map(|password| (What::Password, password.clone())).collect();
    secrets.extend(evidence.secrets.iter().map(|Secret { name, value }| (What::Named(name.clone()), value.clone())));
    let (folders, spared) = (evidence.folders.clone(), evidence.spared.clone());
    let processes = evidence.processes.clone();
    let looked = tokio::task::spawn_blocking(move || look(secrets, &folders, &spared, &processes)).await;
    match looked.context("the scan panicked").and_then(|looked| looked) {
        Ok(Looked { files, violations }) => {
            finding.checked = files;
            finding.violations = violations;
        }
        Err(error) => finding.violations.push(format!("the scan is blind: {error:#}")),
    }
    finding
}

/// What the pass found.
struct Looked {
    files: u64,
    violations: Vec<String>,
}

fn look(mut secrets: Vec<(What, String)>, folders: &[PathBuf], spared: &[PathBuf], processes: &[u8]) -> Result<Looked> {
    let mut violations: Vec<String> = Vec::new();
    secrets.retain(|(what, value)| {
        let long = value.len() >= SHORTEST;
        if !long {
            violations.push(format!("{} has fewer than {SHORTEST} bytes and cannot be looked for", what.text()));
        }
        long
    });
    let Some(first) = folders.first() else { return Ok(Looked { files: 0, violations }) };
    let canary = Canary::put(first)?;
    secrets.push((What::Canary, canary.text().to_owned()));
    let scanner = Scanner::new(&secrets)?;
    let seen = scanner.files(folders, spared);
    violations.extend(seen.unread);
    let mut hits = seen.hits;
    // An environment holds credentials by design.
    let within = scanner.bytes(processes).into_iter().filter(|(hit, _)| hit.what == What::Password);
    hits.extend(within);

    let mut found: BTreeSet<Encoding> = BTreeSet::new();
    let mut across_chunks = false;
    for (hit, places) in hits {
        if hit.what == What::Canary && hit.place == Place::File(canary.file().to_owned()) {
            found.insert(hit.encoding);
            across_chunks |= places.last >= canary.straddles_at();
        } else {
            let times = if places.count == 1 { String::new() } else { format!(", {} times", places.count) };
            let (what, place, encoding) = (hit.what.text(), hit.place.short(folders), hit.encoding.name());
            violations.push(format!("{what} in {place}, {encoding}, at byte {}{times}", places.first));
        }
    }
    let missed: Vec<&str> = Encoding::ALL.iter().filter(|one| !found.contains(one)).map(|one| one.name()).collect();
    if !missed.is_empty() {
        violations.push(format!("the scan is blind: it did not find the canary in {}", missed.join(", ")));
    }
    if !across_chunks {
        violations.push("the scan is blind: it did not find the canary that lies across two chunks".to_owned());
    }
    Ok(Looked { files: seen.files, violations })
}

/// Where a kind of secret was found in one encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Places {
    first: u64,
    last: u64,
    count: u64,
}

/// Hits of the same kind in the same file are one line of the report.
type Hits = BTreeMap<scan::Hit, Places>;

#[cfg(test)]
#[path = "secrets/tests.rs"]
mod tests;
