//! The bulk-reset request, version 1: what every door accepts and every task keeps.
//!
//! Unknown fields are refused, so that a misspelt rule is never silently ignored. Later versions add fields with
//! defaults; `version` changes only when an old request would mean something else.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, KnownFormat, ObjectBuilder, OneOfBuilder, RefBuilder, Schema, SchemaFormat, Type,
};
use utoipa::{PartialSchema, ToSchema};

use crate::password::Format;

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
    /// How they change.
    #[serde(default)]
    pub mode: Mode,
    /// Where the new passwords come from.
    #[serde(default)]
    pub password: PasswordSource,
    /// Which rules they obey.
    #[serde(default)]
    pub policy: PolicyName,
    /// Whether they must be changed at the first sign-in. Without a word: yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temporary: Option<bool>,
    /// After how many hours a temporary password expires; the clock starts at the reset. Without a word: 168.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 8760)]
    pub expires_in_hours: Option<u32>,
    /// Whether people are told.
    #[serde(default)]
    pub notify: NotifyRule,
    /// How they are told.
    #[serde(default)]
    pub channel: ChannelRule,
    /// Who is told.
    #[serde(default)]
    pub recipient: Recipient,
    /// Why the reset is made; kept in the audit.
    pub reason: Reason,
    /// The version of the [precautions](crate::precautions) that whoever asks has read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-11")]
    pub acknowledgement: Option<String>,
}

const fn version_one() -> u32 {
    VERSION
}

/// Whose passwords are reset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// The set that is meant.
    pub scope: Scope,
    /// For `selected` and `all_except`: account ids, usernames or roster ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 50_000)]
    pub accounts: Vec<String>,
    /// Narrows `all`, `all_except` and `without_role`.
    #[serde(default, skip_serializing_if = "Where::is_empty", rename = "where")]
    pub narrowed: Where,
}

/// The set that a selection starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everybody.
    All,
    /// Everybody but the named accounts.
    AllExcept,
    /// Everybody without a privileged role.
    WithoutRole,
    /// The named accounts.
    Selected,
}

impl Scope {
    /// The word that is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::AllExcept => "all_except",
            Self::WithoutRole => "without_role",
            Self::Selected => "selected",
        }
    }

    /// Whether the scope takes a list of accounts.
    #[must_use]
    pub const fn takes_accounts(self) -> bool {
        matches!(self, Self::AllExcept | Self::Selected)
    }
}

/// Narrows a scope: OR within one field, AND between fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
pub struct Where {
    /// Roster ids or names of schools.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(min_items = 1, max_items = 1_000)]
    pub schools: Vec<String>,
    /// Roster ids or titles of classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(min_items = 1, max_items = 1_000)]
    pub classes: Vec<String>,
    /// Grades as the roster writes them (`KG`, `01` … `12`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(min_items = 1, max_items = 1_000)]
    pub grades: Vec<String>,
    /// Roster roles (`student`, `teacher`, `guardian`, …).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(min_items = 1, max_items = 1_000)]
    pub user_types: Vec<String>,
}

impl Where {
    /// Whether nothing is narrowed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.schools.is_empty() && self.classes.is_empty() && self.grades.is_empty() && self.user_types.is_empty()
    }
}

/// How passwords change. Later versions add `request` and `force_then_request`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A new password is set and sessions end.
    #[default]
    Force,
}

/// Where new passwords come from.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "snake_case", deny_unknown_fields)]
pub enum PasswordSource {
    /// One draw per account.
    Generated {
        /// The shape of the password.
        #[serde(default)]
        format: Format,
    },
    /// One password given by the administrator, hashed with its own salt for each account.
    Shared {
        /// The password. It is sealed before it is stored and never written back.
        #[serde(skip_serializing, default)]
        value: Option<SecretString>,
        /// Needed above the shared-password limit (25 accounts).
        #[serde(default)]
        acknowledged: bool,
    },
}

/// By hand, because a derived schema leaves out what is never written, and does not say that unknown fields are refused.
impl PartialSchema for PasswordSource {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let source = |word: &str, about: &str| {
            ObjectBuilder::new()
                .description(Some(about))
                .property("source", text().description(Some("The kind of source.")).enum_values(Some([word])))
                .required("source")
                .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        };
        let format = RefBuilder::new().ref_location_from_schema_name("Format").description(Some("Its shape."));
        let value = text()
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
            .write_only(true)
            .pattern(Some("^[^\\u0000-\\u001f\\u007f-\\u009f]*$"))
            .description(Some("The password. It is sealed before it is stored and never written back."));
        let acknowledged = ObjectBuilder::new()
            .schema_type(Type::Boolean)
            .default(Some(false.into()))
            .description(Some("Needed above 25 accounts: everybody who has it can open all of them."));
        OneOfBuilder::new()
            .description(Some("Where new passwords come from."))
            .item(source("generated", "One draw per account.").property("format", format.build()))
            .item(
                source("shared", "One password for all, hashed with its own salt for each account.")
                    .property("value", value)
                    .property("acknowledged", acknowledged),
            )
            .into()
    }
}

impl ToSchema for PasswordSource {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Format::name().into(), Format::schema()));
    }
}

impl Default for PasswordSource {
    fn default() -> Self {
        Self::Generated { format: Format::default() }
    }
}

impl PasswordSource {
    /// Whether each account gets its own draw.
    #[must_use]
    pub const fn is_generated(&self) -> bool {
        matches!(self, Self::Generated { .. })
    }
}

/// The rules that passwords obey.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PolicyName {
    /// At least 8 characters, one capital, one lower-case letter, one digit; blocklist.
    #[default]
    Standard,
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

/// A shared password on more accounts than this needs its own acknowledgement.
pub const SHARED_LIMIT: u64 = 25;

/// A shared password above [`SHARED_LIMIT`] expires within this many hours.
pub const SHARED_EXPIRY_HOURS: u32 = 24;

impl ResetRequest {
    /// Whether the new passwords must be changed at the first sign-in.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.temporary.unwrap_or(true)
    }

    /// How long a temporary password lives, in hours; `None` for a permanent one.
    #[must_use]
    pub fn expiry_hours(&self) -> Option<u32> {
        self.is_temporary().then(|| self.expires_in_hours.unwrap_or(DEFAULT_EXPIRY_HOURS))
    }
}
