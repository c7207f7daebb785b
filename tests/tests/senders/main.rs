//! The senders on real sockets, against servers that behave badly in every way we know.

#![expect(clippy::expect_used, reason = "what fails here fails the test, with its reason")]

mod aiosmtpd;
mod sms;
mod smtp;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use keybell_shared::config::{Email, EmailSender, Sms, SmsSender};
use keybell_worker::notify::{Outgoing, Sender, Sent, email_sender, sms_sender};

const PASSWORD: &str = "Otter-lamp-47";

/// A message as the renderer writes it.
fn message(address: &str) -> Outgoing {
    numbered(address, 1)
}

fn numbered(address: &str, number: usize) -> Outgoing {
    Outgoing {
        address: address.to_owned(),
        message_id: format!("n-{number}@keybell.test"),
        subject: "New password for Зоя, reset no. 1".to_owned(),
        text: format!("Hello Зоя,\n\nNew password:\n\n    {PASSWORD}\n\n.\n..two dots = tricky\nReset no. 1\n").into(),
    }
}

fn smtp_sender(config: Email, deadline: Duration) -> Arc<dyn Sender> {
    let config = Email { sender: EmailSender::Smtp, from: "Keybell <keybell@example.org>".to_owned(), ..config };
    email_sender(&config, Path::new("unused"), deadline).expect("the configuration fits")
}

fn sms_to(url: String, deadline: Duration) -> Arc<dyn Sender> {
    let config = Sms {
        sender: SmsSender::Http,
        url,
        username: keybell_tests::sms::USERNAME.to_owned(),
        password: keybell_tests::sms::TOKEN.into(),
        ..Sms::default()
    };
    sms_sender(&config, Path::new("unused"), deadline).expect("the configuration fits")
}

/// One word for how it went.
fn word(sent: &Sent) -> &'static str {
    match sent {
        Sent::Accepted(_) => "accepted",
        Sent::TemporaryRecipient(_) => "temporary",
        Sent::PermanentRecipient(_) => "permanent",
        Sent::Unknown(_) => "unknown",
        Sent::ChannelDown { .. } => "down",
    }
}

/// Waits until something is so; fails when it is not within ten seconds.
async fn until(what: &str, so: impl Fn() -> bool) {
    let waiting = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap_or_else(|_| panic!("never so: {what}"));
}
