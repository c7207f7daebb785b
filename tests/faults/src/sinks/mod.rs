//! A mail server and an SMS provider that take every message apart, and behave as badly as the seed wants.
//!
//! Both write down whatever reaches them whole, with what they answered and whether that answer left in time: the only
//! witness of what people were really told.

mod mail;
mod policy;
mod sms;

#[cfg(test)]
mod tests;

use std::time::Duration;

use anyhow::Result;

use crate::evidence::{Fate, Message, Secret};
use mail::Mail;
pub(crate) use policy::Policy;
use sms::Sms;

/// An answer that left later than this after its message may have found nobody who still waited. It lies between the
/// slowest answer that the policy means to be heard and the deadline of our senders, two seconds.
const LATE: Duration = Duration::from_secs(1);

/// The two servers of one world.
pub(crate) struct Sinks {
    mail: Mail,
    sms: Sms,
}

impl Sinks {
    /// Starts both, on free ports that they keep.
    pub(crate) async fn start(policy: Policy) -> Result<Self> {
        Ok(Self { mail: Mail::start(policy).await, sms: Sms::start(policy) })
    }

    /// How our processes reach them.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        self.mail.variables().into_iter().chain(self.sms.variables()).collect()
    }

    /// The credentials in [`Self::variables`], also as they stand on the wire.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        self.mail.secrets().into_iter().chain(Sms::secrets()).collect()
    }

    /// Everything that arrived, in order of time.
    pub(crate) fn messages(&self) -> Vec<Message> {
        let mut messages = self.mail.messages();
        messages.extend(self.sms.messages());
        // Stable: what one server took within the same millisecond stays in its order.
        messages.sort_by_key(|message| message.at);
        messages
    }

    /// How many messages were taken without an answer in time: what may rightly have come twice.
    #[cfg(test)]
    pub(crate) fn unknown(&self) -> u64 {
        self.mail.unknown() + self.sms.unknown()
    }

    /// Closes every connection of the mail server, and takes no new one.
    pub(crate) async fn mail_down(&mut self) {
        self.mail.down().await;
    }

    /// The mail server is back on its port.
    pub(crate) async fn mail_up(&mut self) {
        self.mail.up().await;
    }

    /// Closes every connection of the SMS provider, and takes no new one.
    pub(crate) fn sms_down(&mut self) {
        self.sms.down();
    }

    /// The SMS provider is back on its port.
    pub(crate) fn sms_up(&mut self) {
        self.sms.up();
    }

    /// From now on everything is accepted at once, but for the recipients who behave always the same: how the orderly
    /// district ends must not depend on when this is. Dialogues that are under way end as they began.
    pub(crate) fn calm(&self) {
        self.mail.calm();
        self.sms.calm();
    }

    /// From now on everything is accepted at once, from those too who always behave the same.
    pub(crate) fn accept_everybody(&self) {
        self.mail.server.calm();
        self.sms.server.calm();
    }

    /// Waits until every answer that will leave has left, so that every message has its fate.
    pub(crate) async fn settle(&self) {
        self.mail.settle().await;
        self.sms.settle().await;
    }
}

/// What a message that was answered so, so long after it came, is to whoever sent it.
fn taken(answered: Option<Duration>) -> Fate {
    match answered {
        Some(after) if after <= LATE => Fate::Accepted,
        Some(_) | None => Fate::AcceptedUnknown,
    }
}
