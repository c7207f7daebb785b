//! The log of one of our processes: what it writes to standard output and standard error, over all its starts.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};

/// How many lines are last words, and how much of each.
const LINES: usize = 6;
const WIDTH: usize = 300;
/// Where they are looked for: the end of the log. Everything is logged, so there is much else.
const END: u64 = 256 * 1024;

/// A log file that is only ever appended to.
pub(super) struct Log {
    path: PathBuf,
    /// Credentials in our processes' variables: they must not get from a log into a report.
    secrets: Vec<String>,
    /// Where what the present process says begins.
    mark: AtomicU64,
}

impl Log {
    pub(super) fn new(path: PathBuf, variables: &[(String, String)]) -> Self {
        Self { path, secrets: secrets(variables), mark: AtomicU64::new(0) }
    }

    /// For a process to write to.
    pub(super) fn open(&self) -> Result<Stdio> {
        let file = File::options().create(true).append(true).open(&self.path);
        file.map(Stdio::from).with_context(|| format!("the log {} cannot be opened", self.path.display()))
    }

    /// From here on another process writes.
    pub(super) fn mark(&self) {
        let length = std::fs::metadata(&self.path).map_or(0, |file| file.len());
        self.mark.store(length, Ordering::Relaxed);
    }

    /// What a person would look at first: the last lines since the mark that are more than a trace, without credentials.
    pub(super) fn last_words(&self) -> String {
        let Ok(text) = self.end() else { return format!("(the log {} cannot be read)", self.path.display()) };
        let lines: Vec<&str> = text.lines().filter(|line| is_word(line)).collect();
        let last = lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default();
        if last.is_empty() {
            return "(it said nothing)".to_owned();
        }
        last.iter().map(|line| self.cleaned(line)).collect::<Vec<_>>().join(" | ")
    }

    fn end(&self) -> std::io::Result<String> {
        let mut file = File::open(&self.path)?;
        let length = file.metadata()?.len();
        let from = self.mark.load(Ordering::Relaxed).max(length.saturating_sub(END));
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn cleaned(&self, line: &str) -> String {
        let clean = self.secrets.iter().fold(line.to_owned(), |line, secret| line.replace(secret, "[secret]"));
        clean.chars().take(WIDTH).collect()
    }
}

fn is_word(line: &str) -> bool {
    !line.trim().is_empty() && ![" TRACE ", " DEBUG "].iter().any(|level| line.contains(level))
}

/// Passwords among the values, and within the URLs among them.
fn secrets(variables: &[(String, String)]) -> Vec<String> {
    let of = |(name, value): &(String, String)| {
        let in_url = || {
            let (_, rest) = value.split_once("://")?;
            let (user, _) = rest.split_once('@')?;
            user.split_once(':').map(|(_, password)| password.to_owned())
        };
        if name.ends_with("PASSWORD") { Some(value.clone()) } else { in_url() }
    };
    // A short one would take too much with it, and is no secret.
    variables.iter().filter_map(of).filter(|secret| secret.len() >= 6).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_are_few_short_and_without_credentials() {
        let folder = tempfile::tempdir().expect("a folder");
        let variables = [
            ("KEYBELL_SMS__PASSWORD".to_owned(), "token-of-somebody".to_owned()),
            ("KEYBELL_AMQP_URL".to_owned(), "amqp://user:broker-word@127.0.0.1/%2f".to_owned()),
            ("KEYBELL_REDIS_URL".to_owned(), "redis://127.0.0.1".to_owned()),
        ];
        let log = Log::new(folder.path().join("x.log"), &variables);
        assert!(log.last_words().contains("cannot be read"));
        std::fs::write(&log.path, "x  INFO an earlier process\n").expect("a log");
        log.mark();
        assert_eq!(log.last_words(), "(it said nothing)");
        let much = "y".repeat(WIDTH * 2);
        let text = format!("x  INFO started\n\nx DEBUG much\nx TRACE more\ntoken-of-somebody {much}\nat broker-word\n");
        drop(log.open().expect("it opens"));
        let mut file = File::options().append(true).open(&log.path).expect("it opens");
        std::io::Write::write_all(&mut file, text.as_bytes()).expect("it is written");
        let words = log.last_words();
        assert!(words.starts_with("x  INFO started | [secret] yyy") && words.ends_with("y | at [secret]"), "{words}");
        assert!(words.len() < WIDTH + 60, "{words}");
    }
}
