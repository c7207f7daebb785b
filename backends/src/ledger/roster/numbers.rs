//! The ledger's own ids of classes and people that this process has met, so that an enrolment need not look both up again.
//!
//! That is sound without asking again: classes and accounts are never deleted, and their roster ids never change. What is
//! unknown is not kept, since it may come.
//!
//! Nor need anybody look for the classes of a person whom this process has just made. Another process may have put them into
//! some meanwhile: then the unique index says so, and they are looked for after all.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keybell_shared::hashed::Hashed;
use keybell_shared::ids::{AccountId, DistrictId};
use uuid::Uuid;

/// How many are kept, in about 40 bytes each; with one more all are forgotten. So a larger roster costs no more memory,
/// and where its files have the same order, most are still met.
const MOST: usize = 200_000;

/// What has been met; the same for all clones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Numbers(Arc<Mutex<Met>>);

#[derive(Debug, Default)]
struct Met {
    /// Twice 64 bits of a name: a mixed-up pair would put somebody into another one's class.
    keys: (RandomState, RandomState),
    numbers: HashMap<u128, u128, BuildHasherDefault<Hashed>>,
    /// People whom this process has made and put into no class since.
    free: HashSet<AccountId>,
    /// Districts whose last batch of people had nobody whom the ledger knew.
    growing: HashSet<DistrictId>,
}

/// What a roster names.
pub(super) trait Numbered: Copy {
    /// Tells the kinds apart.
    const KIND: u8;

    fn to_number(self) -> u128;
    fn from_number(number: u128) -> Self;
}

/// The number of a class.
impl Numbered for i64 {
    const KIND: u8 = 0;

    fn to_number(self) -> u128 {
        u128::from(self.cast_unsigned())
    }

    fn from_number(number: u128) -> Self {
        // Only what fits was put in.
        u64::try_from(number).unwrap_or_default().cast_signed()
    }
}

impl Numbered for AccountId {
    const KIND: u8 = 1;

    fn to_number(self) -> u128 {
        self.0.as_u128()
    }

    fn from_number(number: u128) -> Self {
        Self(Uuid::from_u128(number))
    }
}

impl Met {
    fn key<N: Numbered>(&self, district: DistrictId, name: &str) -> u128 {
        let what = (N::KIND, district.0.as_u128(), name);
        (u128::from(self.keys.0.hash_one(what)) << 64) | u128::from(self.keys.1.hash_one(what))
    }
}

impl Numbers {
    fn met(&self) -> MutexGuard<'_, Met> {
        // Nothing here is ever half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The numbers of these names, where they are known.
    pub(super) fn find<'a, N: Numbered>(
        &self,
        district: DistrictId,
        names: impl Iterator<Item = &'a str>,
    ) -> Vec<Option<N>> {
        let met = self.met();
        let mut last: (&str, Option<N>) = ("", None);
        let find = |name| {
            // One person's rows mostly come together.
            if last.0 != name {
                let number = met.numbers.get(&met.key::<N>(district, name));
                last = (name, number.map(|number| N::from_number(*number)));
            }
            last.1
        };
        names.map(find).collect()
    }

    /// Forgets everything: some of it may never have been there.
    pub(super) fn forget(&self) {
        *self.met() = Met::default();
    }

    /// Whether the next people of a district are probably all new: those before were.
    pub(super) fn expects_new(&self, district: DistrictId) -> bool {
        self.met().growing.contains(&district)
    }

    /// Keeps whether people of a district were all new.
    pub(super) fn expect_new(&self, district: DistrictId, all_new: bool) {
        let mut met = self.met();
        if all_new {
            met.growing.insert(district)
        } else {
            met.growing.remove(&district)
        };
    }

    /// Keeps people who were made, and are in no class yet.
    pub(super) fn made(&self, people: impl Iterator<Item = AccountId>) {
        let mut met = self.met();
        for person in people {
            if met.free.len() >= MOST {
                met.free = HashSet::new();
            }
            met.free.insert(person);
        }
    }

    /// Those of these people who are in no class, as far as this process knows. It does not call them so again.
    pub(super) fn take_free(&self, people: impl Iterator<Item = AccountId>) -> HashSet<AccountId> {
        let mut met = self.met();
        let mut last = None;
        // One person's rows mostly come together.
        people.filter(|person| last.replace(*person) != Some(*person) && met.free.remove(person)).collect()
    }

    /// Keeps what the ledger has. It must be committed: what is rolled back was never there.
    pub(super) fn keep<'a, N: Numbered>(&self, district: DistrictId, known: impl Iterator<Item = (&'a str, N)>) {
        let mut met = self.met();
        for (name, number) in known {
            if met.numbers.len() >= MOST {
                met.numbers = HashMap::default();
            }
            let key = met.key::<N>(district, name);
            met.numbers.insert(key, number.to_number());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_found_and_nothing_else() {
        let numbers = Numbers::default();
        let (ours, theirs, mia) = (DistrictId::fresh(), DistrictId::fresh(), AccountId::fresh());
        numbers.keep(ours, [("a", -1_i64), ("b", i64::MAX)].into_iter());
        numbers.keep(ours, [("a", mia)].into_iter());
        let names = || ["a", "a", "b", "c", ""].into_iter();
        assert_eq!(numbers.find::<i64>(ours, names()), [Some(-1), Some(-1), Some(i64::MAX), None, None]);
        assert_eq!(numbers.find::<AccountId>(ours, names()), [Some(mia), Some(mia), None, None, None]);
        assert_eq!(numbers.find::<i64>(theirs, names()), [None; 5], "another district has names of its own");
    }

    #[test]
    fn somebody_new_is_in_no_class_once() {
        let numbers = Numbers::default();
        let (one, two, other) = (AccountId::fresh(), AccountId::fresh(), AccountId::fresh());
        numbers.made([one, two].into_iter());
        assert_eq!(numbers.take_free([one, one, other].into_iter()), HashSet::from([one]));
        assert_eq!(numbers.take_free([one, two, other].into_iter()), HashSet::from([two]));
    }

    #[test]
    fn a_large_roster_is_forgotten_in_between() {
        let (numbers, district) = (Numbers::default(), DistrictId::fresh());
        let names: Vec<String> = (0..=MOST).map(|n| n.to_string()).collect();
        numbers.keep(district, names.iter().zip(0_i64..).map(|(name, number)| (name.as_str(), number)));
        assert_eq!(numbers.met().numbers.len(), 1);
        assert_eq!(numbers.find::<i64>(district, names.iter().map(String::as_str)).iter().flatten().count(), 1);
    }
}
