//! A plan in words.

use crate::commands::reset::{counted, reasons};
use crate::commands::task::{waiting, when};
use crate::desk::shapes::{Estimate, Plan, Rules};
use crate::live::time;
use crate::output::colour::{CARE, FAINT};
use crate::output::table::{Cell, numbers, text, words};
use crate::output::{complain, say, say_table};
use keybell_shared::request::{Unreachable, WaveBy, Waves};

/// All of it, as a result.
pub(super) fn fully(place: &str, plan: &Plan) {
    say(&format!("plan {} for {place}", plan.id));
    say(&format!("made {} by {}, {} (UTC)\n", when(&plan.created_at), plan.requester, validity(plan)));
    people(plan);
    say("");
    rules(plan);
    say("");
    if plan.people.unreachable + (plan.people.total - plan.people.eligible) > 0 {
        say(&format!("who cannot be told, and who is left as they are, by name:\n  keybell plan items {}", plan.id));
    }
    match &plan.task {
        Some(task) => say(&format!("it was started as task {task}")),
        None if plan.expired => say("it has expired; make it again"),
        None => say(&format!("nothing was changed; to start exactly this:\n  keybell plan apply {}", plan.id)),
    }
}

/// The numbers alone, beside a question.
pub(super) fn briefly(place: &str, plan: &Plan) {
    let accounts = counted(plan.people.eligible, "account");
    complain(&format!("{place}: plan {} resets {accounts}", plan.id));
    if plan.people.unreachable > 0 {
        complain(&format!("  {:>6} of them cannot be told", plan.people.unreachable));
    }
    reasons(&plan.people.skipped);
    if plan.approval.needed {
        complain("a second person must approve it before anything changes");
    }
}

fn validity(plan: &Plan) -> String {
    match &plan.task {
        Some(_) => "started".to_owned(),
        None if plan.expired => format!("expired {}", when(&plan.expires_at)),
        None => format!("can be started until {}", when(&plan.expires_at)),
    }
}

/// Whether everybody's password stays until they choose another one.
fn keeps(plan: &Plan) -> bool {
    plan.rules.password == "kept"
}

fn people(plan: &Plan) {
    let people = &plan.people;
    let row = |number: u64, code: &str, what: Cell| vec![Cell::from(number.to_string()), code.into(), what];
    let fate = if keeps(plan) { "would be asked to choose a new password" } else { "would be reset" };
    let mut rows = vec![row(people.eligible, "", fate.into())];
    if people.unreachable > 0 {
        let what = Cell::styled("of these nobody could be told: no usable contact", CARE);
        rows.push(row(people.unreachable, "N02", what));
    }
    rows.extend(people.skipped.iter().map(|left| row(left.accounts, &left.code, left.meaning.as_str().into())));
    rows.push(row(people.total, "", Cell::styled("everybody who is meant", FAINT)));
    say_table(&[numbers("accounts"), words("code"), text("what would happen")], &rows);
}

fn rules(plan: &Plan) {
    let Rules {
        mode, password, format, policy, notify, delivery, channel, recipient, unreachable, precautions, ..
    } = &plan.rules;
    let spoken = |word: &str| word.replace('_', " ");
    let source = format.as_ref().map_or_else(|| password.clone(), |format| format!("{password}, {format}"));
    let sent = if delivery == "link" { "sent a one-time link" } else { "told" };
    let told = if plan.rules.told {
        let left = match unreachable {
            Unreachable::Reset => "",
            Unreachable::Skip => "; whoever cannot be told is left untouched",
        };
        format!("{notify}: people are {sent}; channel {channel}, recipient {recipient}{left}")
    } else {
        format!("{notify}: nobody is told")
    };
    let approval = match (plan.approval.above, plan.approval.needed) {
        (None, _) => "not needed".to_owned(),
        (Some(above), true) => format!("a second person must approve it: more than {above} passwords"),
        (Some(above), false) => format!("not needed up to {above} passwords"),
    };
    let rows: Vec<Vec<Cell>> = [
        ("mode", spoken(mode)),
        ("passwords", format!("{source}; policy {policy}")),
        ("validity", lifetime(&plan.rules)),
        ("telling", told),
        ("precautions", format!("version {precautions} must be acknowledged")),
        ("approval", approval),
        ("start", plan.waits.as_ref().map_or_else(|| "at once".to_owned(), waiting)),
        ("waves", plan.request.waves.map_or_else(|| "all together".to_owned(), waves)),
        ("duration", duration(&plan.estimate)),
        ("digest", plan.digest.clone()),
    ]
    .into_iter()
    .map(|(rule, applied)| vec![rule.into(), applied.into()])
    .collect();
    say_table(&[words("rule"), text("what applies")], &rows);
}

/// How it is handed out part by part.
fn waves(waves: Waves) -> String {
    let by = match waves.by {
        WaveBy::School => "one school after the other",
        WaveBy::Grade => "one grade after the other",
    };
    let canary = if waves.canary > 0 { format!("first a canary of {}, then ", waves.canary) } else { String::new() };
    let halt =
        waves.halt_above_percent.map(|percent| format!("; it halts when more than {percent} percent of one fail"));
    format!("{canary}{by}{}", halt.unwrap_or_default())
}

fn lifetime(rules: &Rules) -> String {
    if rules.password == "kept" {
        return "the present passwords go on working until people choose others".to_owned();
    }
    let change = if rules.temporary { "temporary: to be changed at the first sign-in" } else { "permanent" };
    match rules.expires_in_hours {
        Some(hours) => format!("{change}; expires after {hours} hours"),
        None => change.to_owned(),
    }
}

fn duration(estimate: &Estimate) -> String {
    match (estimate.seconds, estimate.accounts_per_second) {
        (Some(seconds), Some(rate)) => {
            let about = time(std::time::Duration::from_secs(seconds));
            format!("about {about} at {rate} accounts a second ({})", estimate.basis)
        }
        _ => format!("not known: {}", estimate.basis),
    }
}
