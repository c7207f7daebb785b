//! Only in memory: a queue that can be full.

use keybell_backends::queue::memory::MemoryQueue;
use keybell_shared::ports::queue::{Source, WorkQueue};
use keybell_shared::stage::Stage;

use super::{RESET, message, next, number, publish, soon, take};

#[tokio::test]
async fn what_does_not_fit_is_refused_one_by_one() {
    let queue = MemoryQueue::new(2);
    let messages = [
        message(Stage::Reset, 1),
        message(Stage::Reset, 2),
        message(Stage::Reset, 3),
        message(Stage::Email, 4),
        message(Stage::Reset, 5),
    ];
    assert_eq!(queue.publish(&messages).await, Ok(vec![true, true, false, true, false]));
    assert_eq!(queue.depth(Stage::Reset).await, Ok(2));
    assert_eq!(queue.depth(Stage::Email).await, Ok(1));
}

#[tokio::test]
async fn who_was_refused_hears_of_room_below_a_quarter() {
    let queue = MemoryQueue::new(8);
    let mut room = tokio::spawn({
        let queue = queue.clone();
        async move { queue.room().await }
    });
    publish(&*queue, 1..=8).await;
    assert_eq!(queue.publish(&[message(Stage::Reset, 9)]).await, Ok(vec![false]));
    let mut consumer = queue.consume(RESET, 6).await.expect("consumer");
    take(&mut consumer, 6).await;
    // Two of eight are left: that is a quarter, not less.
    tokio::task::yield_now().await;
    assert!(!room.is_finished());
    let mut other = queue.consume(RESET, 1).await.expect("consumer");
    next(&mut other).await;
    soon("room", &mut room).await.expect("no panic");
    assert_eq!(queue.publish(&[message(Stage::Reset, 9)]).await, Ok(vec![true]));
}

#[tokio::test]
async fn room_is_remembered_for_who_asks_later() {
    let queue = MemoryQueue::new(1);
    publish(&*queue, [1]).await;
    assert_eq!(queue.publish(&[message(Stage::Reset, 2)]).await, Ok(vec![false]));
    let mut consumer = queue.consume(RESET, 1).await.expect("consumer");
    next(&mut consumer).await;
    soon("room", queue.room()).await;
}

#[tokio::test]
async fn what_is_put_back_comes_first_and_in_order() {
    let queue = MemoryQueue::new(3);
    publish(&*queue, 1..=3).await;
    let mut consumer = queue.consume(RESET, 2).await.expect("consumer");
    take(&mut consumer, 2).await;
    drop(consumer);
    let mut consumer = queue.consume(RESET, 3).await.expect("consumer");
    let again = take(&mut consumer, 3).await;
    assert_eq!(again.iter().map(number).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(again.iter().map(|delivery| delivery.redelivered).collect::<Vec<_>>(), [true, true, false]);
}

#[tokio::test]
async fn answers_of_a_dropped_consumer_fail() {
    let queue = MemoryQueue::new(3);
    publish(&*queue, [1]).await;
    let mut consumer = queue.consume(RESET, 1).await.expect("consumer");
    let delivery = next(&mut consumer).await;
    let acks = consumer.acks.clone();
    drop(consumer);
    let mut consumer = queue.consume(RESET, 1).await.expect("consumer");
    assert!(next(&mut consumer).await.redelivered);
    assert!(acks.ack(&[delivery.tag]).await.is_err());
}

#[tokio::test]
async fn too_many_dead_letters_lose_the_oldest() {
    let queue = MemoryQueue::new(2);
    let mut consumer = queue.consume(RESET, 1).await.expect("consumer");
    for round in 1..=3 {
        publish(&*queue, [round]).await;
        let delivery = next(&mut consumer).await;
        consumer.acks.reject(delivery.tag).await.expect("rejected");
    }
    let mut dead = queue.consume(Source::Dead, 10).await.expect("consumer");
    let letters = take(&mut dead, 2).await;
    assert_eq!(letters.iter().map(number).collect::<Vec<_>>(), [2, 3]);
}
