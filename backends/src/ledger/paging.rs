//! Pages of all items of a task, in the order in which they were written down, without an index that serves nothing else.
//!
//! The expansion writes items down in the order of their accounts, chunk by chunk, so within a task the order of the items'
//! numbers is the order of the accounts' ids; and that one has an index, because no account is in a task twice.

/// Whether item `i` comes after the item of the first argument, in the task `$1`; continue with
/// `ORDER BY i.account_id`. The second argument is the nil UUID, for a page that comes after nothing.
macro_rules! after_item {
    ($after:literal, $nil:literal) => {
        concat!(
            "i.account_id > COALESCE((SELECT c.account_id FROM items c WHERE c.id = ",
            $after,
            " AND c.task_id = $1), ",
            $nil,
            ")"
        )
    };
}
pub(super) use after_item;
