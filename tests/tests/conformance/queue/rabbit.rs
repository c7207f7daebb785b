//! Only on RabbitMQ: what a network and a broker can do to us, and the door for requests.

use std::sync::Arc;

use keybell_backends::queue::rabbitmq::RabbitQueue;
use keybell_shared::clock::Stopwatch;
use keybell_shared::error::QueueError;
use keybell_shared::message::Undecodable;
use keybell_shared::ports::queue::{Source, WorkQueue};
use keybell_shared::ports::requests::{RawRequest, RequestQueue};
use keybell_shared::stage::Stage;
use keybell_tests::relay::Relay;
use lapin::BasicProperties;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use secrecy::SecretString;

use super::bench::{Broker, soon};
use super::{RESET, is_drained, message, next, number, publish, take, waiting};

/// Publishes until it works again, as the repair scan would.
async fn publish_until_taken(queue: &RabbitQueue, number: i64) {
    soon("a working publish", async {
        while !matches!(queue.publish(&[message(Stage::Reset, number)]).await.as_deref(), Ok([true])) {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn bytes_that_are_no_message_can_be_rejected() {
    Broker::run(|broker| async move {
        let queue = broker.queue();
        let mut consumer = queue.consume_work(RESET, 10).await;
        broker.publish_raw("work", "reset", b"{\"v\":1}", BasicProperties::default()).await;
        broker.publish_raw("work", "reset", &[0xff; 5000], BasicProperties::default()).await;
        let strange = take(&mut consumer, 2).await;
        assert!(matches!(strange[0].message, Err(Undecodable::Malformed(_))));
        assert_eq!(strange[1].message, Err(Undecodable::TooLarge(5000)));
        consumer.acks.reject(strange[0].tag).await.expect("rejected");
        consumer.acks.reject(strange[1].tag).await.expect("rejected");
        let mut dead = queue.consume_work(Source::Dead, 10).await;
        let letters = take(&mut dead, 2).await;
        assert!(letters.iter().all(|letter| letter.message.is_err()));
    })
    .await;
}

#[tokio::test]
async fn what_comes_back_too_often_goes_to_the_dead_letters() {
    Broker::run(|broker| async move {
        let queue = broker.queue();
        publish(&*queue, [1]).await;
        let mut dead = queue.consume_work(Source::Dead, 1).await;
        let letter = soon("the dead letter", async {
            loop {
                let mut consumer = queue.consume_work(RESET, 1).await;
                tokio::select! {
                    _ = consumer.deliveries.recv() => {}
                    letter = dead.deliveries.recv() => break letter,
                }
            }
        })
        .await;
        assert_eq!(number(&letter.expect("a letter")), 1);
    })
    .await;
}

#[tokio::test]
async fn a_deleted_queue_refuses_its_own_messages_and_comes_back() {
    Broker::run(|broker| async move {
        let queue = broker.queue();
        publish(&*queue, [1]).await;
        broker.delete_queue("email").await;
        // So many that the broker confirms both kinds with one frame, and the client hands the returned messages to
        // the wrong confirms: the right ones must be refused nevertheless.
        let stage = |at| if at < 500 { Stage::Reset } else { Stage::Email };
        let messages: Vec<_> = (0..3000).map(|at| message(stage(at), at)).collect();
        let expected: Vec<_> = (0..3000).map(|at| stage(at) == Stage::Reset).collect();
        assert!(queue.publish(&messages).await == Ok(expected), "the wrong messages were refused");
        // The refusal had the queue declared again.
        assert!(queue.publish(&messages).await == Ok(vec![true; 3000]), "a message was refused");
        assert_eq!(queue.depth(Stage::Email).await, Ok(2500));
    })
    .await;
}

#[tokio::test]
async fn a_deleted_exchange_comes_back() {
    Broker::run(|broker| async move {
        let queue = broker.queue();
        publish(&*queue, [1]).await;
        let channel = broker.channel().await;
        channel
            .exchange_delete(broker.name("work"), lapin::options::ExchangeDeleteOptions::default())
            .await
            .expect("deleted");
        assert!(matches!(queue.publish(&[message(Stage::Reset, 2)]).await, Err(QueueError::Unavailable(_))));
        publish(&*queue, [2]).await;
    })
    .await;
}

#[tokio::test]
async fn deleting_a_queue_ends_its_consumer_and_the_next_one_works() {
    Broker::run(|broker| async move {
        let queue = broker.queue();
        let mut consumer = queue.consume_work(RESET, 10).await;
        broker.delete_queue("reset").await;
        assert!(soon("the end", consumer.deliveries.recv()).await.is_none());
        let mut consumer = queue.consume_work(RESET, 10).await;
        publish(&*queue, [1]).await;
        assert_eq!(number(&next(&mut consumer).await), 1);
        // A missing queue is an empty one.
        broker.delete_queue("sms").await;
        assert_eq!(queue.depth(Stage::Sms).await, Ok(0));
    })
    .await;
}

#[tokio::test]
async fn a_cut_connection_ends_the_consumer_and_everything_works_again() {
    Broker::run(|broker| async move {
        let (relay, url) = Relay::before(&broker.url).await;
        let queue = broker.queue_at(&url);
        publish(&*queue, 1..=2).await;
        let mut consumer = queue.consume_work(RESET, 1).await;
        let delivery = next(&mut consumer).await;
        relay.cut();
        assert!(soon("the end", consumer.deliveries.recv()).await.is_none());
        // The client would answer `Ok(false)` here.
        assert!(consumer.acks.ack(&[delivery.tag]).await.is_err());
        assert!(consumer.acks.reject(delivery.tag + 1).await.is_err());

        let mut consumer = queue.consume_work(RESET, 10).await;
        let again = take(&mut consumer, 2).await;
        assert_eq!((number(&again[0]), again[0].redelivered), (1, true));
        consumer.acks.ack(&[again[0].tag, again[1].tag]).await.expect("acknowledged");
        publish_until_taken(&queue, 3).await;
        let third = next(&mut consumer).await;
        assert_eq!(number(&third), 3);
        consumer.acks.ack(&[third.tag]).await.expect("acknowledged");
    })
    .await;
}

#[tokio::test]
async fn a_broker_that_is_down_is_unavailable_and_found_again() {
    Broker::run(|broker| async move {
        let (relay, url) = Relay::before(&broker.url).await;
        relay.down();
        let queue = broker.queue_at(&url);
        let since = Stopwatch::start();
        let messages = [message(Stage::Reset, 1)];
        let (published, consumed) = tokio::join!(queue.publish(&messages), WorkQueue::consume(&*queue, RESET, 1));
        assert!(matches!(published, Err(QueueError::Unavailable(_))));
        assert!(matches!(consumed.err(), Some(QueueError::Unavailable(_))));
        assert!(since.elapsed().as_secs() < 15, "the wait is bounded");
        relay.resume();
        publish(&*queue, [1]).await;
        assert_eq!(queue.ping().await, Ok(()));
    })
    .await;
}

#[tokio::test]
async fn confirms_that_do_not_come_are_not_waited_for_without_end() {
    Broker::run(|broker| async move {
        let (relay, url) = Relay::before(&broker.url).await;
        let queue = broker.queue_at(&url);
        publish(&*queue, [1]).await;
        relay.freeze();
        let since = Stopwatch::start();
        assert!(matches!(queue.publish(&[message(Stage::Reset, 2)]).await, Err(QueueError::Unavailable(_))));
        assert!(since.elapsed().as_secs() < 15, "the wait is bounded");
        relay.resume();
        publish_until_taken(&queue, 3).await;
    })
    .await;
}

#[tokio::test]
async fn wrong_credentials_are_refused_at_once() {
    Broker::run(|broker| async move {
        // Something must be there to be deleted.
        publish(&*broker.queue(), [1]).await;
        let at = broker.url.rfind('@').expect("an address");
        let queue = broker.queue_at(&format!("amqp://guest:wrong-secret{}", &broker.url[at..]));
        let since = Stopwatch::start();
        let Err(QueueError::Refused(reason)) = queue.ping().await else { panic!("not refused") };
        assert!(reason.contains("broker.url"), "{reason}");
        assert!(!reason.contains("wrong-secret"), "{reason}");
        assert!(since.elapsed().as_secs() < 9, "no need to wait for what waiting does not cure");

        let queue = broker.queue_at(&format!("{}-not-there", broker.url));
        assert!(matches!(queue.ping().await, Err(QueueError::Refused(_))));
    })
    .await;
}

#[tokio::test]
async fn an_unreadable_url_is_refused_without_repeating_it() {
    let queue = RabbitQueue::new(&SecretString::from("http://guest:my-secret@localhost"), "test");
    let Err(QueueError::Refused(reason)) = queue.ping().await else { panic!("not refused") };
    assert!(!reason.contains("my-secret"), "{reason}");
}

#[tokio::test]
async fn a_queue_with_other_arguments_is_refused_with_its_name_and_the_cure() {
    Broker::run(|broker| async move {
        let channel = broker.channel().await;
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(broker.name("email"), options, FieldTable::default()).await.expect("declared");
        let queue = broker.queue();
        let Err(QueueError::Refused(reason)) = queue.ping().await else { panic!("not refused") };
        assert!(reason.contains(broker.name("email").as_str()), "{reason}");
        assert!(reason.contains("delete_queue"), "{reason}");
        broker.delete_queue("email").await;
        soon("the cure", async {
            while queue.ping().await.is_err() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_large_group_is_published_at_once() {
    Broker::run(|broker| async move {
        let queue = broker.queue();
        publish(&*queue, 0..2000).await;
        waiting(&*queue, 2000).await;
        let mut consumer = queue.consume_work(RESET, 200).await;
        for _ in 0..40 {
            let tags: Vec<_> = take(&mut consumer, 50).await.iter().map(|delivery| delivery.tag).collect();
            consumer.acks.ack(&tags).await.expect("acknowledged");
        }
        drop(consumer);
        is_drained(&*queue).await;
    })
    .await;
}

#[tokio::test]
async fn groups_published_side_by_side_do_not_mix() {
    Broker::run(|broker| async move {
        let queue = broker.queue();
        publish(&*queue, [1]).await;
        broker.delete_queue("sms").await;
        let messages: Vec<_> = (0..20).map(|at| message(Stage::Sms, at)).collect();
        let group = |stage| {
            let queue = Arc::clone(&queue);
            let messages: Vec<_> = messages.iter().map(|_| message(stage, 1)).collect();
            tokio::spawn(async move { (stage, queue.publish(&messages).await.expect("published")) })
        };
        for done in [group(Stage::Reset), group(Stage::Email), group(Stage::Reset), group(Stage::Email)] {
            let (stage, taken) = done.await.expect("no panic");
            assert_eq!(taken, vec![true; 20], "{stage}");
        }
        assert_eq!(queue.publish(&messages).await, Ok(vec![false; 20]));
    })
    .await;
}

#[tokio::test]
async fn a_request_comes_with_who_sent_it() {
    Broker::run(|broker| async move {
        let queue = broker.queue();
        let mut consumer = RequestQueue::consume(&*queue, 10).await.expect("consumer");
        let properties = BasicProperties::default()
            .with_user_id("guest".into())
            .with_message_id("order-7".into())
            .with_content_type("application/json".into());
        broker.publish_raw("requests", "request", b"{}", properties).await;
        broker.publish_raw("requests", "request", b"anonymous", BasicProperties::default()).await;
        let first = soon("a request", consumer.requests.recv()).await.expect("a request");
        assert_eq!(
            first,
            RawRequest {
                producer: Some("guest".to_owned()),
                message_id: Some("order-7".to_owned()),
                content_type: Some("application/json".to_owned()),
                content_encoding: None,
                trace: None,
                body: b"{}".to_vec(),
                tag: first.tag,
            }
        );
        let second = soon("a request", consumer.requests.recv()).await.expect("a request");
        assert_eq!((second.producer, second.message_id), (None, None));
        consumer.answers.ack(&[first.tag]).await.expect("acknowledged");
        drop(consumer);
        // The one without an answer comes again.
        let mut consumer = RequestQueue::consume(&*queue, 10).await.expect("consumer");
        let again = soon("a request", consumer.requests.recv()).await.expect("a request");
        assert_eq!(again.body, b"anonymous");
        consumer.answers.reject(again.tag).await.expect("rejected");
    })
    .await;
}

/// `consume` of both ports has the same name.
trait ConsumeWork {
    async fn consume_work(&self, source: Source, prefetch: u16) -> keybell_shared::ports::queue::Consumer;
}

impl ConsumeWork for RabbitQueue {
    async fn consume_work(&self, source: Source, prefetch: u16) -> keybell_shared::ports::queue::Consumer {
        WorkQueue::consume(self, source, prefetch).await.expect("consumer")
    }
}
