//! What a request must be, as far as the request alone can tell.

use keybell_shared::actor::{Actor, Role};
use keybell_shared::fold::fold;
use keybell_shared::password::Format;
use keybell_shared::precautions;
use keybell_shared::problem::{Problem, ProblemKind};
use keybell_shared::request::{
    Confirm, MAX_CANARY, MAX_NAMED, NotifyRule, PasswordSource, ResetRequest, Scope, Selection, Unreachable, VERSION,
    Where,
};

use super::passwords::permanent_grades;

/// The most hours that a temporary password may live: a year.
const MAX_EXPIRY_HOURS: u32 = 8_760;

/// The most names in one field of a `where`.
const MAX_WHERE: usize = 1_000;

/// The longest name of an account, school, class, grade or user type, in characters.
pub(super) const MAX_NAME: usize = 255;

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
pub(super) fn check(actor: &Actor, request: &ResetRequest) -> Result<(), Problem> {
    version(request.version)?;
    acknowledgement(request.acknowledgement.as_deref())?;
    check_preview(actor, request)
}

/// Every rule but the acknowledgement: the precautions ask for a look at the counts before anything is acknowledged.
pub(super) fn check_preview(actor: &Actor, request: &ResetRequest) -> Result<(), Problem> {
    version(request.version)?;
    no_upload(&request.password)?;
    selection(&request.selection)?;
    confirmed(actor, request.confirm)?;
    passwords(request)
}

/// Every rule but those about the selection, which a re-issue makes itself.
pub(super) fn check_again(actor: &Actor, request: &ResetRequest) -> Result<(), Problem> {
    no_upload(&request.password)?;
    confirmed(actor, request.confirm)?;
    acknowledgement(request.acknowledgement.as_deref())?;
    passwords(request)
}

/// Every rule of a trial run of an upload.
pub(super) fn upload(actor: &Actor, request: &ResetRequest) -> Result<(), Problem> {
    confirmed(actor, request.confirm)?;
    passwords(request)
}

/// Every rule of an upload that starts.
pub(super) fn upload_start(actor: &Actor, request: &ResetRequest) -> Result<(), Problem> {
    acknowledgement(request.acknowledgement.as_deref())?;
    upload(actor, request)
}

/// Only an upload brings passwords with it.
pub(super) fn no_upload(password: &PasswordSource) -> Result<(), Problem> {
    match password {
        PasswordSource::Generated { .. } | PasswordSource::Shared { .. } => Ok(()),
        PasswordSource::Uploaded => {
            let detail =
                "uploaded passwords come with a file: try it out and start it by `/v1/uploads` or `keybell upload`";
            Err(Problem::invalid("password.upload_only", "password.source", detail))
        }
    }
}

/// Only district administrators confirm accounts that are otherwise left out.
fn confirmed(actor: &Actor, confirm: Confirm) -> Result<(), Problem> {
    if confirm.is_empty() || actor.role == Role::DistrictAdmin {
        return Ok(());
    }
    let detail = format!(
        "only a district administrator may confirm the own account or protected ones, and the role here is `{}`; leave \
         `confirm` out, or ask an administrator",
        actor.role
    );
    let forbidden = Problem::new(ProblemKind::Forbidden, "confirm.not_permitted", detail);
    Err(Problem { field: Some("confirm".to_owned()), ..forbidden })
}

/// What belongs together among the members about passwords and messages.
fn passwords(request: &ResetRequest) -> Result<(), Problem> {
    waves(request)?;
    links(request)?;
    expiry(request)?;
    permanent_grades(request)?;
    notify(request)?;
    unreachable(request)
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
    narrowing("selection.where", narrowed)
}

/// The lists of a `where`, which stands at this place.
pub(super) fn narrowing(at: &str, narrowed: &Where) -> Result<(), Problem> {
    let Where { schools, classes, grades, user_types, graduation_years, groups, family_name_prefix } = narrowed;
    for (field, list) in [
        ("schools", schools),
        ("classes", classes),
        ("grades", grades),
        ("user_types", user_types),
        ("groups", groups),
        ("family_name_prefix", family_name_prefix),
    ] {
        names(&format!("{at}.{field}"), list, MAX_WHERE)?;
    }
    few(&format!("{at}.graduation_years"), graduation_years.len(), MAX_WHERE)?;
    // Everybody's name begins with nothing: what folds to that would not narrow at all.
    let nothing = family_name_prefix.iter().position(|prefix| fold(prefix).is_empty());
    nothing.map_or(Ok(()), |place| {
        let detail = "nothing is left of this beginning without accents; give at least one letter";
        Err(Problem::invalid("selection.blank_entry", format!("{at}.family_name_prefix[{place}]"), detail))
    })
}

/// A list of names: not too many, none blank, none that no roster could hold.
pub(super) fn names(field: &str, list: &[String], most: usize) -> Result<(), Problem> {
    few(field, list.len(), most)?;
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

/// No longer a list than is read at once.
fn few(field: &str, length: usize, most: usize) -> Result<(), Problem> {
    if length <= most {
        return Ok(());
    }
    let detail = format!("{length} names; at most {most} are read, so split the request");
    let large = Problem::new(ProblemKind::TooLarge, "selection.too_many", detail);
    Err(Problem { field: Some(field.to_owned()), ..large })
}

/// Where no password is set, nothing can be said about it; and a link that nobody is sent opens nothing.
fn links(request: &ResetRequest) -> Result<(), Problem> {
    if request.sends_link() && request.notify == NotifyRule::Never {
        let detail =
            "one-time links are always sent; leave this out, or use the mode `force` with the delivery `password`";
        return Err(Problem::invalid("notify.link_is_sent", "notify", detail));
    }
    if request.mode.sets_password() {
        return Ok(());
    }
    let default = matches!(request.password, PasswordSource::Generated { format, .. } if format == Format::default());
    let why =
        "the mode `request` sets no password: people choose their own; leave this out, or use `force_then_request`";
    for (given, code, field) in [
        (!default, "mode.sets_no_password", "password"),
        (request.temporary.is_some(), "mode.nothing_temporary", "temporary"),
        (request.permanent_grades.is_some(), "mode.nothing_temporary", "permanent_grades"),
        (request.expires_in_hours.is_some(), "mode.nothing_expires", "expires_in_hours"),
    ] {
        if given {
            return Err(Problem::invalid(code, field, why));
        }
    }
    Ok(())
}

/// Nobody has said where one-time links lead.
pub(super) fn no_url(request: &ResetRequest) -> Problem {
    let field = if request.mode.asks() { "mode" } else { "delivery" };
    let detail = "one-time links lead nowhere yet: an operator must set `links.url` (or, for this district, \
                  `links.districts`) to the address of the page, such as https://keybell.example.org/claim/{token}, for \
                  every API, scheduler and worker process";
    Problem::invalid("links.no_url", field, detail)
}

/// A canary is a small part, and a share of everybody is none to halt at.
fn waves(request: &ResetRequest) -> Result<(), Problem> {
    let Some(waves) = &request.waves else { return Ok(()) };
    if waves.canary > MAX_CANARY {
        let detail = format!("a canary has at most {MAX_CANARY} accounts");
        return Err(Problem::invalid("waves.canary_too_large", "waves.canary", detail));
    }
    if waves.halt_above_percent.is_some_and(|percent| percent > 99) {
        let detail = "must be 0 to 99 percent; leave it out to halt never";
        return Err(Problem::invalid("waves.percent_out_of_range", "waves.halt_above_percent", detail));
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

/// Whom nobody tells anything cannot be out of reach.
fn unreachable(request: &ResetRequest) -> Result<(), Problem> {
    if request.unreachable == Unreachable::Skip && !request.is_told() {
        let detail = "nobody is told of this reset (shared and uploaded passwords are sent only where `notify` is `always`), so \
                      nobody can be skipped for want of a contact; leave this out, or set `notify` to `always`";
        return Err(Problem::invalid("unreachable.nobody_is_told", "unreachable", detail));
    }
    Ok(())
}
