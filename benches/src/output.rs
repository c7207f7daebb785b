//! What is printed; the only place where it is.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program's result and its complaint")]

use anyhow::Result;
use serde::Serialize;

/// Prints a result, as JSON or in words.
pub(crate) fn show<T: Serialize + ?Sized>(json: bool, result: &T, words: impl FnOnce(&T) -> String) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(result)?);
    } else {
        println!("{}", words(result));
    }
    Ok(())
}

/// Says what went wrong.
pub(crate) fn complain(text: &str) {
    eprintln!("{text}");
}

/// Says what is being done.
pub(crate) fn step(text: &str) {
    eprintln!("{text}");
}

/// Lines of cells, each column as wide as its widest cell.
pub(crate) fn columns(lines: &[Vec<String>]) -> String {
    let count = lines.iter().map(Vec::len).max().unwrap_or_default();
    let width = |at: usize| lines.iter().filter_map(|line| line.get(at)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..count).map(|at| width(at).unwrap_or_default()).collect();
    let line = |cells: &Vec<String>| {
        let padded: Vec<String> = cells
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(at, (cell, width))| if at == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") })
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The middle of several measurements; 0 of none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let lines = [vec!["a".to_owned(), "1".to_owned()], vec!["bcd".to_owned(), "12".to_owned()]];
        assert_eq!(columns(&lines), "a     1\nbcd  12");
    }

    #[test]
    fn the_median_is_the_middle_one() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!(median(Vec::new()).abs() < f64::EPSILON);
    }
}
