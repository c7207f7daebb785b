//! What a provocation works with: a small world, its load, and the windows that it may arm.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use keybell_shared::clock::Stopwatch;
use keybell_shared::ids::{DistrictId, ItemId, TaskId};
use keybell_shared::message::{Message, Work};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use serde_json::Value;

use crate::arming::Arms;
use crate::load::Small;
use crate::scenario::World;
use crate::services::Services;

/// The longest that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(40);

/// A small world at work.
pub(crate) struct Act {
    pub(crate) world: World,
    pub(crate) small: Small,
    pub(crate) arms: Arms,
}

impl Act {
    /// The cluster's servers.
    pub(crate) fn services(&self) -> Result<&Services> {
        self.world.services.as_ref().context("this needs a cluster")
    }

    /// A name on the broker.
    pub(crate) fn named(&self, word: &str) -> String {
        format!("{}.{word}", self.world.prefix)
    }

    /// Waits until the ledger counts so many.
    pub(crate) async fn until(&self, what: &str, count: &str, at_least: i64) -> Result<()> {
        let watch = Stopwatch::start();
        loop {
            let now = self.world.ledger.number(count).await;
            if now >= at_least {
                return Ok(());
            }
            if watch.elapsed() > PATIENCE {
                bail!("{now} {what}, and not {at_least}, within {PATIENCE:?}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until so many items of a task are in this state.
    pub(crate) async fn until_items(&self, task: TaskId, state: &str, at_least: usize) -> Result<()> {
        let count = format!("SELECT count(*) FROM items WHERE task_id = '{task}' AND state = '{state}'");
        self.until(&format!("items are {state}"), &count, i64::try_from(at_least)?).await
    }

    /// Puts the reset messages of a task's items in this state on their queue once more.
    pub(crate) async fn deliver_again(&self, task: TaskId, state: &str) -> Result<()> {
        let sql = format!("SELECT id, district_id FROM items WHERE task_id = '{task}' AND state = '{state}'");
        let mut bodies = Vec::new();
        for row in self.world.ledger.rows(&sql).await {
            let [item, district] = row.as_slice() else { bail!("an item has {} columns", row.len()) };
            let (item, district): (i64, DistrictId) = (item.parse()?, district.parse()?);
            let work = Work::Reset(ItemId(item));
            bodies.push(Message { district, task, work, dispatch: 1, trace: None }.encode());
        }
        self.publish("work", "reset", &bodies, &BasicProperties::default()).await
    }

    /// Publishes a request as an upstream application would.
    pub(crate) async fn request(&self, id: &str, body: &Value) -> Result<()> {
        let properties = BasicProperties::default()
            .with_user_id("guest".into())
            .with_message_id(id.into())
            .with_content_type("application/json".into());
        self.publish("requests", "request", &[serde_json::to_vec(body)?], &properties).await
    }

    async fn publish(&self, exchange: &str, key: &str, bodies: &[Vec<u8>], properties: &BasicProperties) -> Result<()> {
        let url = self.services()?.rabbitmq.url();
        let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        for body in bodies {
            let (exchange, options) = (self.named(exchange).into(), BasicPublishOptions::default());
            channel.basic_publish(exchange, key.into(), options, body, properties.clone()).await?.await?;
        }
        Ok(connection.close(200, "done".into()).await?)
    }
}
