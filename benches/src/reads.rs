//! The questions of everyday while everything is queued: what people look at, and what the periodic loops ask.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use keybell_shared::clock::Stopwatch;
use keybell_shared::config::Timing;
use keybell_shared::ids::{DistrictId, ItemId, TaskId};
use keybell_shared::ports::ledger::{DispatchLedger as _, ItemFilter, RepairLedger as _, TaskLedger as _};
use keybell_shared::retry::delay_after;
use keybell_shared::stage::Stage;
use keybell_shared::states::ItemState;
use serde::Serialize;

use crate::ground::Ground;
use crate::output::median;

/// How often each is asked; the median counts.
const TIMES: usize = 7;

/// Rows of a page.
const PAGE: u32 = 100;

/// Milliseconds by what was asked.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Reads(BTreeMap<&'static str, f64>);

impl Reads {
    /// What is asked.
    pub(crate) const NAMES: [&'static str; 6] = [
        "progress of all open tasks",
        "page of the task list",
        "first page of the items",
        "page from the middle of the items",
        "page of the items in one state",
        "round of the repair scan",
    ];

    /// The milliseconds of one.
    pub(crate) fn of(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or_default()
    }
}

/// Asks everything.
pub(crate) async fn measure(ground: &Ground, district: DistrictId, task: TaskId) -> Result<Reads> {
    let ledger = &ground.ledger;
    let middle = format!(
        "SELECT (min(id) + max(id)) / 2 FROM (
             (SELECT id FROM items WHERE task_id = '{task}' ORDER BY id LIMIT 1) UNION ALL
             (SELECT id FROM items WHERE task_id = '{task}' ORDER BY id DESC LIMIT 1)) AS ends"
    );
    let middle = ItemFilter { after: Some(ItemId(ground.sql().number(&middle).await)), ..ItemFilter::default() };
    let queued = ItemFilter { state: Some(ItemState::Queued), ..middle };
    let [progress, tasks, first, between, state, repair] = Reads::NAMES;
    let mut reads = Reads::default();
    reads.0.insert(progress, asked(async || Ok(!ledger.snapshots().await?.is_empty())).await?);
    reads.0.insert(tasks, asked(async || Ok(!ledger.tasks(district, None, None, PAGE).await?.is_empty())).await?);
    let page = async |filter| Ok(!ledger.items(district, task, filter, PAGE).await?.is_empty());
    reads.0.insert(first, asked(async || page(ItemFilter::default()).await).await?);
    reads.0.insert(between, asked(async || page(middle).await).await?);
    reads.0.insert(state, asked(async || page(queued).await).await?);
    reads.0.insert(repair, asked(async || scan(ground).await).await?);
    Ok(reads)
}

/// What a round of the repair scan asks, when there is nothing to repair; and how full the window is.
async fn scan(ground: &Ground) -> Result<bool> {
    let (ledger, limit, grace) = (&ground.ledger, 1_000, Duration::from_hours(1));
    let retry_in = delay_after(1, &Timing::default().retry());
    ledger.expire_leases("bench", retry_in, limit).await?;
    ledger.sweep_seals("bench", limit).await?;
    let mut found = 0;
    for stage in [Stage::Email, Stage::Sms] {
        found += ledger.due_notifications("bench", stage, true, grace, limit).await?.len();
    }
    found += ledger.lost_items("bench", grace, limit).await?.len();
    anyhow::ensure!(found == 0, "{found} things to repair, where nothing broke");
    Ok(ledger.queued(8_192).await? > 0 && ledger.runnable(1_000, &[]).await?.is_empty())
}

/// The median of several times, in milliseconds.
async fn asked(mut question: impl AsyncFnMut() -> Result<bool>) -> Result<f64> {
    let mut times = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let watch = Stopwatch::start();
        let as_expected = question().await?;
        times.push(watch.elapsed().as_secs_f64() * 1e3);
        as_expected
            .then_some(())
            .context("an answer that was not expected; is somebody else working on this database?")?;
    }
    Ok(median(times))
}
