//! Plans: a request that is tried out and written down with its people, and started later exactly so.

use std::time::Duration;

use keybell_shared::actor::Actor;
use keybell_shared::ids::{PlanId, TaskId};
use keybell_shared::password::is_blank;
use keybell_shared::ports::ledger::{Applied, Difference, Idempotency, Measured, NewPlan, NewTask, PlanView};
use keybell_shared::problem::{Problem, ProblemKind};
use keybell_shared::request::{PasswordSource, ResetRequest};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::schedule::Waits;
use super::{Intake, Submitted, idempotency, json, producer, rules, selection};

/// How long a plan may be started.
pub const KEEP: Duration = Duration::from_hours(24);

/// A plan, and what is known beside it.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The plan.
    pub view: PlanView,
    /// How fast passwords were changed lately, and people told where this plan tells them; `None`: nothing was measured.
    pub measured: Option<Measured>,
    /// A task that changes more passwords than this waits for a second person.
    pub approval_above: Option<u32>,
    /// What its task would wait for, if it was started now.
    pub waits: Option<Waits>,
}

/// What starting a plan needs to know beyond the plan.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Applying {
    /// The version of the [precautions](keybell_shared::precautions) that whoever starts the plan has read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-11")]
    pub acknowledgement: Option<String>,
    /// The shared password of a plan that has one, again: a plan does not keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<PasswordSource>,
}

impl Applying {
    /// Reads a body, as strictly as a request.
    ///
    /// # Errors
    /// As [`json::parse`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        json::parse_options(bytes)
    }
}

/// What makes a repetition recognisable: the same plan with the same words.
#[derive(Serialize)]
struct Asked<'a> {
    plan: PlanId,
    applying: &'a Applying,
}

impl Intake {
    /// Checks a request as [`Intake::submit`] does, and writes down whom it means and what would happen to each. Nobody's
    /// password changes. The precautions need not be acknowledged for it.
    ///
    /// # Errors
    /// The first check that the request does not pass.
    pub async fn plan(&self, actor: &Actor, request: ResetRequest) -> Result<Planned, Problem> {
        let mut request = request;
        rules::role(actor)?;
        self.complete(&mut request);
        rules::check_preview(actor, &request)?;
        self.start_lies_ahead(&request).await?;
        self.links_lead_somewhere(actor, &request).await?;
        let shared = self.shared_password(actor, &mut request).await?;
        let ledger = self.ledger.as_ref();
        let named = selection::resolve(ledger, actor.district, &mut request.selection).await?;
        self.holds_no_name_of(actor, &request, shared.as_ref(), &named).await?;
        if let Some(given) = &shared {
            let preview = ledger.preview(actor, &request, &named).await?;
            given.limit(&mut request, preview.eligible, self.passwords.shared_limit)?;
        }
        request.acknowledgement = None;
        let plan = NewPlan {
            id: PlanId::fresh(),
            actor: actor.clone(),
            producer: producer(actor),
            request,
            named,
            keep: KEEP,
        };
        let view = ledger.make_plan(plan).await?.ok_or_else(selection::nobody)?;
        tracing::info!(plan = %view.id, district = %actor.district, by = ?actor.name, "request planned");
        self.planned_with(actor, view).await
    }

    /// A plan that the caller may see: administrators and operators every one of the district, everybody else their own.
    ///
    /// # Errors
    /// Not found; the ledger's own problems.
    pub async fn planned(&self, actor: &Actor, plan: PlanId) -> Result<Planned, Problem> {
        let view = self.seen_plan(actor, plan).await?;
        self.planned_with(actor, view).await
    }

    /// As [`Intake::planned`], the plan alone.
    ///
    /// # Errors
    /// As [`Intake::planned`].
    pub async fn seen_plan(&self, actor: &Actor, plan: PlanId) -> Result<PlanView, Problem> {
        let view = self.ledger.plan(actor.district, plan).await?.ok_or_else(|| Problem::not_found("plan"))?;
        if actor.only_tasks_of().is_none_or(|name| view.requester == name) {
            return Ok(view);
        }
        Err(Problem::not_found("plan"))
    }

    async fn planned_with(&self, actor: &Actor, view: PlanView) -> Result<Planned, Problem> {
        let told = view.request.is_told();
        let measured = self.ledger.measured(told).await?;
        let waits = self.would_wait(actor.district, &view.request).await?;
        Ok(Planned { view, measured, approval_above: self.approval_above, waits })
    }

    /// Starts a plan: exactly its accounts become a task's, or nothing happens. After `Ok` nothing can lose it; the same
    /// `key` with the same words answers the same task.
    ///
    /// # Errors
    /// As [`Intake::submit`]; not found; `plan.other_requester`, `plan.password_needed`, `plan.password_unexpected`,
    /// `plan.used`, `plan.expired`; `plan.changed` with the difference when its people are not as they were.
    pub async fn apply(&self, actor: &Actor, plan: PlanId, asked: Applying, key: &str) -> Result<Submitted, Problem> {
        rules::role(actor)?;
        idempotency::check_key(key)?;
        let fingerprint = idempotency::fingerprint(&Asked { plan, applying: &asked })?;
        let idempotency = Idempotency { producer: producer(actor), key: key.to_owned(), fingerprint };
        if let Some(submitted) = self.repetition(actor, &idempotency).await? {
            return Ok(submitted);
        }
        let view = self.seen_plan(actor, plan).await?;
        same_requester(&view, actor)?;
        let mut request = view.request;
        request.acknowledgement = asked.acknowledgement;
        take_password(&mut request, asked.password)?;
        rules::check_again(actor, &request)?;
        self.start_lies_ahead(&request).await?;
        self.links_lead_somewhere(actor, &request).await?;
        let shared = self.shared_password(actor, &mut request).await?;
        if let Some(given) = &shared {
            given.limit(&mut request, view.people.eligible, self.passwords.shared_limit)?;
        }
        self.is_somebody(actor, view.people.eligible)?;
        let id = TaskId::fresh();
        let shared = shared.map(|given| given.seal(self.reset_key.as_deref(), actor.district, id)).transpose()?;
        let new = NewTask {
            id,
            actor: actor.clone(),
            request,
            named: Vec::new(),
            shared,
            uploaded: Vec::new(),
            idempotency,
            reissue: None,
            trial: None,
        };
        match self.ledger.apply_plan(new, plan).await? {
            Applied::Answered(acceptance) => self.answered(actor, acceptance),
            Applied::Changed(difference) => Err(changed(&difference)),
            Applied::Used(task) => Err(conflict(
                "plan.used",
                format!("the plan has been started before, as task {task}; make another plan to reset them once more"),
            )),
            Applied::Expired => Err(conflict(
                "plan.expired",
                "the plan is too old to be started; make it again and look at it".to_owned(),
            )),
            Applied::Gone => Err(Problem::not_found("plan")),
        }
    }
}

/// A plan means what it means for whoever made it: their role and their schools decide whom it reaches.
fn same_requester(view: &PlanView, actor: &Actor) -> Result<(), Problem> {
    if (view.producer.as_str(), view.role, view.person) == (producer(actor).as_str(), actor.role, actor.person) {
        return Ok(());
    }
    Err(Problem::new(
        ProblemKind::Forbidden,
        "plan.other_requester",
        "the plan was made with another key, or in another role; make one of your own",
    ))
}

/// A shared password is no part of a plan: it must be given when it is needed, and nothing else may be.
fn take_password(request: &mut ResetRequest, given: Option<PasswordSource>) -> Result<(), Problem> {
    let PasswordSource::Shared { value, acknowledged } = &mut request.password else {
        let unexpected = "the plan's passwords are no shared one; leave this out, or make another plan";
        return match given {
            Some(_) => Err(Problem::invalid("plan.password_unexpected", "password", unexpected)),
            None => Ok(()),
        };
    };
    // A blank one is none; and a plan that was looked at with a shared password does not turn into one without.
    let again = given.and_then(|given| match given {
        PasswordSource::Shared { value: Some(again), acknowledged } if !is_blank(again.expose_secret()) => {
            Some((again, acknowledged))
        }
        PasswordSource::Shared { .. } | PasswordSource::Generated { .. } | PasswordSource::Uploaded => None,
    });
    let Some((again, also)) = again else {
        let detail =
            "the plan has a shared password, which a plan does not keep; give it again, with the source `shared`";
        return Err(Problem::invalid("plan.password_needed", "password", detail));
    };
    *value = Some(again);
    *acknowledged |= also;
    Ok(())
}

fn conflict(code: &'static str, detail: String) -> Problem {
    Problem::new(ProblemKind::Conflict, code, detail)
}

/// What is different, with the first accounts by their usernames.
fn changed(difference: &Difference) -> Problem {
    let parts: Vec<String> = [
        (difference.joined, "joined"),
        (difference.left, "left"),
        (difference.eligibility, "changed whether they may be reset"),
        (difference.contact, "changed where they would be told"),
        (difference.changed, "changed their role, grade, school or password"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    let listed = difference.first.len() as u64;
    let rest = match difference.accounts().saturating_sub(listed) {
        0 => String::new(),
        rest => format!(" (the first {listed} are listed, {rest} more are not)"),
    };
    let detail = format!(
        "the people are not those of the plan any more, and nothing was started: {}{rest}; make the plan again and look at it",
        parts.join(", ")
    );
    let entries = difference.first.iter().map(|(username, what)| format!("{username}: {what}")).collect();
    conflict("plan.changed", detail).with_entries(entries)
}
