//! The servers: restarted, killed, emptied.

use anyhow::Result;
use keybell_shared::clock::wall;

use super::bench::Bench;
use super::table::Table;

/// PostgreSQL restarts without a checkpoint.
pub(super) async fn ledger(bench: &mut Bench, table: &mut Table) -> Result<()> {
    bench.flowing().await?;
    bench.services()?.postgres.restart_immediate().await?;
    let since = wall().0;
    table.took("PostgreSQL restarts at once -> next reset", 10_000, bench.next_reset(since).await);
    Ok(())
}

/// Everything that can befall RabbitMQ. Seen is the first item that was dispatched and reset after it: both ways work.
pub(super) async fn broker(bench: &mut Bench, table: &mut Table) -> Result<()> {
    const TARGET: i64 = 15_000;
    bench.flowing().await?;
    bench.services()?.rabbitmq.close_connections().await?;
    let since = wall().0;
    let took = bench.next_dispatched_reset(since).await;
    table.took("RabbitMQ closes all connections -> dispatch and reset", TARGET, took);

    bench.flowing().await?;
    let broker = &bench.services()?.rabbitmq;
    broker.stop_app().await?;
    broker.start_app().await?;
    let since = wall().0;
    let took = bench.next_dispatched_reset(since).await;
    table.took("RabbitMQ stop_app, start_app -> dispatch and reset", TARGET, took);

    bench.flowing().await?;
    let broker = &mut bench.services()?.rabbitmq;
    broker.kill().await;
    broker.start().await?;
    let since = wall().0;
    let took = bench.next_dispatched_reset(since).await;
    table.took("RabbitMQ killed, started -> dispatch and reset", TARGET, took);

    bench.flowing().await?;
    bench.services()?.rabbitmq.wipe().await?;
    let since = wall().0;
    let took = bench.next_dispatched_reset(since).await;
    table.took("RabbitMQ killed, data deleted, started -> dispatch, reset", TARGET, took);
    Ok(())
}

/// Redis is killed, and emptied.
pub(super) async fn board(bench: &mut Bench, table: &mut Table) -> Result<()> {
    const TARGET: i64 = 2_000;
    bench.flowing().await?;
    let redis = &mut bench.services()?.redis;
    redis.kill().await;
    redis.start().await?;
    let since = wall().0;
    table.took("Redis killed, started -> the board is true", TARGET, bench.board_is_true(since).await);

    bench.flowing().await?;
    bench.services()?.redis.flush().await?;
    let since = wall().0;
    table.took("Redis FLUSHALL -> the board is true", TARGET, bench.board_is_true(since).await);
    Ok(())
}
