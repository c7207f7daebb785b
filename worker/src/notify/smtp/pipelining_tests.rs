//! Several commands at once, with a server that answers nothing before it has read them all.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use zeroize::Zeroizing;

use super::*;

const OK: &str = "250 sender\r\n250 recipient\r\n354 go on\r\n";

/// Reads until this comes; the end of the connection is an error.
async fn until(socket: &mut TcpStream, end: &str) -> std::io::Result<String> {
    let mut text = String::new();
    while !text.ends_with(end) {
        text.push(char::from(socket.read_u8().await?));
    }
    Ok(text)
}

/// What one connection asked, until it ended.
async fn serve(mut socket: TcpStream, answers: &str, heard: &Mutex<Vec<String>>) -> std::io::Result<()> {
    socket.write_all(b"220 here\r\n").await?;
    for _ in 0..2 {
        until(&mut socket, "\r\n").await?;
        socket.write_all(b"250-here\r\n250-PIPELINING\r\n250 HELP\r\n").await?;
    }
    loop {
        let asked = until(&mut socket, "DATA\r\n").await?;
        heard.lock().expect("lock").push(asked);
        socket.write_all(answers.as_bytes()).await?;
        let body = until(&mut socket, "\r\n.\r\n").await?;
        heard.lock().expect("lock").push(body);
        socket.write_all(b"250 taken\r\n").await?;
    }
}

/// Sends two messages to a server that answers MAIL, RCPT and DATA so. Answers how it went, what was heard, and on how
/// many connections.
async fn send(answers: &'static str) -> ([Sent; 2], Vec<String>, usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let url = format!("smtp://{}?tls=none", listener.local_addr().expect("address"));
    let (heard, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
    let (all, count) = (Arc::clone(&heard), Arc::clone(&connections));
    let server = tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.expect("accepted");
            *count.lock().expect("lock") += 1;
            let heard = Arc::clone(&all);
            tokio::spawn(async move { serve(socket, answers, &heard).await });
        }
    });
    let to = Server::read(&url, "", &"".into(), None).expect("server");
    let from = email::sender("keybell@example.org").expect("sender");
    let smtp = Smtp::new(to, from, 1, Duration::from_secs(5));
    let message = Outgoing {
        address: "anna@example.org".to_owned(),
        message_id: "n-1@keybell".to_owned(),
        subject: "New password".to_owned(),
        text: Zeroizing::new(".\nOtter-lamp-47\n".to_owned()),
    };
    let went = [smtp.send(&message).await, smtp.send(&message).await];
    server.abort();
    let heard = heard.lock().expect("lock").clone();
    let connections = *connections.lock().expect("lock");
    (went, heard, connections)
}

#[tokio::test]
async fn what_is_asked_before_the_message_goes_at_once() {
    let (went, heard, connections) = send(OK).await;
    assert!(went.iter().all(|sent| *sent == Sent::Accepted("250 taken".to_owned())), "{went:?}");
    assert_eq!(connections, 1);
    assert_eq!(heard.len(), 4);
    assert_eq!(heard[0], "MAIL FROM:<keybell@example.org>\r\nRCPT TO:<anna@example.org>\r\nDATA\r\n");
    assert!(heard[1].contains("\r\n..\r\nOtter-lamp-47\r\n.\r\n"), "the lone dot is stuffed: {}", heard[1]);
}

#[tokio::test]
async fn each_answer_keeps_its_meaning_and_no_connection_is_used_after_a_refusal() {
    for (answers, meaning) in [
        ("550 not you\r\n503 what?\r\n503 what?\r\n", "down"),
        ("250 ok\r\n550 unknown\r\n554 nobody\r\n", "permanent"),
        ("250 ok\r\n550 unknown\r\n354 go on\r\n", "permanent"),
        ("250 ok\r\n450 later\r\n503 what?\r\n", "temporary"),
        ("250 ok\r\n250 ok\r\n451 later\r\n", "temporary"),
        ("250 ok\r\n250 ok\r\n554 never\r\n", "permanent"),
        ("250 ok\r\n250 ok\r\n250 what?\r\n", "unknown"),
    ] {
        let (went, heard, connections) = send(answers).await;
        for sent in &went {
            let word = match sent {
                Sent::Accepted(_) => "accepted",
                Sent::TemporaryRecipient(_) => "temporary",
                Sent::PermanentRecipient(_) => "permanent",
                Sent::Unknown(_) => "unknown",
                Sent::ChannelDown { .. } => "down",
            };
            assert_eq!(word, meaning, "{answers}: {sent:?}");
        }
        assert_eq!((heard.len(), connections), (2, 2), "{answers}: {heard:?}");
        assert!(heard.iter().all(|text| !text.contains("Otter-lamp-47")), "{answers}: {heard:?}");
    }
}
