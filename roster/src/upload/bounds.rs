//! How much is read.

use crate::source::Bounds;

/// The largest file, in bytes: 16 MiB.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

const MIB: u64 = 1024 * 1024;

/// How much a workbook may unpack to. All of it is unpacked to be looked at, so it is less than a roster may have.
pub(super) const WORKBOOK: Bounds = Bounds { total: 256 * MIB, sheet: 192 * MIB, part: 64 * MIB };

/// The longest text of a cell in bytes: the longest field, of which each byte can become three in UTF-8.
pub(super) const SCRATCH: usize = 3 * crate::text::MAX_FIELD;
