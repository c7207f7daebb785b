//! The bulk-reset request, version 1: what every door accepts and every task keeps.
//!
//! Unknown fields are refused, so that a misspelt rule is never silently ignored. Later versions add fields with
//! defaults; `version` changes only when an old request would mean something else.

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, KnownFormat, ObjectBuilder, OneOfBuilder, RefBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::{PartialSchema, ToSchema};

use crate::grade;
use crate::notice;
use crate::password::{Format, Language};

pub use crate::password::PolicyName;
pub use start::{FARTHEST_START_MS, LATE_START_MS, Start};
pub use waves::{MAX_CANARY, WaveBy, Waves};

mod start;
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

/// Confirms accounts that a reset leaves out otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    /// The requester's own account may be reset as well.
    #[serde(default)]
    pub requester: bool,
    /// Protected accounts (break-glass, service) may be reset as well.
    #[serde(default)]
    pub protected: bool,
}

impl Confirm {
    /// Whether nothing is confirmed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        !self.requester && !self.protected
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
    /// Grades, however they are written: `KG`, `01` … `12` as in OneRoster, and `9`, `9th`, `Grade 9` or `K` mean the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(min_items = 1, max_items = 1_000)]
    pub grades: Vec<String>,
    /// Roster roles (`student`, `teacher`, `guardian`, …).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(min_items = 1, max_items = 1_000)]
    pub user_types: Vec<String>,
    /// Years in which people leave school.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(min_items = 1, max_items = 1_000)]
    pub graduation_years: Vec<i32>,
    /// Groups as the roster names them: organisational units, cohorts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(min_items = 1, max_items = 1_000)]
    pub groups: Vec<String>,
    /// Beginnings of family names; case and accents make no difference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(min_items = 1, max_items = 1_000)]
    pub family_name_prefix: Vec<String>,
}

impl Where {
    /// Whether nothing is narrowed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.schools.is_empty()
            && self.classes.is_empty()
            && self.grades.is_empty()
            && self.user_types.is_empty()
            && self.graduation_years.is_empty()
            && self.groups.is_empty()
            && self.family_name_prefix.is_empty()
    }

    /// The grades in their normal form, each once.
    #[must_use]
    pub fn normal_grades(&self) -> Vec<String> {
        let mut grades: Vec<String> = self.grades.iter().map(|written| grade::normal(written)).collect();
        grades.sort_unstable();
        grades.dedup();
        grades
    }
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
    const fn is_default(&self) -> bool {
        matches!(self, Self::Password)
    }
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
        /// The language of its words. Without a word: as this Keybell is configured.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        language: Option<Language>,
    },
    /// One password given by the administrator, hashed with its own salt for each account.
    Shared {
        /// The password. It is sealed before it is stored and never written back. A blank one counts as not given: then
        /// each account gets a generated one.
        #[serde(skip_serializing, default)]
        value: Option<SecretString>,
        /// Needed above the shared-password limit.
        #[serde(default)]
        acknowledged: bool,
    },
    /// For each account the one that stands in an uploaded file. No request says so: a file is uploaded instead.
    Uploaded,
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
        let language = RefBuilder::new()
            .ref_location_from_schema_name("Language")
            .description(Some("The language of its words. Without a word: as this Keybell is configured."));
        let value = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
            .write_only(true)
            .pattern(Some("^([\\s\\u0085]*|[^\\u0000-\\u001f\\u007f-\\u009f]*)$"))
            .description(Some(
                "The password. It is sealed before it is stored and never written back. A blank one counts as not given: \
                 then each account gets a generated one.",
            ));
        let acknowledged = ObjectBuilder::new()
            .schema_type(Type::Boolean)
            .default(Some(false.into()))
            .description(Some(
                "Needed above 25 accounts, or as many as this Keybell is configured for: everybody who has it can open all \
                 of them.",
            ));
        OneOfBuilder::new()
            .description(Some("Where new passwords come from."))
            .item(
                source("generated", "One draw per account.")
                    .property("format", format.build())
                    .property("language", language.build()),
            )
            .item(
                source("shared", "One password for all, hashed with its own salt for each account.")
                    .property("value", value)
                    .property("acknowledged", acknowledged),
            )
            .item(source(
                "uploaded",
                "For each account the one that stands in an uploaded file. No request says so: upload the file instead.",
            ))
            .into()
    }
}

impl ToSchema for PasswordSource {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Format::name().into(), Format::schema()));
        schemas.push((Language::name().into(), Language::schema()));
    }
}

impl Default for PasswordSource {
    fn default() -> Self {
        Self::Generated { format: Format::default(), language: None }
    }
}

impl PasswordSource {
    /// Whether each account gets its own draw.
    #[must_use]
    pub const fn is_generated(&self) -> bool {
        matches!(self, Self::Generated { .. })
    }

    /// Whether they must be changed at the first sign-in where nothing is said about it. Uploaded ones were chosen to stay.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        match self {
            Self::Generated { .. } | Self::Shared { .. } => true,
            Self::Uploaded => false,
        }
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
        let link = serde_json::to_string(&read(r#","delivery":"link""#)).expect("JSON");
        assert!(link.contains(r#""delivery":"link""#), "{link}");
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
