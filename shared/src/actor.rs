//! Who asks, and what they may ask for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, ApiKeyId, DistrictId};

/// What a caller is, which bounds what they may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything in the district.
    DistrictAdmin,
    /// The own school.
    Principal,
    /// Pupils of the own classes.
    Teacher,
    /// Progress and scaling, never passwords.
    Operator,
    /// An upstream application: may enqueue, read its own tasks and check sign-ins.
    Application,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [Self::DistrictAdmin, Self::Principal, Self::Teacher, Self::Operator, Self::Application];

    /// The word that is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DistrictAdmin => "district_admin",
            Self::Principal => "principal",
            Self::Teacher => "teacher",
            Self::Operator => "operator",
            Self::Application => "application",
        }
    }

    /// The highest [rank](crate::eligibility::rank) whose passwords this role may reset.
    #[must_use]
    pub const fn reach(self) -> i32 {
        match self {
            Self::DistrictAdmin => 60,
            Self::Principal => 40,
            // An application speaks for a sign-in page; administrators are not in its reach.
            Self::Application => 30,
            Self::Teacher => 10,
            Self::Operator => 0,
        }
    }

    /// Whether the role may start a bulk reset.
    #[must_use]
    pub const fn may_reset(self) -> bool {
        !matches!(self, Self::Operator)
    }

    /// Whether the role may check and change passwords at sign-in, which only upstream sign-in pages do.
    #[must_use]
    pub const fn may_check_sign_in(self) -> bool {
        matches!(self, Self::Application | Self::DistrictAdmin)
    }

    /// Whether the role is bound to a person, whose schools or classes bound it further.
    #[must_use]
    pub const fn needs_person(self) -> bool {
        matches!(self, Self::Principal | Self::Teacher)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.as_str() == word).ok_or_else(|| {
            format!("`{word}` is no role; use district_admin, principal, teacher, operator or application")
        })
    }
}

/// The caller of one request, already authenticated by a door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The district that the caller belongs to; they see nothing of any other.
    pub district: DistrictId,
    /// What they are.
    pub role: Role,
    /// The name for the audit: a key's name, a producer, `console`.
    pub name: String,
    /// The key that was shown, if the door was HTTP.
    pub key: Option<ApiKeyId>,
    /// The person behind it, if there is one: never reset by their own request.
    pub person: Option<AccountId>,
}
