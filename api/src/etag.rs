//! `If-None-Match` (RFC 9110, 13.1.2).

use axum::http::{HeaderMap, header};

/// Whether one of the caller's tags is `tag` (without its quotes), or any will do (`*`). Tags are compared weakly, as
/// this header wants it. A header that cannot be read is as good as none.
pub(crate) fn matches(headers: &HeaderMap, tag: &str) -> bool {
    let mut lines = Vec::new();
    for value in headers.get_all(header::IF_NONE_MATCH) {
        let Ok(text) = value.to_str() else { return false };
        lines.push(text.trim());
    }
    if lines == ["*"] {
        return true;
    }
    tags(&lines.join(",")).is_some_and(|tags| tags.contains(&tag))
}

/// The tags of a list; `None` when it is no list of tags. A tag may hold commas.
fn tags(list: &str) -> Option<Vec<&str>> {
    let mut found = Vec::new();
    let mut rest = list;
    loop {
        // Empty elements of a list are allowed.
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return Some(found);
        }
        let (tag, behind) = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"')?.split_once('"')?;
        if tag.contains([' ', '\t']) {
            return None;
        }
        found.push(tag);
        rest = behind.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn asked(lines: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::IF_NONE_MATCH, HeaderValue::from_str(line).expect("a header value"));
        }
        matches(&headers, "1-42")
    }

    #[test]
    fn tags_are_found_wherever_they_stand() {
        for lines in [
            &["\"1-42\""] as &[_],
            &["W/\"1-42\""],
            &[" \"a\" , \"1-42\" "],
            &["\"a,b\",\"1-42\""],
            &[",,\"1-42\","],
            &["\"a\"", "\"1-42\""],
            &["*"],
        ] {
            assert!(asked(lines), "{lines:?}");
        }
    }

    #[test]
    fn other_tags_and_what_is_none_match_nothing() {
        for lines in [
            &[] as &[_],
            &[""],
            &["\"1-43\""],
            &["1-42"],
            &["\"1-42"],
            &["w/\"1-42\""],
            &["\"a\" \"1-42\""],
            &["\"a, \"1-42\""],
            &["*, \"a\""],
            &["*", "*"],
        ] {
            assert!(!asked(lines), "{lines:?}");
        }
    }
}
