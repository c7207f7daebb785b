//! Whom a request means, what would happen to each, and what that depends on, in SQL: one text for the plan and for the
//! look at the people of today before it is started.
//!
//! Arguments: `$1` to `$13` as in [`super::super::selection`], then those of [`judge_args`].

use keybell_shared::actor::Role;
use keybell_shared::ids::{AccountId, DistrictId};
use keybell_shared::notice::{self, Ways};
use keybell_shared::request::ResetRequest;

use crate::ledger::selection::filter_args;
use crate::ledger::sql::{Value, args};

/// Whether account `a` belongs to the request of plan `$15`.
macro_rules! meant {
    () => {
        $crate::ledger::selection::selected!(
            "EXISTS (SELECT 1 FROM plan_named n WHERE n.plan = $15 AND n.account_id = a.id)"
        )
    };
}
pub(super) use meant;

/// Where the person of account `a` would be told. PostgreSQL keeps a hash of it; SQLite, which has none, the text, in the
/// same file that the addresses come from.
macro_rules! contact {
    () => {
        "{pg left(encode(sha256(convert_to(}
         (CASE WHEN $18 AND $16 THEN COALESCE(a.email, '') ELSE '' END) || '|'
         || (CASE WHEN $18 AND $17 THEN COALESCE(a.sms, '') ELSE '' END) || '|'
         || (CASE WHEN $19 AND a.rank <= 10 THEN COALESCE((
             SELECT {pg string_agg}{lite group_concat}(q.word, ';') FROM (
                 SELECT (CASE WHEN $16 THEN COALESCE(p.email, '') ELSE '' END) || ','
                     || (CASE WHEN $17 THEN COALESCE(p.sms, '') ELSE '' END) AS word
                 FROM guardians g JOIN accounts p ON p.id = g.guardian_id
                 WHERE g.account_id = a.id AND p.active ORDER BY g.place) AS q), '')
             || COALESCE((SELECT {pg string_agg}{lite group_concat}(q.word, ';') FROM (
                 SELECT '+' || (CASE WHEN $16 THEN COALESCE(p.email, '') ELSE '' END) || ','
                     || (CASE WHEN $17 THEN COALESCE(p.sms, '') ELSE '' END) AS word
                 FROM relatives p WHERE p.account_id = a.id ORDER BY p.place) AS q), '') ELSE '' END)
         {pg , 'UTF8')), 'hex'), 32)}"
    };
}

/// What decides how account `a` is reset: its password's shape follows from grade and role; a password that was changed
/// meanwhile is another one.
macro_rules! standing {
    () => {
        "(a.role || '|' || COALESCE(a.grade, '') || '|' || CAST(a.rank AS TEXT) || '|'
          || COALESCE(CAST(a.school_id AS TEXT), '') || '|' || CAST(a.credential_version AS TEXT))"
    };
}

/// Everybody whom the request means: `id`, `username`, `code`, `reachable`, `standing`, `contact`.
macro_rules! judged {
    () => {
        concat!(
            "SELECT a.id AS id, a.username AS username, ",
            $crate::ledger::selection::exclusion!(
                reach "$14", sets "$20", must_reach "$21" by "$16" "$17" "$18" "$19"
            ),
            " AS code, ",
            $crate::ledger::selection::reachable!("$16", "$17", "$18", "$19"),
            " AS reachable, ",
            $crate::ledger::plan::judge::standing!(),
            " AS standing, ",
            $crate::ledger::plan::judge::contact!(),
            " AS contact FROM accounts a WHERE ",
            $crate::ledger::plan::judge::meant!()
        )
    };
}
pub(super) use judged;
pub(super) use {contact, standing};

/// Who asks, and for what.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) district: DistrictId,
    pub(super) role: Role,
    pub(super) person: Option<AccountId>,
    pub(super) request: &'a ResetRequest,
}

/// All arguments of [`judged!`], for plan number `plan`.
pub(super) fn judge_args(asked: &Asked<'_>, plan: i64) -> Vec<Value> {
    let request = asked.request;
    let told = request.is_told();
    // Where nobody is to be told, nobody's address matters.
    let ways = told.then(|| notice::ways(request.channel, request.recipient));
    let Ways { email, sms, own, guardians } = ways.unwrap_or_default();
    let mut arguments = filter_args(asked.district, &request.selection, asked.role, asked.person, request.confirm);
    arguments.extend(args![asked.role.reach(), plan, email, sms, own, guardians]);
    arguments.extend(args![request.mode.sets_password(), request.must_reach().is_some()]);
    arguments
}
