//! E-mail against a scripted server. The names say which row of the fault matrix (F-S…) a test keeps.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use keybell_shared::clock::Stopwatch;
use keybell_shared::config::Email;
use keybell_tests::smtp::{Behaviour, Greeting, SmtpServer};
use keybell_worker::notify::{Sender, Sent};

use super::{PASSWORD, message, numbered, smtp_sender, until, word};

/// Long enough for everything that does answer, even on a busy machine.
const PATIENT: Duration = Duration::from_secs(10);
/// For servers that do not answer.
const SHORT: Duration = Duration::from_millis(500);
/// A sender that keeps its short deadline is done by then.
const DONE: Duration = Duration::from_secs(3);

const ANNA: &str = "anna@example.org";
const BEN: &str = "ben@example.org";

fn sender(server: &SmtpServer, deadline: Duration) -> Arc<dyn Sender> {
    smtp_sender(Email { url: server.url(), ..Email::default() }, deadline)
}

/// Sends to Anna and answers how it went.
async fn send(sender: &Arc<dyn Sender>) -> Sent {
    sender.send(&message(ANNA)).await
}

#[tokio::test]
async fn a_message_arrives_as_it_was_written() {
    let server = SmtpServer::start().await;
    let sent = send(&sender(&server, PATIENT)).await;
    assert_eq!(sent, Sent::Accepted("250 taken".to_owned()));
    let received = server.received();
    let [mail] = received.as_slice() else { panic!("{received:?}") };
    assert_eq!((mail.to.as_str(), mail.from.as_str()), (ANNA, "keybell@example.org"));
    assert_eq!(mail.message_id, "<n-1@keybell.test>");
    assert_eq!(mail.password(), Some(PASSWORD));
    assert_eq!(mail.text, *message(ANNA).text);
    assert_eq!(mail.header("Auto-Submitted").as_deref(), Some("auto-generated"));
    assert!(mail.header("Subject").is_some_and(|subject| subject.is_ascii() && subject.contains("=?utf-8?")));
    let commands = server.commands();
    assert_eq!(commands.iter().filter(|line| line.starts_with("RCPT")).count(), 1, "{commands:?}");
}

#[tokio::test]
async fn one_connection_carries_many_messages_without_stalls() {
    let server = SmtpServer::start().await;
    let sender = sender(&server, PATIENT);
    let begun = Stopwatch::start();
    for number in 0..50 {
        assert_eq!(word(&sender.send(&numbered(ANNA, number)).await), "accepted");
    }
    assert_eq!(server.opened(), 1);
    // Without TCP_NODELAY each message would wait 40 ms for a delayed acknowledgement: two seconds.
    assert!(begun.elapsed() < Duration::from_millis(1_500), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn never_more_connections_than_configured() {
    let server = SmtpServer::start().await;
    let sender = smtp_sender(Email { url: server.url(), connections: 3, ..Email::default() }, PATIENT);
    let messages: Vec<_> = (0..60).map(|number| numbered(ANNA, number)).collect();
    let sent = join_all(messages.iter().map(|message| sender.send(message))).await;
    assert!(sent.iter().all(|sent| word(sent) == "accepted"), "{sent:?}");
    assert!(server.opened() <= 3, "{}", server.opened());
}

#[tokio::test]
async fn f_s1_421_closes_the_connection() {
    let server = SmtpServer::start().await;
    let sender = sender(&server, PATIENT);
    server.manner(|manner| manner.greeting = Greeting::Raw(b"421 not now\r\n".to_vec()));
    assert_eq!(word(&send(&sender).await), "down");
    server.manner(|manner| manner.greeting = Greeting::Normal);
    server.manner(|manner| manner.at_mail.push_back((421, "shutting down")));
    assert_eq!(word(&send(&sender).await), "down");
    server.script(ANNA, [Behaviour::AtRecipient(421, "later"), Behaviour::AfterData(421, "later")]);
    assert_eq!(word(&send(&sender).await), "temporary");
    assert_eq!(word(&send(&sender).await), "temporary");
    until("every refused connection is closed", || server.open() == 0).await;
    assert_eq!(word(&send(&sender).await), "accepted");
}

#[tokio::test]
async fn f_s2_greylisting_passes() {
    let server = SmtpServer::start().await;
    let sender = sender(&server, PATIENT);
    server.script(
        ANNA,
        [
            Behaviour::AtRecipient(451, "4.7.1 greylisted, come back"),
            Behaviour::AfterData(452, "4.3.1 no room"),
            Behaviour::AtData(450, "4.2.0 busy"),
        ],
    );
    for code in ["451", "452", "450"] {
        let sent = send(&sender).await;
        assert!(matches!(&sent, Sent::TemporaryRecipient(detail) if detail.starts_with(code)), "{sent:?}");
    }
    assert_eq!(word(&send(&sender).await), "accepted");
}

#[tokio::test]
async fn f_s4_permanent_answers_about_the_recipient_and_about_us() {
    let server = SmtpServer::start().await;
    let sender = sender(&server, PATIENT);
    server.script(
        ANNA,
        [
            Behaviour::AtRecipient(550, "5.1.1 no such user"),
            Behaviour::AfterData(552, "5.2.2 mailbox full"),
            Behaviour::AfterData(554, "5.7.1 spam"),
            Behaviour::AtData(554, "no valid recipients"),
            Behaviour::AtRecipient(530, "5.7.0 authentication required"),
        ],
    );
    for _ in 0..4 {
        assert_eq!(word(&send(&sender).await), "permanent");
    }
    assert_eq!(word(&send(&sender).await), "down", "530 is about us");
    server.manner(|manner| manner.at_mail.extend([(550, "5.7.1 sender rejected"), (451, "4.3.0 sick")]));
    assert_eq!(word(&send(&sender).await), "down");
    assert_eq!(word(&send(&sender).await), "down");
    server.manner(|manner| manner.auth = Some((535, "5.7.8 bad credentials")));
    let config = Email {
        url: server.url(),
        username: "keybell".to_owned(),
        password: "wrong-credential".into(),
        ..Email::default()
    };
    let sent = smtp_sender(config, PATIENT).send(&message(ANNA)).await;
    assert!(matches!(&sent, Sent::ChannelDown { detail, .. } if detail.contains("535")), "{sent:?}");
    assert!(!format!("{sent:?}").contains("wrong-credential"));
}

#[tokio::test]
async fn f_s5_a_slow_server_costs_one_deadline_and_nobody_else_waits() {
    let server = SmtpServer::start().await;
    let sender = sender(&server, SHORT);
    for greeting in
        [Greeting::Silent, Greeting::Drip(Duration::from_millis(100)), Greeting::Slow(Duration::from_mins(1))]
    {
        server.manner(|manner| manner.greeting = greeting);
        let begun = Stopwatch::start();
        assert_eq!(word(&send(&sender).await), "down");
        assert!(begun.elapsed() < DONE, "{:?}", begun.elapsed());
    }
    server.manner(|manner| manner.greeting = Greeting::Normal);
    server.script(ANNA, [Behaviour::StallAfterData, Behaviour::StallAtRecipient]);
    let stalled = tokio::spawn({
        let sender = Arc::clone(&sender);
        async move { (send(&sender).await, send(&sender).await) }
    });
    server.wait_for(1).await;
    assert_eq!(word(&sender.send(&message(BEN)).await), "accepted", "others flow");
    let (after_data, at_recipient) = stalled.await.expect("no panic");
    assert_eq!(word(&after_data), "unknown");
    assert_eq!(word(&at_recipient), "temporary");
}

#[tokio::test]
async fn f_s6_a_connection_that_breaks_leaves_the_outcome_open() {
    let server = SmtpServer::start().await;
    let sender = sender(&server, PATIENT);
    server.script(ANNA, [Behaviour::DisconnectBeforeDot, Behaviour::DisconnectAfterDot]);
    assert_eq!(word(&send(&sender).await), "unknown");
    assert_eq!(server.received().len(), 0);
    assert_eq!(word(&send(&sender).await), "unknown");
    assert_eq!(word(&send(&sender).await), "accepted");
    let received = server.received();
    assert_eq!(received.len(), 2, "the second was stored without an answer, the third is its duplicate");
    assert_eq!(received[0].message_id, received[1].message_id);
    assert_eq!(received[0].text, received[1].text);
}

#[tokio::test]
async fn f_s7_senseless_and_endless_answers() {
    let server = SmtpServer::start().await;
    let sender = sender(&server, PATIENT);
    let endless_line = [b"250 ", vec![b'x'; 8 * 1024 * 1024].as_slice()].concat();
    let endless_lines = "250-and so on\r\n".repeat(20_000).into_bytes();
    let many_lines = ["250-and so on\r\n".repeat(500).as_bytes(), b"250 taken\r\n"].concat();
    let nonsense = [
        b"\x00\xff\x1b[31m\r\n".to_vec(),
        b"999 what\r\n".to_vec(),
        b"000 what\r\n".to_vec(),
        b"hello there\r\n".to_vec(),
        b"354 go on\r\n".to_vec(),
        b"251 will forward\r\n".to_vec(),
        endless_line,
        endless_lines,
        many_lines,
    ];
    for answer in nonsense {
        let start = String::from_utf8_lossy(&answer[..answer.len().min(12)]).into_owned();
        let begun = Stopwatch::start();
        server.script(ANNA, [Behaviour::RawAfterData(answer.clone())]);
        assert_eq!(word(&send(&sender).await), "unknown", "{start}");
        if !start.starts_with(['2', '3']) || answer.len() > 100 {
            server.manner(|manner| manner.greeting = Greeting::Raw(answer));
            assert_eq!(word(&send(&sender).await), "down", "{start}");
            server.manner(|manner| manner.greeting = Greeting::Normal);
        }
        assert!(begun.elapsed() < PATIENT, "decided by the answer, not by the deadline: {start}");
    }
}

#[tokio::test]
async fn f_s8_without_tls_nothing_is_said() {
    let server = SmtpServer::start().await;
    server.manner(|manner| manner.auth = Some((235, "welcome")));
    let config = || Email {
        url: format!("smtp://{}", server.address()),
        username: "keybell".to_owned(),
        password: "credential".into(),
        ..Email::default()
    };
    let harmless = |line: &String| ["EHLO", "STARTTLS", "QUIT"].iter().any(|verb| line.starts_with(verb));
    assert_eq!(word(&smtp_sender(config(), PATIENT).send(&message(ANNA)).await), "down");
    assert!(server.commands().iter().all(harmless), "{:?}", server.commands());
    // Offered, but refused; then broken off in the handshake; then with an answer sneaked in before it.
    for answer in ["454 not now\r\n", "220 go on\r\n", "220 go on\r\n250-AUTH PLAIN\r\n250 sneaked in\r\n"] {
        server.manner(|manner| manner.starttls = Some(answer));
        assert_eq!(word(&smtp_sender(config(), PATIENT).send(&message(ANNA)).await), "down", "{answer}");
    }
    let commands = server.commands();
    let clear = commands.iter().filter(|line| !harmless(line)).collect::<Vec<_>>();
    for line in clear {
        assert!(line.starts_with('\u{16}'), "only the beginning of a TLS handshake: {line:?}");
    }
    assert!(server.received().is_empty());
    let wrapped = Email { url: format!("smtps://{}", server.address()), ..config() };
    assert_eq!(word(&smtp_sender(wrapped, PATIENT).send(&message(ANNA)).await), "down");
}

#[tokio::test]
async fn f_s9_a_late_answer_is_never_taken_for_the_next_message() {
    let server = SmtpServer::start().await;
    let sender = sender(&server, SHORT);
    assert_eq!(word(&send(&sender).await), "accepted", "a connection waits for work");
    server.script(ANNA, [Behaviour::SlowAfterData(SHORT * 2)]);
    server.script(BEN, [Behaviour::AfterData(550, "no"), Behaviour::AfterData(550, "no")]);
    assert_eq!(word(&send(&sender).await), "unknown");
    assert_eq!(word(&sender.send(&message(BEN)).await), "permanent");
    // The same when the caller gives up first.
    server.script(ANNA, [Behaviour::SlowAfterData(SHORT)]);
    let taken = server.received().len();
    {
        let mail = message(ANNA);
        let sending = sender.send(&mail);
        tokio::select! {
            sent = sending => panic!("answered before it was dropped: {sent:?}"),
            _ = server.wait_for(taken + 1) => {}
        }
    }
    assert_eq!(word(&sender.send(&message(BEN)).await), "permanent");
    assert_eq!(word(&send(&sender).await), "accepted");
}

#[tokio::test]
async fn f_s10_limits_per_connection_and_of_connections_cost_nothing() {
    let server = SmtpServer::start().await;
    server.manner(|manner| manner.messages_per_connection = Some(10));
    let one = sender(&server, PATIENT);
    for number in 0..25 {
        assert_eq!(word(&one.send(&numbered(ANNA, number)).await), "accepted");
    }
    assert_eq!(server.opened(), 3);
    let narrow = SmtpServer::start().await;
    narrow.manner(|manner| manner.connections = Some(1));
    let four = sender(&narrow, PATIENT);
    let messages: Vec<_> = (0..40).map(|number| numbered(ANNA, number)).collect();
    let sent = join_all(messages.iter().map(|message| four.send(message))).await;
    assert!(sent.iter().all(|sent| word(sent) == "accepted"), "{sent:?}");
    assert_eq!(narrow.received().len(), 40);
}

#[tokio::test]
async fn f_s11_an_outage_is_the_channels_and_over_when_it_is_over() {
    let mut server = SmtpServer::start().await;
    let sender = sender(&server, PATIENT);
    assert_eq!(word(&send(&sender).await), "accepted");
    server.stop().await;
    assert_eq!(word(&send(&sender).await), "down", "refused");
    server.resume().await;
    assert_eq!(word(&send(&sender).await), "accepted");
    // A restart that nobody noticed: the waiting connection is dead, a fresh one takes the message.
    server.stop().await;
    server.resume().await;
    assert_eq!(word(&send(&sender).await), "accepted");
    assert_eq!(server.received().len(), 3);
}

#[tokio::test]
async fn addresses_never_become_commands() {
    let server = SmtpServer::start().await;
    let sender = sender(&server, PATIENT);
    for address in [
        "anna@example.org>\r\nRCPT TO:<eve@example.org",
        "anna@example.org\r\nBcc: eve@example.org",
        "anna@example.org, eve@example.org",
        "josé@example.org",
        "",
    ] {
        assert_eq!(word(&sender.send(&message(address)).await), "permanent", "{address:?}");
    }
    assert_eq!(server.opened(), 0);
    assert_eq!(word(&sender.send(&message("anna@münchen.example")).await), "accepted");
    assert_eq!(server.received()[0].to, "anna@xn--mnchen-3ya.example");
}

#[tokio::test]
async fn credentials_are_given_and_checked() {
    let server = SmtpServer::start().await;
    server.manner(|manner| manner.credentials = Some(("keybell".to_owned(), "right".to_owned())));
    let config = |username: &str, password: &str| Email {
        url: server.url(),
        username: username.to_owned(),
        password: password.into(),
        ..Email::default()
    };
    assert_eq!(word(&send(&smtp_sender(config("keybell", "right"), PATIENT)).await), "accepted");
    assert_eq!(word(&send(&smtp_sender(config("keybell", "wrong"), PATIENT)).await), "down");
    assert_eq!(word(&send(&smtp_sender(config("", ""), PATIENT)).await), "down");
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn an_answer_that_drips_is_heard_within_the_deadline_and_not_after_it() {
    let server = SmtpServer::start().await;
    server.script(ANNA, [10, 500].map(|pause| Behaviour::DripAfterData(Duration::from_millis(pause))));
    let sender = sender(&server, SHORT * 2);
    assert_eq!(word(&send(&sender).await), "accepted");
    assert_eq!(word(&send(&sender).await), "unknown");
    server.settle().await;
    let answered: Vec<_> = server.received().iter().map(|one| one.answered.is_some()).collect();
    assert_eq!(answered, [true, false], "the second answer found nobody");
}
