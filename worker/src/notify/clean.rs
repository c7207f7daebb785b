//! Makes foreign text harmless: names for messages, and answers of servers for the ledger and the log.

use zeroize::Zeroizing;

/// The longest name that is put into a message, in characters.
const NAME_CHARS: usize = 200;

/// The longest answer that is kept, in characters.
const DETAIL_CHARS: usize = 200;

/// A name as it may stand in a message: without control characters (a line break would begin a new header or line) and
/// without bidirectional controls and other invisible characters that make text look like something else. `None` when
/// nothing is left.
pub(super) fn name(text: &str) -> Option<String> {
    let kept: String = text.chars().filter(|&c| !is_hidden(c)).take(NAME_CHARS).collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

/// What a server said, as one short line and without the password, should the server have repeated it.
pub(super) fn detail(text: &str, password: &str) -> String {
    // A blank password hides nothing, and replacing it would never end well.
    let text = if password.trim().is_empty() {
        Zeroizing::new(text.to_owned())
    } else {
        Zeroizing::new(text.replace(password, "[removed]"))
    };
    let line: String = text.chars().map(|c| if is_hidden(c) { ' ' } else { c }).take(DETAIL_CHARS).collect();
    line.trim().to_owned()
}

/// Controls (C0, C1, DEL), line and paragraph separators, bidirectional controls, byte-order mark, tags block.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{061C}'
                | '\u{200E}'
                | '\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2066}'..='\u{2069}'
                | '\u{FEFF}'
                | '\u{FFF9}'..='\u{FFFB}'
                | '\u{E0000}'..='\u{E007F}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_script_and_lose_controls() {
        for kept in ["José", "Зоя", "李小龍", "𠮷野", "नेहा", "می‌خواهم", "👩‍👩‍👧", "O'Neil-Ñ", "İlker ß"]
        {
            assert_eq!(name(kept).as_deref(), Some(kept));
        }
        assert_eq!(name("Eve\r\nBcc: x@y.org").as_deref(), Some("EveBcc: x@y.org"));
        assert_eq!(name("\u{202E}evil\u{2066}\u{1b}[31m").as_deref(), Some("evil[31m"));
        assert_eq!(name(" \u{0}\u{FEFF} "), None);
        assert_eq!(name(&"é".repeat(1_000)).map(|name| name.chars().count()), Some(200));
    }

    #[test]
    fn answers_are_short_single_lines_without_the_password() {
        assert_eq!(detail("554 spam:\r\nOtter-lamp-47 seen", "Otter-lamp-47"), "554 spam:  [removed] seen");
        assert_eq!(detail(&"x".repeat(5_000), "Otter-lamp-47").len(), 200);
        assert_eq!(detail("550 no", ""), "550 no");
    }
}
