//! Acknowledges deliveries in as few frames as their order allows.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use keybell_shared::error::QueueError;
use keybell_shared::ports::queue::Acks;
use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicRejectOptions};
use lapin::types::ShortString;
use tokio::sync::Mutex;

use super::errors::explain;
use super::live::answer;

/// One acknowledgement on the wire.
#[derive(Debug, PartialEq, Eq)]
enum Frame {
    /// This delivery and every earlier one.
    UpTo(u64),
    /// This delivery.
    One(u64),
}

/// Which deliveries of a channel are answered. The broker numbers them from 1, without gaps.
#[derive(Debug, Default)]
struct Answered {
    /// All of the first so many.
    first: u64,
    /// Later ones.
    ahead: BTreeSet<u64>,
}

impl Answered {
    fn contains(&self, tag: u64) -> bool {
        tag <= self.first || self.ahead.contains(&tag)
    }

    fn add(&mut self, tags: &[u64]) {
        self.ahead.extend(tags);
        while self.ahead.remove(&(self.first + 1)) {
            self.first += 1;
        }
    }

    /// Notes these as answered and says what to send: one frame for those that close the row from the first delivery
    /// on, and one for each of the others. Repeated tags are left out, since the broker closes a channel that
    /// acknowledges twice.
    fn acknowledge(&mut self, tags: &[u64]) -> Vec<Frame> {
        let mut fresh: Vec<u64> = tags.iter().copied().filter(|tag| !self.contains(*tag)).collect();
        fresh.sort_unstable();
        fresh.dedup();
        self.add(&fresh);
        let row = fresh.partition_point(|tag| *tag <= self.first);
        // "Up to" must name a delivery that is still open at the broker, so it is the last one of this call's own.
        let up_to = fresh.get(..row).and_then(<[u64]>::last).map(|tag| Frame::UpTo(*tag));
        up_to.into_iter().chain(fresh.iter().skip(row).map(|tag| Frame::One(*tag))).collect()
    }
}

/// The answers of one consumer. It has its channel to itself.
pub(super) struct RabbitAcks {
    channel: Channel,
    consumer: ShortString,
    /// Locked while frames are handed over, because they must go out in the order in which they were worked out.
    answered: Mutex<Answered>,
    stopped: AtomicBool,
}

impl RabbitAcks {
    pub(super) fn new(channel: Channel, consumer: ShortString) -> Self {
        Self { channel, consumer, answered: Mutex::default(), stopped: AtomicBool::new(false) }
    }
}

#[async_trait]
impl Acks for RabbitAcks {
    async fn ack(&self, tags: &[u64]) -> Result<(), QueueError> {
        let mut answered = self.answered.lock().await;
        for frame in answered.acknowledge(tags) {
            let (tag, multiple) = match frame {
                Frame::UpTo(tag) => (tag, true),
                Frame::One(tag) => (tag, false),
            };
            // On the channel and not on the delivery: that one answers `Ok(false)` when the channel is gone.
            answer(self.channel.basic_ack(tag, BasicAckOptions { multiple }))
                .await
                .map_err(|error| explain("acknowledging", &error))?;
        }
        Ok(())
    }

    async fn reject(&self, tag: u64) -> Result<(), QueueError> {
        let mut answered = self.answered.lock().await;
        if answered.contains(tag) {
            return Ok(());
        }
        answered.add(&[tag]);
        answer(self.channel.basic_reject(tag, BasicRejectOptions { requeue: false }))
            .await
            .map_err(|error| explain("rejecting", &error))
    }

    async fn stop(&self) -> Result<(), QueueError> {
        if self.stopped.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        answer(self.channel.basic_cancel(self.consumer.clone(), BasicCancelOptions::default()))
            .await
            .map_err(|error| explain("stopping the consumer", &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_from_the_first_delivery_on_is_one_frame() {
        let mut answered = Answered::default();
        assert_eq!(answered.acknowledge(&[2, 1, 3]), [Frame::UpTo(3)]);
        assert_eq!(answered.acknowledge(&[4]), [Frame::UpTo(4)]);
    }

    #[test]
    fn what_is_ahead_of_the_row_goes_alone_and_is_never_named_again() {
        let mut answered = Answered::default();
        assert_eq!(answered.acknowledge(&[3, 5]), [Frame::One(3), Frame::One(5)]);
        // 3 is answered already: naming it in "up to 3" would close the channel.
        assert_eq!(answered.acknowledge(&[1, 2]), [Frame::UpTo(2)]);
        assert_eq!(answered.acknowledge(&[4, 7]), [Frame::UpTo(4), Frame::One(7)]);
        assert_eq!(answered.acknowledge(&[6]), [Frame::UpTo(6)]);
        assert_eq!(answered.acknowledge(&[8]), [Frame::UpTo(8)]);
        assert!(answered.ahead.is_empty());
    }

    #[test]
    fn repeated_and_impossible_tags_are_left_out() {
        let mut answered = Answered::default();
        assert_eq!(answered.acknowledge(&[0]), []);
        assert_eq!(answered.acknowledge(&[1, 1, 2]), [Frame::UpTo(2)]);
        assert_eq!(answered.acknowledge(&[1, 2]), []);
    }

    #[test]
    fn a_rejected_delivery_counts_as_answered() {
        let mut answered = Answered::default();
        answered.add(&[1]);
        assert_eq!(answered.acknowledge(&[1, 2]), [Frame::UpTo(2)]);
    }
}
