//! The compression with AVX2: a block lives in 32 places of four words, of which sixteen are in registers at a time.
//!
//! A register holds four words of one row, in the RFC's order: words 4x to 4x+3, for x = a, b, c, d.
//!
//! * Mixing rows, the four registers of one row belong together; the diagonals are rotations within a register.
//! * Mixing columns, the group is chosen by the row, so registers of the even rows belong together, and those of the odd
//!   rows; between them the diagonals move words: half registers of b and d are exchanged, c changes its name only.

#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "vector instructions that the processor was asked about; see each block")
)]

use super::Isa;
use super::arena::Block;

/// The proof that the processor has AVX2.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

impl Isa for Avx2 {
    const WIDTH: usize = 2;

    fn detect() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            return Some(Self(()));
        }
        None
    }

    fn place(word: usize) -> usize {
        word
    }

    #[cfg(target_arch = "x86_64")]
    #[inline]
    fn compress(self, previous: &Block, reference: &Block, target: &mut Block, over: bool) {
        // SAFETY: a value of this type exists only where AVX2 was detected.
        unsafe { vectors::compress(previous, reference, target, over) };
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn compress(self, _: &Block, _: &Block, _: &mut Block, _: bool) {}
}

#[cfg(target_arch = "x86_64")]
mod vectors {
    use std::arch::x86_64::{
        __m256i, _mm256_add_epi64, _mm256_alignr_epi8, _mm256_load_si256, _mm256_mul_epu32, _mm256_or_si256,
        _mm256_permute4x64_epi64, _mm256_setr_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_shuffle_epi32,
        _mm256_srli_epi64, _mm256_store_si256, _mm256_xor_si256,
    };
    use std::hint::black_box;

    use super::super::arena::Block;

    /// Words of a register.
    const LANES: usize = 4;
    /// Registers of a block.
    const REGISTERS: usize = 32;
    /// Registers of a row.
    const ROW: usize = 4;
    /// Lane i takes lane i + 1, i + 2, i + 3.
    const BY_1: i32 = 0b00_11_10_01;
    const BY_2: i32 = 0b01_00_11_10;
    const BY_3: i32 = 0b10_01_00_11;
    /// The halves of every word exchanged: a rotation by 32.
    const SWAP: i32 = 0b10_11_00_01;

    type State = [__m256i; REGISTERS];
    /// Two chains of four registers: a, a', b, b', c, c', d, d'.
    type Pair = [__m256i; 8];

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load(block: &Block, register: usize) -> __m256i {
        debug_assert!(register < REGISTERS);
        // SAFETY: inside the block, whose alignment is more than that of a register.
        let at = unsafe { block.0.as_ptr().add(register * LANES) };
        // SAFETY: as above; four words are left from there on.
        unsafe { _mm256_load_si256(at.cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn store(block: &mut Block, register: usize, value: __m256i) {
        debug_assert!(register < REGISTERS);
        // SAFETY: inside the block, whose alignment is more than that of a register.
        let at = unsafe { block.0.as_mut_ptr().add(register * LANES) };
        // SAFETY: as above; four words are left from there on.
        unsafe { _mm256_store_si256(at.cast(), value) };
    }

    /// BLAKE2b's addition, hardened by a product (RFC 9106 §3.6).
    #[inline]
    #[target_feature(enable = "avx2")]
    fn blend(x: __m256i, y: __m256i) -> __m256i {
        let product = _mm256_mul_epu32(x, y);
        _mm256_add_epi64(_mm256_add_epi64(x, y), _mm256_add_epi64(product, product))
    }

    /// One half of BLAKE2b's round on two chains.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn mix([a, a1, b, b1, c, c1, d, d1]: Pair, by_16: __m256i) -> Pair {
        let by_24 = _mm256_setr_epi8(
            3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10, 3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10,
        );
        let (a, a1) = (blend(a, b), blend(a1, b1));
        let (d, d1) = (_mm256_xor_si256(d, a), _mm256_xor_si256(d1, a1));
        let (d, d1) = (_mm256_shuffle_epi32::<SWAP>(d), _mm256_shuffle_epi32::<SWAP>(d1));
        let (c, c1) = (blend(c, d), blend(c1, d1));
        let (b, b1) = (_mm256_xor_si256(b, c), _mm256_xor_si256(b1, c1));
        let (b, b1) = (_mm256_shuffle_epi8(b, by_24), _mm256_shuffle_epi8(b1, by_24));
        let (a, a1) = (blend(a, b), blend(a1, b1));
        let (d, d1) = (_mm256_xor_si256(d, a), _mm256_xor_si256(d1, a1));
        let (d, d1) = (_mm256_shuffle_epi8(d, by_16), _mm256_shuffle_epi8(d1, by_16));
        let (c, c1) = (blend(c, d), blend(c1, d1));
        let (b, b1) = (_mm256_xor_si256(b, c), _mm256_xor_si256(b1, c1));
        let (b, b1) = (rotate_63(b), rotate_63(b1));
        [a, a1, b, b1, c, c1, d, d1]
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn rotate_63(x: __m256i) -> __m256i {
        _mm256_or_si256(_mm256_add_epi64(x, x), _mm256_srli_epi64::<63>(x))
    }

    /// `target = G(previous, reference)`, or with `over` `target ^= G(previous, reference)`.
    #[target_feature(enable = "avx2")]
    pub(super) fn compress(previous: &Block, reference: &Block, target: &mut Block, over: bool) {
        let by_16 = _mm256_setr_epi8(
            2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9, 2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9,
        );
        // Hidden from the compiler, which would turn each rotation by 16 into two instructions to spare this constant.
        let by_16 = black_box(by_16);
        let mut state: State = [_mm256_setzero_si256(); REGISTERS];
        for (register, state) in state.iter_mut().enumerate() {
            *state = _mm256_xor_si256(load(previous, register), load(reference, register));
        }
        for two_rows in state.as_chunks_mut::<{ 2 * ROW }>().0 {
            rows(two_rows, by_16);
        }
        for group in 0..ROW {
            columns(&mut state, group, by_16);
        }
        for (register, state) in state.iter().enumerate() {
            let input = _mm256_xor_si256(load(previous, register), load(reference, register));
            let mixed = _mm256_xor_si256(*state, input);
            let mixed = if over { _mm256_xor_si256(mixed, load(target, register)) } else { mixed };
            store(target, register, mixed);
        }
    }

    /// Mixes two rows.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn rows(two: &mut [__m256i; 2 * ROW], by_16: __m256i) {
        let [a, b, c, d, a1, b1, c1, d1] = *two;
        let [a, a1, b, b1, c, c1, d, d1] = mix([a, a1, b, b1, c, c1, d, d1], by_16);
        let (b, b1) = (_mm256_permute4x64_epi64::<BY_1>(b), _mm256_permute4x64_epi64::<BY_1>(b1));
        let (c, c1) = (_mm256_permute4x64_epi64::<BY_2>(c), _mm256_permute4x64_epi64::<BY_2>(c1));
        let (d, d1) = (_mm256_permute4x64_epi64::<BY_3>(d), _mm256_permute4x64_epi64::<BY_3>(d1));
        let [a, a1, b, b1, c, c1, d, d1] = mix([a, a1, b, b1, c, c1, d, d1], by_16);
        let (b, b1) = (_mm256_permute4x64_epi64::<BY_3>(b), _mm256_permute4x64_epi64::<BY_3>(b1));
        let (c, c1) = (_mm256_permute4x64_epi64::<BY_2>(c), _mm256_permute4x64_epi64::<BY_2>(c1));
        let (d, d1) = (_mm256_permute4x64_epi64::<BY_1>(d), _mm256_permute4x64_epi64::<BY_1>(d1));
        *two = [a, b, c, d, a1, b1, c1, d1];
    }

    /// Mixes two pairs of columns: register number `group` of every row.
    #[inline]
    #[target_feature(enable = "avx2")]
    #[expect(clippy::indexing_slicing, reason = "constants below 32; a `get` would stand in the hottest loop there is")]
    fn columns(state: &mut State, group: usize, by_16: __m256i) {
        let row = |number: usize| number * ROW + group;
        // Of each group of four words the first two are in an even row, the last two in the odd row below it.
        let pair = [0, 1, 2, 3, 4, 5, 6, 7].map(|number| state[row(number)]);
        let [a, a1, b, b1, c, c1, d, d1] = mix(pair, by_16);
        let (b, b1) = (_mm256_alignr_epi8::<8>(b1, b), _mm256_alignr_epi8::<8>(b, b1));
        let (c, c1) = (c1, c);
        let (d, d1) = (_mm256_alignr_epi8::<8>(d, d1), _mm256_alignr_epi8::<8>(d1, d));
        let [a, a1, b, b1, c, c1, d, d1] = mix([a, a1, b, b1, c, c1, d, d1], by_16);
        let (b, b1) = (_mm256_alignr_epi8::<8>(b, b1), _mm256_alignr_epi8::<8>(b1, b));
        let (c, c1) = (c1, c);
        let (d, d1) = (_mm256_alignr_epi8::<8>(d1, d), _mm256_alignr_epi8::<8>(d, d1));
        for (number, register) in [a, a1, b, b1, c, c1, d, d1].into_iter().enumerate() {
            state[row(number)] = register;
        }
    }
}
