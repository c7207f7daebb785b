//! What every work queue must do, on RabbitMQ and in memory.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "the helpers of tests fail loudly, as the tests do")]

mod bench;
mod capacity;
mod rabbit;

pub(crate) use bench::{Broker, soon};

use std::collections::BTreeSet;
use std::sync::Arc;

use keybell_shared::ids::{DistrictId, ItemId, NotificationId, TaskId};
use keybell_shared::message::{Message, Work};
use keybell_shared::ports::queue::{Consumer, Delivery, Source, WorkQueue};
use keybell_shared::stage::Stage;

const RESET: Source = Source::Stage(Stage::Reset);

/// A work message with a number that tells it from others.
fn message(stage: Stage, number: i64) -> Message {
    let work = match stage {
        Stage::Reset => Work::Reset(ItemId(number)),
        Stage::Email => Work::Email(NotificationId(number)),
        Stage::Sms => Work::Sms(NotificationId(number)),
    };
    Message { district: DistrictId::fresh(), task: TaskId::fresh(), work, dispatch: 1, trace: None }
}

/// The number of the message of a delivery.
fn number(delivery: &Delivery) -> i64 {
    match delivery.message.as_ref().expect("a message").work {
        Work::Reset(ItemId(number)) | Work::Email(NotificationId(number)) | Work::Sms(NotificationId(number)) => number,
    }
}

async fn publish(queue: &dyn WorkQueue, numbers: impl IntoIterator<Item = i64>) {
    let messages: Vec<_> = numbers.into_iter().map(|number| message(Stage::Reset, number)).collect();
    let taken = queue.publish(&messages).await.expect("published");
    assert_eq!(taken, vec![true; messages.len()]);
}

async fn next(consumer: &mut Consumer) -> Delivery {
    soon("a delivery", consumer.deliveries.recv()).await.expect("a delivery, not the end")
}

async fn take(consumer: &mut Consumer, count: usize) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    for _ in 0..count {
        deliveries.push(next(consumer).await);
    }
    deliveries
}

fn numbers(deliveries: &[Delivery]) -> BTreeSet<i64> {
    deliveries.iter().map(number).collect()
}

/// Waits until so many messages of the reset stage are in the queue and in nobody's hands.
async fn waiting(queue: &dyn WorkQueue, count: u64) {
    soon(&format!("{count} waiting messages"), async {
        while queue.depth(Stage::Reset).await.expect("depth") != count {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// The queue holds nothing, not even in somebody's hands: the next delivery is one that is published now.
async fn is_drained(queue: &dyn WorkQueue) {
    let mut consumer = queue.consume(RESET, 10).await.expect("consumer");
    publish(queue, [999]).await;
    let delivery = next(&mut consumer).await;
    assert_eq!((number(&delivery), delivery.redelivered), (999, false));
    consumer.acks.ack(&[delivery.tag]).await.expect("acknowledged");
}

macro_rules! on_every_queue {
    ($($test:ident)*) => {
        mod on_memory {
            $(#[tokio::test]
            async fn $test() {
                super::$test(keybell_backends::queue::memory::MemoryQueue::new(1000)).await;
            })*
        }

        mod on_rabbitmq {
            $(#[tokio::test]
            async fn $test() {
                super::Broker::run(|broker| async move { super::$test(broker.queue()).await }).await;
            })*
        }
    };
}

on_every_queue! {
    what_is_acknowledged_is_gone
    at_most_the_prefetch_is_handed_out
    a_dropped_consumer_hands_back_what_it_did_not_answer
    deliveries_are_acknowledged_in_any_order
    an_answer_given_twice_does_no_harm
    what_is_rejected_goes_to_the_dead_letters
    consumers_share_a_queue
    a_stopped_consumer_can_still_acknowledge
    a_stopped_consumer_hands_back_the_rest_when_it_is_dropped
    stages_do_not_mix
    a_waiting_consumer_is_woken
    consumers_are_counted
    it_answers_a_ping
}

async fn what_is_acknowledged_is_gone(queue: Arc<dyn WorkQueue>) {
    publish(&*queue, 1..=3).await;
    waiting(&*queue, 3).await;
    let mut consumer = queue.consume(RESET, 10).await.expect("consumer");
    let deliveries = take(&mut consumer, 3).await;
    assert_eq!(deliveries.iter().map(number).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(deliveries.iter().all(|delivery| !delivery.redelivered));
    let tags: Vec<_> = deliveries.iter().map(|delivery| delivery.tag).collect();
    consumer.acks.ack(&tags).await.expect("acknowledged");
    drop(consumer);
    is_drained(&*queue).await;
}

async fn at_most_the_prefetch_is_handed_out(queue: Arc<dyn WorkQueue>) {
    publish(&*queue, 1..=5).await;
    let mut consumer = queue.consume(RESET, 2).await.expect("consumer");
    let first = take(&mut consumer, 2).await;
    waiting(&*queue, 3).await;
    assert!(consumer.deliveries.try_recv().is_err(), "a third delivery with a prefetch of two");
    consumer.acks.ack(&[first[0].tag]).await.expect("acknowledged");
    let third = next(&mut consumer).await;
    waiting(&*queue, 2).await;
    assert!(consumer.deliveries.try_recv().is_err(), "a third delivery with a prefetch of two");
    consumer.acks.reject(third.tag).await.expect("rejected");
    next(&mut consumer).await;
    waiting(&*queue, 1).await;
}

async fn a_dropped_consumer_hands_back_what_it_did_not_answer(queue: Arc<dyn WorkQueue>) {
    publish(&*queue, 1..=4).await;
    let mut consumer = queue.consume(RESET, 4).await.expect("consumer");
    // Two are in hand, two still in the channel.
    let deliveries = take(&mut consumer, 2).await;
    consumer.acks.ack(&[deliveries[0].tag]).await.expect("acknowledged");
    drop(consumer);
    let mut consumer = queue.consume(RESET, 4).await.expect("consumer");
    let again = take(&mut consumer, 3).await;
    assert_eq!(numbers(&again), BTreeSet::from([2, 3, 4]));
    assert!(again.iter().all(|delivery| delivery.redelivered));
}

async fn deliveries_are_acknowledged_in_any_order(queue: Arc<dyn WorkQueue>) {
    publish(&*queue, 1..=8).await;
    let mut consumer = queue.consume(RESET, 8).await.expect("consumer");
    let tags: Vec<_> = take(&mut consumer, 8).await.iter().map(|delivery| delivery.tag).collect();
    for group in [&[2][..], &[0], &[7, 1], &[5, 3], &[4, 6]] {
        let group: Vec<_> = group.iter().map(|at| tags[*at]).collect();
        consumer.acks.ack(&group).await.expect("acknowledged");
    }
    // Still in good order: this would fail if one of the answers had been wrong.
    publish(&*queue, [9]).await;
    let last = next(&mut consumer).await;
    consumer.acks.ack(&[last.tag]).await.expect("acknowledged");
    drop(consumer);
    is_drained(&*queue).await;
}

async fn an_answer_given_twice_does_no_harm(queue: Arc<dyn WorkQueue>) {
    publish(&*queue, 1..=3).await;
    let mut consumer = queue.consume(RESET, 3).await.expect("consumer");
    let tags: Vec<_> = take(&mut consumer, 3).await.iter().map(|delivery| delivery.tag).collect();
    for group in [&[1][..], &[1, 1], &[0, 1], &[0], &[2], &[2, 0]] {
        let group: Vec<_> = group.iter().map(|at| tags[*at]).collect();
        consumer.acks.ack(&group).await.expect("acknowledged");
    }
    consumer.acks.reject(tags[1]).await.expect("ignored");
    publish(&*queue, [4]).await;
    let last = next(&mut consumer).await;
    consumer.acks.ack(&[last.tag]).await.expect("acknowledged");
    drop(consumer);
    is_drained(&*queue).await;
}

async fn what_is_rejected_goes_to_the_dead_letters(queue: Arc<dyn WorkQueue>) {
    publish(&*queue, 1..=3).await;
    let mut consumer = queue.consume(RESET, 3).await.expect("consumer");
    let tags: Vec<_> = take(&mut consumer, 3).await.iter().map(|delivery| delivery.tag).collect();
    consumer.acks.reject(tags[1]).await.expect("rejected");
    consumer.acks.ack(&[tags[0], tags[2]]).await.expect("acknowledged");
    let mut dead = queue.consume(Source::Dead, 1).await.expect("consumer");
    let letter = next(&mut dead).await;
    assert_eq!(number(&letter), 2);
    // A second life for the letter, then it is gone for good.
    dead.acks.ack(&[letter.tag]).await.expect("acknowledged");
    drop((consumer, dead));
    is_drained(&*queue).await;
}

async fn consumers_share_a_queue(queue: Arc<dyn WorkQueue>) {
    let mut one = queue.consume(RESET, 2).await.expect("consumer");
    let mut two = queue.consume(RESET, 2).await.expect("consumer");
    publish(&*queue, 1..=4).await;
    let (first, second) = (take(&mut one, 2).await, take(&mut two, 2).await);
    let mut all = numbers(&first);
    all.extend(numbers(&second));
    assert_eq!(all, BTreeSet::from([1, 2, 3, 4]));
    // The tags are each consumer's own.
    for (consumer, deliveries) in [(&one, &first), (&two, &second)] {
        let tags: Vec<_> = deliveries.iter().map(|delivery| delivery.tag).collect();
        consumer.acks.ack(&tags).await.expect("acknowledged");
    }
    drop((one, two));
    is_drained(&*queue).await;
}

async fn a_stopped_consumer_can_still_acknowledge(queue: Arc<dyn WorkQueue>) {
    publish(&*queue, 1..=3).await;
    let mut consumer = queue.consume(RESET, 2).await.expect("consumer");
    let deliveries = take(&mut consumer, 2).await;
    consumer.acks.stop().await.expect("stopped");
    consumer.acks.stop().await.expect("stopped already");
    assert!(soon("the end", consumer.deliveries.recv()).await.is_none());
    let tags: Vec<_> = deliveries.iter().map(|delivery| delivery.tag).collect();
    let Consumer { deliveries, acks } = consumer;
    drop(deliveries);
    acks.ack(&tags).await.expect("acknowledged");
    drop(acks);
    waiting(&*queue, 1).await;
    let mut consumer = queue.consume(RESET, 2).await.expect("consumer");
    let third = next(&mut consumer).await;
    assert_eq!((number(&third), third.redelivered), (3, false));
    consumer.acks.ack(&[third.tag]).await.expect("acknowledged");
    drop(consumer);
    is_drained(&*queue).await;
}

async fn a_stopped_consumer_hands_back_the_rest_when_it_is_dropped(queue: Arc<dyn WorkQueue>) {
    publish(&*queue, 1..=2).await;
    let mut consumer = queue.consume(RESET, 2).await.expect("consumer");
    let deliveries = take(&mut consumer, 2).await;
    consumer.acks.stop().await.expect("stopped");
    consumer.acks.ack(&[deliveries[0].tag]).await.expect("acknowledged");
    drop(consumer);
    let mut consumer = queue.consume(RESET, 2).await.expect("consumer");
    let again = next(&mut consumer).await;
    assert_eq!((number(&again), again.redelivered), (2, true));
}

async fn stages_do_not_mix(queue: Arc<dyn WorkQueue>) {
    let messages = [message(Stage::Sms, 1), message(Stage::Reset, 2), message(Stage::Email, 3), message(Stage::Sms, 4)];
    assert_eq!(queue.publish(&messages).await, Ok(vec![true; 4]));
    assert_eq!(queue.publish(&[]).await, Ok(Vec::new()));
    for (stage, expected) in [(Stage::Reset, vec![2]), (Stage::Email, vec![3]), (Stage::Sms, vec![1, 4])] {
        let mut consumer = queue.consume(Source::Stage(stage), 10).await.expect("consumer");
        let deliveries = take(&mut consumer, expected.len()).await;
        assert_eq!(deliveries.iter().map(number).collect::<Vec<_>>(), expected);
        for delivery in &deliveries {
            let sent = messages[usize::try_from(number(delivery) - 1).expect("small")];
            assert_eq!(delivery.message, Ok(sent));
        }
    }
}

async fn a_waiting_consumer_is_woken(queue: Arc<dyn WorkQueue>) {
    let mut consumer = queue.consume(RESET, 1).await.expect("consumer");
    for round in 1..=50 {
        publish(&*queue, [round]).await;
        let delivery = next(&mut consumer).await;
        assert_eq!(number(&delivery), round);
        consumer.acks.ack(&[delivery.tag]).await.expect("acknowledged");
    }
}

async fn it_answers_a_ping(queue: Arc<dyn WorkQueue>) {
    assert_eq!(queue.ping().await, Ok(()));
}

async fn consumers_are_counted(queue: Arc<dyn WorkQueue>) {
    let count = async |stage, expected| {
        soon(&format!("{expected} consumers"), async {
            while queue.consumers(stage).await.expect("a count") != Some(expected) {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        })
        .await;
    };
    count(Stage::Reset, 0).await;
    let one = queue.consume(RESET, 1).await.expect("consumer");
    let two = queue.consume(RESET, 1).await.expect("consumer");
    count(Stage::Reset, 2).await;
    count(Stage::Email, 0).await;
    drop(one);
    count(Stage::Reset, 1).await;
    drop(two);
    count(Stage::Reset, 0).await;
}
