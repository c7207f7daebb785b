//! Two-step shutdown: the first signal finishes what is in hand, the second one drops it.

use anyhow::{Context as _, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The two tokens that every running part watches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop {
    /// Finish what is in hand.
    pub(crate) soft: CancellationToken,
    /// Drop it.
    pub(crate) hard: CancellationToken,
}

impl Stop {
    /// Tokens that follow SIGTERM and SIGINT.
    pub(crate) fn on_signals() -> Result<Self> {
        let stop = Self::default();
        let mut term = signal(SignalKind::terminate()).context("SIGTERM cannot be watched")?;
        let mut int = signal(SignalKind::interrupt()).context("SIGINT cannot be watched")?;
        let tokens = stop.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = term.recv() => {}
                    _ = int.recv() => {}
                }
                if tokens.soft.is_cancelled() {
                    tracing::warn!("stopping at once; unfinished work is done again by others");
                    tokens.hard.cancel();
                    return;
                }
                tracing::info!("stopping: finishing what is in hand (once more: drop it)");
                tokens.soft.cancel();
            }
        });
        Ok(stop)
    }
}
