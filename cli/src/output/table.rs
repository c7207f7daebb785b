//! Tables whose columns line up, also with wide characters, and that fit the terminal: a column that can spare
//! characters is shortened, a text is broken into lines, and what matters least is left out. What the next command needs
//! (ids, names) is always whole.

use anstyle::Style;
use unicode_width::UnicodeWidthStr as _;

use super::colour::{FAINT, HEAD};

/// The space between two columns.
const GAP: usize = 2;
/// A text that is broken into lines has at least this room.
const TEXT: usize = 24;

/// A column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    head: &'static str,
    right: bool,
    wraps: bool,
    /// It may be cut to so many characters.
    least: Option<usize>,
    /// The highest goes first when there is no room; 0 stays.
    rank: u8,
}

/// A column of words.
pub(crate) const fn words(head: &'static str) -> Column {
    Column { head, right: false, wraps: false, least: None, rank: 0 }
}

/// A column of numbers.
pub(crate) const fn numbers(head: &'static str) -> Column {
    Column { right: true, ..words(head) }
}

/// The last column: a text that may be broken into lines.
pub(crate) const fn text(head: &'static str) -> Column {
    Column { wraps: true, ..words(head) }
}

impl Column {
    /// It may be left out when there is no room; the highest rank goes first.
    pub(crate) const fn rank(self, rank: u8) -> Self {
        Self { rank, ..self }
    }

    /// It may be cut to so many characters.
    pub(crate) const fn least(self, least: usize) -> Self {
        Self { least: Some(least), ..self }
    }
}

/// A cell.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    style: Option<Style>,
}

impl Cell {
    /// In this colour.
    pub(crate) fn styled(text: impl Into<String>, style: Style) -> Self {
        Self { text: harmless(text.into()), style: Some(style) }
    }
}

/// A text that cannot steer a terminal: names and addresses come from rosters and from callers.
fn harmless(text: String) -> String {
    let steers = |c: char| {
        c.is_control() || matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.contains(steers) { text.replace(steers, "\u{fffd}") } else { text }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: harmless(text.into()), style: None }
    }
}

/// The table, in at most `width` columns where that is possible, without a line end at its end.
pub(crate) fn render(columns: &[Column], rows: &[Vec<Cell>], width: Option<usize>, coloured: bool) -> String {
    let shown = fit(columns, rows, width);
    let mut lines = Vec::with_capacity(rows.len() + 2);
    let heads: Vec<Cell> = columns.iter().map(|column| Cell::styled(column.head, HEAD)).collect();
    let rule: Vec<Cell> = columns.iter().map(|_| Cell::styled("", FAINT)).collect();
    lines.extend(line(columns, &shown, &heads, coloured, false));
    lines.extend(line(columns, &shown, &rule, coloured, true));
    for row in rows {
        lines.extend(line(columns, &shown, row, coloured, false));
    }
    lines.join("\n")
}

/// The columns that are shown, by their index, with their widths.
fn fit(columns: &[Column], rows: &[Vec<Cell>], width: Option<usize>) -> Vec<(usize, usize)> {
    let natural = |index: usize, column: &Column| {
        let cells = rows.iter().filter_map(|row| row.get(index)).map(|cell| cell.text.width());
        cells.chain([column.head.width()]).max().unwrap_or_default()
    };
    let mut shown: Vec<(usize, usize)> =
        columns.iter().enumerate().map(|(index, column)| (index, natural(index, column))).collect();
    let Some(width) = width else { return shown };
    let all = shown.clone();
    loop {
        let whole = shown.clone();
        if shorten(columns, &mut shown, width) {
            return refill(columns, &all, shown, width);
        }
        let rank = |(index, _): &(usize, usize)| columns.get(*index).map_or(0, |column| column.rank);
        let Some(rank) = whole.iter().map(rank).max().filter(|rank| *rank > 0) else { return shown };
        // What goes makes room for what was shortened.
        shown = whole.into_iter().filter(|one| columns.get(one.0).is_none_or(|column| column.rank != rank)).collect();
    }
}

/// Takes back what was left out and fits after all, the most important first.
fn refill(columns: &[Column], all: &[(usize, usize)], shown: Vec<(usize, usize)>, width: usize) -> Vec<(usize, usize)> {
    let mut gone: Vec<(usize, usize)> =
        all.iter().copied().filter(|one| shown.iter().all(|kept| kept.0 != one.0)).collect();
    gone.sort_by_key(|one| columns.get(one.0).map_or(0, |column| column.rank));
    let mut shown = shown;
    for one in gone {
        let used: usize = shown.iter().map(|(_, width)| width + GAP).sum();
        if used + one.1 <= width {
            shown.push(one);
        }
    }
    shown.sort_unstable();
    shown
}

/// Shortens what may be shortened. Answers whether the rest fits.
fn shorten(columns: &[Column], shown: &mut [(usize, usize)], width: usize) -> bool {
    let mut excess = (shown.iter().map(|(_, width)| width + GAP).sum::<usize>()).saturating_sub(GAP + width);
    for (index, own) in shown.iter_mut() {
        let Some(column) = columns.get(*index) else { continue };
        let least = if column.wraps { Some(TEXT) } else { column.least };
        let spare = own.saturating_sub(least.unwrap_or(*own)).min(excess);
        *own -= spare;
        excess -= spare;
    }
    excess == 0
}

fn line(columns: &[Column], shown: &[(usize, usize)], cells: &[Cell], coloured: bool, rule: bool) -> Vec<String> {
    let mut broken: Vec<Vec<String>> = Vec::with_capacity(shown.len());
    for (index, width) in shown {
        let text = cells.get(*index).map_or("", |cell| cell.text.as_str());
        let wraps = columns.get(*index).is_some_and(|column| column.wraps);
        broken.push(match (rule, wraps) {
            (true, _) => vec!["─".repeat(*width)],
            (false, true) => wrap(text, *width),
            (false, false) => vec![cut(text, *width)],
        });
    }
    let height = broken.iter().map(Vec::len).max().unwrap_or(1);
    (0..height)
        .map(|number| {
            let parts: Vec<String> = shown
                .iter()
                .zip(&broken)
                .map(|((index, width), lines)| {
                    let text = lines.get(number).map_or("", String::as_str);
                    let right = columns.get(*index).is_some_and(|column| column.right);
                    let style = cells.get(*index).and_then(|cell| cell.style).filter(|_| coloured && !text.is_empty());
                    pad(text, *width, right, style)
                })
                .collect();
            parts.join("  ").trim_end().to_owned()
        })
        .collect()
}

fn pad(text: &str, width: usize, right: bool, style: Option<Style>) -> String {
    let space = " ".repeat(width.saturating_sub(text.width()));
    let text = style.map_or_else(|| text.to_owned(), |style| format!("{style}{text}{style:#}"));
    if right { format!("{space}{text}") } else { format!("{text}{space}") }
}

/// The text, cut at this width with a mark that it was cut.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for character in text.chars() {
        kept.push(character);
        if kept.width() + 1 > width {
            kept.pop();
            break;
        }
    }
    kept + "…"
}

/// The text in lines of at most this width, broken at spaces; a word that is longer stays whole.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(texts: &[&[&str]]) -> Vec<Vec<Cell>> {
        texts.iter().map(|row| row.iter().map(|text| Cell::from(*text)).collect()).collect()
    }

    #[test]
    fn columns_line_up_also_with_wide_characters() {
        let rows = rows(&[&["told", "7"], &["日本語", "120"], &["e\u{301}", "1"]]);
        let text = render(&[words("what"), numbers("n")], &rows, None, false);
        assert_eq!(text, "what      n\n──────  ───\ntold      7\n日本語  120\ne\u{301}         1");
        assert!(text.lines().all(|line| line.width() == 11), "{text}");
    }

    #[test]
    fn no_cell_steers_the_terminal() {
        let rows = rows(&[&["\u{1b}[31mred\u{7}", "a\u{202e}b\nc"]]);
        let text = render(&[words("url"), words("by")], &rows, None, false);
        assert!(text.ends_with("\u{fffd}[31mred\u{fffd}  a\u{fffd}b\u{fffd}c"), "{text:?}");
    }

    #[test]
    fn a_narrow_terminal_shortens_then_drops_and_never_cuts_an_id() {
        let columns = [words("task"), words("by").least(4), numbers("total").rank(1), numbers("silent").rank(2)];
        let rows = rows(&[&["0198f2f0-0000-7000", "somebody", "12", "3"]]);
        let at = |width| render(&columns, &rows, Some(width), false);
        assert!(at(80).contains("somebody") && at(80).contains("silent"));
        assert!(at(40).contains("some…") || at(40).contains("som…"), "{}", at(40));
        assert!(!at(34).contains("silent") && at(34).contains("total"), "{}", at(34));
        let narrow = at(10);
        assert!(narrow.contains("0198f2f0-0000-7000") && narrow.contains("som…") && !narrow.contains("12"), "{narrow}");
        for width in 24..80 {
            assert!(at(width).lines().all(|line| line.width() <= width), "{width}: {}", at(width));
        }
    }

    #[test]
    fn a_text_is_broken_into_lines_below_itself() {
        let rows = rows(&[&["N02", "reset, but nobody could be told: no usable contact"]]);
        let text = render(&[words("code"), text("meaning")], &rows, Some(36), false);
        let lines: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(lines, ["N02   reset, but nobody could be", "      told: no usable contact"]);
    }

    #[test]
    fn colours_do_not_move_anything() {
        let plain = vec![vec![Cell::from("a"), Cell::from("1")]];
        let coloured = vec![vec![Cell::styled("a", HEAD), Cell::from("1")]];
        let columns = [words("name"), numbers("n")];
        let stripped = render(&columns, &coloured, None, true)
            .replace("\u{1b}[1m", "")
            .replace("\u{1b}[2m", "")
            .replace("\u{1b}[0m", "");
        assert_eq!(stripped, render(&columns, &plain, None, false));
    }
}
