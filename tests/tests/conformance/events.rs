//! What every event sink must do, on RabbitMQ and in memory.

use futures_util::StreamExt;
use keybell_backends::events::memory::MemoryEvents;
use keybell_backends::events::rabbitmq::RabbitEvents;
use keybell_shared::clock::Millis;
use keybell_shared::error::QueueError;
use keybell_shared::ids::DistrictId;
use keybell_shared::ports::events::{Event, EventSink};
use keybell_shared::ports::queue::WorkQueue;
use keybell_tests::relay::Relay;
use lapin::options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;

use crate::queue::{Broker, soon};

fn event(id: i64, kind: &str) -> Event {
    Event {
        id,
        district: DistrictId::fresh(),
        kind: kind.to_owned(),
        body: serde_json::json!({ "task": "t", "count": 3 }),
        at: Millis(1_700_000_000_123),
    }
}

#[tokio::test]
async fn an_event_reaches_who_listens_in_the_process() {
    let sink = MemoryEvents::new();
    // Nobody listens: fine.
    sink.emit(&[event(1, "task.accepted")]).await.expect("emitted");
    let mut listener = sink.subscribe();
    let events = [event(2, "task.completed"), event(3, "account.credential_reset")];
    sink.emit(&events).await.expect("emitted");
    for expected in events {
        assert_eq!(soon("an event", listener.recv()).await, Ok(expected));
    }
}

#[tokio::test]
async fn an_event_reaches_a_queue_bound_to_the_exchange() {
    Broker::run(|broker| async move {
        let queue = broker.queue();
        let sink = RabbitEvents::new(&queue);
        // Nobody listens: fine.
        sink.emit(&[event(1, "task.accepted")]).await.expect("emitted");

        let channel = broker.channel().await;
        let listener = broker.name("listener");
        let table = FieldTable::default;
        channel.queue_declare(listener.clone(), QueueDeclareOptions::default(), table()).await.expect("declared");
        let bind = QueueBindOptions::default();
        channel.queue_bind(listener.clone(), broker.name("events"), "#".into(), bind, table()).await.expect("bound");

        let sent = [event(2, "task.completed"), event(3, "account.credential_reset")];
        sink.emit(&sent).await.expect("emitted");
        sink.emit(&[]).await.expect("nothing to do");
        let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let mut deliveries = channel.basic_consume(listener, "".into(), options, table()).await.expect("consumer");
        for expected in sent {
            let delivery = soon("an event", deliveries.next()).await.expect("not the end").expect("no error");
            assert_eq!(delivery.routing_key.as_str(), format!("{}.{}", expected.district, expected.kind));
            assert_eq!(
                delivery.properties.message_id().as_ref().map(ToString::to_string),
                Some(expected.id.to_string())
            );
            assert_eq!(delivery.properties.kind().as_ref().map(ToString::to_string), Some(expected.kind.clone()));
            assert_eq!(serde_json::from_slice::<Event>(&delivery.data).expect("JSON"), expected);
        }
    })
    .await;
}

#[tokio::test]
async fn an_event_that_is_not_safe_is_an_error() {
    Broker::run(|broker| async move {
        let (relay, url) = Relay::before(&broker.url).await;
        let queue = broker.queue_at(&url);
        queue.ping().await.expect("an answer");
        relay.down();
        let sink = RabbitEvents::new(&queue);
        assert!(matches!(sink.emit(&[event(1, "task.accepted")]).await, Err(QueueError::Unavailable(_))));
        relay.resume();
        soon("a safe event", async { while sink.emit(&[event(1, "task.accepted")]).await.is_err() {} }).await;
    })
    .await;
}
