//! What an import makes of the people of a roster.

use serde::Deserialize;

use super::{ConfigError, fits};
use crate::eligibility::{Ranks, UNPRIVILEGED};

/// The field's path.
const ROLES: &str = "roster.unprivileged_roles";

/// Parts of words that speak of people who teach or manage: nobody of these is ever unprivileged. `unknown` is what the
/// ledger keeps where a roster gives no usable word, so it may be anybody.
const NEVER: [&str; 8] = ["admin", "teach", "principal", "counsel", "faculty", "instructor", "manager", "unknown"];

/// What an import makes of the people of a roster.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Roster {
    /// The roles that are not privileged, in place of the usual four. Whoever holds any other one counts as staff. It holds
    /// from the next import on that names a person.
    pub unprivileged_roles: Vec<String>,
}

impl Default for Roster {
    fn default() -> Self {
        Self { unprivileged_roles: UNPRIVILEGED.map(ToOwned::to_owned).into() }
    }
}

impl Roster {
    /// How privileged each role is.
    #[must_use]
    pub fn ranks(&self) -> Ranks {
        Ranks::with_unprivileged(&self.unprivileged_roles)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let roles = &self.unprivileged_roles;
        fits(roles.len() <= 30, ROLES, || "at most 30 roles".to_owned())?;
        for role in roles {
            let wordlike = !role.is_empty() && role.trim() == role && role.chars().count() <= 40;
            fits(wordlike, ROLES, || "a role has 1 to 40 characters and no blanks around it".to_owned())?;
            let word = role.to_lowercase();
            let never = NEVER.into_iter().find(|part| word.contains(part));
            fits(never.is_none(), ROLES, || {
                format!(
                    "`{role}` cannot be unprivileged, because a role with `{}` in it may teach or manage; remove it",
                    never.unwrap_or_default()
                )
            })?;
        }
        // Who writes down additions only would make every pupil privileged.
        let pupils = roles.iter().any(|role| role.eq_ignore_ascii_case("student"));
        fits(pupils, ROLES, || {
            format!("`student` is missing; the list takes the place of the usual one ({})", UNPRIVILEGED.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(roles: &[&str]) -> Roster {
        Roster { unprivileged_roles: roles.iter().map(|role| (*role).to_owned()).collect() }
    }

    #[test]
    fn who_teaches_or_manages_is_never_unprivileged() {
        for role in [
            "teacher",
            "Teacher",
            "ext:student teacher",
            "principal",
            "administrator",
            "districtAdministrator",
            "siteAdministrator",
            "systemAdministrator",
            "counselor",
            "Faculty",
            "unknown",
            "ext:admin",
        ] {
            let refused = with(&["student", role]).check().expect_err(role);
            assert_eq!(refused.field, ROLES);
            assert!(refused.reason.contains(role), "{}", refused.reason);
        }
    }

    #[test]
    fn the_list_may_grow_and_shrink_but_pupils_stay_on_it() {
        for fine in [&["student"][..], &["Student", "aide", "proctor", "ext:helper"], &UNPRIVILEGED] {
            assert_eq!(with(fine).check(), Ok(()));
        }
        assert_eq!(Roster::default().ranks(), Ranks::default());
        let missing = with(&["ext:helper"]).check().expect_err("no student");
        assert!(missing.reason.contains("takes the place of the usual one"), "{}", missing.reason);
        for wrong in ["", " aide", &"a".repeat(41)] {
            assert!(with(&["student", wrong]).check().is_err(), "{wrong:?}");
        }
        assert!(with(&["student"; 31]).check().is_err());
    }
}
