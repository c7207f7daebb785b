//! Telling people: e-mail and SMS.
//!
//! A batch of notification ids is claimed in the ledger under a lease ([`handler`]); each sealed password is opened, its
//! message written, and handed to the channel's [`Sender`] within a hard deadline; what became of it is recorded under
//! the fence of the claim. A [`Sender`] sends one message and says how it went, in five words ([`Sent`]); it neither
//! repeats nor counts. When and how often is repeated is the ledger's business.
//!
//! Never logged here: passwords, message texts, provider credentials, addresses.

mod ahead;
mod breaker;
mod clean;
mod email;
mod folder;
mod gateway;
mod gsm;
mod handler;
mod probe;
mod record;
mod render;
mod sending;
mod setup;
mod smtp;
mod template;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use zeroize::Zeroizing;

pub use folder::{EmailFolder, SmsFolder};
pub use gateway::Gateway;
pub use handler::{Parts, handler};
pub use probe::{probe_gateway, probe_smtp};
pub use setup::{SetupError, email_sender, sms_sender};
pub use smtp::Smtp;
pub use template::TemplateError;

/// One message, written and ready to leave.
pub struct Outgoing {
    /// Where to: an e-mail address, or a phone number in E.164.
    pub address: String,
    /// The stable id: a repetition of the same notification carries the same one.
    pub message_id: String,
    /// The subject, which holds no secret; empty for an SMS.
    pub subject: String,
    /// The text, with the password in it; lines end with `\n`.
    pub text: Zeroizing<String>,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outgoing({}, {} bytes)", self.message_id, self.text.len())
    }
}

/// How sending one message went. Every text is what the server said, or what went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The server took responsibility for the message.
    Accepted(String),
    /// A temporary answer about this recipient.
    TemporaryRecipient(String),
    /// A permanent answer about this recipient.
    PermanentRecipient(String),
    /// The message was handed over and no clear answer came: it may or may not have been delivered.
    Unknown(String),
    /// The channel does not work, whoever the recipient is. This message was not delivered.
    ChannelDown {
        /// What does not work.
        detail: String,
        /// When the server wants to be asked again, if it said so.
        retry_after: Option<Duration>,
    },
}

impl Sent {
    /// The channel does not work, and nobody said for how long.
    fn down(detail: impl Into<String>) -> Self {
        Self::ChannelDown { detail: detail.into(), retry_after: None }
    }
}

/// One way out: a mail server, an SMS provider, a folder.
#[async_trait]
pub trait Sender: Send + Sync {
    /// Sends one message and answers within the deadline that the sender was made with.
    ///
    /// It must be safe to drop: a dropped call must not let its answer be taken for another message's.
    async fn send(&self, message: &Outgoing) -> Sent;
}
