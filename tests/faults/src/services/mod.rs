//! Private servers, PostgreSQL, RabbitMQ and Redis, as processes of our own with folders and ports of their own, and
//! what can be done to them. They are gone when we are, however we end.

mod place;
mod postgres;
mod process;
mod rabbitmq;
mod redis;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

pub(crate) use self::place::open;
pub(crate) use self::postgres::Postgres;
pub(crate) use self::rabbitmq::RabbitMq;
pub(crate) use self::redis::Redis;

/// The servers of a cluster.
pub(crate) struct Services {
    pub(crate) postgres: Postgres,
    pub(crate) rabbitmq: RabbitMq,
    pub(crate) redis: Redis,
}

impl Services {
    /// Starts all three, at the same time, and waits until they answer. Their data lies below this folder, which is
    /// made.
    pub(crate) async fn start(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let folder = folder.canonicalize().with_context(|| format!("{} cannot be found", folder.display()))?;
        open(&folder)?;
        let mut postgres = Postgres::new(&folder)?;
        let mut rabbitmq = RabbitMq::new(&folder)?;
        let mut redis = Redis::new(&folder)?;
        tokio::try_join!(postgres.start(), rabbitmq.start(), redis.start())?;
        Ok(Self { postgres, rabbitmq, redis })
    }

    /// Ends all three. PostgreSQL and Redis write down first what they still have in memory.
    pub(crate) async fn stop(&mut self) {
        tokio::join!(self.postgres.stop(), self.rabbitmq.kill(), self.redis.stop());
    }

    /// Where everything lies that the servers write: data and logs.
    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        vec![self.postgres.folder().to_owned(), self.rabbitmq.folder().to_owned(), self.redis.folder().to_owned()]
    }
}

#[cfg(test)]
mod tests {
    use keybell_shared::clock::Stopwatch;

    use super::*;

    async fn start(folder: &Path) -> (Services, Vec<u32>) {
        let watch = Stopwatch::start();
        let services = Services::start(folder).await.expect("they start");
        println!("all three answered after {:?}", watch.elapsed());
        let pids = [services.postgres.family(), services.rabbitmq.family(), services.redis.family()].concat();
        assert!(pids.len() > 4, "three servers, a port mapper, and what they started: {pids:?}");
        (services, pids)
    }

    #[tokio::test]
    async fn all_three_start_and_leave_nothing_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut services, pids) = start(folder.path()).await;
        let folders = services.folders();
        assert_eq!(folders.len(), 3);
        assert!(folders.iter().all(|folder| std::fs::read_dir(folder).expect("a folder").count() > 0));
        services.stop().await;
        assert!(!pids.into_iter().any(process::is_alive), "they are gone");
    }

    #[tokio::test]
    async fn what_is_dropped_is_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        let (services, pids) = start(folder.path()).await;
        drop(services);
        assert!(!pids.into_iter().any(process::is_alive), "they are gone");
    }
}
