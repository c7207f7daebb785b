//! The memory of one hash: large pages, touched once, kept from hash to hash, wiped in the end.

#![expect(unsafe_code, reason = "memory with an alignment of its own, and prefetching; see each block")]

use std::ptr::{NonNull, null_mut};

use zeroize::Zeroize as _;

use super::Isa;
use crate::error::HashError;

/// The size of a large page on x86-64.
const PAGE: usize = 2 * 1024 * 1024;
/// Words of a block.
pub(super) const WORDS: usize = 128;
/// Bytes of a cache line.
const LINE: usize = 64;

/// One block of Argon2: 1 KiB.
#[derive(Clone)]
#[repr(C, align(64))]
pub(crate) struct Block(pub(super) [u64; WORDS]);

impl Block {
    /// All zero.
    pub(super) const ZERO: Self = Self([0; WORDS]);

    /// The word at a place; zero behind the end.
    pub(super) fn word(&self, place: usize) -> u64 {
        self.0.get(place).copied().unwrap_or_default()
    }

    /// Sets the word at a place; there is nothing behind the end.
    pub(super) fn set(&mut self, place: usize, word: u64) {
        if let Some(at) = self.0.get_mut(place) {
            *at = word;
        }
    }
}

/// The blocks of one hash.
///
/// Mapped, not allocated: an allocator keeps freed memory of this size, and once it does, pages are small and many.
pub(super) struct Arena {
    blocks: NonNull<Block>,
    len: usize,
    /// The mapping that the blocks lie in, larger by what aligns them.
    mapping: NonNull<libc::c_void>,
    mapped: usize,
}

// SAFETY: an arena owns its memory and nobody else has a pointer to it.
unsafe impl Send for Arena {}

impl Arena {
    /// Memory for this many blocks: on large pages where the system has them, and touched, so that no hash waits for a
    /// page.
    ///
    /// # Errors
    /// When the machine has no memory left.
    pub(super) fn new(len: usize) -> Result<Self, HashError> {
        let size = len.saturating_mul(size_of::<Block>());
        let refused = || HashError::Memory(size.div_ceil(1024 * 1024));
        // Small arenas (tests) do without large pages; every page is aligned enough for a block.
        let align = if size >= PAGE { PAGE } else { 1 };
        let mapped = size.saturating_add(align);
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping of memory that nobody has; where it lies is the system's choice.
        let mapping = unsafe { libc::mmap(null_mut(), mapped, access, kind, -1, 0) };
        let mapping = if mapping == libc::MAP_FAILED { None } else { NonNull::new(mapping) }.ok_or_else(refused)?;
        let offset = mapping.as_ptr().align_offset(align);
        // SAFETY: the offset is less than `align`, by which the mapping is larger than what follows.
        let start = unsafe { mapping.byte_add(offset) };
        #[cfg(target_os = "linux")]
        if size >= PAGE {
            // SAFETY: the range is ours; the advice changes nothing of what it holds. A system that does not take it goes
            // on with small pages.
            unsafe { libc::madvise(start.as_ptr(), size, libc::MADV_HUGEPAGE) };
        }
        let blocks = start.cast::<Block>();
        // SAFETY: the memory is ours, large enough for `len` blocks and aligned to a page; all-zero bytes are a block.
        unsafe { blocks.as_ptr().write_bytes(0, len) };
        Ok(Self { blocks, len, mapping, mapped })
    }

    /// The whole memory, for the reference engine: what is in it is forgotten.
    pub(super) fn lend(&mut self) -> &mut [argon2::Block] {
        const { assert!(size_of::<argon2::Block>() == size_of::<Block>()) };
        const { assert!(align_of::<argon2::Block>() <= align_of::<Block>()) };
        // SAFETY: the arena's memory, initialised and borrowed exclusively; the crate's block is 128 words too, which its
        // size leaves no other place for, and any words are a block.
        unsafe { std::slice::from_raw_parts_mut(self.blocks.as_ptr().cast(), self.len) }
    }

    /// A block.
    pub(super) fn block(&self, at: usize) -> &Block {
        assert!(at < self.len, "there is no block {at}");
        // SAFETY: within the arena, initialised by `new`, and borrowed as the arena is.
        unsafe { self.blocks.add(at).as_ref() }
    }

    /// A block, to be written.
    pub(super) fn block_mut(&mut self, at: usize) -> &mut Block {
        assert!(at < self.len, "there is no block {at}");
        // SAFETY: within the arena, initialised by `new`, and borrowed as the arena is.
        unsafe { self.blocks.add(at).as_mut() }
    }

    /// The last block.
    pub(super) fn last(&self) -> &Block {
        self.block(self.len - 1)
    }

    /// The first word of a block, which says what the next one is made of.
    pub(super) fn first_word(&self, at: usize) -> u64 {
        self.block(at).word(0)
    }

    /// Makes one block out of two others.
    pub(super) fn step<I: Isa>(&mut self, isa: I, previous: usize, reference: u32, target: usize, over: bool) {
        let reference = reference as usize;
        let fits = previous < self.len && reference < self.len && target < self.len;
        assert!(fits && target != previous && target != reference, "a block is made out of two others");
        // SAFETY: within the arena and initialised by `new`.
        let before = unsafe { self.blocks.add(previous).as_ref() };
        // SAFETY: within the arena and initialised by `new`.
        let other = unsafe { self.blocks.add(reference).as_ref() };
        // SAFETY: within the arena and initialised by `new`; it is none of the two that are read, and the arena is
        // borrowed exclusively.
        let target = unsafe { self.blocks.add(target).as_mut() };
        isa.compress(before, other, target, over);
    }

    /// Asks for a block's bytes, without waiting for them.
    pub(super) fn prefetch(&self, at: u32) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let block = self.block(at as usize);
            for line in block.0.chunks_exact(LINE / size_of::<u64>()) {
                // SAFETY: a prefetch reads nothing, and every x86-64 processor has it.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (at, LINE);
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        for at in 0..self.len {
            self.block_mut(at).0.zeroize();
        }
        // SAFETY: mapped by `new` with this size, and never used again. Nothing can be done about a refusal.
        unsafe { libc::munmap(self.mapping.as_ptr(), self.mapped) };
    }
}
