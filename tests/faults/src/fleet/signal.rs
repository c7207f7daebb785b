//! Signals to processes that are ours.

use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

/// Sends a signal by its name, such as `TERM`, `STOP` or `CONT`. Only whoever waits for a process sends it signals:
/// until it was waited for, its number is nobody else's.
pub(super) async fn send(name: &str, pid: u32) -> Result<()> {
    // `kill` of the shell: the standard library can only send SIGKILL.
    let sent = Command::new("sh")
        .args(["-c", "kill -s \"$0\" \"$1\"", name, &pid.to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await
        .with_context(|| format!("no shell to send SIG{name} with"))?;
    if !sent.success() {
        bail!("SIG{name} cannot be sent to process {pid}; it has just ended");
    }
    Ok(())
}
