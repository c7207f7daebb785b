//! Processes of ours: killed, and stopped as a service manager does.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Result, ensure};
use keybell_shared::clock::wall;

use super::bench::{Bench, lease_target};
use super::table::Table;
use crate::fleet::Kind;

/// How long a killed process stays away: as long as a service manager takes.
const AWAY: Duration = Duration::from_millis(200);
/// How long a killed leader stays away: longer than another one may take.
const LEADER_AWAY: Duration = Duration::from_secs(12);

/// The only reset worker is killed.
pub(super) async fn reset_worker(bench: &Bench, table: &mut Table) -> Result<()> {
    bench.flowing().await?;
    ensure!(bench.world.fleet.kill(Kind::Reset, 0, AWAY).await, "there was no reset worker to kill");
    let since = wall().0;
    table.took("kill -9 of the reset worker -> next reset", 5_000, bench.next_reset(since).await);
    Ok(())
}

/// The only e-mail worker is killed.
pub(super) async fn notifier(bench: &Bench, table: &mut Table) -> Result<()> {
    bench.flowing().await?;
    ensure!(bench.world.fleet.kill(Kind::Email, 0, AWAY).await, "there was no e-mail worker to kill");
    let since = wall().0;
    let claims = bench.sending().await;
    let sql = "SELECT message_id FROM notifications WHERE state = 'sending'";
    let on_their_way: HashSet<String> = bench.ledger().column(sql).await.into_iter().collect();
    let (mail, back) = tokio::join!(bench.next_mail(since, &on_their_way), bench.given_back(since, &claims));
    table.took("kill -9 of the e-mail worker -> next other e-mail", 5_000, mail);
    let reclaimed = "kill -9 of the e-mail worker -> its claims are given back";
    if claims.is_empty() {
        table.nothing_to_see(reclaimed, lease_target());
    } else {
        table.took(reclaimed, lease_target(), back);
    }
    Ok(())
}

/// The leading scheduler is killed and stays away; the other one takes over.
pub(super) async fn leader(bench: &Bench, table: &mut Table) -> Result<()> {
    bench.flowing().await?;
    let leads = leading(bench).await?;
    ensure!(bench.world.fleet.kill(Kind::Scheduler, leads, LEADER_AWAY).await, "there was no leader to kill");
    let since = wall().0;
    let (dispatch, projection) = tokio::join!(bench.next_dispatch(since), bench.next_projection(since));
    table.took("kill -9 of the leader -> the other one dispatches", 10_000, dispatch);
    table.took("kill -9 of the leader -> the other one projects", 10_000, projection);
    Ok(())
}

/// Which scheduler leads: the holder's name ends with its process's number.
async fn leading(bench: &Bench) -> Result<usize> {
    let holder = bench.ledger().text("SELECT holder FROM leases WHERE name = 'scheduler'").await;
    let running = bench.world.fleet.running();
    let mut schedulers = running.iter().filter(|(kind, _)| *kind == Kind::Scheduler);
    let leads = schedulers.position(|(_, pid)| holder.ends_with(&format!("-{pid}")));
    ensure!(leads.is_some(), "the lease is held by {holder}, which is none of the schedulers");
    Ok(leads.unwrap_or_default())
}

/// One process of each kind is stopped under load; nothing that it had in hand is told twice.
pub(super) async fn stops(bench: &Bench, table: &mut Table) -> Result<()> {
    for kind in [Kind::Api, Kind::Scheduler, Kind::Reset, Kind::Email, Kind::Sms] {
        bench.flowing().await?;
        let index = if kind == Kind::Scheduler { leading(bench).await? } else { 0 };
        let before = bench.repeated();
        let claims = bench.sending().await;
        let stopped = bench.world.fleet.terminate(kind, index).await?;
        // Whatever it left claimed would come again now.
        let settled = bench.given_back(wall().0, &claims).await;
        bench.flowing().await?;
        let again = bench.repeated().saturating_sub(before);
        table.stopped(kind.name(), stopped.code, stopped.took, again);
        if settled.is_none() {
            table.oddities.push(format!("{}: claims were left behind for ever by a graceful stop", kind.name()));
        }
    }
    Ok(())
}
