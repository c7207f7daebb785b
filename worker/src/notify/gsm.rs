//! How long a text is as an SMS: the alphabet of GSM 03.38, in which one message holds 160 characters.

/// One message's room, in septets.
pub(super) const ONE_MESSAGE: usize = 160;

/// The basic alphabet, without the escape.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// The extension table: each takes two septets.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// The text's length in septets; `None` when it needs the other alphabet (UCS-2, 70 characters per message).
pub(super) fn septets(text: &str) -> Option<usize> {
    text.chars().try_fold(0, |sum, c| {
        if BASIC.contains(c) {
            Some(sum + 1)
        } else if EXTENSION.contains(c) {
            Some(sum + 2)
        } else {
            None
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_septets() {
        assert_eq!(BASIC.chars().count(), 127);
        assert_eq!(septets("Otter-lamp-47"), Some(13));
        assert_eq!(septets("[€]"), Some(6));
        assert_eq!(septets("Зоя"), None);
        assert_eq!(septets("ç"), None);
    }
}
