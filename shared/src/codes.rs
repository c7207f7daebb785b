//! The codes that every item ends with, and the legend that explains them. The legend is part of the product: API,
//! command line and web page show the same words.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// Why an item, or a row of an upload, stands where it stands.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Code { $($(#[$doc])* $name),+ }

        impl Code {
            /// Every code, in the order of the legend.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The code as it is stored and shown.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }

            /// What the code means, in plain words.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }

        impl utoipa::PartialSchema for Code {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                let legend: Vec<String> =
                    Self::ALL.iter().map(|code| format!("- `{code}`: {}", code.meaning())).collect();
                utoipa::openapi::schema::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .description(Some(format!("Why an item stands where it stands:\n\n{}", legend.join("\n"))))
                    .enum_values(Some(Self::ALL.iter().map(|code| code.as_str())))
                    .into()
            }
        }

        impl utoipa::ToSchema for Code {}

        impl FromStr for Code {
            type Err = String;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $(stringify!($name) => Ok(Self::$name),)+
                    other => Err(format!("`{other}` is no code of the legend")),
                }
            }
        }
    };
}

codes! {
    /// A row of an upload in order.
    OK = "in order: the row will be done as it says",
    /// Missing column.
    E01 = "missing column: the file cannot be used without it; export it again and edit that",
    /// Renamed column.
    E02 = "renamed column: give it back the title that the export wrote",
    /// Unknown account.
    E03 = "unknown account: nobody in the district has this id and username",
    /// Duplicate row.
    E04 = "duplicate row: an earlier row is about the same account",
    /// Username too short.
    E05 = "username too short, too long, or with characters that no username has",
    /// Username taken.
    E06 = "username taken: another account has it, or an earlier row wants it",
    /// Password against the policy.
    E07 = "the password is against the policy",
    /// Password on the blocklist.
    E08 = "the password is easily guessed, or holds the username or a name of the district or school",
    /// Blank password.
    E09 = "blank password: write one, or remove the row",
    /// Not permitted.
    E10 = "not permitted: the account is more privileged than the requester",
    /// Encoding.
    E11 = "encoding: the text lost letters before it came here",
    /// Malformed row.
    E12 = "malformed row, or a cell that a spreadsheet program damaged",
    /// Managed elsewhere.
    S01 = "skipped: signs in through an outside identity provider",
    /// Never registered a password.
    S02 = "skipped: has no local password (quick login)",
    /// Inactive.
    S03 = "skipped: the account is not active",
    /// Protected.
    S04 = "skipped: protected (break-glass or service account)",
    /// The requester.
    S05 = "skipped: the requester's own account",
    /// Superseded.
    S06 = "superseded: a newer task had already reset the account",
    /// Cancelled.
    S08 = "cancelled before the password was changed",
    /// Out of scope.
    S09 = "skipped: outside the requester's school or classes",
    /// No contact.
    S10 = "skipped: nobody could be told, for there is no usable contact, and the request leaves such accounts untouched",
    /// Told.
    N00 = "told: the message was accepted for delivery",
    /// Not to be told.
    N01 = "reset without a message, as asked",
    /// Unreachable.
    N02 = "reset or request in effect, but nobody could be told: no usable contact; add one and start again",
    /// Failed after retries.
    N04 = "reset or request in effect, but telling failed after the first attempt and three retries; start again",
    /// Failed for good.
    N05 = "reset or request in effect, but the recipient was refused for good; correct the contact and start again",
    /// Claimed.
    N07 = "told, and the person chose a password",
    /// Expired.
    N08 = "reset or request in effect, but the password or link expired before anybody could be told; start again",
    /// Lost on the way too often.
    X01 = "failed: could not be handed to a worker ten times; see the operations handbook",
    /// Killed its workers.
    X02 = "failed: the message came back from the dead letters five times",
    /// Cannot be made.
    X03 = "failed: no password that meets the policy could be drawn or opened",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
