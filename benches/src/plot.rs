//! The costs of one account, drawn as SVG over the number of accounts, both axes logarithmic: flat is what is hoped for.

use crate::expansion::Row;

/// Size of the picture, in pixels.
const SIZE: (f64, f64) = (760.0, 440.0);

/// The frame within it: left, top, right, bottom.
const FRAME: (f64, f64, f64, f64) = (70.0, 50.0, 560.0, 380.0);

/// One line: its name, its colour, and its value at a number of accounts.
type Line = (&'static str, &'static str, fn(&Row) -> f64);

const LINES: [Line; 5] = [
    ("expansion, µs/account", "#1b5e9e", |row| row.expansion.seconds * 1e6 / f64::from(row.accounts)),
    ("confirmed dispatch, µs/item", "#b3541e", |row| row.dispatch.seconds * 1e6 / f64::from(row.accounts)),
    ("CPU of both, µs/account", "#3f7d3a", |row| row.expansion.cpu.sum() + row.dispatch.cpu.sum()),
    ("scheduler's memory, MiB", "#7a4a9c", |row| row.scheduler_mib),
    ("page of items, ms", "#5f6b73", |row| row.reads.of("page from the middle of the items")),
];

/// An axis: its lowest and highest power of ten, and the pixels of these.
#[derive(Clone, Copy)]
struct Axis {
    powers: (i32, i32),
    pixels: (f64, f64),
}

impl Axis {
    /// Wide enough for all values, and for one power of ten at least.
    fn over(values: impl Iterator<Item = f64>, pixels: (f64, f64)) -> Self {
        let positive: Vec<f64> = values.filter(|value| *value > 0.0).map(f64::log10).collect();
        let low = positive.iter().copied().fold(f64::INFINITY, f64::min);
        let high = positive.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let powers = if low.is_finite() { (whole((low + 1e-9).floor()), whole((high - 1e-9).ceil())) } else { (0, 1) };
        Self { powers: (powers.0, powers.1.max(powers.0 + 1)), pixels }
    }

    fn at(self, value: f64) -> f64 {
        let (low, high) = (f64::from(self.powers.0), f64::from(self.powers.1));
        let (from, to) = self.pixels;
        from + (value.max(1e-12).log10() - low) / (high - low) * (to - from)
    }

    /// The powers of ten on it.
    fn marks(self) -> impl Iterator<Item = f64> {
        (self.powers.0..=self.powers.1).map(|power| 10_f64.powi(power))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the logarithm of a finite number has two digits")]
const fn whole(value: f64) -> i32 {
    value as i32
}

/// The picture.
pub(crate) fn svg(rows: &[Row]) -> String {
    let (left, top, right, bottom) = FRAME;
    let across = Axis::over(rows.iter().map(|row| f64::from(row.accounts)), (left, right));
    let up = Axis::over(rows.iter().flat_map(|row| LINES.iter().map(|(.., of)| of(row))), (bottom, top));
    let mut out = vec![format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
        SIZE.0, SIZE.1
    )];
    text(&mut out, (left, 26.0), "start", "#111111", "What one account costs, by the size of the task");
    for mark in across.marks() {
        let x = across.at(mark);
        line(&mut out, (x, top), (x, bottom), "#dddddd", 1.0);
        text(&mut out, (x, bottom + 20.0), "middle", "#333333", &number(mark));
    }
    for mark in up.marks() {
        let y = up.at(mark);
        line(&mut out, (left, y), (right, y), "#dddddd", 1.0);
        text(&mut out, (left - 8.0, y + 4.0), "end", "#333333", &number(mark));
    }
    text(&mut out, (left.midpoint(right), bottom + 42.0), "middle", "#333333", "accounts of the task");
    let mut labels: Vec<(f64, &str, &str)> = Vec::new();
    for (name, colour, of) in LINES {
        let points: Vec<(f64, f64)> =
            rows.iter().map(|row| (across.at(f64::from(row.accounts)), up.at(of(row)))).collect();
        for (from, to) in points.iter().zip(points.iter().skip(1)) {
            line(&mut out, *from, *to, colour, 2.0);
        }
        for (x, y) in &points {
            out.push(format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"/>\n"));
        }
        labels.extend(points.last().map(|(_, y)| (*y, name, colour)));
    }
    for (y, name, colour) in apart(labels) {
        text(&mut out, (right + 12.0, y + 4.0), "start", colour, name);
    }
    out.push("</svg>\n".to_owned());
    out.concat()
}

/// Moves labels down until none covers the one above.
fn apart(mut labels: Vec<(f64, &'static str, &'static str)>) -> Vec<(f64, &'static str, &'static str)> {
    labels.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut free = f64::NEG_INFINITY;
    for (y, ..) in &mut labels {
        *y = y.max(free);
        free = *y + 17.0;
    }
    labels
}

fn line(out: &mut Vec<String>, from: (f64, f64), to: (f64, f64), colour: &str, width: f64) {
    let ((x1, y1), (x2, y2)) = (from, to);
    out.push(format!(
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{colour}\" stroke-width=\"{width}\"/>\n"
    ));
}

fn text(out: &mut Vec<String>, at: (f64, f64), anchor: &str, colour: &str, words: &str) {
    let (x, y) = at;
    out.push(format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{words}</text>\n"));
}

/// A power of ten as people write it.
fn number(value: f64) -> String {
    if value < 1.0 {
        return format!("{value}");
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_labels_kept_apart() {
        assert_eq!(number(1_000_000.0), "1,000,000");
        assert_eq!(number(0.1), "0.1");
        let kept = apart(vec![(10.0, "b", ""), (9.0, "a", "")]);
        assert_eq!(kept.iter().map(|label| label.1).collect::<Vec<_>>(), ["a", "b"]);
        assert!(kept[1].0 - kept[0].0 >= 17.0);
    }

    #[test]
    fn an_axis_goes_from_power_to_power() {
        let axis = Axis::over([20.0, 450.0].into_iter(), (0.0, 100.0));
        assert_eq!(axis.powers, (1, 3));
        assert!((axis.at(100.0) - 50.0).abs() < 1e-9);
    }
}
