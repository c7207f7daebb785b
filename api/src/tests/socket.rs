//! Over real sockets: what only the server shows.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::{FINE, World};

/// Far longer than anything here takes.
const HANGS: Duration = Duration::from_secs(20);

async fn served(world: &World) -> (SocketAddr, JoinHandle<std::io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    (address, tokio::spawn(crate::serve(listener, world.parts())))
}

/// Sends bytes and reads until the server closes.
async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(bytes).await.expect("sent");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(HANGS, stream.read_to_end(&mut answer)).await.expect("the server hangs");
    // A reset after the answer is as good as an end.
    drop(read);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn requests_are_answered_and_broken_ones_end_the_connection() {
    let world = World::new();
    let (address, _server) = served(&world).await;
    let key = &world.key;
    let post = format!(
        "POST /v1/tasks HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n\
         Idempotency-Key: k-1\r\nConnection: close\r\n"
    );
    let fine = format!("{post}Content-Length: {}\r\n\r\n{FINE}", FINE.len());
    let cases: Vec<(&str, String, &str)> = vec![
        ("a request", fine, "HTTP/1.1 202"),
        ("B6 more announced than allowed", format!("{post}Content-Length: 67108864\r\n\r\n{{"), "HTTP/1.1 413"),
        ("B6 a length that is none", format!("{post}Content-Length: x\r\n\r\n"), "HTTP/1.1 400"),
        ("B6 two lengths", format!("{post}Content-Length: 1\r\nContent-Length: 2\r\n\r\n{{}}"), "HTTP/1.1 400"),
        ("B6 a broken chunk", format!("{post}Transfer-Encoding: chunked\r\n\r\nzz\r\n"), "HTTP/1.1 400"),
        ("B24 200 headers", format!("{post}{}\r\n", "X-A: b\r\n".repeat(200)), "HTTP/1.1 431"),
        ("B25 no HTTP", "what?\r\n\r\n".to_owned(), "HTTP/1.1 400"),
        ("B25 TRACE", "TRACE /v1/tasks HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_owned(), "HTTP/1.1 405"),
        ("B25 HTTP/1.0", "GET /healthz HTTP/1.0\r\n\r\n".to_owned(), "HTTP/1.0 200"),
        (
            "B25 another length than chunked",
            format!("{post}Content-Length: 3\r\nTransfer-Encoding: identity\r\n\r\n"),
            "HTTP/1.1 400",
        ),
    ];
    for (name, bytes, expected) in cases {
        let answer = exchange(address, bytes.as_bytes()).await;
        assert!(answer.starts_with(expected), "{name}: {answer}");
        assert_eq!(answer.matches("HTTP/1.").count(), 1, "{name}: one answer only: {answer}");
    }
}

#[tokio::test]
async fn a_smuggled_request_is_never_read_as_one() {
    let world = World::new();
    let (address, _server) = served(&world).await;
    let inner = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    let both = format!(
        "POST /v1/tasks HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        5 + inner.len()
    );
    // RFC 9112 6.3: chunked wins; what follows is the next request of the same client, answered as such.
    let answer =
        exchange(address, format!("{both}GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes())
            .await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert!(answer.matches("HTTP/1.1").count() <= 2, "{answer}");
}

#[tokio::test]
async fn the_end_finishes_streams_and_lets_nobody_in() {
    let world = World::new();
    let (address, server) = served(&world).await;
    let task = world.start(&world.key, "k-1").await;
    let get = format!("GET /v1/tasks/{task}/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n", world.key);
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(get.as_bytes()).await.expect("sent");
    let mut seen = String::new();
    while !seen.contains("id: 1-1") {
        let mut bytes = [0; 1024];
        let count =
            tokio::time::timeout(HANGS, stream.read(&mut bytes)).await.expect("the server hangs").expect("read");
        assert!(count > 0, "the stream ended early: {seen}");
        seen.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    let idle = TcpStream::connect(address).await.expect("a connection");
    world.soft.cancel();
    let mut rest = Vec::new();
    tokio::time::timeout(HANGS, stream.read_to_end(&mut rest)).await.expect("the stream goes on").expect("read");
    tokio::time::timeout(HANGS, server).await.expect("the server goes on").expect("no panic").expect("no error");
    drop(idle);
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}
