//! What a value looks like, for reports that must not repeat it.

type Is = fn(char) -> bool;

/// Describes a value without telling it: `empty`, `3 digits`, `9 letters`, `12 characters: letters, digits, signs`.
pub(crate) fn shape(value: &str) -> String {
    if value.is_empty() {
        return "empty".to_owned();
    }
    let kinds: [(&str, Is); 4] = [
        ("letters", char::is_alphabetic),
        ("digits", |c| c.is_numeric()),
        ("spaces", char::is_whitespace),
        ("signs", |c| !c.is_alphanumeric() && !c.is_whitespace()),
    ];
    let present: Vec<&str> = kinds.iter().filter(|(_, is)| value.chars().any(is)).map(|(name, _)| *name).collect();
    let count = value.chars().count();
    match present.as_slice() {
        [only] => counted(count, only),
        several => format!("{}: {}", counted(count, "characters"), several.join(", ")),
    }
}

fn counted(count: usize, plural: &str) -> String {
    let noun = if count == 1 { plural.strip_suffix('s').unwrap_or(plural) } else { plural };
    format!("{count} {noun}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_tell_nothing_of_the_value() {
        for (value, told) in [
            ("", "empty"),
            ("Anastasia", "9 letters"),
            ("007", "3 digits"),
            ("7", "1 digit"),
            ("  ", "2 spaces"),
            ("Müller", "6 letters"),
            ("a@b", "3 characters: letters, signs"),
            ("Pass word1!", "11 characters: letters, digits, spaces, signs"),
        ] {
            assert_eq!(shape(value), told);
        }
    }
}
