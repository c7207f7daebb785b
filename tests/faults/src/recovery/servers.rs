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

/// Everything that can befall RabbitMQ.
pub(super) async fn broker(bench: &mut Bench, table: &mut Table) -> Result<()> {
    bench.flowing().await?;
    bench.services()?.rabbitmq.close_connections().await?;
    let rows =
        ["RabbitMQ closes all connections -> next reset", "RabbitMQ closes all connections -> a new item is reset"];
    after_broker(bench, table, rows).await;

    bench.flowing().await?;
    let broker = &bench.services()?.rabbitmq;
    broker.stop_app().await?;
    broker.start_app().await?;
    let rows = ["RabbitMQ stop_app, start_app -> next reset", "RabbitMQ stop_app, start_app -> a new item is reset"];
    after_broker(bench, table, rows).await;

    bench.flowing().await?;
    let broker = &mut bench.services()?.rabbitmq;
    broker.kill().await;
    broker.start().await?;
    let rows = ["RabbitMQ killed, started -> next reset", "RabbitMQ killed, started -> a new item is reset"];
    after_broker(bench, table, rows).await;

    bench.flowing().await?;
    bench.services()?.rabbitmq.wipe().await?;
    let rows =
        ["RabbitMQ data deleted, started -> next reset", "RabbitMQ data deleted, started -> a new item is reset"];
    after_broker(bench, table, rows).await;
    Ok(())
}

/// The next reset, which may be of what a worker had in hand; and that of an item dispatched since, for which scheduler,
/// broker and worker must all be back, and which waits behind everything that was queued before.
async fn after_broker(bench: &Bench, table: &mut Table, [next, new]: [&'static str; 2]) {
    let since = wall().0;
    let (reset, dispatched) = tokio::join!(bench.next_reset(since), bench.next_dispatched_reset(since));
    table.took(next, 15_000, reset);
    table.took(new, 15_000, dispatched);
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
