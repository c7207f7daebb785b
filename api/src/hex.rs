//! Lower-case hexadecimal, as it stands in API keys and cursors.

use std::fmt::Write as _;

/// Writes bytes as lower-case hexadecimal.
pub(crate) fn write(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

/// Reads exactly `N` bytes of lower-case hexadecimal.
pub(crate) fn read<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

const fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn bytes_survive_and_anything_else_is_refused() {
        assert_eq!(super::write(&[0, 0xaf, 9]), "00af09");
        assert_eq!(super::read::<3>("00af09"), Some([0, 0xaf, 9]));
        for wrong in ["", "00af0", "00af0g", "00AF09", "00af0900", "00é09"] {
            assert_eq!(super::read::<3>(wrong), None, "{wrong}");
        }
    }
}
