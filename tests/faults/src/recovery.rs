//! How long Keybell takes to go on after a fault, and what its door answers meanwhile: each fault several times under
//! load, with the time until things move again, compared with a target.

mod bench;
mod door;
mod processes;
mod servers;
mod table;
mod work;

use std::path::{Path, PathBuf};

use anyhow::Result;

use bench::Bench;
pub(crate) use table::Table;

/// Measures everything, `rounds` times each, with the `keybell` at `program`; all data and logs lie below `folder`.
///
/// The door's figures are taken once: they are made of hundreds of requests.
pub(crate) async fn recovery(rounds: u32, folder: &Path, program: PathBuf, seed: u64) -> Result<Table> {
    // Boxed, as its parts are: the futures of all measurements together are too large for a stack.
    Box::pin(begin_to_end(rounds, folder, program, seed)).await
}

async fn begin_to_end(rounds: u32, folder: &Path, program: PathBuf, seed: u64) -> Result<Table> {
    let mut bench = Box::pin(Bench::start(folder, program, seed)).await?;
    let mut table = Table::new(rounds);
    let measured = measure(&mut bench, &mut table, rounds).await;
    let left = bench.stop().await;
    measured?;
    table.oddities.extend(left?);
    Ok(table)
}

async fn measure(bench: &mut Bench, table: &mut Table, rounds: u32) -> Result<()> {
    for _ in 0..rounds {
        processes::reset_worker(bench, table).await?;
        processes::notifier(bench, table).await?;
        processes::leader(bench, table).await?;
        servers::ledger(bench, table).await?;
        servers::broker(bench, table).await?;
        servers::board(bench, table).await?;
        processes::stops(bench, table).await?;
    }
    door::figures(bench, table).await
}
