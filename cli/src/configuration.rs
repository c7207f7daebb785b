//! Reading the configuration: defaults ← `keybell.toml` ← environment. The only home of `std::env`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use keybell_shared::config::{Config, RunMode};
use secrecy::{ExposeSecret as _, SecretString};

/// Variables that stand for a field without the `SECTION__FIELD` form, because everybody writes them so.
const SHORT: [(&str, &str); 7] = [
    ("KEYBELL_MODE", "mode"),
    ("KEYBELL_FOLDER", "folder"),
    ("KEYBELL_LOG", "log"),
    ("KEYBELL_LOG_JSON", "log_json"),
    ("KEYBELL_DATABASE_URL", "database.url"),
    ("KEYBELL_AMQP_URL", "broker.url"),
    ("KEYBELL_REDIS_URL", "redis.url"),
];

/// The commented defaults, for `keybell config`.
pub(crate) const DEFAULTS: &str = include_str!("../keybell.default.toml");

/// Reads the configuration.
///
/// Without `file`, `keybell.toml` of the working folder is read if there is one. Every error names the field or file.
pub(crate) fn load(file: Option<&Path>) -> Result<Config> {
    let mut builder = config::Config::builder();
    let file = file.map(Path::to_owned).or_else(|| {
        let usual = PathBuf::from("keybell.toml");
        usual.exists().then_some(usual)
    });
    if let Some(path) = &file {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the configuration file {} cannot be read", path.display()))?;
        let text = text.trim_start_matches('\u{feff}').to_owned();
        builder = builder.add_source(config::File::from_str(&text, config::FileFormat::Toml));
    }
    for (field, value) in environment() {
        builder = builder.set_override(field, value)?;
    }
    let place = || file.as_ref().map_or_else(|| "the environment".to_owned(), |path| path.display().to_string());
    let mut read: Config = builder
        .build()
        .and_then(config::Config::try_deserialize)
        .map_err(|error| anyhow!("configuration ({}): {}", place(), in_words(&without_source(&error.to_string()))))?;
    read_secret_files(&mut read)?;
    read.check().map_err(|error| anyhow!("configuration: {error}"))?;
    Ok(read)
}

/// An error without the line of the file that it quotes: that line may hold a password.
fn without_source(error: &str) -> String {
    let quoted = |line: &str| {
        let before = line.split_once('|').map(|(before, _)| before.trim());
        before.is_some_and(|before| before.chars().all(|c| c.is_ascii_digit()))
    };
    error.lines().filter(|line| !quoted(line)).collect::<Vec<_>>().join(" ")
}

/// The words of each field that takes one of a few.
const WORDS: [(&str, &str); 3] =
    [("RunMode", "embedded, cluster"), ("EmailSender", "folder, smtp"), ("SmsSender", "folder, http")];

/// An unknown word is answered with the known ones.
fn in_words(error: &str) -> String {
    let parts = error.strip_prefix("enum ").and_then(|rest| {
        let (kind, rest) = rest.split_once(" does not have variant constructor ")?;
        let (word, field) = rest.split_once(" for key ")?;
        let (_, words) = WORDS.iter().find(|(name, _)| *name == kind)?;
        Some(format!("{}: `{word}` is not one of {words}", field.trim_matches('`')))
    });
    parts.unwrap_or_else(|| error.to_owned())
}

/// The fields that the environment sets. Other `KEYBELL_…` variables (of the tests, of the scripts) are not ours.
fn environment() -> Vec<(String, String)> {
    let mut fields = Vec::new();
    for (name, value) in std::env::vars_os() {
        // What is no text is nobody's configuration.
        let (Ok(name), Ok(value)) = (name.into_string(), value.into_string()) else { continue };
        if let Some((_, field)) = SHORT.iter().find(|(short, _)| *short == name) {
            fields.push(((*field).to_owned(), value));
        } else if let Some(rest) = name.strip_prefix("KEYBELL_")
            && let Some((section, field)) = rest.split_once("__")
        {
            fields.push((format!("{}.{}", section.to_lowercase(), field.to_lowercase()), value));
        }
    }
    fields
}

fn read_secret_files(config: &mut Config) -> Result<()> {
    for (field, path, secret) in [
        ("email.password_file", &config.email.password_file, &mut config.email.password),
        ("sms.password_file", &config.sms.password_file, &mut config.sms.password),
    ] {
        if path.as_os_str().is_empty() {
            continue;
        }
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("configuration: {field}: {} cannot be read", path.display()))?;
        *secret = SecretString::from(text.trim_end_matches(['\r', '\n']));
    }
    Ok(())
}

/// The variable's text, if it is set and not empty.
#[expect(clippy::disallowed_methods, reason = "this file is the environment's one home")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Where the keys lie.
pub(crate) fn keys_folder(config: &Config) -> PathBuf {
    if config.keys.folder.as_os_str().is_empty() { config.folder.join("keys") } else { config.keys.folder.clone() }
}

/// Where the folder senders write: the configured folder, or `outbox` in the data folder.
pub(crate) fn outbox(config: &Config, configured: &Path) -> PathBuf {
    if configured.as_os_str().is_empty() { config.folder.join("outbox") } else { configured.to_owned() }
}

/// The fields that must be set before a cluster can be reached, with the variables that set them.
pub(crate) fn missing_for_cluster(config: &Config) -> Vec<&'static str> {
    [
        ("KEYBELL_DATABASE_URL", &config.database.url),
        ("KEYBELL_AMQP_URL", &config.broker.url),
        ("KEYBELL_REDIS_URL", &config.redis.url),
    ]
    .into_iter()
    .filter(|(_, url)| url.expose_secret().is_empty())
    .map(|(name, _)| name)
    .collect()
}

/// The mode in plain words.
pub(crate) const fn mode_name(mode: RunMode) -> &'static str {
    match mode {
        RunMode::Embedded => "embedded",
        RunMode::Cluster => "cluster",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_word_is_answered_with_the_known_ones() {
        let error = "enum RunMode does not have variant constructor foo for key `mode`";
        assert_eq!(in_words(error), "mode: `foo` is not one of embedded, cluster");
        assert_eq!(in_words("something else"), "something else");
    }

    #[test]
    fn a_broken_file_is_not_quoted() {
        let error =
            "TOML parse error at line 2, column 12\n  |\n2 | password = \"secret\n  |            ^\ninvalid string\n";
        assert_eq!(without_source(error), "TOML parse error at line 2, column 12 invalid string");
    }
}
