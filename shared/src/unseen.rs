//! Characters that leave no mark: two texts that look the same would be different ones.

/// Whether a character is never seen. Spaces are, by the gap that they leave.
#[must_use]
pub const fn is_unseen(c: char) -> bool {
    is_never_typed(c)
        || matches!(
            c,
            '\u{34F}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180D}' | '\u{200C}' | '\u{200D}'
                | '\u{FE00}'..='\u{FE0F}' | '\u{E0000}'..='\u{E0FFF}'
        )
}

/// Whether it is never seen, and belongs to no sign that somebody types either: directions, blanks without width, marks of
/// byte order and annotations. Joiners and selectors are not among them, for they are parts of letters and emoji.
#[must_use]
pub const fn is_never_typed(c: char) -> bool {
    matches!(
        c,
        '\u{AD}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}'
            | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF9}'..='\u{FFFB}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_no_mark_is_unseen_and_parts_of_emoji_can_be_typed() {
        for unseen in ['\u{200b}', '\u{202e}', '\u{ad}', '\u{feff}', '\u{2066}'] {
            assert!(is_unseen(unseen) && is_never_typed(unseen), "{unseen:?}");
        }
        for part in "👩\u{200d}👩\u{200d}👧☃\u{fe0f}".chars() {
            assert!(!is_never_typed(part), "{part:?}");
        }
        for seen in "aé 李ñ_-.'👧\u{a0}".chars() {
            assert!(!is_unseen(seen), "{seen:?}");
        }
    }
}
