//! Where new passwords come from.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, KnownFormat, ObjectBuilder, OneOfBuilder, RefBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::{PartialSchema, ToSchema};

use crate::password::{Format, Language};

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
