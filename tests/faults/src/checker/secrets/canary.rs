//! A secret of the scan's own, put where it must find it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use uuid::Uuid;

use super::encodings::Encoding;
use super::scan::CHUNK;

/// A file with a known secret in each encoding; gone when this is dropped.
pub(super) struct Canary {
    text: String,
    file: PathBuf,
    straddles_at: u64,
}

impl Canary {
    /// Writes it. The secret has characters that every encoding writes differently.
    pub(super) fn put(folder: &Path) -> Result<Self> {
        let random = Uuid::new_v4().simple().to_string();
        let text = format!("Canary=\"{random}\"~~~ü{}", random.chars().rev().collect::<String>());
        let file = folder.join(format!("canary-{random}"));
        let mut bytes = contents(&text);
        // Once more, across the end of the scan's first chunk.
        let straddles_at = CHUNK.saturating_sub(text.len() / 2);
        bytes.resize(straddles_at, b'.');
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(b'\n');
        let canary = Self { text, file, straddles_at: u64::try_from(straddles_at)? };
        std::fs::write(&canary.file, bytes)
            .with_context(|| format!("no canary can be written into {}", folder.display()))?;
        Ok(canary)
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Where the copy begins that lies across two chunks.
    pub(super) const fn straddles_at(&self) -> u64 {
        self.straddles_at
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        // It may never have been written; nothing depends on it.
        drop(std::fs::remove_file(&self.file));
    }
}

/// The secret as others would write it. Base64 is made of whole texts, as a stranger's encoder would, and not by what
/// the scan believes is the same in all of them.
fn contents(text: &str) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for encoding in Encoding::ALL {
        let around = |before: &str| format!("{before}{text} and more");
        lines.push(match encoding {
            Encoding::Base64At0 => STANDARD.encode(around("xyz")).into_bytes(),
            Encoding::Base64At1 => STANDARD.encode(around("x")).into_bytes(),
            Encoding::Base64At2 => STANDARD.encode(around("xy")).into_bytes(),
            Encoding::UrlBase64At0 => URL_SAFE.encode(around("xyz")).into_bytes(),
            Encoding::UrlBase64At1 => URL_SAFE.encode(around("x")).into_bytes(),
            Encoding::UrlBase64At2 => URL_SAFE.encode(around("xy")).into_bytes(),
            Encoding::Json => serde_json::json!({ "told": around("") }).to_string().into_bytes(),
            Encoding::Numbers => format!("{:?}", around("x").as_bytes()).into_bytes(),
            Encoding::Utf16Le => around("").encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Encoding::Utf16Be => around("").encode_utf16().flat_map(u16::to_be_bytes).collect(),
            Encoding::Plain
            | Encoding::HexLower
            | Encoding::HexUpper
            | Encoding::Percent
            | Encoding::PercentLower
            | Encoding::PercentAll
            | Encoding::QuotedPrintable => encoding.of(text),
        });
    }
    lines.join(&b'\n')
}
