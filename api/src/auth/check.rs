//! Checking a username and password: the part that both sign-in routes share.
//!
//! An unknown user, a wrong password and an account that is not active get the same answer after the same work: a
//! decoy is hashed for those without a password, and every refusal is answered at a full tenth of a second, which
//! hides the one write that only a known account causes.

use std::time::Duration;

use keybell_shared::actor::Actor;
use keybell_shared::clock::Stopwatch;
use keybell_shared::ids::DistrictId;
use keybell_shared::ports::ledger::SignIn;
use keybell_shared::problem::{Problem, ProblemKind};
use secrecy::SecretString;

use super::lane::Stored;
use crate::parts::Api;
use crate::refusal::Refusal;

/// The largest body of a sign-in route, in bytes.
pub(super) const MAX_BODY: usize = 16 * 1024;

/// The wait after a try that others at the same time were faster than.
const CROWDED: Duration = Duration::from_secs(1);

/// Refusals are answered at multiples of this.
const BEAT: Duration = Duration::from_millis(100);

/// Refuses callers who are no sign-in page.
pub(crate) fn permitted(actor: &Actor) -> Result<(), Refusal> {
    if actor.role.may_check_sign_in() {
        return Ok(());
    }
    let detail = "only an application's or a district administrator's key may check sign-ins";
    Err(Problem::new(ProblemKind::Forbidden, "sign_in.forbidden", detail).into())
}

/// Finds the account and checks the password. Answers the account only if the password is right and has not expired.
pub(super) async fn check(
    api: &Api,
    district: DistrictId,
    username: &str,
    password: &SecretString,
) -> Result<SignIn, Refusal> {
    if username.chars().any(char::is_control) {
        return Err(
            Refusal::malformed("field.control_character", "a username has no control characters").at("username")
        );
    }
    let watch = Stopwatch::start();
    let found = api.ledger.sign_in(district, username).await?;
    if let Some(wait) = found.as_ref().and_then(|account| account.throttled_for) {
        return Err(throttled(wait));
    }
    let known = found.filter(|account| account.usable).and_then(|mut account| Some((account.hash.take()?, account)));
    let Some((hash, account)) = known else {
        api.lane.verify(password, Stored::Decoy).await?;
        return Err(refuse(watch).await);
    };
    // Counted before the password is looked at: tries at the same time cannot all be the first one.
    if !api.ledger.try_sign_in(account.account).await? {
        return Err(throttled(CROWDED));
    }
    if !api.lane.verify(password, Stored::Hash(hash)).await? {
        return Err(refuse(watch).await);
    }
    api.ledger.sign_in_succeeded(account.account).await?;
    if account.expired {
        let detail = "the temporary password has expired; ask for a new one";
        return Err(Problem::new(ProblemKind::Forbidden, "password.expired", detail).into());
    }
    Ok(account)
}

/// Too many wrong passwords.
fn throttled(wait: Duration) -> Refusal {
    let detail = "too many wrong passwords; wait before the next try";
    Refusal::from(Problem::new(ProblemKind::Throttled, "sign_in.throttled", detail)).retry_after(wait)
}

/// The one refusal, at the next full beat.
async fn refuse(watch: Stopwatch) -> Refusal {
    tokio::time::sleep(until_beat(watch.elapsed())).await;
    let detail = "the username or the password is wrong, or the account cannot sign in here";
    Problem::new(ProblemKind::Unauthenticated, "sign_in.refused", detail).into()
}

fn until_beat(elapsed: Duration) -> Duration {
    let beat = BEAT.as_micros();
    let over = elapsed.as_micros() % beat;
    Duration::from_micros(u64::try_from(beat - over).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_fall_on_the_beat() {
        for (elapsed, wait) in [(0, 100), (1, 99), (99, 1), (100, 100), (130, 70)] {
            assert_eq!(until_beat(Duration::from_millis(elapsed)), Duration::from_millis(wait), "{elapsed}");
        }
    }
}
