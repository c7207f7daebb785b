//! The flags of a filter: whom a selection, or a search, is narrowed to.

use clap::Args;
use serde_json::{Map, Value};

/// OR within one flag that is repeated, AND between flags.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which accounts")]
pub(crate) struct Narrowed {
    /// Only these schools (roster id or name); may be repeated.
    #[arg(long)]
    pub(crate) school: Vec<String>,
    /// Only these classes (roster id or title); may be repeated.
    #[arg(long)]
    pub(crate) class: Vec<String>,
    /// Only these grades (9, 09 and 9th are the same); may be repeated.
    #[arg(long)]
    pub(crate) grade: Vec<String>,
    /// Only these roster roles; may be repeated.
    #[arg(long)]
    pub(crate) user_type: Vec<String>,
    /// Only who leaves school in these years; may be repeated.
    #[arg(long, value_name = "YEAR")]
    pub(crate) graduation_year: Vec<i32>,
    /// Only these groups (organisational units, cohorts); may be repeated.
    #[arg(long)]
    pub(crate) group: Vec<String>,
    /// Only family names that begin so, whatever their case and accents; may be repeated.
    #[arg(long, value_name = "BEGINNING")]
    pub(crate) family_name: Vec<String>,
}

impl Narrowed {
    /// The `where` of a selection; empty without a flag.
    pub(crate) fn filter(&self) -> Map<String, Value> {
        let fields: [(&str, Value); 7] = [
            ("schools", self.school.as_slice().into()),
            ("classes", self.class.as_slice().into()),
            ("grades", self.grade.as_slice().into()),
            ("user_types", self.user_type.as_slice().into()),
            ("graduation_years", self.graduation_year.as_slice().into()),
            ("groups", self.group.as_slice().into()),
            ("family_name_prefix", self.family_name.as_slice().into()),
        ];
        let given = |value: &Value| value.as_array().is_some_and(|list| !list.is_empty());
        fields.into_iter().filter(|(_, value)| given(value)).map(|(name, value)| (name.to_owned(), value)).collect()
    }
}
