//! Log lines go to standard error; results go to standard output.

use keybell_shared::config::Config;
use tracing_subscriber::EnvFilter;

/// Begins logging. Libraries that can log the bytes they send (mail bodies, frames) are capped, whatever is asked for.
pub(crate) fn begin(config: &Config, quiet: bool) {
    let wanted = if quiet && config.log == "info" { "warn" } else { config.log.as_str() };
    let mut filter = EnvFilter::try_new(wanted).unwrap_or_else(|_| EnvFilter::new("info"));
    for capped in [
        "lettre=info",
        "lapin=warn",
        "amq_protocol=warn",
        "hyper=info",
        "h2=info",
        "reqwest=info",
        "rustls=warn",
        "sqlx=warn",
    ] {
        if let Ok(directive) = capped.parse() {
            filter = filter.add_directive(directive);
        }
    }
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let begun = if config.log_json { builder.json().try_init() } else { builder.try_init() };
    // A second call, in tests, keeps the first one's choice.
    drop(begun);
}
