//! A private RabbitMQ node, with a port mapper (epmd) of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use lapin::options::{QueueDeleteOptions, QueuePurgeOptions};
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::place::{Place, find};
use super::process::{Server, run};
use crate::checker::Queue;
use crate::ports::Port;

/// The longest that a command may take: each starts an Erlang of its own.
const PATIENCE: Duration = Duration::from_mins(1);

/// How every Erlang is started: one scheduler that does not spin leaves the other cores to what is tested; and none starts
/// a port mapper, which would be a daemon whose process nobody knows.
const ERLANG: &str = "+S 1:1 +sbwt none -start_epmd false";

/// The node, running or not.
pub(crate) struct RabbitMq {
    place: Place,
    port: Port,
    /// On which Erlang's nodes talk to each other.
    node_port: Port,
    mapper_port: Port,
    /// In the order in which they must end.
    server: Option<Server>,
    mapper: Option<Server>,
}

impl RabbitMq {
    pub(super) fn new(parent: &Path) -> Result<Self> {
        Ok(Self {
            place: Place::make(parent, "rabbitmq")?,
            port: Port::reserve()?,
            node_port: Port::reserve()?,
            mapper_port: Port::reserve()?,
            server: None,
            mapper: None,
        })
    }

    pub(super) fn folder(&self) -> &Path {
        self.place.folder()
    }

    #[cfg(test)]
    pub(super) fn family(&self) -> Vec<u32> {
        [&self.server, &self.mapper].into_iter().flatten().flat_map(Server::family).collect()
    }

    /// Where it answers, for a proxy.
    pub(crate) const fn address(&self) -> std::net::SocketAddr {
        self.port.address()
    }

    /// The same, for a client.
    pub(crate) fn url(&self) -> String {
        format!("amqp://guest:guest@{}/%2f", self.port.address())
    }

    /// Starts it with the data that it had, unless it runs.
    pub(crate) async fn start(&mut self) -> Result<()> {
        if self.server.as_mut().is_some_and(|server| server.ended().is_none()) {
            return Ok(());
        }
        self.kill().await;
        let mut command = self.place.command(find(&["epmd"], "rabbitmq-server")?);
        command.args(["-port", &self.mapper_port.number().to_string(), "-address", "127.0.0.1"]);
        let mut mapper = Server::start("epmd", &self.place, command).await?;
        let address = self.mapper_port.address();
        mapper.ready(&self.place, async || TcpStream::connect(address).await.is_ok()).await?;
        self.mapper = Some(mapper);

        // Debian's program in sbin is a wrapper that refuses everybody but root and rabbitmq: take what it wraps.
        let mut command = self.place.command(program("rabbitmq-server")?);
        command.envs(self.environment()?);
        let mut server = Server::start("rabbitmq", &self.place, command).await?;
        server.ready(&self.place, async || self.greets().await).await?;
        self.server = Some(server);
        // Clients are welcome a moment before administrators are.
        self.control(&["await_startup"]).await.map(drop)
    }

    /// SIGKILL of the node and of everything that it started.
    pub(crate) async fn kill(&mut self) {
        for server in [self.server.take(), self.mapper.take()].into_iter().flatten() {
            server.kill().await;
        }
    }

    /// Stops the broker within the node: every connection ends, and no new one begins.
    pub(crate) async fn stop_app(&self) -> Result<()> {
        self.control(&["stop_app"]).await.map(drop)
    }

    /// Starts the broker within the node again.
    pub(crate) async fn start_app(&self) -> Result<()> {
        self.control(&["start_app"]).await.map(drop)
    }

    /// Closes every connection, as an administrator would. New ones are welcome.
    pub(crate) async fn close_connections(&self) -> Result<()> {
        self.control(&["close_all_connections", "--global", "closed by an administrator"]).await.map(drop)
    }

    /// Kills it, and starts it without anything that it had.
    pub(crate) async fn wipe(&mut self) -> Result<()> {
        self.kill().await;
        let data = self.data();
        std::fs::remove_dir_all(&data).with_context(|| format!("{} cannot be deleted", data.display()))?;
        self.start().await
    }

    /// Deletes the messages of a queue that nobody was given yet.
    pub(crate) async fn purge(&self, queue: &str) -> Result<()> {
        let purge = async |channel: &Channel| channel.queue_purge(queue.into(), QueuePurgeOptions::default()).await;
        self.over_amqp(purge).await.with_context(|| format!("RabbitMQ does not purge {queue}"))
    }

    /// Deletes a queue with everything in it. A queue that is not there is no error.
    pub(crate) async fn delete_queue(&self, queue: &str) -> Result<()> {
        let delete = async |channel: &Channel| channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await;
        self.over_amqp(delete).await.with_context(|| format!("RabbitMQ does not delete {queue}"))
    }

    /// Lets it believe that its memory is full: whoever publishes is made to wait. Off: as it was at its start.
    pub(crate) async fn memory_alarm(&self, on: bool) -> Result<()> {
        let limit: &[&str] = if on { &["absolute", "1"] } else { &["0.4"] };
        self.control(&[&["set_vm_memory_high_watermark"], limit].concat()).await.map(drop)
    }

    /// Every queue, with what is in it.
    pub(crate) async fn queues(&self) -> Result<Vec<Queue>> {
        let columns = ["name", "messages_ready", "messages_unacknowledged"];
        let text = self.control(&[&["--quiet", "list_queues", "--formatter", "json"][..], &columns].concat()).await?;
        let rows: Vec<serde_json::Value> =
            serde_json::from_str(&text).context("RabbitMQ's list of queues is no JSON")?;
        let queue = |row: &serde_json::Value| {
            let [name, ready, unacknowledged] = columns.map(|column| row.get(column));
            let (name, ready) = (name?.as_str()?.to_owned(), ready?.as_u64()?);
            Some(Queue { name, ready, unacknowledged: unacknowledged?.as_u64()? })
        };
        rows.iter().map(|row| queue(row).with_context(|| format!("RabbitMQ cannot say of a queue: {row}"))).collect()
    }

    /// One command to the node, as an administrator gives it.
    async fn control(&self, arguments: &[&str]) -> Result<String> {
        ensure!(
            self.server.is_some(),
            "rabbitmqctl {}: the node was killed and not started again",
            arguments.join(" ")
        );
        let mut command = self.place.command(program("rabbitmqctl")?);
        command.env("ERL_EPMD_PORT", self.mapper_port.number().to_string());
        command.env("RABBITMQ_NODENAME", self.node()).env("RABBITMQ_CTL_ERL_ARGS", ERLANG);
        command.env("RABBITMQ_CONF_ENV_FILE", self.place.folder().join("rabbitmq-env.conf")).args(arguments);
        run(command, &format!("rabbitmqctl {}", arguments.join(" ")), PATIENCE).await
    }

    /// What an ordinary client may do takes no Erlang of its own.
    async fn over_amqp<T>(&self, act: impl AsyncFnOnce(&Channel) -> lapin::Result<T>) -> Result<()> {
        let url = self.url();
        let acted = timeout(PATIENCE, async {
            let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
            let channel = connection.create_channel().await?;
            act(&channel).await?;
            connection.close(200, "done".into()).await
        });
        Ok(acted.await.context("RabbitMQ does not answer")??)
    }

    /// Whether it answers a greeting. The port opens last in its start, so that whoever gets this answer can work.
    async fn greets(&self) -> bool {
        let greeting = async {
            let mut stream = TcpStream::connect(self.port.address()).await?;
            stream.write_all(b"AMQP\0\0\x09\x01").await?;
            stream.read_u8().await
        };
        // A method, which asks for a client's name.
        matches!(timeout(Duration::from_secs(5), greeting).await, Ok(Ok(1)))
    }

    /// The node's name is also the name of its data: it stays the same.
    fn node(&self) -> String {
        format!("keybell-{}@localhost", self.port.number())
    }

    fn data(&self) -> PathBuf {
        self.place.folder().join("mnesia")
    }

    /// Every file that the system's own node would read is named and our own, so that `/etc/rabbitmq` has no say here.
    fn environment(&self) -> Result<Vec<(&'static str, String)>> {
        let place = &self.place;
        let text = |path: PathBuf| path.display().to_string();
        let listen =
            format!("listeners.tcp.1 = {}\nlog.console = true\nlog.console.level = info\n", self.port.address());
        let mut variables = vec![
            ("RABBITMQ_CONFIG_FILE", text(place.write("rabbitmq.conf", &listen)?)),
            ("RABBITMQ_CONF_ENV_FILE", text(place.write("rabbitmq-env.conf", "")?)),
            ("RABBITMQ_ADVANCED_CONFIG_FILE", text(place.write("advanced.config", "[].\n")?)),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", text(place.write("enabled_plugins", "[].\n")?)),
            ("RABBITMQ_CONFIG_FILES", text(place.subfolder("conf.d")?)),
            ("RABBITMQ_MNESIA_BASE", text(place.subfolder("mnesia")?)),
            ("RABBITMQ_LOG_BASE", text(place.subfolder("log")?)),
            ("RABBITMQ_GENERATED_CONFIG_DIR", text(place.subfolder("generated")?)),
            ("ERL_CRASH_DUMP", text(place.folder().join("log/erl_crash.dump"))),
        ];
        variables.extend([
            ("ERL_EPMD_PORT", self.mapper_port.number().to_string()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
            ("RABBITMQ_NODENAME", self.node()),
            ("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1".to_owned()),
            ("RABBITMQ_NODE_PORT", self.port.number().to_string()),
            ("RABBITMQ_DIST_PORT", self.node_port.number().to_string()),
            ("RABBITMQ_LOGS", "-".to_owned()),
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", format!("{ERLANG} -kernel inet_dist_use_interface {{127,0,0,1}}")),
            // The start script becomes the server instead of staying its parent.
            ("RUNNING_UNDER_SYSTEMD", "true".to_owned()),
        ]);
        Ok(variables)
    }
}

/// One of RabbitMQ's own programs.
fn program(name: &str) -> Result<PathBuf> {
    let path = Path::new("/usr/lib/rabbitmq/bin").join(name);
    if !path.is_file() {
        bail!("{} is missing. On Debian: apt-get install rabbitmq-server", path.display());
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;
    use keybell_shared::clock::Stopwatch;
    use lapin::BasicProperties;
    use lapin::options::{BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
    use lapin::types::FieldTable;

    use super::super::place;
    use super::*;

    async fn connect(rabbitmq: &RabbitMq) -> (Connection, Channel) {
        let connection = Connection::connect(&rabbitmq.url(), ConnectionProperties::default()).await.expect("a broker");
        let channel = connection.create_channel().await.expect("a channel");
        channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
        (connection, channel)
    }

    async fn declare(channel: &Channel, queue: &str) {
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(queue.into(), durable, FieldTable::default()).await.expect("a queue");
    }

    async fn publish(channel: &Channel, queue: &str) {
        let (options, persistent) = (BasicPublishOptions::default(), BasicProperties::default().with_delivery_mode(2));
        let sent = channel.basic_publish("".into(), queue.into(), options, b"x", persistent).await.expect("sent");
        assert!(sent.await.expect("confirmed").is_ack());
    }

    async fn counts(rabbitmq: &RabbitMq) -> Vec<(String, u64, u64)> {
        let mut queues = rabbitmq.queues().await.expect("a list");
        queues.sort_by(|a, b| a.name.cmp(&b.name));
        queues.into_iter().map(|queue| (queue.name, queue.ready, queue.unacknowledged)).collect()
    }

    async fn breaks(connection: &Connection) {
        let watch = Stopwatch::start();
        while connection.status().connected() {
            assert!(watch.elapsed() < PATIENCE, "the connection stays");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_operation() {
        let folder = tempfile::tempdir().expect("a folder");
        place::open(folder.path()).expect("ours");
        let mut rabbitmq = RabbitMq::new(folder.path()).expect("a place");
        rabbitmq.start().await.expect("it starts");

        let (connection, channel) = connect(&rabbitmq).await;
        for queue in ["a", "b"] {
            declare(&channel, queue).await;
            publish(&channel, queue).await;
            publish(&channel, queue).await;
        }
        let take =
            channel.basic_consume("a".into(), "".into(), BasicConsumeOptions::default(), FieldTable::default()).await;
        let mut taken = take.expect("a consumer");
        for _ in 0..2 {
            taken.next().await.expect("a message").expect("whole");
        }
        assert_eq!(counts(&rabbitmq).await, [("a".to_owned(), 0, 2), ("b".to_owned(), 2, 0)]);

        rabbitmq.close_connections().await.expect("it closes them");
        breaks(&connection).await;
        assert_eq!(counts(&rabbitmq).await, [("a".to_owned(), 2, 0), ("b".to_owned(), 2, 0)]);
        rabbitmq.purge("a").await.expect("it purges");
        assert!(rabbitmq.purge("none").await.is_err(), "there is no such queue");

        // Killed and back: what was confirmed is there.
        let (connection, channel) = connect(&rabbitmq).await;
        rabbitmq.kill().await;
        breaks(&connection).await;
        drop((channel, connection));
        assert!(rabbitmq.queues().await.is_err(), "nobody answers");
        rabbitmq.start().await.expect("it starts again");
        assert_eq!(counts(&rabbitmq).await, [("a".to_owned(), 0, 0), ("b".to_owned(), 2, 0)]);
        rabbitmq.delete_queue("b").await.expect("it deletes");
        rabbitmq.delete_queue("b").await.expect("no error");

        // Full memory: a message is not confirmed before the alarm is over.
        let (connection, channel) = connect(&rabbitmq).await;
        rabbitmq.memory_alarm(true).await.expect("an alarm");
        let mut waiting = Box::pin(publish(&channel, "a"));
        assert!(timeout(Duration::from_secs(1), &mut waiting).await.is_err(), "it was confirmed");
        rabbitmq.memory_alarm(false).await.expect("no alarm");
        timeout(PATIENCE, waiting).await.expect("it is confirmed");

        rabbitmq.stop_app().await.expect("it stops");
        breaks(&connection).await;
        assert!(!rabbitmq.greets().await, "it still answers");
        rabbitmq.start_app().await.expect("it starts");
        assert!(rabbitmq.greets().await, "it does not answer");
        assert_eq!(counts(&rabbitmq).await, [("a".to_owned(), 1, 0)]);

        rabbitmq.wipe().await.expect("it starts anew");
        assert_eq!(counts(&rabbitmq).await, []);
    }
}
