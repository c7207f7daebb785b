//! Deletes everything under one prefix: for `keybell bench`, which leaves nothing behind on the broker.

use std::time::Duration;

use keybell_shared::error::QueueError;
use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
use secrecy::SecretString;

use super::connect;
use super::errors::{explain, is_missing};
use super::topology::Topology;

/// Deleting a few names takes no longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Deletes the queues, with everything in them, and the exchanges whose names begin with `prefix` and a dot. What is not
/// there is no error.
///
/// # Errors
/// When the broker cannot be reached or refuses.
pub async fn delete(url: &SecretString, prefix: &str) -> Result<(), QueueError> {
    let (connection, socket) = connect::open(url, "cleaning").await?;
    let topology = Topology::new(prefix);
    let deleting = async {
        for queue in topology.queues() {
            // A channel each: a refusal closes it.
            let channel = connection.create_channel().await?;
            match channel.queue_delete(queue.name, QueueDeleteOptions::default()).await {
                Err(error) if !is_missing(&error) => return Err(error),
                _ => {}
            }
        }
        for exchange in topology.exchanges() {
            let channel = connection.create_channel().await?;
            match channel.exchange_delete(exchange, ExchangeDeleteOptions::default()).await {
                Err(error) if !is_missing(&error) => return Err(error),
                _ => {}
            }
        }
        Ok(())
    };
    let deleted = tokio::time::timeout(PATIENCE, deleting).await;
    socket.cut();
    match deleted {
        Ok(done) => done.map_err(|error| explain(&format!("deleting what begins with `{prefix}.`"), &error)),
        Err(_) => Err(QueueError::Unavailable(format!("the broker did not delete `{prefix}.…` in time"))),
    }
}
