//! Callers that are slow on purpose. Each costs one connection for a bounded time, and nobody else notices.

use std::time::Duration;

use keybell_shared::clock::Stopwatch;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Listed;
use crate::bench::{Bench, Server, request};
use crate::evidence::{counts, is_well, tells_nothing};
use crate::wire::{Ask, Reply};

/// A request that comes slowly.
struct Row {
    number: &'static str,
    what: &'static str,
    /// Sent at once, before the rest.
    first: Vec<u8>,
    /// Sent a byte at a time, over and over.
    drip: &'static [u8],
    /// Status and code; 0 is a closed connection without an answer.
    wanted: (u16, &'static str),
    within: Duration,
}

fn rows(key: &str) -> Vec<Row> {
    let body = |framing: &str, rest: &str| {
        format!(
            "POST /v1/tasks HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\nidempotency-key: slow\r\ncontent-type: \
             application/json\r\n{framing}\r\n\r\n{rest}"
        )
        .into_bytes()
    };
    let half = request(&["pupil2"]).to_string();
    vec![
        Row {
            number: "L01",
            what: "a head of a byte at a time: closed without an answer after ten seconds",
            first: b"GET /v1/tasks HTTP/1.1\r\n".to_vec(),
            drip: b"x",
            wanted: (0, ""),
            within: Duration::from_secs(20),
        },
        Row {
            number: "L02",
            what: "nothing at all on an open connection",
            first: Vec::new(),
            drip: b"",
            wanted: (0, ""),
            within: Duration::from_secs(20),
        },
        Row {
            number: "L03",
            what: "a body of a byte at a time: thirty seconds are enough for any",
            first: body("content-length: 100000", "{"),
            drip: b" ",
            wanted: (408, "request.timeout"),
            within: Duration::from_secs(45),
        },
        Row {
            number: "L04",
            what: "a body that is shorter than announced, and silence",
            first: body("content-length: 1000", &half),
            drip: b"",
            wanted: (408, "request.timeout"),
            within: Duration::from_secs(45),
        },
    ]
}

pub(crate) fn listed() -> Listed {
    rows("").into_iter().map(|row| (row.number, row.what.to_owned())).collect()
}

/// Sends slowly and hears what comes; the time it took.
async fn drip(server: &Server, row: &Row) -> (Reply, Duration) {
    let watch = Stopwatch::start();
    let stream = TcpStream::connect(server.address).await.expect("a connection");
    let (mut reader, mut writer) = stream.into_split();
    writer.write_all(&row.first).await.expect("sent");
    let (drop_by_drop, always) = (row.drip, !row.drip.is_empty());
    let dripping = tokio::spawn(async move {
        while always && writer.write_all(drop_by_drop).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        // Kept open: it is the server that has to end this.
        std::future::pending::<()>().await;
        drop(writer);
    });
    let mut heard = Vec::new();
    let hearing = async {
        // A reset is an end, too.
        reader.read_to_end(&mut heard).await.unwrap_or_default();
    };
    let ended = tokio::time::timeout(row.within, hearing).await;
    dripping.abort();
    assert!(ended.is_ok(), "{} {}: the server bears it for more than {:?}", row.number, row.what, row.within);
    (Reply::of(&heard), watch.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_callers_are_cut_off_and_nobody_waits_for_them() {
    let mut server = Server::start(Bench::embedded()).await;
    let before = counts(&server.raw).await;
    let rows = rows(&server.door.key);
    let slow = futures_util::future::join_all(rows.iter().map(|row| drip(&server, row)));
    let others = async {
        let ask = Ask::new("GET", "/v1/tasks").by(&server.door.key).bytes();
        for _ in 0..20 {
            let watch = Stopwatch::start();
            assert_eq!(crate::wire::exchange(server.address, &ask).await.status, 200);
            assert!(watch.elapsed() < Duration::from_secs(5), "somebody waited for {:?}", watch.elapsed());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let (slow, ()) = tokio::join!(slow, others);
    for (row, (reply, took)) in rows.iter().zip(slow) {
        let found = (reply.status, reply.text("code"));
        assert_eq!(found, (row.wanted.0, row.wanted.1.to_owned()), "{} {} after {took:?}", row.number, row.what);
        tells_nothing(row.number, &reply, &[&server.door.key]);
    }
    assert_eq!(counts(&server.raw).await, before);
    let key = server.door.key.clone();
    is_well(&mut server.running, &[&key]);
}
