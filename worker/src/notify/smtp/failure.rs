//! What a failed dialogue means for the message, by RFC 5321.

use lettre::transport::smtp::Error;

use crate::notify::Sent;

/// What lettre says, as if it were an answer, when the connection ends where an answer should be.
const ENDED: &str = "incomplete response";

/// How far a dialogue has come. What a silence means depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// Waiting for a connection that is in use.
    Slot,
    /// Opening a connection, up to the server's greeting and the answer to EHLO.
    Connect,
    /// STARTTLS, the handshake and the second EHLO.
    Tls,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Recipient,
    /// DATA, not yet the message.
    Data,
    /// The message, the dot, the last answer.
    Body,
}

impl Step {
    const ALL: [Self; 8] =
        [Self::Slot, Self::Connect, Self::Tls, Self::Auth, Self::Mail, Self::Recipient, Self::Data, Self::Body];

    /// The step with this number, for storing it in an atomic.
    pub(super) fn numbered(number: u8) -> Self {
        Self::ALL.get(usize::from(number)).copied().unwrap_or(Self::Body)
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Slot => "waiting for a free connection",
            Self::Connect => "connecting",
            Self::Tls => "starting TLS",
            Self::Auth => "signing in",
            Self::Mail => "naming the sender",
            Self::Recipient => "naming the recipient",
            Self::Data => "announcing the message",
            Self::Body => "handing over the message",
        }
    }
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The server answered no, with this code.
    Refused(u16, String),
    /// The server answered something that does not belong here.
    Confused(String),
    /// The connection broke, or never came to be.
    Broken(String),
    /// No answer in time.
    Late,
}

/// Where and how a dialogue failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) step: Step,
    pub(super) cause: Cause,
}

impl Failure {
    /// Reads an error of lettre's.
    pub(super) fn of(step: Step, error: &Error) -> Self {
        let text = || std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
        let cause = match (error.status(), text()) {
            (Some(code), text) => Cause::Refused(code.into(), text),
            (None, text) if text == ENDED => Cause::Broken("the server closed the connection".to_owned()),
            (None, text) if error.is_response() => Cause::Confused(text),
            (None, text) => Cause::Broken(text),
        };
        Self { step, cause }
    }

    /// Whether the message may go again over a fresh connection at once: the old one had reached its limit or its end,
    /// and the message was surely not taken.
    pub(super) fn is_worn_out(&self) -> bool {
        match self.cause {
            // 421 is an answer: even after the dot it says that the message was not taken.
            Cause::Refused(code, _) => code == 421,
            Cause::Broken(_) | Cause::Late => self.step < Step::Body,
            Cause::Confused(_) => false,
        }
    }

    /// Whether a server that already serves us refused one more connection.
    pub(super) fn is_connection_limit(&self) -> bool {
        self.step == Step::Connect && matches!(self.cause, Cause::Refused(400..=499, _))
    }

    /// What it means for the message.
    pub(super) fn judge(self) -> Sent {
        let Self { step, cause } = self;
        let (code, said) = match cause {
            Cause::Refused(code, text) => (Some(code), format!("{code} {text}")),
            Cause::Confused(text) => (None, format!("a senseless answer: {text}")),
            Cause::Broken(text) => (None, text),
            Cause::Late => (None, "no answer in time".to_owned()),
        };
        let detail = format!("{said} ({})", step.words());
        // We must sign in, or with other means: that is about us, at whatever step the server says it.
        let about_us = step <= Step::Mail || matches!(code, Some(530 | 534 | 535 | 538));
        match (step, code) {
            _ if about_us => Sent::down(detail),
            (_, Some(500..=599)) => Sent::PermanentRecipient(detail),
            // Without a clear answer to RCPT nothing was handed over, and only this recipient can be the reason.
            (_, Some(400..=499)) | (Step::Recipient, _) => Sent::TemporaryRecipient(detail),
            _ => Sent::Unknown(detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(step: Step, cause: Cause) -> &'static str {
        match (Failure { step, cause }).judge() {
            Sent::Accepted(_) => "accepted",
            Sent::TemporaryRecipient(_) => "temporary",
            Sent::PermanentRecipient(_) => "permanent",
            Sent::Unknown(_) => "unknown",
            Sent::ChannelDown { .. } => "down",
        }
    }

    #[test]
    fn every_failure_has_its_meaning() {
        let no = |code| Cause::Refused(code, String::new());
        for (step, cause, meaning) in [
            (Step::Connect, no(554), "down"),
            (Step::Connect, Cause::Late, "down"),
            (Step::Tls, Cause::Broken(String::new()), "down"),
            (Step::Auth, no(535), "down"),
            (Step::Auth, no(454), "down"),
            (Step::Mail, no(550), "down"),
            (Step::Mail, no(421), "down"),
            (Step::Recipient, no(450), "temporary"),
            (Step::Recipient, no(550), "permanent"),
            (Step::Recipient, no(530), "down"),
            (Step::Recipient, Cause::Late, "temporary"),
            (Step::Data, no(451), "temporary"),
            (Step::Data, no(554), "permanent"),
            (Step::Data, Cause::Broken(String::new()), "unknown"),
            (Step::Body, no(452), "temporary"),
            (Step::Body, no(552), "permanent"),
            (Step::Body, Cause::Late, "unknown"),
            (Step::Body, Cause::Broken(String::new()), "unknown"),
            (Step::Body, Cause::Confused(String::new()), "unknown"),
        ] {
            assert_eq!(judge(step, cause.clone()), meaning, "{step:?} {cause:?}");
        }
        for (number, step) in (0..).zip(Step::ALL) {
            assert_eq!((Step::numbered(number), step as u8), (step, number));
        }
    }
}
