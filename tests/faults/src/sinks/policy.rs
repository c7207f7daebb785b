//! How the mail server and the SMS provider behave: a function of the seed, the recipient, how often that recipient was
//! tried before, and how often the server was.
//!
//! Some recipients behave always the same, in both modes and whatever the seed, so that two runs can be compared:
//!
//! | e-mail address | number | |
//! |---|---|---|
//! | `steady-…` | `+1721…` | always accepted |
//! | `never-…` | `+1722…` | always 550 at RCPT; 400 with code 21610 |
//! | `busy-…` | `+1723…` | always 451 at RCPT; 503 |
//!
//! Everybody else draws a nature from the seed:
//!
//! | nature | e-mail | SMS |
//! |---|---|---|
//! | smooth, always accepted | 70.0 % | 72.0 % |
//! | troubled, see below | 20.0 % | 20.0 % |
//! | greylisted: 450 at the first try | 3.0 % | – |
//! | always refused for now: 451 at RCPT or 452 after the dot; 503 | 2.5 % | 2.5 % |
//! | always refused for good: 550 at RCPT or 552 after the dot; 400 with one of Twilio's codes | 4.5 % | 5.5 % |
//!
//! A troubled recipient's every third try is accepted, so that bad luck alone never uses up four attempts; a crash may
//! still do that. The others draw one of these:
//!
//! | e-mail | | SMS | |
//! |---|---|---|---|
//! | accepted | 15 % | accepted | 20 % |
//! | 451 at RCPT | 14 % | 500, 502 or 503 | 22 % |
//! | 451 at DATA | 10 % | 503, but too late to be heard | 10 % |
//! | 452 after the dot | 12 % | 201, but too late to be heard | 22 % |
//! | no answer to RCPT | 3 % | 201, slowly | 20 % |
//! | no answer after the dot, the message taken | 10 % | 429, to come back in a second | 4 % |
//! | closes before the dot | 10 % | 401, as if our token had ended | 2 % |
//! | closes after the dot, the message taken | 10 % | | |
//! | 250 slowly, or byte by byte | 12 % | | |
//! | 421 at RCPT, or after the dot | 4 % | | |
//!
//! Whoever a message is for, the mail server has enough of a connection after 20 to 59 messages (421 at MAIL), greets one
//! connection in 100 with 421 and one in 40 late. None of that, and neither 429 nor 401, may cost anybody an attempt.

use std::time::Duration;

use keybell_tests::sms::Answer;
use keybell_tests::smtp::{Behaviour, Greeting};
use keybell_tests::tries::Try;

/// An answer that comes so late is slow, and heard.
const SLOW: Duration = Duration::from_millis(300);
/// Between two bytes of an answer.
const DRIP: Duration = Duration::from_millis(30);
/// Nobody waits for so long.
const NEVER: Duration = Duration::from_mins(1);

/// Twilio's codes for a recipient who will never get the message.
const CODES: [u32; 6] = [21211, 21214, 21408, 21610, 21612, 21614];

/// How the servers behave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    seed: u64,
    kind: bool,
}

/// Who behaves always the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Agreed {
    Steady,
    Never,
    Busy,
}

impl Policy {
    /// As this file says.
    pub(crate) const fn new(seed: u64) -> Self {
        Self { seed, kind: false }
    }

    /// Accepts everybody but those with whom something else is agreed, at once.
    pub(crate) const fn kind() -> Self {
        Self { seed: 0, kind: true }
    }

    /// What happens to an e-mail.
    pub(super) fn mail(&self, one: &Try<'_>) -> Behaviour {
        match agreed(one.to, ["steady-", "never-", "busy-"]) {
            Some(Agreed::Steady) => return Behaviour::Accept,
            Some(Agreed::Never) => return Behaviour::AtRecipient(550, "5.1.1 nobody of that name"),
            Some(Agreed::Busy) => return Behaviour::AtRecipient(451, "4.3.0 busy, as always"),
            None if self.kind => return Behaviour::Accept,
            None => {}
        }
        let nature = self.draw("mail", one.to, 0);
        match nature % 1000 {
            700..900 => self.mail_to_the_troubled(one),
            900..930 if one.number == 0 => Behaviour::AtRecipient(450, "4.2.0 greylisted"),
            0..700 | 900..930 => Behaviour::Accept,
            930..942 => Behaviour::AtRecipient(451, "4.3.0 not now"),
            942..955 => Behaviour::AfterData(452, "4.2.2 mailbox full"),
            955..978 => Behaviour::AtRecipient(550, "5.1.1 no such user"),
            _ => Behaviour::AfterData(552, "5.2.2 never any room"),
        }
    }

    fn mail_to_the_troubled(self, one: &Try<'_>) -> Behaviour {
        if one.number % 3 == 2 {
            return Behaviour::Accept;
        }
        match self.draw("mail try", one.to, one.number) % 100 {
            0..15 => Behaviour::Accept,
            15..29 => Behaviour::AtRecipient(451, "4.3.0 try again"),
            29..39 => Behaviour::AtData(451, "4.3.0 try again"),
            39..51 => Behaviour::AfterData(452, "4.3.1 out of space"),
            51..54 => Behaviour::StallAtRecipient,
            54..64 => Behaviour::StallAfterData,
            64..74 => Behaviour::DisconnectBeforeDot,
            74..84 => Behaviour::DisconnectAfterDot,
            84..90 => Behaviour::SlowAfterData(SLOW),
            90..96 => Behaviour::DripAfterData(DRIP),
            96..98 => Behaviour::AtRecipient(421, "4.3.2 shutting down"),
            _ => Behaviour::AfterData(421, "4.3.2 shutting down"),
        }
    }

    /// What the provider answers to an SMS.
    pub(super) fn sms(&self, one: &Try<'_>) -> Answer {
        match agreed(one.to, ["+1721", "+1722", "+1723"]) {
            Some(Agreed::Steady) => return accept(one),
            Some(Agreed::Never) => return Answer::refuse(400, 21610),
            Some(Agreed::Busy) => return Answer::json(503, "busy, as always"),
            None if self.kind => return accept(one),
            None => {}
        }
        let nature = self.draw("sms", one.to, 0);
        match nature % 1000 {
            0..720 => accept(one),
            720..920 => self.sms_to_the_troubled(one),
            920..945 => Answer::json(503, "not now"),
            _ => Answer::refuse(400, pick(&CODES, nature / 1000)),
        }
    }

    fn sms_to_the_troubled(self, one: &Try<'_>) -> Answer {
        if one.number % 3 == 2 {
            return accept(one);
        }
        let drawn = self.draw("sms try", one.to, one.number);
        match drawn % 100 {
            0..20 => accept(one),
            20..42 => Answer::json(pick(&[500, 502, 503], drawn / 100), "trouble"),
            42..52 => Answer::json(503, "too late").after(NEVER),
            52..74 => accept(one).after(NEVER),
            74..94 => accept(one).after(SLOW),
            94..98 => Answer::refuse(429, 20429).with("retry-after", "1"),
            _ => Answer::refuse(401, 20003),
        }
    }

    /// How a connection to the mail server begins.
    pub(super) fn greeting(&self, connection: usize) -> Greeting {
        match (connection % 100, connection % 40) {
            _ if self.kind => Greeting::Normal,
            // Not the first ones: a world must be able to start.
            (99, _) => Greeting::Raw(b"421 4.3.2 too busy\r\n".to_vec()),
            (_, 19) => Greeting::Slow(SLOW),
            _ => Greeting::Normal,
        }
    }

    /// After how many messages the mail server has enough of a connection.
    pub(super) fn messages_per_connection(&self) -> Option<usize> {
        let more = usize::try_from(self.draw("connection", "", 0) % 40).unwrap_or_default();
        (!self.kind).then_some(20 + more)
    }

    /// A password that nothing else in a run looks like.
    pub(super) fn secret(&self, of: &str) -> String {
        format!("Faults-{:016x}{:016x}", self.draw("secret", of, 0), self.draw("secret", of, 1))
    }

    /// A number that looks drawn, and is the same for the same question.
    fn draw(&self, of: &str, to: &str, number: usize) -> u64 {
        // FNV-1a over the question, and splitmix64's last steps, because FNV mixes its last bytes badly.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for byte in of.bytes().chain([0]).chain(to.bytes()).chain([0]).chain(number.to_le_bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        hash ^ (hash >> 31)
    }
}

fn agreed(to: &str, [steady, never, busy]: [&str; 3]) -> Option<Agreed> {
    [(steady, Agreed::Steady), (never, Agreed::Never), (busy, Agreed::Busy)]
        .into_iter()
        .find_map(|(beginning, agreed)| to.starts_with(beginning).then_some(agreed))
}

/// 201 with an id of its own.
fn accept(one: &Try<'_>) -> Answer {
    Answer::json(201, &format!(r#"{{"sid":"SM{:08}","status":"queued","error_code":null}}"#, one.running))
}

fn pick<T: Copy + Default>(from: &[T], drawn: u64) -> T {
    let place = usize::try_from(drawn % from.len().max(1) as u64).unwrap_or_default();
    from.get(place).copied().unwrap_or_default()
}
