//! Taking up again items of an earlier task: a new task over their accounts, with the earlier one's rules unless told
//! otherwise.

use keybell_shared::actor::Actor;
use keybell_shared::ids::TaskId;
use keybell_shared::ports::ledger::{Chosen, Idempotency, NewTask, Preview, Reissue};
use keybell_shared::problem::Problem;
use keybell_shared::request::{
    ChannelRule, Confirm, NotifyRule, PasswordSource, PolicyName, Reason, Recipient, ResetRequest, Scope, Selection,
    Start, Unreachable, VERSION, Waves, Where,
};
use keybell_shared::states::ItemState;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::chosen::{Choice, given};
use super::{Intake, Submitted, idempotency, json, producer, rules};
use crate::control::visible;

/// Which items of a task are taken up again, and what is different this time. Whatever is left out is as it was.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reissuing {
    /// The items in one of these states; only such as have ended. Without a word, and without `accounts`: `failed` and
    /// `undelivered`.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub items: Option<Vec<ItemState>>,
    /// The items of these accounts: ids, usernames or roster ids.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 50_000)]
    pub accounts: Option<Vec<String>>,
    /// Accounts that are otherwise never reset; said anew for each task.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub confirm: Option<Confirm>,
    /// The version of the precautions that whoever asks has read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-11")]
    pub acknowledgement: Option<String>,
    /// Where the new passwords come from. A shared password must be given again. `null` says as little as leaving it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<PasswordSource>,
    /// Which rules the passwords obey.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub policy: Option<PolicyName>,
    /// The grades whose passwords are permanent.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 30)]
    pub permanent_grades: Option<Vec<String>>,
    /// Whether applications are told to clear security questions.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub clear_security_questions: Option<bool>,
    /// Whether people are told.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub notify: Option<NotifyRule>,
    /// How they are told.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub channel: Option<ChannelRule>,
    /// Who is told.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub recipient: Option<Recipient>,
    /// What becomes of accounts of which nobody can be told.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub unreachable: Option<Unreachable>,
    /// Whether the passwords must be changed at the first sign-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temporary: Option<bool>,
    /// After how many hours a temporary password expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 8760)]
    pub expires_in_hours: Option<u32>,
    /// Why the reset is made.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<Reason>,
    /// When the first password may change. Without a word: at once, whenever the earlier task began.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub start: Option<Start>,
    /// Handing the accounts out part by part. Without a word: all together.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub waves: Option<Waves>,
}

/// What a re-issue may choose.
const CHOICE: Choice = Choice {
    default: &[ItemState::Failed, ItemState::Undelivered],
    allowed: ItemState::is_final,
    both: "reissue.items_or_accounts",
    empty: "reissue.empty",
    not_allowed: (
        "reissue.not_final",
        "only items that have ended can be taken up again; wait for the others, or cancel the task first",
    ),
    unknown: "reissue.unknown_accounts",
};

impl Reissuing {
    /// Reads a body, as strictly as a request; `{}` means every default.
    ///
    /// # Errors
    /// As [`json::parse`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        json::parse_options(bytes)
    }

    /// The request of the new task.
    fn request(self, earlier: ResetRequest) -> Result<ResetRequest, Problem> {
        let password = match (self.password, earlier.password) {
            (Some(password), _) => password,
            (None, generated @ PasswordSource::Generated { .. }) => generated,
            (None, PasswordSource::Shared { .. }) => {
                let detail = "the earlier task had a shared password, which Keybell does not keep; give it again, \
                              another one, or the source `generated`";
                return Err(Problem::invalid("reissue.password_needed", "password", detail));
            }
            (None, PasswordSource::Uploaded) => {
                let detail = "the earlier task had uploaded passwords, which Keybell does not keep; upload a file again, or \
                              give the source `generated`";
                return Err(Problem::invalid("reissue.password_needed", "password", detail));
            }
        };
        let temporary = self.temporary.or(earlier.temporary);
        // The earlier expiry means nothing to passwords that are permanent now.
        let inherited = earlier.expires_in_hours.filter(|_| temporary.unwrap_or(true));
        let grades = earlier.permanent_grades.filter(|_| temporary.unwrap_or(true));
        Ok(ResetRequest {
            version: VERSION,
            selection: Selection { scope: Scope::Selected, accounts: Vec::new(), narrowed: Where::default() },
            // Never the earlier one's: it was confirmed for that task.
            confirm: self.confirm.unwrap_or_default(),
            mode: earlier.mode,
            delivery: earlier.delivery,
            password,
            policy: self.policy.unwrap_or(earlier.policy),
            temporary,
            permanent_grades: self.permanent_grades.or(grades),
            clear_security_questions: self.clear_security_questions.unwrap_or(earlier.clear_security_questions),
            expires_in_hours: self.expires_in_hours.or(inherited),
            notify: self.notify.unwrap_or(earlier.notify),
            channel: self.channel.unwrap_or(earlier.channel),
            recipient: self.recipient.unwrap_or(earlier.recipient),
            unreachable: self.unreachable.unwrap_or(earlier.unreachable),
            reason: self.reason.unwrap_or(earlier.reason),
            // Never the earlier one: whoever asks has read the precautions of today.
            acknowledgement: self.acknowledgement,
            // Nor do the earlier start and waves count: what is taken up again is taken up now, unless this says otherwise.
            start: self.start,
            waves: self.waves,
        })
    }
}

/// What makes a repetition recognisable: the same items of the same task, with the same differences.
#[derive(Serialize)]
struct Asked<'a> {
    parent: TaskId,
    reissue: &'a Reissuing,
}

impl Intake {
    /// Takes up items of an earlier task again, as a new task of the caller. After `Ok` nothing can lose it; the same
    /// `key` with the same words answers the same task.
    ///
    /// # Errors
    /// As [`Intake::submit`]; not found when the earlier task is none of the caller's (see
    /// [`Control`](crate::control::Control)); `reissue.items_or_accounts`, `reissue.empty`, `reissue.not_final`,
    /// `reissue.unknown_accounts`, `reissue.not_in_task`, `reissue.nobody`, `reissue.password_needed`.
    pub async fn reissue(
        &self,
        actor: &Actor,
        parent: TaskId,
        asked: Reissuing,
        key: &str,
    ) -> Result<Submitted, Problem> {
        rules::role(actor)?;
        idempotency::check_key(key)?;
        let fingerprint = idempotency::fingerprint(&Asked { parent, reissue: &asked })?;
        let idempotency = Idempotency { producer: producer(actor), key: key.to_owned(), fingerprint };
        if let Some(submitted) = self.repetition(actor, &idempotency).await? {
            return Ok(submitted);
        }
        let ledger = self.ledger.as_ref();
        let earlier = visible(ledger, actor, parent).await?;
        let chosen = CHOICE.resolve(ledger, actor.district, asked.items.as_deref(), asked.accounts.as_deref()).await?;
        let inherits = asked.unreachable.is_none();
        let mut request = asked.request(earlier.request)?;
        self.complete(&mut request);
        if inherits && !request.is_told() {
            // That those who cannot be told were left untouched means nothing where nobody is told any more.
            request.unreachable = Unreachable::default();
        }
        rules::check_again(actor, &request)?;
        self.start_lies_ahead(&request).await?;
        self.links_lead_somewhere(actor, &request).await?;
        let shared = self.shared_password(actor, &mut request).await?;
        if let Chosen::Accounts(accounts) = &chosen {
            self.holds_no_name_of(actor, &request, shared.as_ref(), accounts).await?;
        }
        let reissue = Reissue { parent, chosen };
        let preview = ledger.preview_reissue(actor, &reissue, &request).await?;
        somebody(&reissue.chosen, &preview)?;
        if let Some(given) = &shared {
            given.limit(&mut request, preview.eligible, self.passwords.shared_limit)?;
        }
        self.is_somebody(actor, preview.eligible)?;
        let id = TaskId::fresh();
        let shared = shared.map(|given| given.seal(self.reset_key.as_deref(), actor.district, id)).transpose()?;
        let (actor, reissue) = (actor.clone(), Some(reissue));
        self.accept(NewTask {
            id,
            actor,
            request,
            named: Vec::new(),
            shared,
            uploaded: Vec::new(),
            idempotency,
            reissue,
            trial: None,
        })
        .await
    }
}

/// Refuses a choice that means nobody, and named accounts that the task has no ended item of.
fn somebody(chosen: &Chosen, preview: &Preview) -> Result<(), Problem> {
    let meant = preview.eligible + preview.skipped.iter().map(|(_, count)| count).sum::<u64>();
    match chosen {
        Chosen::States(_) if meant == 0 => {
            let detail = "the task has no item in these states; its items can be listed with their states";
            Err(Problem::invalid("reissue.nobody", "items", detail))
        }
        Chosen::Accounts(accounts) if meant < accounts.len() as u64 => {
            let missing = accounts.len() as u64 - meant;
            let detail = format!(
                "{missing} of the {} accounts have no item in this task that has ended; remove them, or wait for them",
                accounts.len()
            );
            Err(Problem::invalid("reissue.not_in_task", "accounts", detail))
        }
        Chosen::States(_) | Chosen::Accounts(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
