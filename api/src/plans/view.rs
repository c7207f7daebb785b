//! A plan as version 1 of the API writes it.

use keybell_scheduler::intake::Planned;
use keybell_shared::codes::Code;
use keybell_shared::ids::{AccountId, PlanId, TaskId};
use keybell_shared::password::{Format, Language};
use keybell_shared::ports::ledger::{Fate, Measured, PlanItem};
use keybell_shared::precautions;
use keybell_shared::request::{
    ChannelRule, Delivery, Mode, NotifyRule, PasswordSource, PolicyName, Recipient, ResetRequest, Unreachable,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::before::Left;
use crate::waits::Waits;

/// A trial run of a request, written down with its people.
#[derive(Serialize, ToSchema)]
pub(crate) struct StoredPlan {
    #[serde(rename = "plan")]
    id: PlanId,
    /// Who made it: the name of a key.
    requester: String,
    /// RFC 3339, UTC.
    #[schema(format = DateTime)]
    created_at: String,
    /// Until when it may be started. RFC 3339, UTC.
    #[schema(format = DateTime)]
    expires_at: String,
    /// Whether that is over.
    expired: bool,
    /// The task that it was started as.
    #[schema(required = true)]
    task: Option<TaskId>,
    /// As it was asked, without any password and without the named accounts.
    request: ResetRequest,
    people: People,
    rules: Rules,
    approval: Approval,
    estimate: Estimate,
    /// What its task would wait for, if it was started now.
    #[schema(required = true)]
    waits: Option<Waits>,
    /// SHA-256 over the accounts and everything that decides what happens to them.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    digest: String,
    /// Where its people are listed.
    #[schema(example = "/v1/plans/019372f1-5b7a-7c3e-9d40-5a1e0c6b2f11/items")]
    items_url: String,
}

/// Whom a plan means.
#[derive(Serialize, ToSchema)]
pub(crate) struct People {
    /// Everybody; always `eligible` and the skipped ones.
    #[schema(minimum = 0)]
    total: u64,
    /// Whose password would change.
    #[schema(minimum = 0)]
    eligible: u64,
    /// How many of the eligible nobody could be told about. 0 where nobody is to be told, and where such accounts are skipped.
    #[schema(minimum = 0)]
    unreachable: u64,
    /// How many would be left as they are, by the reason.
    skipped: Vec<Left>,
}

/// The rules that would be applied, with every default filled in.
#[derive(Serialize, ToSchema)]
pub(crate) struct Rules {
    mode: Mode,
    /// `generated` or `shared`; `kept` where nobody's password changes before they choose one.
    password: &'static str,
    /// The shape of generated passwords.
    #[schema(required = true)]
    format: Option<Format>,
    /// The language of its words.
    #[schema(required = true)]
    language: Option<Language>,
    policy: PolicyName,
    /// Whether the new passwords must be changed at the first sign-in.
    temporary: bool,
    /// Grades whose new passwords are permanent all the same.
    permanent_grades: Vec<String>,
    /// Whether the applications of the district are told to clear security questions.
    clear_security_questions: bool,
    /// After how many hours they expire; `null` for permanent ones.
    #[schema(required = true)]
    expires_in_hours: Option<u32>,
    notify: NotifyRule,
    /// What that means here: whether people are told.
    told: bool,
    /// What they are sent.
    delivery: Delivery,
    channel: ChannelRule,
    recipient: Recipient,
    /// What becomes of accounts of which nobody can be told. `skip`: they are among the skipped, with `S10`.
    unreachable: Unreachable,
    /// The version of the precautions that must be acknowledged.
    #[schema(example = "2026-11")]
    precautions: &'static str,
}

/// Whether a second person must approve it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Approval {
    /// Whether the task will wait for one.
    needed: bool,
    /// A task that changes more passwords than this waits; `null`: none does.
    #[schema(required = true)]
    above: Option<u32>,
}

/// How long it would take, from what was measured; never a guess.
#[derive(Serialize, ToSchema)]
pub(crate) struct Estimate {
    /// From the first password to the last message; `null` when nothing was measured.
    #[schema(required = true, minimum = 0)]
    seconds: Option<u64>,
    /// The measured rate.
    #[schema(required = true, minimum = 0)]
    accounts_per_second: Option<f64>,
    /// The task that was measured.
    #[schema(required = true)]
    measured_on: Option<TaskId>,
    /// When that one ended. RFC 3339, UTC.
    #[schema(required = true, format = DateTime)]
    measured_at: Option<String>,
    /// In words.
    basis: String,
}

impl From<Planned> for StoredPlan {
    fn from(planned: Planned) -> Self {
        let Planned { view, measured, approval_above, waits } = planned;
        let skipped: Vec<Left> = view.people.skipped.iter().copied().map(Left::from).collect();
        let eligible = view.people.eligible;
        Self {
            id: view.id,
            requester: view.requester,
            created_at: view.created_at.rfc3339(),
            expires_at: view.expires_at.rfc3339(),
            expired: view.expired,
            task: view.task,
            people: People {
                total: eligible + view.people.skipped.iter().map(|(_, accounts)| accounts).sum::<u64>(),
                eligible,
                unreachable: view.unreachable,
                skipped,
            },
            rules: Rules::from(&view.request),
            approval: Approval {
                needed: approval_above.is_some_and(|above| eligible > u64::from(above)),
                above: approval_above,
            },
            estimate: Estimate::new(eligible, measured),
            waits: waits.map(Waits::from),
            request: view.request,
            digest: view.digest,
            items_url: format!("/v1/plans/{}/items", view.id),
        }
    }
}

impl From<&ResetRequest> for Rules {
    fn from(request: &ResetRequest) -> Self {
        let sets = request.mode.sets_password();
        let (password, format, language) = match &request.password {
            _ if !sets => ("kept", None, None),
            PasswordSource::Generated { format, language } => ("generated", Some(*format), *language),
            PasswordSource::Shared { .. } => ("shared", None, None),
            PasswordSource::Uploaded => ("uploaded", None, None),
        };
        Self {
            mode: request.mode,
            password,
            format,
            language,
            policy: request.policy,
            temporary: sets && request.is_temporary(),
            permanent_grades: request.permanent_grades.clone().unwrap_or_default(),
            clear_security_questions: request.clear_security_questions,
            expires_in_hours: request.expiry_hours().filter(|_| sets),
            notify: request.notify,
            told: request.is_told(),
            delivery: if request.sends_link() { Delivery::Link } else { Delivery::Password },
            channel: request.channel,
            recipient: request.recipient,
            unreachable: request.unreachable,
            precautions: precautions::VERSION,
        }
    }
}

impl Estimate {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts of accounts are far below 2^52, and a rate is positive"
    )]
    fn new(eligible: u64, measured: Option<Measured>) -> Self {
        let Some(measured) = measured else {
            return Self {
                seconds: None,
                accounts_per_second: None,
                measured_on: None,
                measured_at: None,
                basis: "nothing like it was measured yet: no task of 100 or more passwords has ended; `keybell bench` \
                        measures a machine"
                    .to_owned(),
            };
        };
        let rate = measured.per_second();
        Self {
            seconds: Some((eligible as f64 / rate).ceil() as u64),
            accounts_per_second: Some((rate * 10.0).round() / 10.0),
            measured_on: Some(measured.task),
            measured_at: Some(measured.ended_at.rfc3339()),
            basis: format!(
                "the fastest of the last measured tasks: {} passwords in {:.1} s, up to the last message",
                measured.accounts,
                measured.took.as_secs_f64()
            ),
        }
    }
}

/// What a plan says of one account.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlannedAccount {
    account: AccountId,
    /// Its username.
    username: String,
    /// The given name.
    given_name: String,
    /// The family name.
    family_name: String,
    /// What would happen: `reset`, `unreachable` (reset, and nobody could be told) or `skipped`.
    fate: &'static str,
    /// Why, where it would be skipped or could not be told.
    #[schema(required = true)]
    code: Option<Code>,
    /// What the code means.
    #[schema(required = true)]
    meaning: Option<&'static str>,
}

impl From<PlanItem> for PlannedAccount {
    fn from(item: PlanItem) -> Self {
        let code = item.code.or((item.fate == Fate::Unreachable).then_some(Code::N02));
        Self {
            account: item.account,
            username: item.username,
            given_name: item.given_name,
            family_name: item.family_name,
            fate: item.fate.as_str(),
            code,
            meaning: code.map(Code::meaning),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(more: &serde_json::Value) -> serde_json::Value {
        let mut request = json!({"selection": {"scope": "all"}, "reason": "lost"});
        let members = request.as_object_mut().expect("an object");
        members.extend(more.as_object().expect("members").clone());
        let request: ResetRequest = serde_json::from_value(request).expect("a request");
        serde_json::to_value(Rules::from(&request)).expect("JSON")
    }

    #[test]
    fn each_mode_shows_what_becomes_of_the_password_and_what_is_sent() {
        for (more, password, expires, delivery) in [
            (json!({}), "generated", json!(168), "password"),
            (json!({"delivery": "link"}), "generated", json!(168), "link"),
            (json!({"mode": "force_then_request"}), "generated", json!(168), "link"),
            (json!({"mode": "request"}), "kept", json!(null), "link"),
        ] {
            let rules = rules(&more);
            assert_eq!(
                (&rules["password"], &rules["expires_in_hours"], &rules["delivery"], &rules["told"]),
                (&json!(password), &expires, &json!(delivery), &json!(true)),
                "{more}"
            );
        }
    }
}
