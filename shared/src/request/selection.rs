//! Whose passwords are reset: a scope, named accounts, and what narrows it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::grade;

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
