//! The bulk-reset request, version 1: what every door accepts and every task keeps.
//!
//! Unknown fields are refused, so that a misspelt rule is never silently ignored. Later versions add fields with
//! defaults; `version` changes only when an old request would mean something else.

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::grade;
use crate::notice::{self, Ways};

pub use crate::password::PolicyName;
pub use selection::{Confirm, Scope, Selection, Where};
pub use source::PasswordSource;
pub use start::{FARTHEST_START_MS, LATE_START_MS, Start};
pub use telling::{ChannelRule, Delivery, NotifyRule, Recipient, Unreachable};
pub use waves::{MAX_CANARY, WaveBy, Waves};

mod selection;
mod source;
mod start;
mod telling;
mod waves;

/// The version of the request that this build understands.
pub const VERSION: u32 = 1;

/// The largest number of accounts that one request may name.
pub const MAX_NAMED: usize = 50_000;

/// A bulk reset, as asked for.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetRequest {
    /// The request format's version; 1.
    #[serde(default = "version_one")]
    #[schema(default = 1, minimum = 1, maximum = 1)]
    pub version: u32,
    /// Whose passwords.
    pub selection: Selection,
    /// Accounts that are otherwise never reset; each kind is confirmed on its own, by district administrators alone.
    #[serde(default, skip_serializing_if = "Confirm::is_empty")]
    pub confirm: Confirm,
    /// How they change.
    #[serde(default)]
    pub mode: Mode,
    /// What is sent to people.
    #[serde(default, skip_serializing_if = "Delivery::is_default")]
    pub delivery: Delivery,
    /// Where the new passwords come from. `null` says as little as leaving it out.
    #[serde(default, deserialize_with = "or_default")]
    #[schema(value_type = Option<PasswordSource>)]
    pub password: PasswordSource,
    /// Which rules they obey, and those that the people choose themselves later.
    #[serde(default)]
    pub policy: PolicyName,
    /// Whether they must be changed at the first sign-in. Without a word: yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temporary: Option<bool>,
    /// After how many hours a temporary password expires; the clock starts at the reset. Without a word: 168.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 8760)]
    pub expires_in_hours: Option<u32>,
    /// Accounts in these grades get a permanent password, although the others get a temporary one: the youngest pupils
    /// cannot choose one themselves. Without a word: as this Keybell is configured, for generated passwords.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 30, example = json!(["KG", "01"]))]
    pub permanent_grades: Option<Vec<String>>,
    /// Whether applications that keep security questions are told, with each reset, to clear those of the account.
    #[serde(default, skip_serializing_if = "is_false")]
    #[schema(default = false)]
    pub clear_security_questions: bool,
    /// Whether people are told.
    #[serde(default)]
    pub notify: NotifyRule,
    /// How they are told.
    #[serde(default)]
    pub channel: ChannelRule,
    /// Who is told.
    #[serde(default)]
    pub recipient: Recipient,
    /// What becomes of accounts of which nobody can be told, by this channel and this recipient. Looked at when the accounts
    /// are written down, and again at each reset.
    #[serde(default, skip_serializing_if = "Unreachable::is_default")]
    pub unreachable: Unreachable,
    /// Why the reset is made; kept in the audit.
    pub reason: Reason,
    /// The version of the [precautions](crate::precautions) that whoever asks has read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-11")]
    pub acknowledgement: Option<String>,
    /// When the first password may change. Without a word: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub start: Option<Start>,
    /// Handing the accounts out part by part. Without a word: all together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub waves: Option<Waves>,
}

/// Reads a member that is null as one that was left out.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

const fn version_one() -> u32 {
    VERSION
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
pub(crate) const fn is_false(word: &bool) -> bool {
    !*word
}

/// How passwords change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A new password is set and sessions end.
    #[default]
    Force,
    /// Passwords and sessions stay; everybody is sent a one-time link and must choose a new password at the next sign-in.
    Request,
    /// A new password is set and sessions end; then everybody is sent a one-time link to choose their own.
    ForceThenRequest,
}

impl Mode {
    /// The word that is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Force => "force",
            Self::Request => "request",
            Self::ForceThenRequest => "force_then_request",
        }
    }

    /// Whether passwords change at once.
    #[must_use]
    pub const fn sets_password(self) -> bool {
        match self {
            Self::Force | Self::ForceThenRequest => true,
            Self::Request => false,
        }
    }

    /// Whether people are asked to choose a password of their own.
    #[must_use]
    pub const fn asks(self) -> bool {
        match self {
            Self::Request | Self::ForceThenRequest => true,
            Self::Force => false,
        }
    }
}

impl std::str::FromStr for Mode {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        [Self::Force, Self::Request, Self::ForceThenRequest]
            .into_iter()
            .find(|mode| mode.as_str() == word)
            .ok_or_else(|| format!("`{word}` is no mode"))
    }
}

/// Why a reset is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A new school year.
    StartOfYear,
    /// New pupils or staff.
    NewStarters,
    /// Passwords were lost.
    Lost,
    /// Somebody may know them.
    SuspectedCompromise,
    /// Something else.
    Other,
}

/// How many hours a temporary password lives when the request does not say.
pub const DEFAULT_EXPIRY_HOURS: u32 = 168;

/// A shared password on more accounts than this needs its own acknowledgement, unless the configuration says otherwise.
pub const SHARED_LIMIT: u64 = 25;

/// A shared password above the limit expires within this many hours.
pub const SHARED_EXPIRY_HOURS: u32 = 24;

impl ResetRequest {
    /// Whether people are sent a one-time link instead of a password.
    #[must_use]
    pub const fn sends_link(&self) -> bool {
        self.mode.asks() || matches!(self.delivery, Delivery::Link)
    }

    /// Whether people are told at all. Whoever asks for links wants them sent.
    #[must_use]
    pub const fn is_told(&self) -> bool {
        self.sends_link() || notice::is_told(self.notify, self.password.is_generated())
    }

    /// The ways of which an account needs one, or it is left untouched; `None` where nobody is left untouched for want of one.
    #[must_use]
    pub fn must_reach(&self) -> Option<Ways> {
        let skips = self.unreachable == Unreachable::Skip && self.is_told();
        skips.then(|| notice::ways(self.channel, self.recipient))
    }

    /// What happens to each account, in plain words.
    #[must_use]
    pub const fn effect(&self) -> &'static str {
        match (self.mode, self.delivery) {
            (Mode::Force, Delivery::Password) => "a new password is set at once, and sessions end",
            (Mode::Force, Delivery::Link) => {
                "a new password is set at once, and sessions end; a one-time link to choose another one is sent"
            }
            (Mode::Request, _) => {
                "the password and the sessions stay; a one-time link to choose a new one is sent, and the next sign-in asks \
                 for a new one"
            }
            (Mode::ForceThenRequest, _) => {
                "a new password that nobody is told is set at once, and sessions end; then a one-time link to choose one is \
                 sent"
            }
        }
    }

    /// Whether the task goes on during a blackout window: passwords that somebody may know do not wait for the end of the exams.
    #[must_use]
    pub const fn is_urgent(&self) -> bool {
        matches!(self.reason, Reason::SuspectedCompromise)
    }

    /// Whether the new passwords must be changed at the first sign-in.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.temporary.unwrap_or(self.password.is_temporary())
    }

    /// How long a temporary password lives, in hours; `None` for a permanent one.
    #[must_use]
    pub fn expiry_hours(&self) -> Option<u32> {
        self.is_temporary().then(|| self.expires_in_hours.unwrap_or(DEFAULT_EXPIRY_HOURS))
    }

    /// [`Self::expiry_hours`] for an account of this grade: `None` also where the grade's passwords are permanent.
    #[must_use]
    pub fn expiry_hours_in(&self, grade: Option<&str>) -> Option<u32> {
        let permanent = self.permanent_grades.iter().flatten();
        let own = grade.map(grade::normal);
        let is_permanent = own.is_some_and(|own| permanent.map(|grade| grade::normal(grade)).any(|grade| grade == own));
        self.expiry_hours().filter(|_| !is_permanent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(members: &str) -> ResetRequest {
        serde_json::from_str(&format!(r#"{{"selection":{{"scope":"all"}},"reason":"lost"{members}}}"#))
            .expect("a request")
    }

    #[test]
    fn a_request_from_before_links_is_written_as_it_always_was() {
        let written = serde_json::to_string(&read("")).expect("JSON");
        assert_eq!(
            written,
            r#"{"version":1,"selection":{"scope":"all"},"mode":"force","password":{"source":"generated","format":"by-grade"},"policy":"standard","notify":"auto","channel":"email","recipient":"account","reason":"lost"}"#
        );
        for more in [r#""delivery":"link""#, r#""unreachable":"skip""#] {
            let said = serde_json::to_string(&read(&format!(",{more}"))).expect("JSON");
            assert!(said.contains(more), "{said}");
        }
        let default = serde_json::to_string(&read(r#","unreachable":"reset""#)).expect("JSON");
        assert_eq!(default, written);
    }

    #[test]
    fn whoever_must_be_reached_must_be_told() {
        for (members, ways) in [
            ("", None),
            (r#","unreachable":"reset""#, None),
            (r#","unreachable":"skip""#, Some((true, false, true, false))),
            (r#","unreachable":"skip","channel":"sms","recipient":"guardians""#, Some((false, true, false, true))),
            (r#","unreachable":"skip","channel":"cascade""#, Some((true, true, true, true))),
            (r#","unreachable":"skip","mode":"request""#, Some((true, false, true, false))),
            // Nobody is told, so nobody can be out of reach.
            (r#","unreachable":"skip","password":{"source":"shared"}"#, None),
            (
                r#","unreachable":"skip","password":{"source":"shared"},"notify":"always""#,
                Some((true, false, true, false)),
            ),
        ] {
            let found = read(members).must_reach().map(|ways| (ways.email, ways.sms, ways.own, ways.guardians));
            assert_eq!(found, ways, "{members}");
        }
    }

    #[test]
    fn each_mode_says_what_is_set_and_what_is_sent() {
        for (members, sets, link, told) in [
            ("", true, false, true),
            (r#","notify":"never","password":{"source":"shared"}"#, true, false, false),
            (r#","delivery":"link""#, true, true, true),
            (r#","delivery":"link","password":{"source":"shared"}"#, true, true, true),
            (r#","mode":"request""#, false, true, true),
            (r#","mode":"force_then_request""#, true, true, true),
            (r#","mode":"force_then_request","password":{"source":"shared"}"#, true, true, true),
        ] {
            let request = read(members);
            assert_eq!(
                (request.mode.sets_password(), request.sends_link(), request.is_told()),
                (sets, link, told),
                "{members}"
            );
            assert_eq!(request.mode.as_str().parse(), Ok(request.mode));
        }
    }
}
