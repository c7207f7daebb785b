//! `keybell doctor`: checks everything that a process would need, and names what is wrong.

mod keys;
mod place;
mod senders;

use std::time::Duration;

use anyhow::Result;
use keybell_backends::examine::{Level, Seen};
use keybell_backends::ledger::SqlLedger;
use keybell_backends::{board, queue};
use keybell_shared::config::{Config, RunMode};
use serde::Serialize;

use crate::args::Output;
use crate::configuration::mode_name;
use crate::context::Context;
use crate::lock::FolderLock;
use crate::outcome::Exit;
use crate::output::{say, say_json, table};
use crate::wiring::{is_missing, missing, open};

/// Whatever a single check does, the doctor does not wait longer for it.
const PATIENCE: Duration = Duration::from_secs(7);

/// One thing that was looked at.
#[derive(Serialize)]
struct Finding {
    what: &'static str,
    field: &'static str,
    /// Whether a process could work with it.
    fine: bool,
    /// Whether somebody should look at it all the same.
    warning: bool,
    detail: String,
}

impl Finding {
    fn new(what: &'static str, field: &'static str, seen: Seen) -> Self {
        let Seen { level, detail } = seen;
        Self { what, field, fine: level != Level::Wrong, warning: level == Level::Warning, detail }
    }

    const fn mark(&self) -> &'static str {
        match (self.fine, self.warning) {
            (false, _) => "WRONG",
            (true, true) => "warn",
            (true, false) => "ok",
        }
    }
}

pub(crate) async fn run(context: Context, quiet: bool) -> Result<Exit> {
    let config = &context.config;
    let mut findings = vec![Finding::new(
        "configuration",
        "mode",
        Seen::fine(format!("{} mode, every value fits", mode_name(config.mode))),
    )];
    // All at once, so that several servers that are silent cost no more time than one.
    let (backends, e_mail, sms) = tokio::join!(backends(config), senders::email(config), senders::sms(config));
    findings.extend(backends);
    findings.extend(keys::findings(config));
    findings.extend([e_mail, sms]);
    let fine = findings.iter().all(|finding| finding.fine);
    if !quiet {
        show(&context, &findings)?;
    }
    Ok(if fine { Exit::Done } else { Exit::Failed })
}

fn show(context: &Context, findings: &[Finding]) -> Result<()> {
    match context.output {
        Output::Json => return say_json(&findings),
        Output::Text => {
            let row = |finding: &Finding| {
                let Finding { what, field, detail, .. } = finding;
                vec![finding.mark().to_owned(), (*what).to_owned(), (*field).to_owned(), detail.clone()]
            };
            say(&table(&["", "what", "field", "finding"], &findings.iter().map(row).collect::<Vec<_>>()));
        }
    }
    Ok(())
}

async fn backends(config: &Config) -> Vec<Finding> {
    match config.mode {
        RunMode::Embedded => embedded(config).await,
        RunMode::Cluster => cluster(config).await,
    }
}

async fn embedded(config: &Config) -> Vec<Finding> {
    let folder = config.folder.display();
    let mut findings: Vec<Finding> =
        place::findings(&config.folder).await.into_iter().map(|seen| Finding::new("folder", "folder", seen)).collect();
    if let Some(owner) = FolderLock::holder(&config.folder) {
        let detail = format!(
            "{folder} is in use by {owner}, which has ledger, queue and board to itself: how they are, its /readyz says, and \
             `keybell --server URL fleet`. All the rest was looked at"
        );
        findings.push(Finding::new("ledger", "folder", Seen::fine(detail)));
        return findings;
    }
    if is_missing(config) {
        let detail = format!("there is {} yet; `keybell roster import` or `keybell serve` makes it", missing(config));
        findings.push(Finding::new("ledger", "folder", Seen::warning(detail)));
        return findings;
    }
    match open(config).await {
        Ok(backends) => {
            let seen = backends.ledger.examine().await;
            findings.extend(seen.into_iter().map(|seen| Finding::new("ledger", "folder", seen)));
            findings.push(Finding::new("queue", "folder", Seen::fine("in this process; filled from the ledger")));
            findings.push(Finding::new("board", "folder", Seen::fine("in this process")));
            backends.close().await;
        }
        Err(error) => findings.push(Finding::new("ledger", "folder", Seen::wrong(format!("{error:#}")))),
    }
    findings
}

async fn cluster(config: &Config) -> Vec<Finding> {
    let ledger = async {
        match SqlLedger::postgres(&config.database.url, 1) {
            Ok(ledger) => ledger.examine().await,
            Err(error) => vec![Seen::wrong(error.to_string())],
        }
    };
    let broker = queue::rabbitmq::examine(&config.broker.url, &config.broker.prefix);
    let redis = board::examine::examine(&config.redis.url, &config.redis.prefix);
    let (ledger, broker, redis) = tokio::join!(bounded(ledger), bounded(broker), bounded(redis));
    let named = |what, field, seen: Vec<Seen>| seen.into_iter().map(move |seen| Finding::new(what, field, seen));
    named("ledger", "database.url", ledger)
        .chain(named("queue", "broker.url", broker))
        .chain(named("board", "redis.url", redis))
        .collect()
}

/// Each check bounds itself; this is for one that does not.
async fn bounded(check: impl Future<Output = Vec<Seen>>) -> Vec<Seen> {
    let late = |_| vec![Seen::wrong(format!("no answer within {} s", PATIENCE.as_secs()))];
    tokio::time::timeout(PATIENCE, check).await.unwrap_or_else(late)
}
