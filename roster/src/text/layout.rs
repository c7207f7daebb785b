//! What is known of a kind of file: the columns that are used, and the ones that may be there.

/// A column that is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// How the code asks for it.
    pub(crate) key: &'static str,
    /// Its name, as the standard spells it.
    pub(crate) name: &'static str,
    /// Other names that mean the same.
    pub(crate) also: &'static [&'static str],
    /// Whether the file is of no use without it.
    pub(crate) required: bool,
    /// Whether its text is taken as written, spaces around it aside, instead of cleaned.
    pub(crate) exact: bool,
    /// Whether its text is a name and no number, so that it must not have been turned into one.
    pub(crate) identity: bool,
}

impl Column {
    const fn new(name: &'static str) -> Self {
        Self { key: name, name, also: &[], required: false, exact: false, identity: false }
    }

    /// A column without which the file is of no use.
    pub(crate) const fn required(name: &'static str) -> Self {
        Self { required: true, ..Self::new(name) }
    }

    /// A column that may be missing.
    pub(crate) const fn optional(name: &'static str) -> Self {
        Self::new(name)
    }

    /// A column that may be missing and is taken as written.
    pub(crate) const fn exact(name: &'static str) -> Self {
        Self { exact: true, ..Self::new(name) }
    }

    /// The same column, asked for by another word than the standard's.
    pub(crate) const fn key(self, key: &'static str) -> Self {
        Self { key, ..self }
    }

    /// The same column, which goes by other names too.
    pub(crate) const fn also(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }

    /// The same column, whose text names something: an id, a username, a grade.
    pub(crate) const fn identity(self) -> Self {
        Self { identity: true, ..self }
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
    /// How the names of further known columns begin: extensions, and columns with a number.
    pub(crate) prefixes: &'static [&'static str],
    /// Whether only the letters and digits of a header count: `First name`, `first_name` and `FirstName` are the same.
    pub(crate) loose: bool,
}

impl Layout {
    /// The place of a column among those that are read.
    pub(crate) fn place(&self, key: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.key == key)
    }

    /// Whether a header is that of a column.
    pub(crate) fn is(&self, column: &Column, header: &str) -> bool {
        std::iter::once(&column.name).chain(column.also).any(|name| self.same(name, header))
    }

    /// Whether the standard, or its rule for extensions, knows a column. Passwords are known everywhere, so that the
    /// column is passed over in silence and never read.
    pub(crate) fn knows(&self, header: &str) -> bool {
        let starts = |start: &&&str| header.get(..start.len()).is_some_and(|it| it.eq_ignore_ascii_case(start));
        self.prefixes.iter().any(|start| starts(&start))
            || self.columns.iter().any(|column| self.is(column, header))
            || self.known.iter().any(|known| self.same(known, header))
            || is_password(header)
    }

    fn same(&self, name: &str, header: &str) -> bool {
        name.eq_ignore_ascii_case(header) || (self.loose && letters(name).eq(letters(header)))
    }
}

/// The letters and digits of a header, in lower case.
pub(crate) fn letters(header: &str) -> impl Iterator<Item = char> {
    header.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase)
}

/// Whether a header announces passwords, in one of the languages that school systems speak.
pub(crate) fn is_password(header: &str) -> bool {
    const WORDS: [&str; 13] = [
        "passw",
        "pwd",
        "passphrase",
        "passcode",
        "kennwort",
        "contrase",
        "motdepasse",
        "senha",
        "wachtwoord",
        "haslo",
        "losenord",
        "lösenord",
        "secret",
    ];
    let header: String = letters(header).collect();
    WORDS.iter().any(|word| header.contains(word)) || ["pass", "pw", "pin", "mdp"].contains(&header.as_str())
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

    #[test]
    fn columns_of_passwords_are_known_in_any_spelling() {
        for header in ["Password", "PASSWORD [Required]", "Initial pass-word", "Kennwort", "pwd", "mot de passe", "PIN"]
        {
            assert!(is_password(header), "{header}");
        }
        for header in ["Username", "Passport no", "Pinyin name", "Passing grade", ""] {
            assert!(!is_password(header), "{header}");
        }
    }
}
