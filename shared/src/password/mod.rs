//! What a password may be: the policies, the named formats with what they draw and their entropy, the word lists and the
//! blocklist. Everything that checks or draws a password asks here, so that a rule exists once.

mod blocklist;
mod catalogue;
mod entropy;
mod format;
mod language;
mod names;
mod normal;
mod policy;
mod recipe;
mod words;

pub use blocklist::is_blocked;
pub use catalogue::{FormatView, catalogue, table};
pub use entropy::bits;
pub use format::{Format, Tier};
pub use language::Language;
pub use names::{Names, name_parts};
pub use normal::{is_blank, normalise};
pub use policy::{MAX_CHARS, PolicyError, PolicyName, check};
pub use recipe::{Phrase, RANDOM_ALPHABET, Recipe};
pub use words::WordList;
