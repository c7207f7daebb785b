//! What became of a row, given what was known before it.

use std::collections::HashMap;
use std::hash::Hash;

use keybell_shared::ports::ledger::RowFate;

/// The fate of a row that says `new`, after `old` was known. Gone is gone, whatever else changed.
pub(super) fn fate<T: PartialEq>(old: Option<&T>, new: &T, active: bool) -> RowFate {
    match old {
        _ if !active => RowFate::Inactive,
        None => RowFate::Created,
        Some(old) if old == new => RowFate::Unchanged,
        Some(_) => RowFate::Updated,
    }
}

/// Rows that end up in the ledger, by their keys. A later row about the same thing replaces an earlier one of the batch.
pub(super) struct Wanted<K, T> {
    known: HashMap<K, T>,
    /// In the order in which they were first named, so that ids ascend with the rows.
    order: Vec<K>,
    changed: HashMap<K, T>,
    /// Whether a key may be in the order twice.
    again: bool,
}

impl<K: Clone + Eq + Hash, T: Clone + PartialEq> Wanted<K, T> {
    /// Starts from what the ledger has, for so many rows.
    pub(super) fn new(known: HashMap<K, T>, rows: usize) -> Self {
        let new = rows.saturating_sub(known.len());
        Self { known, order: Vec::with_capacity(new), changed: HashMap::with_capacity(new), again: false }
    }

    /// Takes the next row and answers its fate.
    pub(super) fn put(&mut self, key: K, new: T, active: bool) -> RowFate {
        let fate = fate(self.changed.get(&key).or_else(|| self.known.get(&key)), &new, active);
        if self.known.get(&key) == Some(&new) {
            // What the ledger has already need not be written, also when an earlier row said something else.
            self.again |= self.changed.remove(&key).is_some();
        } else if self.changed.insert(key.clone(), new).is_none() {
            self.order.push(key);
        }
        fate
    }

    /// What has to be written.
    pub(super) fn changed(&self) -> impl Iterator<Item = (&K, &T)> {
        let mut seen = std::collections::HashSet::new();
        self.order
            .iter()
            .filter(move |key| !self.again || seen.insert(*key))
            .filter_map(|key| self.changed.get_key_value(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_row_replaces_an_earlier_one() {
        let mut wanted = Wanted::new(HashMap::from([("known", 1)]), 7);
        assert_eq!(wanted.put("known", 1, true), RowFate::Unchanged);
        assert_eq!(wanted.put("new", 1, true), RowFate::Created);
        assert_eq!(wanted.put("new", 1, true), RowFate::Unchanged);
        assert_eq!(wanted.put("new", 2, true), RowFate::Updated);
        assert_eq!(wanted.put("known", 2, true), RowFate::Updated);
        assert_eq!(wanted.put("known", 1, true), RowFate::Updated);
        assert_eq!(wanted.put("known", 1, false), RowFate::Inactive);
        assert_eq!(wanted.changed().collect::<Vec<_>>(), [(&"new", &2)]);
        // Taken back and said again, it is written once.
        for said in [2, 1, 3] {
            wanted.put("known", said, true);
        }
        assert_eq!(wanted.changed().collect::<Vec<_>>(), [(&"new", &2), (&"known", &3)]);
    }
}
