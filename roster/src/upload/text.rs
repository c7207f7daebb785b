//! An upload as text.

use std::io;

use super::rows::rows;
use super::{Content, UploadError};
use crate::text::{Delimiter, Lines as _, Mark, Records, decoded};

/// Reads text in any encoding that is known, with any separator that is known.
pub(super) fn read(bytes: &[u8]) -> Result<Content, UploadError> {
    let broken = |error: io::Error| UploadError::Damaged(error.to_string());
    let encoding = Encoding::of(bytes);
    let lines = Records::new(decoded(bytes).map_err(broken)?).map_err(broken)?;
    let separators = match lines.delimiter() {
        Some(Delimiter::Semicolon) => "semicolons",
        Some(Delimiter::Tab) => "tabs",
        Some(Delimiter::Pipe) => "vertical bars",
        Some(Delimiter::Comma) | None => "commas",
    };
    let mut read = rows(Box::new(lines), encoding == Encoding::Windows1252)?;
    if encoding == Encoding::Windows1252 {
        let warning = "the file is not UTF-8 and was read as Windows-1252; look whether letters with accents are right in the \
                       names, or save it as CSV UTF-8";
        read.warnings.push(warning.to_owned());
    }
    let kind = format!("CSV, {}, {separators}", encoding.name());
    Ok(Content { kind, rows: read.rows, warnings: read.warnings })
}

/// How letters are written. Decided for the file as a whole, since a password in a wrong guess would be another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf8Marked,
    Utf16,
    Windows1252,
}

impl Encoding {
    /// Text that holds any letter of UTF-8 is UTF-8: in another encoding it would be a strange pair of signs. Cells of it
    /// that are not are told row by row.
    fn of(bytes: &[u8]) -> Self {
        match Mark::of(bytes) {
            Some(Mark::Utf8) => Self::Utf8Marked,
            Some(Mark::Utf16Le | Mark::Utf16Be) => Self::Utf16,
            None => {
                let broken = bytes.utf8_chunks().any(|chunk| !chunk.invalid().is_empty());
                let letters = bytes.utf8_chunks().any(|chunk| !chunk.valid().is_ascii());
                if broken && !letters { Self::Windows1252 } else { Self::Utf8 }
            }
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf8Marked => "UTF-8 with a mark",
            Self::Utf16 => "UTF-16",
            Self::Windows1252 => "Windows-1252",
        }
    }
}
