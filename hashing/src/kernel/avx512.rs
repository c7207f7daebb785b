//! The compression with AVX-512: a block lives in sixteen registers.
//!
//! G mixes a block of 8 rows of 16 words, first each row, then each pair of columns; within both, four groups of four
//! words (a, b, c, d) take part. A register holds one group of *two neighbouring rows*: words 4x to 4x+3 of row 2k, then of row
//! 2k+1, for x = a, b, c, d and k = 0 to 3.
//!
//! * Mixing rows, the four registers of one k belong together: k counts independent chains.
//! * Mixing columns, the group is chosen by the row: rows 0 and 1 are a, rows 2 and 3 are b, and so on. So the four registers
//!   of one x belong together, as they lie: no word moves between the two halves of the work.
//! * The arena keeps blocks in this order, so that nothing moves on the way in and out either. What remains are the 48
//!   rotations within registers that the diagonals ask for, against about 150 shuffles for blocks in the RFC's order.

#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "vector instructions that the processor was asked about; see each block")
)]

use super::Isa;
use super::arena::Block;

/// Words of a row.
const ROW: usize = 16;
/// Words of a register.
const LANES: usize = 8;

/// The proof that the processor has AVX-512 (F).
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

impl Isa for Avx512 {
    const WIDTH: usize = 2;

    fn detect() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx512f") {
            return Some(Self(()));
        }
        None
    }

    fn place(word: usize) -> usize {
        let (row, column) = (word / ROW, word % ROW);
        let (group, lane) = (column / 4, column % 4);
        let (chain, half) = (row / 2, row % 2);
        (group * 4 + chain) * LANES + half * 4 + lane
    }

    #[cfg(target_arch = "x86_64")]
    #[inline]
    fn compress(self, previous: &Block, reference: &Block, target: &mut Block, over: bool) {
        // SAFETY: a value of this type exists only where AVX-512 F was detected.
        unsafe { vectors::compress(previous, reference, target, over) };
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn compress(self, _: &Block, _: &Block, _: &mut Block, _: bool) {}
}

#[cfg(target_arch = "x86_64")]
mod vectors {
    use std::arch::x86_64::{
        __m512i, _mm512_add_epi64, _mm512_load_si512, _mm512_mul_epu32, _mm512_permutex_epi64,
        _mm512_permutexvar_epi64, _mm512_ror_epi64, _mm512_setr_epi64, _mm512_shuffle_i64x2, _mm512_store_si512,
        _mm512_ternarylogic_epi64, _mm512_xor_si512,
    };

    use super::super::arena::Block;
    use super::LANES;

    /// Registers of a block.
    const REGISTERS: usize = 16;
    /// Exclusive or of three.
    const XOR3: i32 = 0x96;
    /// Lane i takes lane i + 1, i + 2, i + 3, within each half of a register.
    const BY_1: i32 = 0b00_11_10_01;
    const BY_2: i32 = 0b01_00_11_10;
    const BY_3: i32 = 0b10_01_00_11;

    type State = [__m512i; REGISTERS];

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load(block: &Block, register: usize) -> __m512i {
        debug_assert!(register < REGISTERS);
        // SAFETY: inside the block, whose alignment is that of a register.
        let at = unsafe { block.0.as_ptr().add(register * LANES) };
        // SAFETY: as above; eight words are left from there on.
        unsafe { _mm512_load_si512(at.cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn store(block: &mut Block, register: usize, value: __m512i) {
        debug_assert!(register < REGISTERS);
        // SAFETY: inside the block, whose alignment is that of a register.
        let at = unsafe { block.0.as_mut_ptr().add(register * LANES) };
        // SAFETY: as above; eight words are left from there on.
        unsafe { _mm512_store_si512(at.cast(), value) };
    }

    /// BLAKE2b's addition, hardened by a product (RFC 9106 §3.6).
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn blend(x: __m512i, y: __m512i) -> __m512i {
        let product = _mm512_mul_epu32(x, y);
        _mm512_add_epi64(_mm512_add_epi64(x, y), _mm512_add_epi64(product, product))
    }

    /// One half of BLAKE2b's round on four chains at a time; `$at` names the registers of chain `i`.
    macro_rules! mix {
        ($state:ident, $a:ident, $b:ident, $c:ident, $d:ident) => {
            mix!(@step $state, $a, $b, $d, 32);
            mix!(@step $state, $c, $d, $b, 24);
            mix!(@step $state, $a, $b, $d, 16);
            mix!(@step $state, $c, $d, $b, 63);
        };
        (@step $state:ident, $x:ident, $y:ident, $z:ident, $by:literal) => {
            for i in 0..4 {
                $state[$x(i)] = blend($state[$x(i)], $state[$y(i)]);
            }
            for i in 0..4 {
                $state[$z(i)] = _mm512_ror_epi64::<$by>(_mm512_xor_si512($state[$z(i)], $state[$x(i)]));
            }
        };
    }

    /// `target = G(previous, reference)`, or with `over` `target ^= G(previous, reference)`.
    #[target_feature(enable = "avx512f")]
    pub(super) fn compress(previous: &Block, reference: &Block, target: &mut Block, over: bool) {
        let mut state: State = [_mm512_setr_epi64(0, 0, 0, 0, 0, 0, 0, 0); REGISTERS];
        for (register, state) in state.iter_mut().enumerate() {
            *state = _mm512_xor_si512(load(previous, register), load(reference, register));
        }
        rows(&mut state);
        columns(&mut state);
        for (register, state) in state.iter().enumerate() {
            let mixed = _mm512_ternarylogic_epi64::<XOR3>(*state, load(previous, register), load(reference, register));
            let mixed = if over { _mm512_xor_si512(mixed, load(target, register)) } else { mixed };
            store(target, register, mixed);
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    #[expect(clippy::indexing_slicing, reason = "constants below 16; a `get` would stand in the hottest loop there is")]
    fn rows(state: &mut State) {
        const fn a(chain: usize) -> usize {
            chain
        }
        const fn b(chain: usize) -> usize {
            4 + chain
        }
        const fn c(chain: usize) -> usize {
            8 + chain
        }
        const fn d(chain: usize) -> usize {
            12 + chain
        }
        mix!(state, a, b, c, d);
        for i in 0..4 {
            state[b(i)] = _mm512_permutex_epi64::<BY_1>(state[b(i)]);
            state[c(i)] = _mm512_permutex_epi64::<BY_2>(state[c(i)]);
            state[d(i)] = _mm512_permutex_epi64::<BY_3>(state[d(i)]);
        }
        mix!(state, a, b, c, d);
        for i in 0..4 {
            state[b(i)] = _mm512_permutex_epi64::<BY_3>(state[b(i)]);
            state[c(i)] = _mm512_permutex_epi64::<BY_2>(state[c(i)]);
            state[d(i)] = _mm512_permutex_epi64::<BY_1>(state[d(i)]);
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    #[expect(clippy::indexing_slicing, reason = "constants below 16; a `get` would stand in the hottest loop there is")]
    fn columns(state: &mut State) {
        const fn a(chain: usize) -> usize {
            chain * 4
        }
        const fn b(chain: usize) -> usize {
            chain * 4 + 1
        }
        const fn c(chain: usize) -> usize {
            chain * 4 + 2
        }
        const fn d(chain: usize) -> usize {
            chain * 4 + 3
        }
        // The words of a pair of columns lie in lanes 0, 1, 4, 5, those of the next pair in lanes 2, 3, 6, 7.
        let by_1 = _mm512_setr_epi64(1, 4, 3, 6, 5, 0, 7, 2);
        let by_3 = _mm512_setr_epi64(5, 0, 7, 2, 1, 4, 3, 6);
        mix!(state, a, b, c, d);
        for i in 0..4 {
            state[b(i)] = _mm512_permutexvar_epi64(by_1, state[b(i)]);
            state[c(i)] = _mm512_shuffle_i64x2::<BY_2>(state[c(i)], state[c(i)]);
            state[d(i)] = _mm512_permutexvar_epi64(by_3, state[d(i)]);
        }
        mix!(state, a, b, c, d);
        for i in 0..4 {
            state[b(i)] = _mm512_permutexvar_epi64(by_3, state[b(i)]);
            state[c(i)] = _mm512_shuffle_i64x2::<BY_2>(state[c(i)], state[c(i)]);
            state[d(i)] = _mm512_permutexvar_epi64(by_1, state[d(i)]);
        }
    }
}
