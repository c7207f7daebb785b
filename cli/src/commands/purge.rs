//! `keybell purge`: forgets what has ended and is old enough.

use std::io::IsTerminal as _;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use keybell_shared::ports::ledger::{Purged, Retention, RetentionLedger as _};
use serde_json::json;

use crate::args::{Output, Purge};
use crate::context::Context;
use crate::outcome::Exit;
use crate::output::table::{Cell, numbers, words};
use crate::output::{ask, complain, say, say_json};
use crate::stop::Stop;
use crate::wiring::{Backends, open_existing};

/// Rows of each kind that one transaction forgets.
const AT_ONCE: u32 = 1_000;

pub(crate) async fn run(context: Context, arguments: Purge) -> Result<Exit> {
    let retention = context.config.retention.periods();
    let backends = open_existing(&context.config).await?;
    let there_are = backends.ledger.purgeable(&retention).await?;
    if arguments.dry_run || all(&there_are) == 0 {
        show(context.output, "would be forgotten", &there_are)?;
        backends.close().await;
        return Ok(Exit::Done);
    }
    if !arguments.yes {
        table("to forget", &there_are, complain);
        if !ask("Forget them for good? The audit is kept.") {
            complain("nothing was changed");
            backends.close().await;
            return Ok(Exit::Declined);
        }
    }
    let stop = Stop::on_signals()?;
    let forgotten = forget(&backends, &retention, all(&there_are), &stop).await?;
    show(context.output, "forgotten", &forgotten)?;
    backends.close().await;
    if stop.soft.is_cancelled() {
        complain("stopped before the end; run it again for the rest");
        return Ok(Exit::Failed);
    }
    Ok(Exit::Done)
}

async fn forget(backends: &Backends, retention: &Retention, expected: u64, stop: &Stop) -> Result<Purged> {
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(expected) } else { ProgressBar::hidden() };
    bar.set_style(
        ProgressStyle::with_template("forgetting {wide_bar} {pos}/{len} rows, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let mut forgotten = Purged::default();
    while !stop.soft.is_cancelled() {
        let part = backends.ledger.purge(retention, AT_ONCE).await?;
        if part == Purged::default() {
            break;
        }
        forgotten.tasks += part.tasks;
        forgotten.items += part.items;
        forgotten.events += part.events;
        forgotten.idempotency += part.idempotency;
        bar.set_position(all(&forgotten));
    }
    bar.finish_and_clear();
    Ok(forgotten)
}

const fn all(purged: &Purged) -> u64 {
    purged.tasks + purged.items + purged.events + purged.idempotency
}

fn show(output: Output, head: &'static str, purged: &Purged) -> Result<()> {
    match output {
        Output::Json => say_json(&json!({head.replace(' ', "_"): purged})),
        Output::Text if all(purged) == 0 => {
            say("nothing is old enough to be forgotten");
            Ok(())
        }
        Output::Text => {
            table(head, purged, say);
            Ok(())
        }
    }
}

fn table(head: &'static str, purged: &Purged, write: impl Fn(&str)) {
    let rows: Vec<Vec<Cell>> = [
        ("ended tasks", purged.tasks),
        ("their accounts", purged.items),
        ("events", purged.events),
        ("idempotency keys", purged.idempotency),
    ]
    .into_iter()
    .map(|(what, n)| vec![what.into(), n.to_string().into()])
    .collect();
    write(&crate::output::table::render(&[words("what"), numbers(head)], &rows, None, false));
}
