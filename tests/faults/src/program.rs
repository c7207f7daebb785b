//! The `keybell` program that is put to the test, built from the sources as they are.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tokio::process::Command;

/// Which build of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Build {
    /// As everybody gets it.
    Ordinary,
    /// With the places where it can be told to break.
    Faults,
}

impl Build {
    const fn name(self) -> &'static str {
        match self {
            Self::Ordinary => "keybell",
            Self::Faults => "keybell-faults",
        }
    }
}

/// Builds the program and answers where it lies: a copy of its own for each build, because both would be written to the
/// same file. In a release build of this harness the ordinary one is a release build, too.
pub(crate) async fn build(which: Build) -> Result<PathBuf> {
    let folder = target().await?.join("faults");
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    // Until the copy is made, nobody else's build may overwrite it.
    let lock = folder.join(".lock");
    let lock = File::create(&lock).with_context(|| format!("{} cannot be made", lock.display()))?;
    let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await??;
    let mut command = cargo();
    command.args(["build", "--package", "keybell", "--message-format", "json-render-diagnostics"]);
    if which == Build::Faults {
        command.args(["--features", "faults"]);
    }
    // The other build refuses to be a release.
    if which == Build::Ordinary && !cfg!(debug_assertions) {
        command.arg("--release");
    }
    // Diagnostics go to standard error, as in every build.
    let said = output(command.stderr(Stdio::inherit())).await?;
    let built = executable(&said).context("cargo built no program keybell")?;
    let copy = folder.join(which.name());
    // Not in place: an older copy may be running.
    let fresh = folder.join(format!(".{}-{}", which.name(), std::process::id()));
    std::fs::copy(&built, &fresh).with_context(|| format!("{} cannot be copied", built.display()))?;
    std::fs::rename(&fresh, &copy).with_context(|| format!("{} cannot be replaced", copy.display()))?;
    drop(lock);
    Ok(copy)
}

/// The program in cargo's messages.
fn executable(messages: &str) -> Option<PathBuf> {
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let ours = artifacts.filter(|message| message.pointer("/target/name").and_then(Value::as_str) == Some("keybell"));
    ours.filter_map(|message| message.get("executable")?.as_str().map(PathBuf::from)).next_back()
}

/// The folder of everything that is built.
async fn target() -> Result<PathBuf> {
    let mut command = cargo();
    command.args(["metadata", "--no-deps", "--format-version", "1"]);
    let said: Value =
        serde_json::from_str(&output(&mut command).await?).context("cargo's description of the sources")?;
    let target = said.get("target_directory").and_then(Value::as_str);
    target.map(PathBuf::from).context("cargo names no folder for what it builds")
}

fn cargo() -> Command {
    // The same one that runs this harness, if one does.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR"))).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

async fn output(command: &mut Command) -> Result<String> {
    let child = command.spawn().context("cargo cannot be started")?;
    let ended = child.wait_with_output().await.context("cargo was lost")?;
    if !ended.status.success() {
        bail!("keybell cannot be built: cargo ended with {}; what it said is above", ended.status);
    }
    String::from_utf8(ended.stdout).context("cargo's messages are no text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_found_among_all_messages() {
        let messages = "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"other\"},\"executable\":\"/x/other\"}\n\
                        not JSON\n\
                        {\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"keybell\"},\"executable\":null}\n\
                        {\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"keybell\"},\"executable\":\"/x/keybell\"}\n\
                        {\"reason\":\"build-finished\",\"success\":true}\n";
        assert_eq!(executable(messages), Some(PathBuf::from("/x/keybell")));
        assert_eq!(executable(""), None);
    }
}
