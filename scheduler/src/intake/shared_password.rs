//! One password for many accounts: checked against the policy, limited, sealed to the reset workers and removed from
//! the request. It is never echoed, logged or stored in clear.

use keybell_shared::ids::{DistrictId, TaskId};
use keybell_shared::password;
use keybell_shared::problem::{Problem, ProblemKind};
use keybell_shared::request::{PasswordSource, ResetRequest, SHARED_EXPIRY_HOURS, SHARED_LIMIT};
use keybell_shared::seal::{Binding, SealKey, Sealed};
use secrecy::{ExposeSecret, SecretString};

/// The words of a district's name that are forbidden have at least this many letters: shorter ones forbid too much.
const NAME_PART: usize = 5;

/// A shared password, taken out of its request.
pub(super) struct Given {
    value: SecretString,
    acknowledged: bool,
}

impl Given {
    /// Takes the password out of the request, if its source is `shared`.
    ///
    /// # Errors
    /// When it is missing or blank. A blank one counts as not given, and a shared password cannot be generated.
    pub(super) fn take(request: &mut ResetRequest) -> Result<Option<Self>, Problem> {
        let PasswordSource::Shared { value, acknowledged } = &mut request.password else { return Ok(None) };
        let given = value.take().filter(|value| !value.expose_secret().trim().is_empty());
        let acknowledged = *acknowledged;
        given.map(|value| Some(Self { value, acknowledged })).ok_or_else(|| {
            let detail = "a shared password must be given; for one password per account write the source `generated`";
            Problem::invalid("password.blank", "password.value", detail)
        })
    }

    /// Checks it against the policy. One password for many cannot be checked against
    /// each of their usernames; that is one more reason for the limits on shared passwords.
    pub(super) fn check(&self, forbidden: &[String]) -> Result<(), Problem> {
        password::check(self.value.expose_secret(), forbidden)
            .map_err(|rule| Problem::invalid(rule.code(), "password.value", rule.to_string()))
    }

    /// Above the limit it needs its own acknowledgement, must be temporary and expires soon; the expiry is filled in.
    pub(super) fn limit(&self, request: &mut ResetRequest, eligible: u64) -> Result<(), Problem> {
        if eligible <= SHARED_LIMIT {
            return Ok(());
        }
        if !self.acknowledged {
            let detail = format!(
                "{eligible} accounts would have the same password, which is more than {SHARED_LIMIT}; everybody who \
                 has it can open all of them. Set `acknowledged` to true if that is meant, or use generated passwords"
            );
            return Err(Problem::invalid("password.shared_unacknowledged", "password.acknowledged", detail));
        }
        if !request.is_temporary() {
            let detail = format!("a password shared by more than {SHARED_LIMIT} accounts must be temporary");
            return Err(Problem::invalid("password.shared_must_be_temporary", "temporary", detail));
        }
        if request.expires_in_hours.is_some_and(|hours| hours > SHARED_EXPIRY_HOURS) {
            let detail = format!(
                "a password shared by more than {SHARED_LIMIT} accounts expires within {SHARED_EXPIRY_HOURS} hours"
            );
            return Err(Problem::invalid("password.shared_expiry_too_long", "expires_in_hours", detail));
        }
        request.expires_in_hours.get_or_insert(SHARED_EXPIRY_HOURS);
        Ok(())
    }

    /// Seals it to the reset workers, for this task only.
    pub(super) fn seal(&self, key: Option<&SealKey>, district: DistrictId, task: TaskId) -> Result<Sealed, Problem> {
        key.ok_or_else(no_key)?.seal(&self.value, Binding::Task(district, task)).map_err(|error| {
            tracing::error!(%error, "a shared password could not be sealed; check the reset workers' public key");
            Problem::new(
                ProblemKind::Unavailable,
                "keys.reset_unusable",
                "the reset workers' public key is not usable; an operator must look at `keybell doctor`",
            )
        })
    }
}

/// Without the reset workers' public key a shared password could only be stored in clear, so it is refused.
pub(super) fn no_key() -> Problem {
    Problem::new(
        ProblemKind::Unavailable,
        "keys.reset_missing",
        "shared passwords cannot be accepted: the reset workers' public key (`reset.pub`) is missing in the key folder",
    )
}

/// The names whole and their longer words, for the policy check.
pub(super) fn name_parts(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut parts = Vec::new();
    for name in names {
        let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() >= NAME_PART);
        parts.extend(words.map(ToOwned::to_owned));
        parts.push(name);
    }
    parts
}
