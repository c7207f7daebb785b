//! Bytes that may hold passwords.

use std::fmt;
use std::ops::Deref;

use zeroize::Zeroizing;

/// Bytes that are overwritten before their memory is given back, also when they move to make room for more.
#[derive(Default)]
pub(super) struct Wiped(Zeroizing<Vec<u8>>);

impl Wiped {
    /// So many zeros.
    pub(super) fn zeros(count: usize) -> Self {
        Self(Zeroizing::new(vec![0; count]))
    }

    /// All of them, to be written over.
    pub(super) fn bytes(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// Adds a byte.
    pub(super) fn push(&mut self, byte: u8) {
        self.make_room(1);
        self.0.push(byte);
    }

    /// Adds bytes.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    /// Makes them so many, with zeros behind those that are there.
    pub(super) fn resize(&mut self, count: usize) {
        self.make_room(count.saturating_sub(self.0.len()));
        self.0.resize(count, 0);
    }

    /// Forgets them. The memory keeps them until they are written over, or dropped.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// A vector that grows by itself would leave a copy where it was.
    fn make_room(&mut self, more: usize) {
        let wanted = self.0.len() + more;
        if wanted > self.0.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(wanted.max(2 * self.0.capacity()).max(1024)));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
    }
}

impl Deref for Wiped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Wiped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_grow_as_a_vector_does_and_show_nothing() {
        let mut bytes = Wiped::default();
        let mut plain = Vec::new();
        for n in 0..5000_u32 {
            bytes.push(n.to_le_bytes()[0]);
            bytes.extend(&n.to_le_bytes());
            plain.push(n.to_le_bytes()[0]);
            plain.extend(n.to_le_bytes());
        }
        bytes.resize(30_000);
        plain.resize(30_000, 0);
        assert_eq!(*bytes, plain);
        assert_eq!(format!("{bytes:?}"), "30000 bytes");
        bytes.clear();
        assert!(bytes.is_empty());
    }
}
