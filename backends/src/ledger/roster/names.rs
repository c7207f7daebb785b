//! Who gets which username: each is used once in a district, without regard to case.

use std::collections::{HashMap, HashSet};

/// A person of a batch who wants a username.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim<'a> {
    /// The roster id.
    pub(super) person: &'a str,
    /// The username they have, if they are known.
    pub(super) has: Option<&'a str>,
    /// The username they want.
    pub(super) wants: &'a str,
}

impl Claim<'_> {
    /// Whether a known person keeps their name. So nobody else's is freed by it.
    pub(super) fn is_calm(&self) -> bool {
        self.has.is_none_or(|has| has == self.wants)
    }
}

/// The people who cannot get what they want, given who has those usernames now (by roster id).
///
/// People of one batch may pass names on to each other, or swap them. Of two who want the same one the first gets it. Who
/// is refused keeps what they have, which may refuse the next: so it is asked again until nobody more is refused.
pub(super) fn refused<'a>(claims: &[Claim<'a>], owners: &HashMap<String, String>) -> HashSet<&'a str> {
    let mut refused: HashSet<&'a str> = HashSet::new();
    loop {
        // Names that are taken whatever the others do: their owners are not in the batch, or keep them.
        let moving: HashSet<&str> =
            claims.iter().map(|claim| claim.person).filter(|person| !refused.contains(person)).collect();
        let mut taken: HashMap<&str, &str> = owners
            .iter()
            .filter(|(_, owner)| !moving.contains(owner.as_str()))
            .map(|(name, owner)| (name.as_str(), owner.as_str()))
            .collect();
        for claim in claims.iter().filter(|claim| refused.contains(claim.person)) {
            if let Some(has) = claim.has {
                taken.insert(has, claim.person);
            }
        }
        let mut more = Vec::new();
        // Who wants what they have comes first: it is theirs.
        let (staying, leaving): (Vec<&Claim<'a>>, Vec<&Claim<'a>>) =
            claims.iter().partition(|claim| claim.has == Some(claim.wants));
        for claim in staying.into_iter().chain(leaving).filter(|claim| !refused.contains(claim.person)) {
            let owner = *taken.entry(claim.wants).or_insert(claim.person);
            if owner != claim.person {
                more.push(claim.person);
            }
        }
        if more.is_empty() {
            return refused;
        }
        refused.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim<'a>(person: &'a str, has: Option<&'a str>, wants: &'a str) -> Claim<'a> {
        Claim { person, has, wants }
    }

    fn refused_of<'a>(claims: &[Claim<'a>], owners: &[(&str, &str)]) -> Vec<&'a str> {
        let owners = owners.iter().map(|(name, owner)| ((*name).to_owned(), (*owner).to_owned())).collect();
        let mut refused: Vec<&str> = refused(claims, &owners).into_iter().collect();
        refused.sort_unstable();
        refused
    }

    #[test]
    fn names_may_be_swapped_and_passed_on() {
        let swap = [claim("a", Some("x"), "y"), claim("b", Some("y"), "x")];
        assert!(refused_of(&swap, &[("x", "a"), ("y", "b")]).is_empty());
        let chain = [claim("new", None, "x"), claim("a", Some("x"), "y")];
        assert!(refused_of(&chain, &[("x", "a")]).is_empty());
    }

    #[test]
    fn a_name_has_one_owner() {
        assert_eq!(refused_of(&[claim("a", None, "x")], &[("x", "elsewhere")]), ["a"]);
        assert_eq!(refused_of(&[claim("a", None, "x"), claim("b", None, "x")], &[]), ["b"]);
        // Who has it keeps it, also when somebody earlier in the batch wants it.
        assert_eq!(refused_of(&[claim("a", None, "x"), claim("b", Some("x"), "x")], &[("x", "b")]), ["a"]);
    }

    #[test]
    fn who_is_refused_keeps_what_they_have() {
        // `b` cannot have `z`, so it keeps `y`, so `a` cannot have `y` and keeps `x`, so `new` gets nothing.
        let claims = [claim("new", None, "x"), claim("a", Some("x"), "y"), claim("b", Some("y"), "z")];
        assert_eq!(refused_of(&claims, &[("x", "a"), ("y", "b"), ("z", "elsewhere")]), ["a", "b", "new"]);
    }
}
