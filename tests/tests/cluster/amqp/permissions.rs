//! What a broker user can do that was made as `docs/amqp.md` says, and what it cannot. That it can publish and hear its
//! answer is shown by the examples, which run as such a user.

use keybell_tests::fleet::{Person, SCHEDULER, World};
use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions,
    QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ErrorKind, ExchangeKind};

use super::{is_open, waiting};
use crate::until;

/// The broker's answer to what a user may not do.
const ACCESS_REFUSED: u16 = 403;
/// The broker's answer to a message under another user's name.
const PRECONDITION_FAILED: u16 = 406;

/// One application, connected.
struct Application {
    connection: Connection,
    prefix: String,
    name: String,
}

impl Application {
    fn name(&self, word: &str) -> ShortString {
        format!("{}.{word}", self.prefix).into()
    }

    fn answers(&self) -> ShortString {
        self.name(&format!("answers.{}", self.name))
    }

    /// A channel of its own for each try, because a refusal closes it.
    async fn channel(&self) -> Channel {
        let channel = self.connection.create_channel().await.expect("a channel");
        channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
        channel
    }

    /// Publishes, and waits until the broker has taken or refused it.
    async fn publish(&self, exchange: ShortString, key: &str, user_id: &str) -> lapin::Result<()> {
        let properties = BasicProperties::default().with_user_id(user_id.into()).with_message_id("m".into());
        let channel = self.channel().await;
        let options = BasicPublishOptions::default();
        let confirm = channel.basic_publish(exchange, key.into(), options, b"{}", properties).await?;
        confirm.await.map(drop)
    }

    async fn bind(&self, queue: ShortString, exchange: ShortString, key: &str) -> lapin::Result<()> {
        let options = QueueBindOptions::default();
        self.channel().await.queue_bind(queue, exchange, key.into(), options, FieldTable::default()).await
    }

    async fn read(&self, queue: ShortString) -> lapin::Result<()> {
        let (options, table) = (BasicConsumeOptions::default(), FieldTable::default());
        self.channel().await.basic_consume(queue.clone(), "".into(), options, table).await?;
        self.channel().await.basic_get(queue, BasicGetOptions::default()).await.map(drop)
    }

    async fn declare(&self, queue: ShortString, arguments: FieldTable) -> lapin::Result<()> {
        self.channel().await.queue_declare(queue, QueueDeclareOptions::durable(), arguments).await.map(drop)
    }
}

#[track_caller]
fn refused_with<T: std::fmt::Debug>(code: u16, what: &str, result: &lapin::Result<T>) {
    match result.as_ref().map_err(lapin::Error::kind) {
        Err(ErrorKind::ProtocolError(said)) if said.get_id() == code => {}
        _ => panic!("{what} should be refused with {code}: {result:?}"),
    }
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "thirty calls read better without a borrow")]
fn refused<T: std::fmt::Debug>(what: &str, result: lapin::Result<T>) {
    refused_with(ACCESS_REFUSED, what, &result);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_producer_can_do_what_it_must_and_nothing_else() {
    let world = World::new().await;
    let user = world.broker.producer();
    let scheduler = world.start(SCHEDULER);
    until("the door is open", || async { is_open(&world).await }).await;
    let connection = Connection::connect(&user.url, ConnectionProperties::default()).await.expect("it may sign in");
    let app = Application { connection, prefix: world.broker.prefix().to_owned(), name: user.name.clone() };

    // What it must be able to do.
    app.declare(app.answers(), FieldTable::default()).await.expect("its own queue");
    let own = format!("*.request.*.{}", app.name);
    app.bind(app.answers(), app.name("events"), &own).await.expect("its own answers");
    app.read(app.answers()).await.expect("its own queue is read");
    app.publish(app.name("requests"), "request", &app.name).await.expect("a request");

    let as_guest = app.publish(app.name("requests"), "request", "guest").await;
    refused_with(PRECONDITION_FAILED, "another user's name", &as_guest);
    publishes_nowhere_else(&app).await;
    reads_nothing_else(&app).await;
    hears_nothing_else(&app).await;
    changes_nothing(&app).await;

    app.connection.close(200, "done".into()).await.expect("closed");
    scheduler.terminate();
    let _ended = scheduler.wait(crate::PATIENCE).await.with_code(0);
}

/// The door's exchange and queue have one name, and permissions go by names: who may publish there may bind the queue.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_producer_that_sends_its_answers_back_to_the_door_is_not_answered_again() {
    let world = World::new().await;
    world.import(&Person::pupils(1)).await;
    let user = world.broker.producer();
    let _allowed = world.program(["producer", "allow", &user.name]).run_to(0).await;
    let mut scheduler = world.start(SCHEDULER);
    until("the door is open", || async { is_open(&world).await }).await;
    let connection = Connection::connect(&user.url, ConnectionProperties::default()).await.expect("it may sign in");
    let app = Application { connection, prefix: world.broker.prefix().to_owned(), name: user.name.clone() };
    let own = format!("*.request.*.{}", app.name);
    app.bind(app.name("requests"), app.name("events"), &own).await.expect("the known gap of the permissions");
    app.publish(app.name("requests"), "request", &app.name).await.expect("a request that is refused");

    // Nobody vouches for an answer, so it is dropped.
    scheduler.line_with("origin.unknown").await;
    until("nothing is left", || async { waiting(&world, "requests").await == 0 }).await;
    app.connection.close(200, "done".into()).await.expect("closed");
    scheduler.terminate();
    let _ended = scheduler.wait(crate::PATIENCE).await.with_code(0);
    assert_eq!(waiting(&world, "requests").await, 0, "what the scheduler had in hand would be there again");
    let answers = world.sql().column("SELECT kind FROM events WHERE kind LIKE 'request.%'").await;
    assert_eq!(answers, ["request.refused"]);
}

async fn publishes_nowhere_else(app: &Application) {
    for (exchange, key) in [("work", "reset"), ("events", "x.request.accepted.y"), ("dead", "")] {
        refused(exchange, app.publish(app.name(exchange), key, &app.name).await);
    }
    let queue = app.name("reset");
    refused("the default exchange", app.publish("".into(), queue.as_str(), &app.name).await);
    refused("amq.topic", app.publish("amq.topic".into(), "x", &app.name).await);
}

async fn reads_nothing_else(app: &Application) {
    for queue in ["requests", "reset", "email", "sms", "dead", "answers.another"] {
        refused(queue, app.read(app.name(queue)).await);
    }
}

async fn hears_nothing_else(app: &Application) {
    let district = "01992f6a-1c00-7000-8000-0000000000d1";
    for key in [
        "#".to_owned(),
        "*.request.#".to_owned(),
        "*.request.*.*".to_owned(),
        "*.request.*.another".to_owned(),
        format!("#.request.#.{}", app.name),
        format!("*.request.#.{}", app.name),
        format!("*.request.*.another.{}", app.name),
        format!("{district}.#"),
        format!("{district}.task.completed"),
        format!("{district}.account.credential_reset"),
    ] {
        refused(&key, app.bind(app.answers(), app.name("events"), &key).await);
    }
    for exchange in ["work", "requests", "dead"] {
        refused(exchange, app.bind(app.answers(), app.name(exchange), "reset").await);
    }
    refused("another's queue", app.bind(app.name("answers.another"), app.name("events"), "x").await);
}

async fn changes_nothing(app: &Application) {
    let table = FieldTable::default;
    refused("another's queue", app.declare(app.name("answers.another"), table()).await);
    refused("a queue of its own making", app.declare("mine".into(), table()).await);
    // A queue of its own that hands its dead letters to the workers.
    let mut forwarding = table();
    forwarding.insert("x-dead-letter-exchange".into(), AMQPValue::LongString(app.name("work").as_str().into()));
    let delete = app.channel().await.queue_delete(app.answers(), QueueDeleteOptions::default()).await;
    delete.expect("its own queue is deleted");
    refused("dead letters to the workers", app.declare(app.answers(), forwarding).await);
    for queue in ["requests", "reset", "dead"] {
        let channel = app.channel().await;
        refused(queue, channel.queue_delete(app.name(queue), QueueDeleteOptions::default()).await);
        let channel = app.channel().await;
        refused(queue, channel.queue_purge(app.name(queue), QueuePurgeOptions::default()).await);
    }
    let (queue, exchange) = (app.name("requests"), app.name("requests"));
    let channel = app.channel().await;
    refused("the door's binding", channel.queue_unbind(queue, exchange, "request".into(), table()).await);
    let channel = app.channel().await;
    let options = ExchangeDeclareOptions::default();
    refused("an exchange", channel.exchange_declare(app.name("other"), ExchangeKind::Direct, options, table()).await);
}
