//! Cursors of lists. A cursor is opaque, belongs to one list of one owner, and is refused anywhere else.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::hex;
use crate::refusal::Refusal;

/// Which list a cursor continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    /// The tasks of a district.
    Tasks(Uuid),
    /// The items of a task.
    Items(Uuid),
    /// The accounts of a district.
    Accounts(Uuid),
    /// The people of a plan.
    Plan(Uuid),
}

/// Not a secret, only a check: what a cursor reaches is bounded by the district in every query.
fn check(list: List, position: &[u8]) -> [u8; 4] {
    let (kind, owner) = match list {
        List::Tasks(owner) => (&b"tasks"[..], owner),
        List::Items(owner) => (&b"items"[..], owner),
        List::Accounts(owner) => (&b"accounts"[..], owner),
        List::Plan(owner) => (&b"plan"[..], owner),
    };
    let digest: [u8; 32] =
        Sha256::new().chain_update(kind).chain_update(owner).chain_update(position).finalize().into();
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}

/// The cursor of a position.
pub(crate) fn write(list: List, position: i64) -> String {
    let position = position.to_be_bytes();
    hex::write(&position) + &hex::write(&check(list, &position))
}

/// The cursor of a position that is an id.
pub(crate) fn write_id(list: List, position: Uuid) -> String {
    hex::write(position.as_bytes()) + &hex::write(&check(list, position.as_bytes()))
}

/// The position of a cursor of this list.
pub(crate) fn read(list: List, parameter: &'static str, cursor: &str) -> Result<i64, Refusal> {
    hex::read::<12>(cursor)
        .and_then(|bytes| {
            let (position, sum) = bytes.split_first_chunk::<8>()?;
            (sum == check(list, position)).then_some(i64::from_be_bytes(*position))
        })
        .ok_or_else(|| foreign(parameter))
}

/// The id of a cursor of this list.
pub(crate) fn read_id(list: List, parameter: &'static str, cursor: &str) -> Result<Uuid, Refusal> {
    hex::read::<20>(cursor)
        .and_then(|bytes| {
            let (position, sum) = bytes.split_first_chunk::<16>()?;
            (sum == check(list, position)).then_some(Uuid::from_bytes(*position))
        })
        .ok_or_else(|| foreign(parameter))
}

fn foreign(parameter: &'static str) -> Refusal {
    Refusal::malformed("query.cursor", "this is no cursor of this list; take `next` of the page before").at(parameter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_own_list_only() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for position in [0, 1, 77, i64::MAX, -1] {
            let cursor = write(List::Tasks(one), position);
            assert_eq!(read(List::Tasks(one), "before", &cursor).expect("its own list"), position);
            assert!(read(List::Tasks(other), "before", &cursor).is_err());
            assert!(read(List::Items(one), "before", &cursor).is_err());
        }
        for list in [List::Accounts, List::Plan] {
            for position in [Uuid::nil(), Uuid::max(), other] {
                let cursor = write_id(list(one), position);
                assert_eq!(read_id(list(one), "after", &cursor).expect("its own list"), position);
                assert!(read_id(list(other), "after", &cursor).is_err());
                assert!(read(List::Items(one), "after", &cursor).is_err());
            }
        }
        let cursor = write_id(List::Accounts(one), other);
        assert!(read_id(List::Plan(one), "after", &cursor).is_err());
        for wrong in ["", "7", "-1", "zz", "000000000000000000000000", &"0".repeat(500)] {
            assert!(read(List::Tasks(one), "before", wrong).is_err(), "{wrong}");
        }
    }
}
