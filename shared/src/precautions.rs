//! The precautions: what whoever starts a bulk reset must have read. A request names the version that was read, and a
//! request that names none, or an older one, is refused (product rule: acknowledgement by version).

/// The version of [`TEXT`]. It changes whenever the text changes its meaning.
pub const VERSION: &str = "2026-11";

/// The text, as every door shows it.
pub const TEXT: &str = include_str!("precautions.txt");
