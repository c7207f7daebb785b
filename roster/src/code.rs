//! The codes of roster rows. `E` takes the row (or the whole file) out; `W` lets it in and says what was left out.

use std::fmt;

use serde::Serialize;

macro_rules! codes {
    ($($name:ident = $text:literal),+ $(,)?) => {
        /// What is wrong with a row, a column or a file.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum RowCode { $(#[doc = $text] $name),+ }

        impl RowCode {
            /// Every code, in the order of the legend.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The code as it is shown.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }

            /// What the code means, in plain words.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

codes! {
    E01 = "missing column: the file cannot be used without it",
    E03 = "unknown reference: the row names something that the roster does not have",
    E04 = "duplicate row: the id or the username was on an earlier line of the file",
    E06 = "username taken: another person of the district has it",
    E11 = "encoding: the text is neither UTF-8 nor Windows-1252, or lost letters before it came here",
    E12 = "malformed row",
    E13 = "file not read: it is announced but not there, or in a mode that is not supported",
    E14 = "role missing: neither the file nor whoever imports it says what the person is, or which other roles they have",
    E15 = "damaged by a spreadsheet: a number, date, formula or error stands where a text was",
    E16 = "less privileged: the district knows the person with a more privileged role, and the file does not say one",
    W01 = "contact unusable: the person went in without it",
    W02 = "unknown column: it was ignored",
    W03 = "not UTF-8: the text was read as Windows-1252",
    W04 = "unknown role: counts as staff of the highest rank",
    W05 = "guardian not linked: nobody has this id, or it is no guardian, parent or relative",
    W06 = "membership left out: the school is unknown or not given",
    W07 = "control or invisible characters were removed from the text",
    W08 = "the file has a header and no rows",
    W09 = "value unusable: the row went in without it",
    W10 = "not judged: the row refers to something that only the district can know, and nobody asked it",
}

impl fmt::Display for RowCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
