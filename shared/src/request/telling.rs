//! What people are told of a reset: whether, what, how, and who; and what becomes of accounts of which nobody can be told.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is sent to people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// The new password.
    #[default]
    Password,
    /// A one-time link where the person chooses a password. The modes `request` and `force_then_request` always send it.
    Link,
}

impl Delivery {
    /// Left out of what is written, so that a request from before there were links is written as it always was.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
    pub(super) const fn is_default(&self) -> bool {
        matches!(self, Self::Password)
    }
}

/// Whether people are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotifyRule {
    /// Generated passwords are sent, shared ones are not.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl NotifyRule {
    /// The word that is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}

/// How people are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelRule {
    /// By e-mail.
    #[default]
    Email,
    /// By SMS.
    Sms,
    /// By both.
    Both,
    /// By e-mail, else SMS, else the guardians; the next step is taken when one fails for good.
    Cascade,
}

/// Who is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    /// The account's own person.
    #[default]
    Account,
    /// Their guardians.
    Guardians,
    /// Both.
    Both,
}

/// What becomes of accounts of which nobody can be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unreachable {
    /// They are reset like all others, and listed with `N02`, so that somebody hands the passwords over.
    #[default]
    Reset,
    /// They are left untouched, and listed with `S10`.
    Skip,
}

impl Unreachable {
    /// The word that is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Skip => "skip",
        }
    }

    /// Left out of what is written, so that a request from before there was a choice is written as it always was.
    #[must_use]
    pub const fn is_default(&self) -> bool {
        matches!(self, Self::Reset)
    }
}
