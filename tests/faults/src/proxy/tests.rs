use keybell_shared::clock::Stopwatch;
use tokio::time::timeout;

use super::*;
use crate::services::{Postgres, open};

const PATIENCE: Duration = Duration::from_secs(20);

const COMMITTED: &[u8] = b"C\0\0\0\x0bCOMMIT\0";

/// A server that says what the test says, behind a proxy.
struct Script {
    listener: TcpListener,
    proxy: Proxy,
}

impl Script {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let proxy = Proxy::start(listener.local_addr().expect("an address")).await.expect("a proxy");
        Self { listener, proxy }
    }

    /// Client and server, with the first words exchanged.
    async fn connect(&self) -> (TcpStream, TcpStream) {
        let mut client = TcpStream::connect(self.proxy.address()).await.expect("the proxy");
        let (mut server, _) = self.listener.accept().await.expect("the proxy comes");
        client.write_all(b"hello").await.expect("written");
        assert_eq!(read(&mut server, 5).await, b"hello");
        say(&mut server, b"R\0\0\0\x08\0\0\0\0").await;
        read(&mut client, 9).await;
        (client, server)
    }
}

async fn say(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).await.expect("written");
}

async fn read(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    timeout(PATIENCE, stream.read_exact(&mut bytes)).await.expect("in time").expect("so many bytes");
    bytes
}

async fn is_reset(stream: &mut TcpStream) -> bool {
    let end = timeout(PATIENCE, stream.read_u8()).await.expect("in time").expect_err("nothing more comes");
    end.kind() == std::io::ErrorKind::ConnectionReset
}

#[tokio::test]
async fn an_answer_to_commit_is_swallowed_and_both_sides_are_reset() {
    let script = Script::new().await;
    let (mut client, mut server) = script.connect().await;
    say(&mut server, COMMITTED).await;
    assert_eq!(read(&mut client, COMMITTED.len()).await, COMMITTED, "nobody wants it cut");

    script.proxy.cut_at_commit(2);
    for cut in 1..=2 {
        say(&mut server, b"C\0\0\0\x0aBEGIN\0").await;
        read(&mut client, 11).await;
        say(&mut server, &COMMITTED[..7]).await;
        say(&mut server, &COMMITTED[7..]).await;
        assert!(is_reset(&mut client).await && is_reset(&mut server).await);
        assert_eq!(script.proxy.commits_cut(), cut);
        (client, server) = script.connect().await;
    }
    script.proxy.cut_at_commit(3);
    script.proxy.cut_at_commit(0);
    say(&mut server, COMMITTED).await;
    assert_eq!(read(&mut client, COMMITTED.len()).await, COMMITTED, "no more");
    assert_eq!(script.proxy.commits_cut(), 2);
}

#[tokio::test]
async fn everything_is_cut_slowed_and_frozen() {
    let script = Script::new().await;
    let (mut first, mut behind_first) = script.connect().await;
    script.proxy.freeze(true);
    let (mut second, mut behind_second) = (TcpStream::connect(script.proxy.address()).await.expect("welcome"), None);
    say(&mut second, b"x").await;
    say(&mut first, b"x").await;
    let mut nothing = [0; 1];
    assert!(timeout(Duration::from_millis(300), behind_first.read(&mut nothing)).await.is_err(), "it passed");
    script.proxy.freeze(false);
    assert_eq!(read(&mut behind_first, 1).await, b"x");
    let accepted = behind_second.insert(script.listener.accept().await.expect("the proxy comes").0);
    assert_eq!(read(accepted, 1).await, b"x");

    script.proxy.delay(Duration::from_millis(200));
    let watch = Stopwatch::start();
    say(&mut first, b"x").await;
    read(&mut behind_first, 1).await;
    say(&mut behind_first, b"1\0\0\0\x04").await;
    read(&mut first, 5).await;
    assert!(watch.elapsed() >= Duration::from_millis(400), "{:?}", watch.elapsed());

    // Neither of these keeps a connection from being cut.
    script.proxy.freeze(true);
    script.proxy.cut_all();
    assert!(is_reset(&mut first).await && is_reset(&mut second).await && is_reset(&mut behind_first).await);
    script.proxy.freeze(false);
    script.proxy.delay(Duration::ZERO);

    // Each side's end reaches the other one.
    let (mut client, mut server) = script.connect().await;
    client.shutdown().await.expect("half closed");
    assert_eq!(server.read(&mut nothing).await.expect("an end"), 0);
    say(&mut server, b"1\0\0\0\x04").await;
    drop(server);
    assert_eq!(read(&mut client, 5).await, b"1\0\0\0\x04");
    assert_eq!(client.read(&mut nothing).await.expect("an end"), 0);

    drop(script.listener);
    let mut nobody = TcpStream::connect(script.proxy.address()).await.expect("the proxy");
    assert!(is_reset(&mut nobody).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_transaction_is_committed_though_its_client_hears_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    open(folder.path()).expect("ours");
    let mut postgres = Postgres::new(folder.path()).expect("a place");
    postgres.start().await.expect("it starts");
    let proxy = Proxy::start(postgres.address()).await.expect("a proxy");
    let direct = postgres.url();
    let through = direct.replace(&postgres.address().to_string(), &proxy.address().to_string());
    let count = "SELECT count(*) FROM words";

    postgres.ask(&through, "CREATE TABLE words (word text)").await.expect("transparent");
    let write = "BEGIN; INSERT INTO words VALUES ('once'); COMMIT";
    postgres.ask(&through, write).await.expect("transparent");
    // Many messages, longer than any chunk.
    let many = postgres.ask(&through, "SELECT repeat('C', 100000) FROM generate_series(1, 20)").await.expect("rows");
    assert_eq!(many.len(), 20 * 100_001 - 1);

    proxy.cut_at_commit(1);
    postgres.ask(&through, "BEGIN; INSERT INTO words VALUES ('never'); ROLLBACK").await.expect("no commit");
    assert_eq!(proxy.commits_cut(), 0);
    let lost = postgres.ask(&through, write).await.expect_err("no answer").to_string();
    assert!(lost.contains("server closed the connection") || lost.contains("could not receive"), "{lost}");
    assert_eq!(postgres.ask(&direct, count).await.expect("an answer"), "2", "it is committed");
    assert_eq!(proxy.commits_cut(), 1);
    postgres.ask(&through, write).await.expect("only once");

    let (cut, ()) = tokio::join!(postgres.ask(&through, "SELECT pg_sleep(60)"), async {
        let sleeps = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'";
        while postgres.ask(&direct, sleeps).await.expect("an answer") == "0" {}
        proxy.cut_all();
    });
    assert!(cut.is_err(), "it is cut");

    postgres.kill().await;
    assert!(postgres.ask(&through, "SELECT 1").await.is_err(), "the server is away");
    postgres.start().await.expect("it starts again");
    assert_eq!(postgres.ask(&through, count).await.expect("an answer"), "3");
}
