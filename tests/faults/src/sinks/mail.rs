//! The mail server.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keybell_tests::smtp::{Received, SmtpServer};

use super::{Policy, taken};
use crate::evidence::{Channel, Fate, Message, Secret};

/// Our user there.
const USERNAME: &str = "keybell-faults";

pub(super) struct Mail {
    pub(super) server: SmtpServer,
    password: String,
}

impl Mail {
    pub(super) async fn start(policy: Policy) -> Self {
        let server = SmtpServer::start().await;
        let password = policy.secret("mail");
        server.manner(|manner| {
            manner.lean = true;
            manner.credentials = Some((USERNAME.to_owned(), password.clone()));
            manner.messages_per_connection = policy.messages_per_connection();
        });
        server.decide(move |one| policy.mail(one));
        server.greet(move |connection| policy.greeting(connection));
        Self { server, password }
    }

    pub(super) fn variables(&self) -> [(String, String); 4] {
        [
            ("KEYBELL_EMAIL__SENDER", "smtp"),
            ("KEYBELL_EMAIL__URL", &self.server.url()),
            ("KEYBELL_EMAIL__USERNAME", USERNAME),
            ("KEYBELL_EMAIL__PASSWORD", &self.password),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
    }

    pub(super) fn secrets(&self) -> [Secret; 2] {
        let plain = STANDARD.encode(format!("\0{USERNAME}\0{}", self.password));
        [("the mail server's password", self.password.clone()), ("the response to AUTH PLAIN", plain)]
            .map(|(name, value)| Secret { name: name.to_owned(), value })
    }

    /// Without those that were answered with 421: that is about the connection and says that nothing was taken, so our
    /// sender may hand the message over again at once, within the same attempt.
    pub(super) fn messages(&self) -> Vec<Message> {
        self.server.look(|journal| journal.iter().filter(|one| one.reply != Some(421)).map(message).collect())
    }

    #[cfg(test)]
    pub(super) fn unknown(&self) -> u64 {
        self.server.look(|journal| journal.iter().filter(|one| fate(one) == Fate::AcceptedUnknown).count() as u64)
    }

    pub(super) async fn down(&mut self) {
        self.server.stop().await;
    }

    pub(super) async fn up(&mut self) {
        self.server.resume().await;
    }

    pub(super) fn calm(&self) {
        self.server.calm();
        let kind = Policy::kind();
        self.server.decide(move |one| kind.mail(one));
    }

    pub(super) async fn settle(&self) {
        self.server.settle().await;
    }
}

fn message(received: &Received) -> Message {
    let id = received.message_id.trim().trim_start_matches('<').trim_end_matches('>');
    Message {
        channel: Channel::Email,
        to: received.to.clone(),
        text: received.text.clone(),
        message_id: (!id.is_empty()).then(|| id.to_owned()),
        password: received.password().map(str::to_owned),
        at: received.arrived.0,
        fate: fate(received),
    }
}

fn fate(received: &Received) -> Fate {
    match received.reply {
        Some(400..=499) => Fate::Temporary,
        Some(500..=599) => Fate::Permanent,
        Some(_) => taken(received.answered),
        None => Fate::AcceptedUnknown,
    }
}
