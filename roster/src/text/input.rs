//! The start of a file: takes away a byte-order mark and turns UTF-16 into UTF-8.

use std::io::{self, Cursor, Read};

use encoding_rs::{CoderResult, Decoder, UTF_16BE, UTF_16LE};
use zeroize::Zeroizing;

use super::wiped::Wiped;

/// The byte-order mark that a file begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub enum Mark {
    /// That of UTF-8.
    #[serde(rename = "utf-8")]
    Utf8,
    /// That of UTF-16 with the low byte first.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// That of UTF-16 with the high byte first.
    #[serde(rename = "utf-16be")]
    Utf16Be,
}

impl Mark {
    /// The mark that these first bytes are.
    pub(crate) fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0xEF, 0xBB, 0xBF, ..] => Some(Self::Utf8),
            [0xFF, 0xFE, ..] => Some(Self::Utf16Le),
            [0xFE, 0xFF, ..] => Some(Self::Utf16Be),
            _ => None,
        }
    }
}

/// Wraps a file so that what comes out is UTF-8 or some single-byte encoding, without a mark.
pub(crate) fn decoded<'a>(mut file: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut head = Vec::with_capacity(3);
    file.by_ref().take(3).read_to_end(&mut head)?;
    let utf16 = match Mark::of(&head) {
        Some(Mark::Utf8) => return Ok(Box::new(file)),
        Some(Mark::Utf16Le) => UTF_16LE,
        Some(Mark::Utf16Be) => UTF_16BE,
        None => return Ok(Box::new(Cursor::new(head).chain(file))),
    };
    let rest = head.split_off(2);
    let input = Cursor::new(rest).chain(file);
    Ok(Box::new(Utf16 {
        input,
        decoder: utf16.new_decoder_without_bom_handling(),
        text: Wiped::default(),
        at: 0,
        ended: false,
    }))
}

struct Utf16<R> {
    input: R,
    decoder: Decoder,
    text: Wiped,
    at: usize,
    ended: bool,
}

impl<R: Read> Utf16<R> {
    fn refill(&mut self) -> io::Result<()> {
        let mut raw = Zeroizing::new([0_u8; 8192]);
        let count = self.input.read(raw.as_mut_slice())?;
        let raw = raw.get(..count).unwrap_or_default();
        self.ended = raw.is_empty();
        let room = self.decoder.max_utf8_buffer_length(count).unwrap_or(4 * raw.len() + 16);
        self.text.clear();
        self.text.resize(room);
        // The buffer holds the longest text that these bytes can become, so one call takes them all. Broken pairs turn
        // into U+FFFD, which the cell refuses.
        let (result, _, written, _) = self.decoder.decode_to_utf8(raw, self.text.bytes(), self.ended);
        debug_assert_eq!(result, CoderResult::InputEmpty);
        self.text.resize(written);
        self.at = 0;
        Ok(())
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.text.len() && !self.ended {
            self.refill()?;
        }
        let mut ready = self.text.get(self.at..).unwrap_or_default();
        let count = ready.read(into)?;
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        let mut text = String::new();
        decoded(bytes).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn marks_are_taken_away_and_utf16_is_turned() {
        assert_eq!(text(b"\xEF\xBB\xBFabc"), "abc");
        assert_eq!(text(b"ab"), "ab");
        assert_eq!(text(b""), "");
        let long = "Zoë 李 😀,".repeat(4000);
        let little: Vec<u8> = "\u{FEFF}".encode_utf16().chain(long.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        assert_eq!(text(&little), long);
        let big: Vec<u8> = "\u{FEFF}".encode_utf16().chain(long.encode_utf16()).flat_map(u16::to_be_bytes).collect();
        assert_eq!(text(&big), long);
    }
}
