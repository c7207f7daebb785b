//! One cell: from bytes to text, and free of characters that nobody can see.

use encoding_rs::WINDOWS_1252;
use zeroize::Zeroizing;

/// The five bytes that Windows-1252 does not define.
const UNDEFINED: [u8; 5] = [0x81, 0x8D, 0x8F, 0x90, 0x9D];

/// Decodes a cell into `text` as UTF-8, else as Windows-1252; answers whether the latter was needed.
///
/// Decided cell by cell, so that one row in another encoding does not garble the names of all others. A cell that mixes
/// both, uses bytes that Windows-1252 does not define, or holds U+FFFD (an earlier program lost letters) is refused.
pub(crate) fn decode(bytes: &[u8], text: &mut String) -> Result<bool, &'static str> {
    text.clear();
    let legacy = std::str::from_utf8(bytes).map(|utf8| text.push_str(utf8)).is_err();
    if legacy {
        if bytes.utf8_chunks().any(|chunk| !chunk.valid().is_ascii()) {
            return Err("the text mixes UTF-8 with another encoding");
        }
        if bytes.iter().any(|byte| UNDEFINED.contains(byte)) {
            return Err("the text is neither UTF-8 nor Windows-1252; export it as UTF-8");
        }
        // It may be a password, of which no copy shall be left.
        text.push_str(&Zeroizing::new(WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned()));
    }
    if text.contains('\u{FFFD}') {
        return Err("letters were lost before the file came here (U+FFFD); export it again as UTF-8");
    }
    Ok(legacy)
}

/// Trims a text and takes out what nobody can see: controls, text direction marks, zero-width spaces and tags. Line ends
/// and tabs become spaces, joiners stay (scripts and emoji need them). Answers whether anything was taken out.
pub(crate) fn clean(text: &str, into: &mut String) -> bool {
    into.clear();
    let text = text.trim();
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        into.push_str(text);
        return false;
    }
    let mut changed = false;
    for c in text.chars() {
        match c {
            '\t' | '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                changed = true;
                into.push(' ');
            }
            c if c.is_control() || is_removed(c) => changed = true,
            c => into.push(c),
        }
    }
    if changed {
        let trimmed = into.trim().to_owned();
        *into = trimmed;
    }
    changed
}

fn is_removed(c: char) -> bool {
    matches!(c, '\u{200B}' | '\u{2060}' | '\u{FEFF}' | '\u{E0000}'..='\u{E007F}') || is_direction(c)
}

fn is_direction(c: char) -> bool {
    matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf8_else_windows_1252_else_refused() {
        let mut text = String::new();
        assert_eq!(decode("Müller".as_bytes(), &mut text), Ok(false));
        assert_eq!(text, "Müller");
        assert_eq!(decode(b"M\xFCller", &mut text), Ok(true));
        assert_eq!(text, "Müller");
        assert_eq!(decode(b"\x93x\x94", &mut text), Ok(true));
        assert_eq!(text, "\u{201C}x\u{201D}");
        for broken in [b"M\x81".as_slice(), b"M\xFCller \xC3\xBC", "Mu\u{FFFD}oz".as_bytes()] {
            assert!(decode(broken, &mut text).is_err());
        }
    }

    #[test]
    fn cleaning_takes_out_what_cannot_be_seen() {
        let mut text = String::new();
        assert!(!clean("  Ana María ", &mut text));
        assert_eq!(text, "Ana María");
        assert!(clean("A\u{202E}na\nMar\u{7}ía\u{200B} ", &mut text));
        assert_eq!(text, "Ana María");
        assert!(!clean("👨\u{200D}👩\u{200D}👧", &mut text));
        assert_eq!(text, "👨\u{200D}👩\u{200D}👧");
    }
}
