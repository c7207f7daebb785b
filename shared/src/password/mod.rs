//! What a password may be: the named formats with their entropy, the policy, and the word list.

mod format;
mod policy;
mod words;

pub use format::{Format, RANDOM_ALPHABET, Tier};
pub use policy::{MAX_CHARS, MIN_CHARS, PolicyError, check, normalise};
pub use words::{common, english};
