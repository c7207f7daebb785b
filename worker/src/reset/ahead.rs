//! A random source that reads ahead: one question to the operating system for a whole password, not one for each word.

use rand::rand_core::{TryCryptoRng, TryRng};
use zeroize::Zeroize;

/// Enough for every format without a second question, as a rule.
const BYTES: usize = 64;

/// Reads ahead from another source. What was not used is wiped.
pub(super) struct Ahead<R, const N: usize = BYTES> {
    source: R,
    buffer: [u8; N],
    used: usize,
}

impl<R: TryCryptoRng> Ahead<R> {
    /// Reads ahead from this source, as soon as something is asked.
    pub(super) const fn of(source: R) -> Self {
        Self::with_buffer(source)
    }
}

impl<R: TryCryptoRng, const N: usize> Ahead<R, N> {
    /// [`Ahead::of`] with a buffer of another size.
    pub(super) const fn with_buffer(source: R) -> Self {
        Self { source, buffer: [0; N], used: N }
    }

    /// The next few bytes.
    fn take<const M: usize>(&mut self) -> Result<[u8; M], R::Error> {
        const { assert!(M <= N, "the buffer holds at least one number") };
        if let Some(bytes) = self.buffer.get(self.used..).and_then(<[u8]>::first_chunk::<M>) {
            self.used += M;
            return Ok(*bytes);
        }
        self.source.try_fill_bytes(&mut self.buffer)?;
        self.used = M;
        Ok(self.buffer.first_chunk::<M>().copied().unwrap_or([0; M]))
    }
}

impl<R: TryCryptoRng, const N: usize> TryRng for Ahead<R, N> {
    type Error = R::Error;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.take().map(u32::from_le_bytes)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.take().map(u64::from_le_bytes)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.source.try_fill_bytes(bytes)
    }
}

impl<R: TryCryptoRng, const N: usize> TryCryptoRng for Ahead<R, N> {}

impl<R, const N: usize> Drop for Ahead<R, N> {
    fn drop(&mut self) {
        self.buffer.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use rand::rand_core::Rng as _;

    use super::*;

    /// Counts up, byte by byte.
    struct Counting(u8);

    impl TryRng for Counting {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            unimplemented!("only bytes are asked for")
        }

        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            unimplemented!("only bytes are asked for")
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
            for byte in bytes {
                *byte = self.0;
                self.0 = self.0.wrapping_add(1);
            }
            Ok(())
        }
    }

    impl TryCryptoRng for Counting {}

    #[test]
    fn no_byte_is_given_out_twice() {
        let mut rng: Ahead<_, 8> = Ahead::with_buffer(Counting(0));
        assert_eq!(rng.next_u32().to_le_bytes(), [0, 1, 2, 3]);
        assert_eq!(rng.next_u32().to_le_bytes(), [4, 5, 6, 7]);
        assert_eq!(rng.next_u32().to_le_bytes(), [8, 9, 10, 11]);
        assert_eq!(rng.next_u64().to_le_bytes(), [16, 17, 18, 19, 20, 21, 22, 23], "what is left over is too little");
        let mut bytes = [0; 2];
        rng.fill_bytes(&mut bytes);
        assert_eq!(bytes, [24, 25], "never from the buffer");
    }
}
