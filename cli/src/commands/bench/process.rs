//! `keybell bench-process`: one process of the bench. It wires the same parts as `serve`, `scheduler` and `worker` do.

use std::io::Read as _;

use anyhow::Result;
use keybell_shared::config::{Email, EmailSender, Hashing, Metrics, Sms, Tracing};
use keybell_shared::stage::Stage;

use super::super::serve;
use super::place::only_here;
use crate::args::{BenchProcess, BenchRole};
use crate::context::Context;
use crate::outcome::Exit;
use crate::running::Part;

/// Runs the process until it is told to stop, or whoever started it is gone.
///
/// # Errors
/// When it is not started in a place of the bench.
pub(crate) async fn process(mut context: Context, arguments: BenchProcess) -> Result<Exit> {
    only_here(&context.config)?;
    let BenchProcess { role, memory_kib, passes, lanes, threads, sink, listen } = arguments;
    let config = &mut context.config;
    // After the configuration was checked, and only here: see `only_here`.
    config.hashing = Hashing { memory_kib, passes, lanes, threads };
    // Nothing of a user's own configuration may lead out of this place: no mail server, provider, key or listener.
    config.keys.folder.clear();
    config.email = Email {
        sender: EmailSender::Smtp,
        url: format!("smtp://{sink}?tls=none"),
        connections: config.email.connections,
        ..Email::default()
    };
    config.sms = Sms::default();
    config.metrics = Metrics::default();
    config.tracing = Tracing::default();
    if let Some(listen) = listen {
        config.http.listen = listen;
    }
    let parts: &[Part] = match role {
        BenchRole::Serve => &[Part::Api, Part::Scheduler, Part::Workers],
        BenchRole::Scheduler => &[Part::Scheduler],
        BenchRole::Reset => &[Part::Stages(vec![Stage::Reset])],
        BenchRole::Email => &[Part::Stages(vec![Stage::Email])],
    };
    end_with_parent()?;
    serve::run(context, parts).await
}

/// Ends this process when its standard input is closed: the bench holds the other end as long as it lives, also when it is
/// killed and can tell nobody.
fn end_with_parent() -> Result<()> {
    std::thread::Builder::new().name("parent".to_owned()).spawn(|| {
        let mut rest = [0; 64];
        while matches!(std::io::stdin().read(&mut rest), Ok(1..)) {}
        std::process::exit(1);
    })?;
    Ok(())
}
