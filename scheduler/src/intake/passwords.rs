//! What a request leaves open about the new passwords, filled in from the configuration of today and kept with the task; and
//! the rules about what it does say.

use keybell_shared::config::Passwords;
use keybell_shared::password::is_blank;
use keybell_shared::problem::Problem;
use keybell_shared::request::{PasswordSource, ResetRequest};
use secrecy::ExposeSecret as _;

/// The most grades whose passwords are permanent.
const MAX_GRADES: usize = 30;

/// A blank password counts as not given, so that each account gets a generated one.
pub(super) fn blank_is_not_given(request: &mut ResetRequest) {
    let PasswordSource::Shared { value, .. } = &request.password else { return };
    if value.as_ref().is_none_or(|value| is_blank(value.expose_secret())) {
        request.password = PasswordSource::default();
    }
}

/// Fills in what is configured, and is not said.
pub(super) fn fill_in(request: &mut ResetRequest, configured: &Passwords) {
    if !request.mode.sets_password() {
        return;
    }
    let temporary = request.temporary;
    let PasswordSource::Generated { language, .. } = &mut request.password else { return };
    language.get_or_insert(configured.language);
    if temporary.is_none() && !configured.permanent_grades.is_empty() {
        request.permanent_grades.get_or_insert_with(|| configured.permanent_grades.clone());
    }
}

/// Grades with permanent passwords: an exception from temporary ones, and a list that means somebody.
pub(super) fn permanent_grades(request: &ResetRequest) -> Result<(), Problem> {
    let field = "permanent_grades";
    let Some(grades) = request.permanent_grades.as_deref().filter(|grades| !grades.is_empty()) else { return Ok(()) };
    if !request.is_temporary() {
        let detail = "every password of this request is permanent; leave the grades out, or set `temporary` to true";
        return Err(Problem::invalid("password.grades_without_temporary", field, detail));
    }
    if grades.len() > MAX_GRADES {
        let detail = format!("{} grades; at most {MAX_GRADES} are read", grades.len());
        return Err(Problem::invalid("password.too_many_grades", field, detail));
    }
    super::rules::names(field, grades, MAX_GRADES)
}

#[cfg(test)]
#[path = "passwords_tests.rs"]
mod tests;
