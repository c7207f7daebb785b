//! Choosing a password by a one-time link: the part that the page and the JSON routes share.

use keybell_shared::link;
use keybell_shared::password::{self, Names};
use keybell_shared::ports::ledger::LinkHolder;
use keybell_shared::problem::Problem;
use secrecy::{ExposeSecret as _, SecretString};

use crate::auth::Stored;
use crate::parts::{Api, WRITER};
use crate::refusal::Refusal;

/// What became of a chosen password.
pub(crate) enum Choice {
    /// It is the account's password now, in this version.
    Done(i64),
    /// The link is not good any more: somebody was faster, or its time was over.
    Gone,
    /// It could be taken, but was only to be looked at.
    Fits,
    /// It breaks a rule.
    Refused(Problem),
}

/// Whom a token is for, with its hash. Texts that no token can be are not looked up.
pub(crate) async fn find(api: &Api, token: &str) -> Result<Option<(String, LinkHolder)>, Refusal> {
    if !link::is_token(token) {
        return Ok(None);
    }
    let hash = link::hash(token);
    Ok(api.ledger.link(&hash).await?.map(|holder| (hash, holder)))
}

/// Checks a chosen password and, if it shall be `taken`, stores it. Hashing is for those with a good link only, and in the
/// same lane as sign-ins: strangers cannot make this machine work.
pub(crate) async fn choose(
    api: &Api,
    holder: &LinkHolder,
    hash: &str,
    new: &SecretString,
    taken: bool,
) -> Result<Choice, Refusal> {
    if let Err(rule) = password::check(holder.policy, new.expose_secret(), &Names::new(&holder.forbidden)) {
        return Ok(Choice::Refused(Problem::invalid(rule.code(), "new_password", rule.to_string())));
    }
    if !taken {
        return Ok(Choice::Fits);
    }
    if let Some(present) = &holder.password_hash
        && api.lane.verify(new, Stored::Hash(present.clone())).await?
    {
        let detail = "the new password is the old one";
        return Ok(Choice::Refused(Problem::invalid("password.unchanged", "new_password", detail)));
    }
    let chosen = api.lane.hash(new).await?;
    let version = api.ledger.redeem(WRITER, holder.account, hash, &chosen).await?;
    Ok(version.map_or(Choice::Gone, Choice::Done))
}
