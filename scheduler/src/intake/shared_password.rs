//! One password for many accounts: checked against the policy, limited, sealed to the reset workers and removed from
//! the request. It is never echoed, logged or stored in clear.

use keybell_shared::ids::{DistrictId, TaskId};
use keybell_shared::password::{self, Names, name_parts};
use keybell_shared::problem::{Problem, ProblemKind};
use keybell_shared::request::{PasswordSource, ResetRequest, SHARED_EXPIRY_HOURS};
use keybell_shared::seal::{Binding, SealError, SealKey, Sealed};
use secrecy::{ExposeSecret, SecretString};

/// A shared password, taken out of its request.
pub(super) struct Given {
    value: SecretString,
    acknowledged: bool,
}

impl Given {
    /// Takes the password out of the request, as it was given, if its source is `shared`. A blank one was never given
    /// ([`super::passwords::blank_is_not_given`]).
    pub(super) fn take(request: &mut ResetRequest) -> Option<Self> {
        let PasswordSource::Shared { value, acknowledged } = &mut request.password else { return None };
        let acknowledged = *acknowledged;
        value.take().map(|value| Self { value, acknowledged })
    }

    /// Checks it against the policy that the request chose, the names of the district and its schools, and the usernames
    /// that stand in the request. Accounts that it does not name are not looked at, for there may be a million of them; that
    /// is one more reason for the limits on shared passwords.
    pub(super) fn check(&self, request: &ResetRequest, places: Vec<String>) -> Result<(), Problem> {
        let usernames = request.selection.accounts.iter().cloned();
        let names = Names::new(name_parts(None, places).into_iter().chain(usernames));
        password::check(request.policy, self.value.expose_secret(), &names)
            .map_err(|rule| Problem::invalid(rule.code(), "password.value", rule.to_string()))
    }

    /// The same for the names of the accounts that were found, by whatever id they were named.
    pub(super) fn check_names(&self, request: &ResetRequest, names: Vec<String>) -> Result<(), Problem> {
        password::check(request.policy, self.value.expose_secret(), &Names::new(names))
            .map_err(|rule| Problem::invalid(rule.code(), "password.value", rule.to_string()))
    }

    /// Above the limit it needs its own acknowledgement, must be temporary and expires soon; the expiry is filled in.
    pub(super) fn limit(&self, request: &mut ResetRequest, eligible: u64, most: u64) -> Result<(), Problem> {
        if eligible <= most {
            return Ok(());
        }
        if !self.acknowledged {
            let detail = format!(
                "{eligible} accounts would have the same password, which is more than {most}; everybody who \
                 has it can open all of them. Set `acknowledged` to true if that is meant, or use generated passwords"
            );
            return Err(Problem::invalid("password.shared_unacknowledged", "password.acknowledged", detail));
        }
        if !request.is_temporary() {
            let detail = format!("a password shared by more than {most} accounts must be temporary");
            return Err(Problem::invalid("password.shared_must_be_temporary", "temporary", detail));
        }
        if request.permanent_grades.as_ref().is_some_and(|grades| !grades.is_empty()) {
            let detail = format!("a password shared by more than {most} accounts must be temporary in every grade");
            return Err(Problem::invalid("password.shared_must_be_temporary", "permanent_grades", detail));
        }
        if request.expires_in_hours.is_some_and(|hours| hours > SHARED_EXPIRY_HOURS) {
            let detail =
                format!("a password shared by more than {most} accounts expires within {SHARED_EXPIRY_HOURS} hours");
            return Err(Problem::invalid("password.shared_expiry_too_long", "expires_in_hours", detail));
        }
        request.expires_in_hours.get_or_insert(SHARED_EXPIRY_HOURS);
        Ok(())
    }

    /// Seals it to the reset workers, for this task only.
    pub(super) fn seal(&self, key: Option<&SealKey>, district: DistrictId, task: TaskId) -> Result<Sealed, Problem> {
        key.ok_or_else(no_key)?.seal(&self.value, Binding::Task(district, task)).map_err(|error| unusable(&error))
    }
}

/// The key is there and does not seal.
pub(super) fn unusable(error: &SealError) -> Problem {
    tracing::error!(%error, "a password could not be sealed; check the reset workers' public key");
    Problem::new(
        ProblemKind::Unavailable,
        "keys.reset_unusable",
        "the reset workers' public key is not usable; an operator must look at `keybell doctor`",
    )
}

/// Without the reset workers' public key a given password could only be stored in clear, so it is refused.
pub(super) fn no_key() -> Problem {
    Problem::new(
        ProblemKind::Unavailable,
        "keys.reset_missing",
        "given passwords cannot be accepted: the reset workers' public key (`reset.pub`) is missing in the key folder",
    )
}
