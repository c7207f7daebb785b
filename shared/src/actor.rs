//! Who asks, and what they may ask for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::{AccountId, ApiKeyId, DistrictId};

/// What a caller is, which bounds what they may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
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

    /// Whether the role sees every task of the district. Everybody else sees, and controls, what they asked for
    /// themselves: a principal's and a teacher's requests reach their own school or classes only, so these are theirs.
    #[must_use]
    pub const fn sees_every_task(self) -> bool {
        matches!(self, Self::DistrictAdmin | Self::Operator)
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
    /// The name for the audit, to which tasks belong: a key's name, `amqp:` and a broker user, `console`.
    pub name: String,
    /// The key that was shown, if the door was HTTP.
    pub key: Option<ApiKeyId>,
    /// The person behind it, if there is one: never reset by their own request.
    pub person: Option<AccountId>,
}

/// The name of whoever sits at the machine itself, without a key: always the same one.
pub const CONSOLE: &str = "console";

/// What the names of producers begin with as requesters, so that an API key of the same name is somebody else.
pub const PRODUCER_PREFIX: &str = "amqp:";

/// The longest name of a producer, in characters.
const MAX_PRODUCER: usize = 64;

impl Actor {
    /// The requester whose tasks alone the caller sees; `None` for every task of the district.
    #[must_use]
    pub fn only_tasks_of(&self) -> Option<&str> {
        if self.role.sees_every_task() { None } else { Some(&self.name) }
    }

    /// The upstream application that publishes under this broker user.
    #[must_use]
    pub fn producer(district: DistrictId, broker_user: &str) -> Self {
        let name = format!("{PRODUCER_PREFIX}{broker_user}");
        Self { district, role: Role::Application, name, key: None, person: None }
    }

    /// Whether nothing says who this is: an administrator's key that names no person. What a program or the console asks is
    /// nobody's either, but of them nobody believes that they were two persons.
    #[must_use]
    pub fn is_nameless(&self) -> bool {
        self.role == Role::DistrictAdmin && self.key.is_some() && self.person.is_none()
    }

    /// The broker user, if the door was AMQP.
    #[must_use]
    pub fn broker_user(&self) -> Option<&str> {
        if self.key.is_some() { None } else { self.name.strip_prefix(PRODUCER_PREFIX) }
    }
}

/// Whether a broker user of this name can be a producer: the name is a part of routing keys, of permissions, and of what
/// idempotency keys belong to.
///
/// # Errors
/// What the name must look like.
pub fn check_producer_name(name: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || name.len() > MAX_PRODUCER || !name.bytes().all(plain) {
        return Err(format!(
            "a producer's broker user has 1 to {MAX_PRODUCER} letters, digits, `-`, `_` and `.`, because its name is a \
             part of the routing key of its answers; make a broker user with such a name"
        ));
    }
    // Idempotency keys of the console and of API keys belong to these.
    if name == CONSOLE || name.parse::<ApiKeyId>().is_ok() {
        return Err(format!("`{name}` cannot be a producer, because another door uses such names; choose another"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_producer_is_no_api_key_of_the_same_name() {
        let producer = Actor::producer(DistrictId::fresh(), "sis-sync");
        assert_eq!((producer.name.as_str(), producer.broker_user()), ("amqp:sis-sync", Some("sis-sync")));
        let key = Actor { key: Some(ApiKeyId::fresh()), ..producer };
        assert_eq!(key.broker_user(), None);
    }

    #[test]
    fn names_of_producers_are_plain_and_their_own() {
        for good in ["a", "sis-sync", "SIS_2.north"] {
            assert_eq!(check_producer_name(good), Ok(()));
        }
        let id = ApiKeyId::fresh().to_string();
        for bad in ["", "a b", "a#", "*", "amqp:x", "ä", "console", &id, &"a".repeat(65)] {
            assert!(check_producer_name(bad).is_err(), "{bad}");
        }
    }
}
