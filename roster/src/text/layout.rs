//! What is known of a kind of file: the columns that are used, and the ones that may be there.

/// A column that is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// Its name, as the standard spells it.
    pub(crate) name: &'static str,
    /// Whether the file is of no use without it.
    pub(crate) required: bool,
    /// Whether its text is taken as written, spaces around it aside, instead of cleaned.
    pub(crate) exact: bool,
}

impl Column {
    /// A column without which the file is of no use.
    pub(crate) const fn required(name: &'static str) -> Self {
        Self { name, required: true, exact: false }
    }

    /// A column that may be missing.
    pub(crate) const fn optional(name: &'static str) -> Self {
        Self { name, required: false, exact: false }
    }

    /// A column that may be missing and is taken as written.
    pub(crate) const fn exact(name: &'static str) -> Self {
        Self { name, required: false, exact: true }
    }
}

/// A kind of file.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Its name.
    pub(crate) file: &'static str,
    /// The columns that are read. No other cell is ever copied out of the file.
    pub(crate) columns: &'static [Column],
    /// The standard's other columns.
    pub(crate) known: &'static [&'static str],
}

impl Layout {
    /// The place of a column among those that are read.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// Whether the standard, or its rule for extensions, knows a column.
    pub(crate) fn knows(&self, name: &str) -> bool {
        let extension = name.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("metadata."));
        extension || self.place(name).is_some() || self.known.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// Whether two names differ by at most two letters (Levenshtein), without regard to case.
pub(crate) fn alike(one: &str, other: &str) -> bool {
    if one.len().abs_diff(other.len()) > 2 || one.len() > 64 {
        return false;
    }
    let other: Vec<u8> = other.bytes().map(|byte| byte.to_ascii_lowercase()).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, byte) in one.bytes().map(|byte| byte.to_ascii_lowercase()).enumerate() {
        let mut corner = at;
        let mut left = at + 1;
        let mut next = vec![left];
        for (above, letter) in row.iter().skip(1).zip(&other) {
            left = (above + 1).min(left + 1).min(corner + usize::from(*letter != byte));
            corner = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().is_some_and(|distance| *distance <= 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_are_seen() {
        for (one, other) in [("emial", "email"), ("Email", "email"), ("agentSourceIds", "agentSourcedIds"), ("", "ab")]
        {
            assert!(alike(one, other), "{one} {other}");
        }
        for (one, other) in [("phone", "email"), ("grade", "gradesss"), ("", "abc"), ("sms", "email")] {
            assert!(!alike(one, other), "{one} {other}");
        }
    }
}
