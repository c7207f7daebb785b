//! The SMS provider.

use keybell_tests::sms::{AUTHORIZATION, Received, SmsServer, TOKEN, USERNAME};

use super::{Policy, taken};
use crate::evidence::{Channel, Fate, Message, Secret};

pub(super) struct Sms {
    pub(super) server: SmsServer,
}

impl Sms {
    pub(super) fn start(policy: Policy) -> Self {
        let server = SmsServer::start();
        server.decide(move |one| policy.sms(one));
        Self { server }
    }

    pub(super) fn variables(&self) -> [(String, String); 4] {
        [
            ("KEYBELL_SMS__SENDER", "http"),
            ("KEYBELL_SMS__URL", &self.server.url()),
            ("KEYBELL_SMS__USERNAME", USERNAME),
            ("KEYBELL_SMS__PASSWORD", TOKEN),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
    }

    pub(super) fn secrets() -> [Secret; 2] {
        let basic = AUTHORIZATION.trim_start_matches("Basic ");
        [("the SMS provider's token", TOKEN), ("the header of basic authentication", basic)]
            .map(|(name, value)| Secret { name: name.to_owned(), value: value.to_owned() })
    }

    pub(super) fn messages(&self) -> Vec<Message> {
        self.server.look(|journal| journal.iter().map(message).collect())
    }

    #[cfg(test)]
    pub(super) fn unknown(&self) -> u64 {
        self.server.look(|journal| journal.iter().filter(|one| fate(one) == Fate::AcceptedUnknown).count() as u64)
    }

    pub(super) fn down(&mut self) {
        self.server.stop();
    }

    pub(super) fn up(&mut self) {
        self.server.resume();
    }

    pub(super) fn calm(&self) {
        self.server.calm();
        let kind = Policy::kind();
        self.server.decide(move |one| kind.sms(one));
    }

    pub(super) async fn settle(&self) {
        self.server.settle().await;
    }
}

fn message(received: &Received) -> Message {
    Message {
        channel: Channel::Sms,
        to: received.to.clone(),
        text: received.text.clone(),
        message_id: None,
        password: received.password().map(str::to_owned),
        at: received.arrived.0,
        fate: fate(received),
    }
}

fn fate(received: &Received) -> Fate {
    match received.reply {
        200..=299 => taken(received.answered),
        // About our account, and nothing about the recipient: the message may come again.
        401 | 403 | 429 => Fate::Temporary,
        400..=499 => Fate::Permanent,
        _ => Fate::Temporary,
    }
}
