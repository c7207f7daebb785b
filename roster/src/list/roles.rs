//! What a person is, where the file does not say.
//!
//! A guess would be dangerous: a teacher who counts as a pupil can be reset by other teachers. So nothing is guessed. The
//! row says it, or whoever imports does: for a group or organisational unit, or for everybody. Else the row is left out.

use crate::code::RowCode;
use crate::options::Options;
use crate::report::Problem;
use crate::role;
use crate::run::Outlet;
use crate::text::Row;

/// Why a row without a role is left out.
pub(super) const UNSAID: &str =
    "the file does not say what this person is; say it with --role, or with --role-of for a group";

/// The role of a person: what the row says in `column`, else what was said of their groups (the most privileged counts),
/// else what was said of everybody.
pub(super) fn of<T>(
    row: &Row,
    column: &'static str,
    groups: &[String],
    options: &Options,
    out: &mut Outlet<T>,
) -> Result<String, Problem> {
    let written = row.find(column);
    if written.is_empty() {
        return said(groups, options).ok_or_else(|| row.reject(column, RowCode::E14, UNSAID));
    }
    if let Some(known) = role::standard(written).or_else(|| role::everyday(written)) {
        return Ok(known.to_owned());
    }
    let reason = "this is no role that is known; the person counts as staff of the highest rank";
    out.problem(row.warn(column, RowCode::W04, reason));
    Ok(role::foreign(written).to_owned())
}

/// What was said of the person's groups, or of everybody.
pub(super) fn said(groups: &[String], options: &Options) -> Option<String> {
    let told = options.roles.iter().filter(|(of, _)| groups.iter().any(|group| is_within(group, of)));
    // The longest path says most: `/Staff/Student helpers` more than `/Staff`. Of groups side by side the higher role wins.
    let best = told.max_by_key(|(of, role)| {
        let depth = if of.starts_with('/') { of.len() } else { 0 };
        (depth, options.ranks.of(role))
    });
    best.map(|(_, role)| role.clone()).or_else(|| options.role.clone())
}

/// Whether a group is the one that was named, in any letter case, or a unit below it.
fn is_within(group: &str, of: &str) -> bool {
    let (group, of) = (group.to_lowercase(), of.trim_end_matches('/').to_lowercase());
    group.strip_prefix(&of).is_some_and(|rest| rest.is_empty() || (of.starts_with('/') && rest.starts_with('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_unit_and_the_highest_group_count() {
        let said_of = |roles: &[(&str, &str)], role: Option<&str>, groups: &[&str]| {
            let roles = roles.iter().map(|(of, role)| ((*of).to_owned(), (*role).to_owned())).collect();
            let options = Options { roles, role: role.map(str::to_owned), ..Options::default() };
            said(&groups.iter().map(|group| (*group).to_owned()).collect::<Vec<_>>(), &options)
        };
        let units = [("/Staff", "teacher"), ("/Staff/Helpers/", "student")];
        let below = ["/staff", "/Staff/helpers", "/Staff/helpers/x"];
        assert_eq!(said_of(&units, None, &below).as_deref(), Some("student"));
        assert_eq!(said_of(&units, None, &["/Staff"]).as_deref(), Some("teacher"));
        assert_eq!(said_of(&units, None, &["/Staffers"]), None);
        assert_eq!(said_of(&units, Some("student"), &["/Pupils"]).as_deref(), Some("student"));
        let cohorts = [("7b", "student"), ("Office", "principal")];
        assert_eq!(said_of(&cohorts, None, &["7B", "office"]).as_deref(), Some("principal"));
    }
}
