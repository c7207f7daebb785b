//! A roster in a workbook. The packed files are looked at before a library reads them: how many, how long, how well packed,
//! and that none holds one text of a size that would have to be in memory at once.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use calamine::{Reader as _, SheetType, SheetVisible, Xlsx};
use zeroize::Zeroizing;

use super::archive::{Bounded, Entry, MAX_TOTAL, Unusable, survey};
use super::safe;
use crate::error::RosterError;
use crate::text::{Lines, Workbook, worksheet_rows};

/// How long the parts of a workbook may be, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// All together.
    pub(crate) total: u64,
    /// A worksheet.
    pub(crate) sheet: u64,
    /// Another part. The texts that cells share are kept in memory.
    pub(crate) part: u64,
}

/// A roster's: a million rows of ten columns.
const ROSTER: Bounds = Bounds { total: MAX_TOTAL, sheet: 512 * 1024 * 1024, part: 96 * 1024 * 1024 };
/// How far the styles are looked through for number formats.
const MAX_STYLES: usize = 1024 * 1024;
/// The most bytes between two tags.
const MAX_TEXT: usize = 256 * 1024;

/// One worksheet of a workbook.
#[derive(Debug)]
pub(crate) struct Book {
    pub(super) path: PathBuf,
    /// The worksheet that is read.
    pub(super) sheet: String,
    /// The visible worksheets that are not.
    pub(super) others: Vec<String>,
}

impl Book {
    /// Opens a workbook: the worksheet of this name, or the first that is visible.
    pub(super) fn open(path: &Path, sheet: Option<&str>) -> Result<Self, RosterError> {
        let (book, _) = open(path)?;
        let unreadable = |reason: &str| RosterError::Unreadable { path: path.to_owned(), reason: reason.to_owned() };
        let (sheet, others) = choose(&book, sheet).map_err(unreadable)?;
        let others = others.iter().map(|name| format!("worksheet `{name}`")).collect();
        Ok(Self { path: path.to_owned(), sheet, others })
    }

    /// Reads the rows.
    pub(super) fn lines<T>(&self, with: impl FnOnce(Box<dyn Lines + '_>) -> T) -> std::io::Result<T> {
        // The file may have been exchanged since it was looked at, so it is looked at again.
        let (mut book, padded) = open(&self.path).map_err(std::io::Error::other)?;
        Ok(with(worksheet_rows(&mut book, &self.sheet, padded)?))
    }
}

/// The worksheet of this name, or the first that is visible; and the names of the visible ones that are not read.
pub(crate) fn choose<R: Read + Seek>(
    book: &Workbook<R>,
    sheet: Option<&str>,
) -> Result<(String, Vec<String>), &'static str> {
    let all = book.sheets_metadata().iter().filter(|it| it.typ == SheetType::WorkSheet);
    let mut seen = false;
    let is_chosen = |it: &&calamine::Sheet| match sheet {
        Some(name) => it.name == name,
        None => it.visible == SheetVisible::Visible && !std::mem::replace(&mut seen, true),
    };
    let (chosen, others): (Vec<_>, Vec<_>) = all.partition(is_chosen);
    let chosen = chosen.first().ok_or(if sheet.is_some() {
        "the workbook has no worksheet of that name"
    } else {
        "the workbook has no worksheet that can be seen"
    })?;
    let others = others.iter().filter(|it| it.visible == SheetVisible::Visible).map(|it| safe(&it.name));
    Ok((chosen.name.clone(), others.collect()))
}

fn open(path: &Path) -> Result<(Workbook<File>, usize), RosterError> {
    let file = File::open(path)
        .map_err(|error| RosterError::Unreadable { path: path.to_owned(), reason: error.to_string() })?;
    open_in(file, ROSTER).map_err(|error| error.at(path))
}

/// Opens a workbook and looks at its parts; also answers how many digits it shows of numbers that it fills up with zeros.
pub(crate) fn open_in<R: Read + Seek>(file: R, bounds: Bounds) -> Result<(Workbook<R>, usize), Unusable> {
    let (mut zip, parts) = survey(file, bounds.total)?;
    let mut padded = 0;
    for (name, entry) in parts {
        let name = name.to_ascii_lowercase();
        let kind = Path::new(&name).extension().and_then(|kind| kind.to_str());
        if !matches!(kind, Some("xml" | "rels")) {
            continue;
        }
        let most = if name.starts_with("xl/worksheets/") { bounds.sheet } else { bounds.part };
        let Entry { index, size } = entry;
        if size > most {
            return Err(Unusable::Unsafe(format!("a part of the workbook is larger than {most} bytes")));
        }
        let part = zip.by_index(index).map_err(|error| unreadable(&error))?;
        let mut styles = Vec::new();
        let longest = look(Bounded { inner: part, left: size }, |bytes| {
            if name == "xl/styles.xml" && styles.len() < MAX_STYLES {
                styles.extend_from_slice(bytes);
            }
        });
        padded = padded.max(zeros(&styles));
        if longest.map_err(|error| unreadable(&error))? > MAX_TEXT {
            return Err(Unusable::Unsafe("a cell of the workbook is longer than 256 KiB".to_owned()));
        }
    }
    let mut input = zip.into_inner();
    input.rewind().map_err(|error| unreadable(&error))?;
    let damaged = |_| {
        let reason = "the workbook is damaged; open it in a spreadsheet program and save it again";
        Unusable::Unreadable(reason.to_owned())
    };
    Ok((Xlsx::new(BufReader::new(input.into_inner())).map_err(damaged)?, padded))
}

fn unreadable(error: &dyn std::fmt::Display) -> Unusable {
    Unusable::Unreadable(error.to_string())
}

/// Reads a part to its end; answers the most bytes between two tags.
fn look(mut part: impl Read, mut each: impl FnMut(&[u8])) -> std::io::Result<usize> {
    let mut buffer = Zeroizing::new(vec![0; 64 * 1024]);
    let (mut run, mut longest) = (0, 0);
    loop {
        let count = part.read(&mut buffer)?;
        let bytes = buffer.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(longest);
        }
        each(bytes);
        for piece in bytes.split_inclusive(|byte| *byte == b'<') {
            run += piece.len();
            longest = longest.max(run);
            if piece.ends_with(b"<") {
                run = 0;
            }
        }
    }
}

/// The most zeros of a number format that fills numbers up: `formatCode="00000"`.
fn zeros(styles: &[u8]) -> usize {
    let code = b"formatCode=\"";
    let formats = styles.windows(code.len()).enumerate().filter(|(_, window)| *window == code);
    let counts = formats.map(|(at, _)| {
        let format = styles.get(at + code.len()..).unwrap_or_default();
        let zeros = format.iter().take_while(|byte| **byte == b'0').count();
        if format.get(zeros).is_some_and(|end| matches!(end, b'"' | b';')) { zeros } else { 0 }
    });
    counts.filter(|zeros| *zeros > 1).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_that_fill_up_with_zeros_are_seen() {
        for (styles, zeros_seen) in [
            (r#"<numFmt formatCode="00000"/><numFmt formatCode="000;@"/>"#, 5),
            (r##"<numFmt formatCode="0.00"/><numFmt formatCode="0"/><numFmt formatCode="#,##0"/>"##, 0),
            ("", 0),
        ] {
            assert_eq!(zeros(styles.as_bytes()), zeros_seen, "{styles}");
        }
    }

    #[test]
    fn the_longest_text_is_measured_over_blocks() {
        let text = format!("<a>{}</a><b>x</b>", "y".repeat(200_000));
        assert_eq!(look(text.as_bytes(), |_| {}).unwrap(), 200_000 + "a>".len() + 1);
    }
}
