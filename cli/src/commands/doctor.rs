//! `keybell doctor`: checks everything that a process would need, and names what is wrong.

use std::future::Future;
use std::time::Duration;

use anyhow::Result;
use keybell_shared::config::{EmailSender, RunMode, SmsSender};
use keybell_shared::ports::ledger::LeaderLedger as _;
use keybell_shared::stage::Stage;
use serde::Serialize;

use crate::args::Output;
use crate::configuration::{keys_folder, mode_name, outbox};
use crate::context::Context;
use crate::keys::{KeyOwner, open_key, seal_key};
use crate::outcome::Exit;
use crate::output::{say, say_json, table};
use crate::wiring::open;

/// One thing that was looked at.
#[derive(Serialize)]
struct Finding {
    what: &'static str,
    field: &'static str,
    fine: bool,
    detail: String,
}

pub(crate) async fn run(context: Context, quiet: bool) -> Result<Exit> {
    let mut findings = vec![Finding {
        what: "configuration",
        field: "mode",
        fine: true,
        detail: format!("{} mode, every value fits", mode_name(context.config.mode)),
    }];
    backends(&context, &mut findings).await;
    keys(&context, &mut findings);
    senders(&context, &mut findings).await;
    let fine = findings.iter().all(|finding| finding.fine);
    if !quiet {
        match context.output {
            Output::Json => say_json(&findings)?,
            Output::Text => {
                let rows: Vec<Vec<String>> = findings
                    .iter()
                    .map(|finding| {
                        let mark = if finding.fine { "ok" } else { "WRONG" };
                        vec![mark.to_owned(), finding.what.to_owned(), finding.field.to_owned(), finding.detail.clone()]
                    })
                    .collect();
                say(&table(&["", "what", "field", "finding"], &rows));
            }
        }
    }
    Ok(if fine { Exit::Done } else { Exit::Failed })
}

async fn backends(context: &Context, findings: &mut Vec<Finding>) {
    let cluster = context.config.mode == RunMode::Cluster;
    let backends = match open(&context.config).await {
        Ok(backends) => backends,
        Err(error) => {
            let field = if cluster { "database.url" } else { "folder" };
            findings.push(Finding { what: "ledger", field, fine: false, detail: format!("{error:#}") });
            return;
        }
    };
    let (ledger, queue, board) =
        if cluster { ("database.url", "broker.url", "redis.url") } else { ("folder", "folder", "folder") };
    findings.push(asked("ledger", ledger, backends.ledger.ping()).await);
    findings.push(asked("queue", queue, backends.queue.ping()).await);
    for stage in Stage::ALL {
        if cluster {
            findings.push(depth(stage, &backends).await);
        }
    }
    findings.push(asked("board", board, backends.board.ping()).await);
    backends.close().await;
}

async fn depth(stage: Stage, backends: &crate::wiring::Backends) -> Finding {
    let (what, field) = ("queue", "broker.prefix");
    match tokio::time::timeout(Duration::from_secs(5), backends.queue.depth(stage)).await {
        Ok(Ok(waiting)) => Finding { what, field, fine: true, detail: format!("{stage}: {waiting} messages wait") },
        Ok(Err(error)) => Finding { what, field, fine: false, detail: format!("{stage}: {error}") },
        Err(_) => Finding { what, field, fine: false, detail: format!("{stage}: no answer within 5 s") },
    }
}

async fn asked<E: std::fmt::Display>(
    what: &'static str,
    field: &'static str,
    question: impl Future<Output = Result<(), E>>,
) -> Finding {
    match tokio::time::timeout(Duration::from_secs(5), question).await {
        Ok(Ok(())) => Finding { what, field, fine: true, detail: "answers".to_owned() },
        Ok(Err(error)) => Finding { what, field, fine: false, detail: error.to_string() },
        Err(_) => Finding { what, field, fine: false, detail: "no answer within 5 s".to_owned() },
    }
}

fn keys(context: &Context, findings: &mut Vec<Finding>) {
    let folder = keys_folder(&context.config);
    for (owner, what, name) in
        [(KeyOwner::Notifier, "notifier key", "notifier"), (KeyOwner::Reset, "reset key", "reset")]
    {
        let here = |half: &str| folder.join(format!("{name}.{half}")).exists();
        let found = match (here("pub"), here("key")) {
            (_, true) => open_key(&folder, owner).map(|key| format!("{} opens and seals", key.id())),
            (true, false) => seal_key(&folder, owner).map(|key| format!("{} seals; what opens is not here", key.id())),
            // In a cluster each process has only the keys that its stages need.
            (false, false) if context.config.mode == RunMode::Cluster => Ok("not here".to_owned()),
            (false, false) => Err(anyhow::anyhow!("missing; `keybell keys create` makes it")),
        };
        let (fine, detail) = match found {
            Ok(detail) => (true, detail),
            Err(error) => (false, format!("{error:#}")),
        };
        findings.push(Finding { what, field: "keys.folder", fine, detail });
    }
}

async fn senders(context: &Context, findings: &mut Vec<Finding>) {
    let (email, sms) = (&context.config.email, &context.config.sms);
    findings.push(match email.sender {
        EmailSender::Folder => folder("e-mail", "email.folder", &outbox(&context.config, &email.folder)),
        EmailSender::Smtp => reachable("e-mail", "email.url", &email.url, 25).await,
    });
    findings.push(match sms.sender {
        SmsSender::Folder => folder("SMS", "sms.folder", &outbox(&context.config, &sms.folder)),
        SmsSender::Http => reachable("SMS", "sms.url", &sms.url, 443).await,
    });
}

fn folder(what: &'static str, field: &'static str, path: &std::path::Path) -> Finding {
    Finding { what, field, fine: true, detail: format!("written to {}", path.display()) }
}

async fn reachable(what: &'static str, field: &'static str, url: &str, port: u16) -> Finding {
    let finding = |fine, detail| Finding { what, field, fine, detail };
    let Ok(parsed) = reqwest::Url::parse(url) else { return finding(false, "this is no URL".to_owned()) };
    let Some(host) = parsed.host_str() else { return finding(false, "the URL names no host".to_owned()) };
    let port = parsed.port_or_known_default().unwrap_or(port);
    let connect = tokio::net::TcpStream::connect((host.trim_matches(['[', ']']), port));
    match tokio::time::timeout(Duration::from_secs(5), connect).await {
        Ok(Ok(_)) => finding(true, format!("{host}:{port} answers")),
        Ok(Err(error)) => finding(false, format!("{host}:{port}: {error}")),
        Err(_) => finding(false, format!("{host}:{port}: no answer within 5 s")),
    }
}
