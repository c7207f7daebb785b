//! Looks for many secrets in many bytes at once, in every usual encoding.

use std::collections::HashMap;
use std::path::Path;

/// Secrets in all their encodings.
pub(crate) struct Search {
    /// Each encoded secret, by its first four bytes.
    by_start: HashMap<[u8; 4], Vec<(Vec<u8>, String)>>,
    /// Whether any begins with these two bytes: almost every place is ruled out by this.
    likely: Vec<bool>,
}

impl Search {
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut search = Self { by_start: HashMap::new(), likely: vec![false; 1 << 16] };
        for secret in secrets {
            for (encoding, bytes) in encodings(secret) {
                let start = *bytes.first_chunk::<4>().expect("a password is longer");
                search.likely[usize::from(u16::from_be_bytes([start[0], start[1]]))] = true;
                search.by_start.entry(start).or_default().push((bytes, format!("{secret} in {encoding}")));
            }
        }
        search
    }

    /// What is in these bytes.
    pub(crate) fn found_in(&self, bytes: &[u8]) -> Vec<&str> {
        let mut found = Vec::new();
        for (at, window) in bytes.windows(4).enumerate() {
            if !self.likely[usize::from(u16::from_be_bytes([window[0], window[1]]))] {
                continue;
            }
            let start = *window.first_chunk::<4>().expect("a window of four");
            for (secret, what) in self.by_start.get(&start).into_iter().flatten() {
                if bytes[at..].starts_with(secret) {
                    found.push(what.as_str());
                }
            }
        }
        found
    }

    /// What is in these files and everything below these folders, but for those that `leave_out` names. Answers how
    /// many bytes were read.
    pub(crate) fn none_in(&self, place: &Path, leave_out: &[&str]) -> usize {
        if place.is_dir() {
            let entries = std::fs::read_dir(place).expect("a readable folder");
            let paths = entries.map(|entry| entry.expect("an entry").path());
            let looked_at = |path: &Path| !leave_out.iter().any(|name| path.ends_with(name));
            return paths.filter(|path| looked_at(path)).map(|path| self.none_in(&path, leave_out)).sum();
        }
        let bytes = std::fs::read(place).expect("a readable file");
        let found = self.found_in(&bytes);
        assert!(found.is_empty(), "{} holds {} passwords, such as {:?}", place.display(), found.len(), found.first());
        bytes.len()
    }
}

fn encodings(secret: &str) -> Vec<(&'static str, Vec<u8>)> {
    let plain = secret.as_bytes();
    let wide = |order: fn(u16) -> [u8; 2]| secret.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    let hex = |text: fn(u8) -> String| plain.iter().map(|byte| text(*byte)).collect::<String>().into_bytes();
    let mut encodings = vec![
        ("clear", plain.to_vec()),
        ("reverse", plain.iter().rev().copied().collect()),
        ("UTF-16 LE", wide(u16::to_le_bytes)),
        ("UTF-16 BE", wide(u16::to_be_bytes)),
        ("hex", hex(|byte| format!("{byte:02x}"))),
        ("capital hex", hex(|byte| format!("{byte:02X}"))),
        ("a list of numbers", plain.iter().map(u8::to_string).collect::<Vec<_>>().join(", ").into_bytes()),
    ];
    // Within a longer text a password may begin at any of three places of a group.
    for (name, shift) in [("base64", 0), ("base64, shifted by 1", 1), ("base64, shifted by 2", 2)] {
        encodings.push((name, base64(plain, shift)));
    }
    encodings
}

/// The characters that depend on the secret alone, when so many other bytes stand before it in its group.
fn base64(secret: &[u8], shift: usize) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<bool> =
        secret.iter().flat_map(|byte| (0..8).rev().map(move |place| byte >> place & 1 == 1)).collect();
    // The first whole character begins so many bits into the secret.
    let first = (6 - shift * 8 % 6) % 6;
    let whole = bits[first..].chunks_exact(6);
    whole.map(|six| DIGITS[six.iter().fold(0, |value, bit| value << 1 | usize::from(*bit))]).collect()
}

#[test]
fn finds_each_encoding_wherever_it_stands() {
    let search = Search::new(["Otter-lamp-47", "Oat-maybe-41"]);
    for (at, (encoding, bytes)) in encodings("Otter-lamp-47").into_iter().enumerate() {
        let text = [&b"Otter-lam"[..], &vec![b'x'; at], &bytes, b"y"].concat();
        assert!(!search.found_in(&text).is_empty(), "{encoding}");
    }
    // base64 of "xOtter-lamp-47" and of "xyOtter-lamp-47!", made elsewhere.
    for text in ["eE90dGVyLWxhbXAtNDc=", "eHlPdHRlci1sYW1wLTQ3IQ==", "T3R0ZXItbGFtcC00Nw=="] {
        assert!(!search.found_in(text.as_bytes()).is_empty(), "{text}");
    }
    assert!(search.found_in(b"Otter-lamp-48 and Oat-maybe-40").is_empty());
}
