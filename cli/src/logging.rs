//! Log lines go to standard error; results go to standard output.

use std::io::IsTerminal as _;

use keybell_shared::config::Config;
use tracing_subscriber::EnvFilter;

/// Libraries that can log the bytes they send (mail bodies, frames, even the broker's password), and the most that each
/// may say, whatever is asked for.
const CAPS: [(&str, &str); 8] = [
    ("lettre", "info"),
    // Its errors repeat, less clearly, what our own supervisor says.
    ("lapin", "off"),
    ("amq_protocol", "warn"),
    ("sqlx", "warn"),
    ("hyper", "info"),
    ("h2", "info"),
    ("reqwest", "info"),
    ("rustls", "warn"),
];

/// Begins logging. A service tells what it does, a command only what goes wrong.
pub(crate) fn begin(config: &Config, quiet: bool) {
    let wanted = if quiet && config.log == "info" { "warn" } else { config.log.as_str() };
    let filter = EnvFilter::try_new(capped(wanted)).unwrap_or_else(|_| EnvFilter::new(capped("info")));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    let begun = if config.log_json { builder.json().try_init() } else { builder.try_init() };
    // A second call, in tests, keeps the first one's choice.
    drop(begun);
}

/// What was asked for, less every wish about a capped library, and the caps.
fn capped(wanted: &str) -> String {
    let of_a_capped_library = |wish: &str| CAPS.iter().any(|(library, _)| wish.trim().starts_with(library));
    let wishes = wanted.split(',').filter(|wish| !of_a_capped_library(wish)).map(str::to_owned);
    let caps = CAPS.iter().map(|(library, level)| format!("{library}={level}"));
    wishes.chain(caps).collect::<Vec<_>>().join(",")
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
