//! The file, and the rules that go with it in the query.

use std::path::Path;

use anyhow::Result;
use zeroize::Zeroizing;

use crate::args::{Filled, Schedule};
use crate::desk::Ask;
use crate::outcome::Exit;

/// The largest file that is sent, in bytes: what a server reads.
const MAX_BYTES: u64 = keybell_roster::upload::MAX_BYTES as u64;

/// The bytes of a file with passwords; wiped when they are dropped.
pub(super) struct File(Zeroizing<Vec<u8>>);

impl File {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let wrong = |why: String| Exit::Usage.because(format!("{}: {why}", path.display()));
        let length = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?.len();
        if length > MAX_BYTES {
            return Err(wrong(format!("the file has more than {MAX_BYTES} bytes; split it")));
        }
        Ok(Self(Zeroizing::new(std::fs::read(path).map_err(|error| wrong(error.to_string()))?)))
    }

    /// Sends it to this path.
    pub(super) fn with<'a>(&self, path: &'a str) -> Ask<'a> {
        // What it is, its bytes say.
        Ask::post(path).with_media(self.0.clone(), "application/octet-stream")
    }
}

/// The rules, as parameters; only those that were said.
pub(super) fn rules(asked: &Filled) -> Vec<(&'static str, String)> {
    let mut rules = vec![("reason", asked.reason.clone())];
    let said = [
        ("policy", asked.policy.map(|policy| policy.as_str().to_owned())),
        ("temporary", asked.temporary.then(|| "true".to_owned())),
        ("expires_in_hours", asked.expires_in_hours.map(|hours| hours.to_string())),
        ("clear_security_questions", asked.clear_security_questions.then(|| "true".to_owned())),
        ("mode", asked.mode.clone()),
        ("delivery", asked.delivery.clone()),
        ("notify", asked.notify.clone()),
        ("channel", asked.channel.clone()),
        ("recipient", asked.recipient.clone()),
        ("unreachable", asked.unreachable.clone()),
    ];
    rules.extend(said.into_iter().filter_map(|(name, value)| Some((name, value?))));
    rules
}

/// When it begins, and in which parts, as parameters.
pub(super) fn schedule(asked: &Schedule) -> impl Iterator<Item = (&'static str, String)> {
    let said = [
        ("start_at", asked.start_at.clone()),
        ("zone", asked.zone.clone()),
        ("wave_by", asked.wave_by.clone()),
        ("canary", asked.canary.map(|accounts| accounts.to_string())),
        ("halt_above_percent", asked.halt_above.map(|percent| percent.to_string())),
    ];
    said.into_iter().filter_map(|(name, value)| Some((name, value?)))
}
