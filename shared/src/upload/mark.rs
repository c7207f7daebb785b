//! What a trial run remembers of a file.

use argon2::{Argon2, Params};

use crate::ids::AttemptId;
use crate::seal::{hex, unhex};

/// The length of a mark, in bytes.
const LENGTH: usize = 16;

/// Recognises a file without telling what stands in it.
///
/// A plain digest of a file with few rows would give its passwords away to whoever tries enough of them, and a mark may
/// stand in the log of some proxy. So it is salted and as costly as a password's own hash: some 20 ms of one core and
/// 19 MiB. Make and compare marks where blocking is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    salt: Vec<u8>,
    tag: Vec<u8>,
}

impl Mark {
    /// The mark of a file with this digest; another one each time. `None` when the memory for it is not to be had.
    #[must_use]
    pub fn of(digest: &str) -> Option<Self> {
        Self::with(digest, AttemptId::fresh().0.as_bytes())
    }

    /// The mark of a file with this digest among others with the same salt: always the same one. 16 bytes are enough.
    #[must_use]
    pub fn with(digest: &str, salt: &[u8]) -> Option<Self> {
        let mut tag = vec![0; LENGTH];
        let salt = salt.to_vec();
        let argon2 = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, Params::DEFAULT);
        argon2.hash_password_into(digest.as_bytes(), &salt, &mut tag).ok()?;
        Some(Self { salt, tag })
    }

    /// Whether it is the mark of a file with this digest.
    #[must_use]
    pub fn fits(&self, digest: &str) -> bool {
        Self::with(digest, &self.salt).is_some_and(|again| again == *self)
    }

    /// As text: 64 hexadecimal digits.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{}{}", hex(&self.salt), hex(&self.tag))
    }

    /// Reads the text of a mark; `None` when it is none.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let bytes = unhex(text).filter(|bytes| bytes.len() == 2 * LENGTH)?;
        let (salt, tag) = bytes.split_at(LENGTH);
        Some(Self { salt: salt.to_vec(), tag: tag.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_fits_its_file_alone_and_looks_different_each_time() {
        let mark = Mark::of("a file").expect("a mark");
        assert!(mark.fits("a file") && !mark.fits("another"));
        assert_ne!(Mark::of("a file").expect("a mark").to_text(), mark.to_text());
        let text = mark.to_text();
        assert_eq!(text.len(), 64);
        assert_eq!(Mark::from_text(&text), Some(mark));
        for wrong in ["", "00", &text[1..], &"g".repeat(64)] {
            assert_eq!(Mark::from_text(wrong), None, "{wrong}");
        }
    }
}
