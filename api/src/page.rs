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
}

/// Not a secret, only a check: what a cursor reaches is bounded by the district in every query.
fn check(list: List, position: i64) -> [u8; 4] {
    let (kind, owner) = match list {
        List::Tasks(owner) => (b"tasks", owner),
        List::Items(owner) => (b"items", owner),
    };
    let digest: [u8; 32] =
        Sha256::new().chain_update(kind).chain_update(owner).chain_update(position.to_be_bytes()).finalize().into();
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}

/// The cursor of a position.
pub(crate) fn write(list: List, position: i64) -> String {
    hex::write(&position.to_be_bytes()) + &hex::write(&check(list, position))
}

/// The position of a cursor of this list.
pub(crate) fn read(list: List, parameter: &'static str, cursor: &str) -> Result<i64, Refusal> {
    hex::read::<12>(cursor)
        .and_then(|bytes| {
            let (position, sum) = bytes.split_first_chunk::<8>()?;
            let position = i64::from_be_bytes(*position);
            (sum == check(list, position)).then_some(position)
        })
        .ok_or_else(|| {
            Refusal::malformed("query.cursor", "this is no cursor of this list; take `next` of the page before")
                .at(parameter)
        })
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
        for wrong in ["", "7", "-1", "zz", "000000000000000000000000", &"0".repeat(500)] {
            assert!(read(List::Tasks(one), "before", wrong).is_err(), "{wrong}");
        }
    }
}
