//! What a request must be, as far as the request alone can tell.

use keybell_shared::actor::Actor;
use keybell_shared::precautions;
use keybell_shared::problem::{Problem, ProblemKind};
use keybell_shared::request::{MAX_NAMED, NotifyRule, ResetRequest, Scope, Selection, VERSION, Where};

/// The most hours that a temporary password may live: a year.
const MAX_EXPIRY_HOURS: u32 = 8_760;

/// The most names in one field of a `where`.
const MAX_WHERE: usize = 1_000;

/// The longest name of an account, school, class, grade or user type, in characters.
const MAX_NAME: usize = 255;

/// Whether the caller may start a bulk reset at all.
pub(super) fn role(actor: &Actor) -> Result<(), Problem> {
    let forbidden = |code, detail| Err(Problem::new(ProblemKind::Forbidden, code, detail));
    if !actor.role.may_reset() {
        return forbidden("role.may_not_reset", format!("the role `{}` may not reset passwords", actor.role));
    }
    if actor.role.needs_person() && actor.person.is_none() {
        return forbidden(
            "role.needs_person",
            format!("the role `{}` reaches its own school or classes only, and this caller is no person", actor.role),
        );
    }
    Ok(())
}

/// Every rule.
pub(super) fn check(request: &ResetRequest) -> Result<(), Problem> {
    version(request.version)?;
    acknowledgement(request.acknowledgement.as_deref())?;
    check_preview(request)
}

/// Every rule but the acknowledgement: the precautions ask for a look at the counts before anything is acknowledged.
pub(super) fn check_preview(request: &ResetRequest) -> Result<(), Problem> {
    version(request.version)?;
    selection(&request.selection)?;
    passwords(request)
}

/// Every rule but those about the selection, which a re-issue makes itself.
pub(super) fn check_again(request: &ResetRequest) -> Result<(), Problem> {
    acknowledgement(request.acknowledgement.as_deref())?;
    passwords(request)
}

/// What belongs together among the members about passwords and messages.
fn passwords(request: &ResetRequest) -> Result<(), Problem> {
    expiry(request)?;
    notify(request)
}

/// Whether this build understands the request's version.
pub(super) fn version(version: u32) -> Result<(), Problem> {
    if version == VERSION {
        return Ok(());
    }
    Err(Problem::invalid("version.unsupported", "version", format!("this Keybell understands version {VERSION} only")))
}

/// Whoever asks has read the precautions, in their present version.
fn acknowledgement(version: Option<&str>) -> Result<(), Problem> {
    match version {
        Some(precautions::VERSION) => Ok(()),
        Some(_) => Err(Problem::invalid(
            "acknowledgement.outdated",
            "acknowledgement",
            format!("the precautions have changed; read them again and send `{}`", precautions::VERSION),
        )),
        None => Err(Problem::invalid(
            "acknowledgement.missing",
            "acknowledgement",
            format!(
                "read the precautions (`GET /v1/precautions`, `keybell precautions`) and send their version, `{}`",
                precautions::VERSION
            ),
        )),
    }
}

/// Scope, list and `where` must fit together: nothing is guessed.
fn selection(selection: &Selection) -> Result<(), Problem> {
    let Selection { scope, accounts, narrowed } = selection;
    let word = scope.as_str();
    if scope.takes_accounts() && accounts.is_empty() {
        let detail = format!("the scope `{word}` needs a list of accounts; for everybody write the scope `all`");
        return Err(Problem::invalid("selection.empty", "selection.accounts", detail));
    }
    if !scope.takes_accounts() && !accounts.is_empty() {
        let detail = format!("the scope `{word}` takes no list of accounts; write `selected` or `all_except`");
        return Err(Problem::invalid("selection.unexpected_accounts", "selection.accounts", detail));
    }
    if *scope == Scope::Selected && !narrowed.is_empty() {
        let detail = "named accounts are not narrowed further; leave `where` out, or name fewer accounts";
        return Err(Problem::invalid("selection.unexpected_where", "selection.where", detail));
    }
    names("selection.accounts", accounts, MAX_NAMED)?;
    let Where { schools, classes, grades, user_types } = narrowed;
    for (field, list) in [
        ("selection.where.schools", schools),
        ("selection.where.classes", classes),
        ("selection.where.grades", grades),
        ("selection.where.user_types", user_types),
    ] {
        names(field, list, MAX_WHERE)?;
    }
    Ok(())
}

/// A list of names: not too many, none blank, none that no roster could hold.
pub(super) fn names(field: &str, list: &[String], most: usize) -> Result<(), Problem> {
    if list.len() > most {
        let detail = format!("{} names; at most {most} are read, so split the request", list.len());
        return Err(Problem {
            field: Some(field.to_owned()),
            ..Problem::new(ProblemKind::TooLarge, "selection.too_many", detail)
        });
    }
    for (at, name) in list.iter().enumerate() {
        if name.trim().is_empty() {
            let detail = "a blank name means nobody; remove it";
            return Err(Problem::invalid("selection.blank_entry", format!("{field}[{at}]"), detail));
        }
        if name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            let detail = format!("a name has at most {MAX_NAME} characters and none that cannot be printed");
            return Err(Problem::invalid("selection.bad_entry", format!("{field}[{at}]"), detail));
        }
    }
    Ok(())
}

/// Only temporary passwords expire.
fn expiry(request: &ResetRequest) -> Result<(), Problem> {
    let Some(hours) = request.expires_in_hours else { return Ok(()) };
    if !request.is_temporary() {
        let detail = "a permanent password does not expire; leave this out, or set `temporary` to true";
        return Err(Problem::invalid("password.expiry_without_temporary", "expires_in_hours", detail));
    }
    if !(1..=MAX_EXPIRY_HOURS).contains(&hours) {
        let detail = format!("must be 1 to {MAX_EXPIRY_HOURS} hours");
        return Err(Problem::invalid("password.expiry_out_of_range", "expires_in_hours", detail));
    }
    Ok(())
}

/// Generated passwords that nobody is told lock everybody out.
fn notify(request: &ResetRequest) -> Result<(), Problem> {
    if request.notify == NotifyRule::Never && request.password.is_generated() {
        let detail = "generated passwords that nobody is told lock everybody out; use `auto` or `always`";
        return Err(Problem::invalid("notify.nobody_would_know", "notify", detail));
    }
    Ok(())
}
