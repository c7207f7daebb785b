//! The processes that are measured.

use std::ffi::OsString;
use std::net::SocketAddr;

use anyhow::Result;
use keybell_shared::config::RunMode;

use super::super::children::{Children, environment};
use super::Plan;
use super::place::Place;
use crate::args::BenchRole;

/// Starts them: everything in one, or scheduler, reset workers and one e-mail worker.
pub(super) fn start(plan: &Plan, place: &Place, sink: SocketAddr, listen: SocketAddr) -> Result<Children> {
    let config = &place.config;
    let mut children = Children::new(config.folder.join("logs"))?;
    let environment = environment(config)?;
    let mut start = |name: &str, role: BenchRole| {
        let mut arguments: Vec<OsString> = Vec::new();
        if let Some(file) = &plan.file {
            arguments.extend(["--config".into(), std::path::absolute(file)?.into()]);
        }
        arguments.extend(["bench-process".into(), role.as_str().into()]);
        let hashing = &config.hashing;
        for (flag, value) in [
            ("--memory-kib", hashing.memory_kib.to_string()),
            ("--passes", hashing.passes.to_string()),
            ("--lanes", hashing.lanes.to_string()),
            ("--threads", hashing.threads.to_string()),
            ("--sink", sink.to_string()),
        ] {
            arguments.extend([flag.into(), value.into()]);
        }
        if role == BenchRole::Serve {
            arguments.extend(["--listen".into(), listen.to_string().into()]);
        }
        children.start(name, &arguments, &environment)
    };
    match config.mode {
        RunMode::Embedded => {
            start("serve", BenchRole::Serve)?;
        }
        RunMode::Cluster => {
            start("scheduler", BenchRole::Scheduler)?;
            for number in 1..=plan.workers(config.mode) {
                start(&format!("reset-worker-{number}"), BenchRole::Reset)?;
            }
            start("email-worker", BenchRole::Email)?;
        }
    }
    Ok(children)
}
