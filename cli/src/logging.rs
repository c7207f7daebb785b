//! Log lines go to standard error; results go to standard output.

use std::io::IsTerminal as _;

use anyhow::Result;
use keybell_shared::config::Config;
use keybell_shared::trace::TARGET;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::telemetry;

/// Libraries that can log the bytes they send (mail bodies, frames, even the broker's password), and the most that each
/// may say, whatever is asked for.
const CAPS: [(&str, &str); 9] = [
    ("lettre", "info"),
    // Its errors repeat, less clearly, what our own supervisor says.
    ("lapin", "off"),
    ("amq_protocol", "warn"),
    ("sqlx", "warn"),
    ("hyper", "info"),
    ("h2", "info"),
    ("reqwest", "info"),
    ("rustls", "warn"),
    ("opentelemetry", "warn"),
];

/// Begins logging, and recording spans if that is configured. A service tells what it does, a command only what goes
/// wrong.
pub(crate) fn begin(config: &Config, quiet: bool) -> Result<()> {
    let wanted = if quiet && config.log == "info" { "warn" } else { config.log.as_str() };
    let filter = EnvFilter::try_new(capped(wanted)).unwrap_or_else(|_| EnvFilter::new(capped("info")));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    let lines = if config.log_json { lines.json().boxed() } else { lines.boxed() };
    // A command that does the work itself is a Keybell too.
    let spans = telemetry::layer(&config.tracing, "keybell")?;
    let begun = tracing_subscriber::registry().with(spans).with(lines.with_filter(filter)).try_init();
    // A second call, in tests, keeps the first one's choice.
    drop(begun);
    Ok(())
}

/// What was asked for, less every wish about a capped library, and the caps.
fn capped(wanted: &str) -> String {
    let of_a_capped_library = |wish: &str| CAPS.iter().any(|(library, _)| wish.trim().starts_with(library));
    let wishes = wanted.split(',').filter(|wish| !of_a_capped_library(wish)).map(str::to_owned);
    let caps = CAPS.iter().map(|(library, level)| format!("{library}={level}"));
    // Spans of ours show which request, task and trace a line belongs to, also when only warnings are wanted.
    let spans = format!("{TARGET}=info");
    wishes.chain(caps).chain([spans]).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_wish_passes_a_cap() {
        let filter = capped("trace,lapin::channel=trace, lettre=debug");
        assert!(filter.starts_with("trace,lettre=info,lapin=off"), "{filter}");
        assert!(!filter.contains("channel") && EnvFilter::try_new(&filter).is_ok());
    }
}
