//! Requests of applications that are wrong, over the real broker: refused by the broker itself, dropped because nobody
//! vouches for them, or refused aloud, with an event for the application.
//!
//! That a producer can reach nothing but the door is kept by `tests/tests/cluster/amqp/permissions.rs`.

mod tables;

use keybell_shared::clock::Stopwatch;
use keybell_tests::fleet::{Person, Process, SCHEDULER, World};
use keybell_tests::program::PATIENCE;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Confirmation, Connection, ConnectionProperties, ErrorKind};

use crate::Listed;
use crate::evidence::{CANARY, counts, is_well};

/// One case.
pub(crate) struct Row {
    number: &'static str,
    what: &'static str,
    /// Applied to a right message: JSON, a message id, the producer's name.
    properties: fn(BasicProperties, &World) -> BasicProperties,
    key: &'static str,
    body: Vec<u8>,
    becomes: Fate,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// An event says why not: the code and the field, if one is named.
    Refused(&'static str, &'static str),
    /// It becomes a task.
    Accepted,
    /// It is known already, as a task.
    Repeated,
    /// Nobody vouches for it: the log says so.
    Dropped,
    /// The broker closes the channel with this code.
    Broker(u16),
    /// It leads to no queue, and the broker hands it back.
    HandedBack,
}

pub(crate) fn listed() -> Listed {
    tables::refused().into_iter().chain(tables::taken()).map(|row| (row.number, row.what.to_owned())).collect()
}

/// What the broker says of a message.
async fn publish(connection: &Connection, world: &World, row: &Row) -> Option<Fate> {
    // A channel of its own for each, because a refusal closes it.
    let channel = connection.create_channel().await.expect("a channel");
    channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
    let right = BasicProperties::default()
        .with_user_id("guest".into())
        .with_message_id(row.number.into())
        .with_content_type("application/json".into())
        .with_delivery_mode(2);
    let (exchange, mandatory) =
        (world.broker.name("requests"), BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() });
    let properties = (row.properties)(right, world);
    let confirm = match channel.basic_publish(exchange.into(), row.key.into(), mandatory, &row.body, properties).await {
        Ok(confirm) => confirm.await,
        Err(error) => Err(error),
    };
    match confirm {
        Ok(Confirmation::Ack(None)) => None,
        Ok(_) => Some(Fate::HandedBack),
        Err(error) => {
            let ErrorKind::ProtocolError(said) = error.kind() else { panic!("{} {}: {error}", row.number, row.what) };
            Some(Fate::Broker(said.get_id()))
        }
    }
}

/// Waits until nothing waits at the door, and nothing is in the hand of the scheduler.
async fn taken(world: &World, answers: i64, strangers: i64, scheduler: &Process) {
    let watch = Stopwatch::start();
    loop {
        let told = world.sql().number("SELECT count(*) FROM events WHERE kind LIKE 'request.%'").await;
        let waiting =
            world.broker.ready().await.into_iter().find(|(name, _)| *name == "requests").map(|(_, ready)| ready);
        if told >= answers && waiting == Some(0) && (strangers == 0 || scheduler.stderr().contains("origin.unknown")) {
            return;
        }
        assert!(watch.elapsed() < PATIENCE, "{told} of {answers} are answered, {waiting:?} wait");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_message_becomes_what_its_row_says() {
    let world = World::new().await;
    world.import(&Person::pupils(12)).await;
    let _allowed = world.program(["producer", "allow", "guest"]).run_to(0).await;
    let mut scheduler = world.start(SCHEDULER);
    let watch = Stopwatch::start();
    while !world.broker.exists("requests").await {
        assert!(watch.elapsed() < PATIENCE, "the door does not open");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let mut events = world.broker.listen().await;
    let connection =
        Connection::connect(world.broker.url(), ConnectionProperties::default()).await.expect("the broker");
    let (refused, rest) = (tables::refused(), tables::taken());
    let before = counts(world.sql()).await;
    let mut wrong = Vec::new();
    let mut answers = 0;
    for (round, rows) in [&refused, &rest].into_iter().enumerate() {
        for row in rows {
            let said = publish(&connection, &world, row).await;
            let wanted = matches!(row.becomes, Fate::Broker(_) | Fate::HandedBack).then_some(row.becomes);
            if said != wanted {
                wrong.push(format!("{} {}: the broker says {said:?}", row.number, row.what));
            }
        }
        answers += rows
            .iter()
            .filter(|row| matches!(row.becomes, Fate::Refused(..) | Fate::Accepted | Fate::Repeated))
            .count();
        let strangers = rows.iter().filter(|row| row.becomes == Fate::Dropped).count();
        taken(&world, i64::try_from(answers).expect("few"), i64::try_from(strangers).expect("few"), &scheduler).await;
        if round == 0 {
            assert_eq!(counts(world.sql()).await, before, "what was refused has changed something");
        }
    }
    // Every answer, by the message id that it belongs to.
    events
        .until("all answers", |heard| heard.iter().filter(|(key, _)| key.contains(".request.")).count() >= answers)
        .await;
    let rows = || refused.iter().chain(&rest);
    for row in rows() {
        let asked = match row.number {
            "A09" => "",
            "A05" | "A41" => "A40",
            own => own,
        };
        let told: Vec<_> = events
            .heard()
            .iter()
            .map(|(_, event)| event)
            .filter(|event| event["body"]["message_id"] == asked || event["body"]["message_id"] == format!("{asked}é"))
            .filter(|event| event["kind"].as_str().is_some_and(|kind| kind.starts_with("request.")))
            .collect();
        let fine = told.iter().any(|event| match row.becomes {
            Fate::Refused(code, field) => {
                event["body"]["code"] == code && event["body"]["field"].as_str().unwrap_or_default() == field
            }
            Fate::Accepted => event["kind"] == "request.accepted" && event["body"]["repeated"] == false,
            Fate::Repeated => event["kind"] == "request.accepted" && event["body"]["repeated"] == true,
            Fate::Dropped | Fate::Broker(_) | Fate::HandedBack => false,
        });
        let silent = matches!(row.becomes, Fate::Dropped | Fate::Broker(_) | Fate::HandedBack);
        if !(fine || silent && told.is_empty()) {
            wrong.push(format!("{} {}: {:?} is wanted, and told is {told:?}", row.number, row.what, row.becomes));
        }
    }
    assert!(wrong.is_empty(), "{} rows are not as they should be:\n{}", wrong.len(), wrong.join("\n"));
    let accepted = rows().filter(|row| row.becomes == Fate::Accepted).count();
    assert_eq!(world.sql().number("SELECT count(*) FROM tasks").await, i64::try_from(accepted).expect("few"));
    assert!(events.heard().iter().all(|(_, event)| !event.to_string().contains(CANARY)), "a password comes back");
    // Where a message names one of our queues for its answer, nothing is sent there.
    let ready = world.broker.ready().await;
    for (queue, waiting) in ready {
        assert!(!["sms", "dead"].contains(&queue) || waiting == 0, "{waiting} messages lie in {queue}");
    }
    is_well(&mut scheduler, &[]);
    connection.close(200, "done".into()).await.expect("closed");
    scheduler.terminate();
    let _ended = scheduler.wait(PATIENCE).await.with_code(0);
}
