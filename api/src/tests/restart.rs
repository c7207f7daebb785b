//! A client of an event stream that is killed and comes back, while the API is stopped and started again: no event is
//! lost or repeated.

use std::net::SocketAddr;
use std::time::Duration;

use keybell_shared::progress::Snapshot;
use keybell_shared::states::TaskState;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::World;

/// Far longer than anything here takes.
const HANGS: Duration = Duration::from_secs(20);

/// A running API process, as far as this test goes: its own state, the same ledger and board.
struct Process {
    address: SocketAddr,
    soft: CancellationToken,
    server: JoinHandle<std::io::Result<()>>,
}

impl Process {
    async fn start(world: &World) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let soft = CancellationToken::new();
        let mut parts = world.parts();
        parts.soft = soft.clone();
        Self { address, soft, server: tokio::spawn(crate::serve(listener, parts)) }
    }

    async fn stop(self) {
        self.soft.cancel();
        tokio::time::timeout(HANGS, self.server).await.expect("it ends").expect("no panic").expect("no error");
    }
}

/// A client of one stream.
struct Client {
    stream: TcpStream,
    seen: String,
}

impl Client {
    async fn connect(address: SocketAddr, key: &str, task: &str, last: Option<&str>) -> Self {
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let get = format!(
            "GET /v1/tasks/{task}/events HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n{last}\r\n"
        );
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(get.as_bytes()).await.expect("sent");
        Self { stream, seen: String::new() }
    }

    /// Reads what is there, until `enough` or the end of the stream; answers the ids and states of whole events.
    async fn read(&mut self, enough: impl Fn(&[(String, String)]) -> bool) -> Vec<(String, String)> {
        loop {
            let events = self.events();
            if enough(&events) {
                return events;
            }
            let mut bytes = [0; 4096];
            let read = tokio::time::timeout(HANGS, self.stream.read(&mut bytes)).await.expect("the stream hangs");
            match read {
                Ok(count) if count > 0 => self.seen.push_str(&String::from_utf8_lossy(&bytes[..count])),
                Ok(_) | Err(_) => return self.events(),
            }
        }
    }

    fn events(&self) -> Vec<(String, String)> {
        let field = |event: &str, name: &str| {
            event.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
        };
        let whole = self.seen.split("\n\n").filter(|event| event.contains("data: "));
        let state = |data: String| {
            let (_, rest) = data.split_once("\"state\":\"")?;
            rest.split('"').next().map(str::to_owned)
        };
        whole.filter_map(|event| Some((field(event, "id: ")?, field(event, "data: ").and_then(state)?))).collect()
    }
}

/// The version in an event's id.
fn version(id: &str) -> i64 {
    id.split_once('-').and_then(|(_, version)| version.parse().ok()).expect("an id")
}

fn advance(world: &World, version: i64, state: TaskState) {
    let mut memory = world.ledger.memory();
    let now = &mut memory.tasks[0].progress;
    *now = Snapshot { version, state, ..now.clone() };
    let snapshot = now.clone();
    drop(memory);
    world.board.force(&snapshot);
}

#[tokio::test]
async fn a_client_that_is_killed_and_comes_back_to_another_process_loses_and_repeats_nothing() {
    let world = World::new();
    let task = world.start(&world.key, "k-1").await;
    let mut seen: Vec<(String, String)> = Vec::new();
    let mut next = 1;
    let rounds = 6;
    for round in 0..rounds {
        let process = Process::start(&world).await;
        let last = seen.last().map(|(id, _)| id.clone());
        let mut client = Client::connect(process.address, &world.key, &task, last.as_deref()).await;
        // Something happens while nobody listens, and more while somebody does.
        next += 1;
        advance(&world, next, TaskState::Running);
        let upto = next;
        let got = client.read(|events| events.last().is_some_and(|(id, _)| version(id) >= upto)).await;
        assert_eq!(got.last().map(|(id, _)| version(id)), Some(upto), "the newest is always seen");
        next += 1;
        advance(&world, next, TaskState::Running);
        let upto = next;
        let got = client.read(|events| events.last().is_some_and(|(id, _)| version(id) >= upto)).await;
        seen.extend(got);
        if round % 2 == 0 {
            // The client is killed first; then the process ends while nobody listens.
            drop(client);
            process.stop().await;
        } else {
            // The process ends first, and the client hears the end of the stream.
            let ((), rest) = tokio::join!(process.stop(), client.read(|_| false));
            assert_eq!(rest.last().map(|(id, _)| version(id)), Some(upto), "nothing new came with the end");
        }
        next += 1;
        advance(&world, next, if round + 1 == rounds { TaskState::Completed } else { TaskState::Running });
    }
    let process = Process::start(&world).await;
    let last = seen.last().map(|(id, _)| id.clone());
    let mut client = Client::connect(process.address, &world.key, &task, last.as_deref()).await;
    seen.extend(client.read(|_| false).await);
    let versions: Vec<i64> = seen.iter().map(|(id, _)| version(id)).collect();
    assert!(versions.is_sorted_by(|one, two| one < two), "each at most once, and only forwards: {versions:?}");
    assert_eq!(seen.last().map(|(id, state)| (version(id), state.as_str())), Some((next, "completed")));
    process.stop().await;
}
