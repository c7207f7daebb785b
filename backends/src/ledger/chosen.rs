//! Which items of a task a re-send or a re-issue means, in SQL: one text for all statements.

use keybell_shared::ports::ledger::Chosen;

use super::sql::{Value, json};

/// Whether item `p` is one of the chosen ones. The literals are the two arguments of [`chosen_args`].
macro_rules! chosen {
    ($states:literal, $accounts:literal) => {
        concat!("(p.state {in ", $states, " text} OR p.account_id {in ", $accounts, " uuid})")
    };
}
pub(super) use chosen;

/// Whether item `p` of task `$parent` has ended and is chosen: what a re-issue takes up again. Chosen by its state, an item
/// whose account a newer task has reset since is left out: its person may have been told by that one, and would lose a
/// password that works.
macro_rules! taken_up {
    ($parent:literal, $states:literal, $accounts:literal) => {
        concat!(
            "p.task_id = ",
            $parent,
            " AND p.district_id = $1 AND p.state NOT IN ('pending', 'queued', 'reset') AND ",
            $crate::ledger::chosen::chosen!($states, $accounts),
            " AND (p.account_id {in ",
            $accounts,
            " uuid} OR NOT EXISTS (SELECT 1 FROM accounts newer JOIN tasks older ON older.id = p.task_id
                 WHERE newer.id = p.account_id AND newer.last_reset_seq > older.seq))"
        )
    };
}
pub(super) use taken_up;

/// The two arguments of [`chosen!`]: states and accounts, of which one is always empty, so that nothing chosen is nobody.
pub(super) fn chosen_args(chosen: &Chosen) -> [Value; 2] {
    const NONE: [&str; 0] = [];
    match chosen {
        Chosen::States(states) => [json(states), json(&NONE)],
        Chosen::Accounts(accounts) => [json(&NONE), json(accounts)],
    }
}
