//! The little Markdown that descriptions use: paragraphs, lists with `-`, `code`, **bold**.

use super::html::escape;

/// A description as HTML.
pub(super) fn render(text: &str) -> String {
    let mut out = String::new();
    for block in text.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        if block.starts_with("- ") {
            let items = block.trim_start_matches("- ").split("\n- ").map(|item| format!("<li>{}</li>", inline(item)));
            out += &["<ul>", &items.collect::<Vec<_>>().concat(), "</ul>"].concat();
        } else {
            out += &["<p>", &inline(block), "</p>"].concat();
        }
    }
    out
}

/// One line's worth of text.
pub(super) fn inline(text: &str) -> String {
    between(&between(&escape(text), "`", "code"), "**", "strong")
}

/// Puts what stands between pairs of marks into an element.
fn between(text: &str, mark: &str, element: &str) -> String {
    let parts: Vec<&str> = text.split(mark).collect();
    if parts.len().is_multiple_of(2) {
        // A mark without its partner is text.
        return text.to_owned();
    }
    let dressed = |(at, part): (usize, &&str)| match at % 2 {
        0 => (*part).to_owned(),
        _ => format!("<{element}>{part}</{element}>"),
    };
    parts.iter().enumerate().map(dressed).collect()
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn what_descriptions_use_is_rendered_and_the_rest_is_text() {
        for (text, html) in [
            ("one\ntwo\n\nthree", "<p>one\ntwo</p><p>three</p>"),
            ("- `a`: b\n- c", "<ul><li><code>a</code>: b</li><li>c</li></ul>"),
            ("**Keys.** <b>", "<p><strong>Keys.</strong> &lt;b&gt;</p>"),
            ("a ` b", "<p>a ` b</p>"),
        ] {
            assert_eq!(render(text), html);
        }
    }
}
