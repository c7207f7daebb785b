//! How much is read.

use crate::source::Bounds;

/// The largest file, in bytes: 16 MiB.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

const MIB: u64 = 1024 * 1024;

/// How much a workbook may unpack to. The most rows that an upload can have need a fifth of it.
pub(super) const WORKBOOK: Bounds = Bounds { total: 256 * MIB, sheet: 192 * MIB, part: 64 * MIB };

/// The longest text of a cell in characters that a row may have; the reader of rows gives up longer ones in bytes.
pub(super) const SCRATCH: usize = 3 * crate::text::MAX_FIELD;
