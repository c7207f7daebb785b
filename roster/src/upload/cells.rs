//! From the cells of one record to one row.

use keybell_shared::codes::Code;
use keybell_shared::upload::{About, Flaw, TITLES, UploadRow};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::bounds::SCRATCH;
use super::harm::harm;
use super::header::{self, Columns};
use crate::export::neutral::original;
use crate::text::{Record, clean, decode};

/// Numbers of the titles.
pub(super) const ACCOUNT: usize = 0;
pub(super) const USERNAME: usize = 1;
pub(super) const NEW_USERNAME: usize = 7;
pub(super) const NEW_PASSWORD: usize = 8;

/// How cells become text.
pub(super) struct Cells {
    columns: Columns,
    /// Whether text may be Windows-1252.
    legacy: bool,
    /// Whether the file keeps texts, numbers and formulas apart.
    typed: bool,
    /// A cell's text. So large that it never moves, which would leave a copy behind.
    text: Zeroizing<String>,
    cleaned: String,
}

impl Cells {
    pub(super) fn new(columns: Columns, legacy: bool, typed: bool) -> Self {
        let text = Zeroizing::new(String::with_capacity(SCRATCH));
        Self { columns, legacy, typed, text, cleaned: String::new() }
    }

    /// Reads a row. One that has a flaw has no password, and whatever else can be read.
    pub(super) fn row(&mut self, record: &Record) -> UploadRow {
        let mut row = blank(record.line);
        row.flaw = self.flaw(record);
        for nth in 0..TITLES.len() {
            let told = self.cell(nth, record);
            let text = self.text.as_str();
            let ours = || original(text.trim()).trim().to_owned();
            match nth {
                _ if told.is_err() => {}
                ACCOUNT => row.account = ours(),
                USERNAME => row.username = ours(),
                NEW_USERNAME => row.new_username = ours(),
                NEW_PASSWORD if row.flaw.is_none() => row.password = SecretString::from(Box::<str>::from(text)),
                NEW_PASSWORD => {}
                _ => {
                    clean(&original(text.trim()), &mut self.cleaned);
                    if let Some(about) = about(&mut row.about, nth) {
                        about.clone_from(&self.cleaned);
                    }
                }
            }
            if let (Err(flaw), None) = (told, &row.flaw) {
                row.flaw = Some(flaw);
            }
        }
        row
    }

    /// What is wrong with the row as a whole.
    fn flaw(&mut self, record: &Record) -> Option<Flaw> {
        let (width, columns) = (record.len(), self.columns.width);
        if record.nul {
            return Some(malformed("the row holds NUL bytes".to_owned()));
        }
        // In a workbook every cell says where it is, and empty ones are left out.
        let short = !self.typed && width < columns;
        if short || !record.is_blank_from(columns) {
            return Some(malformed(format!(
                "the row has {width} cells and the header {columns}; is there a separator too many or too few, or a \
                 quotation mark that is missing?"
            )));
        }
        let mut is_title = |nth: usize, title: &str| self.cell(nth, record).is_ok() && header::is(title, &self.text);
        let repeated = TITLES.iter().enumerate().all(|(nth, title)| is_title(nth, title));
        repeated.then(|| malformed("the header is repeated here; remove the row".to_owned()))
    }

    /// Puts the text of a cell into `text`.
    fn cell(&mut self, nth: usize, record: &Record) -> Result<(), Flaw> {
        let title = TITLES.get(nth).copied().unwrap_or_default();
        let flaw = |code: Code, reason: &str| Flaw { code, detail: format!("`{title}`: {reason}") };
        let place = self.columns.places.get(nth).copied().unwrap_or(usize::MAX);
        let bytes = record.field(place).unwrap_or_default();
        let was_legacy = decode(bytes, &mut self.text).map_err(|reason| flaw(Code::E11, reason))?;
        if was_legacy && !self.legacy {
            let reason = "the text is not UTF-8, and the rest of the file is; save the file as UTF-8 again";
            return Err(flaw(Code::E11, reason));
        }
        // Of the old encodings one is guessed. A name in the other one looks odd; a password or a username locks out.
        if was_legacy && [NEW_USERNAME, NEW_PASSWORD].contains(&nth) {
            let reason = "it has letters beyond a to z, and the file does not say how they are written; save the file as CSV \
                          UTF-8, or as XLSX";
            return Err(flaw(Code::E11, reason));
        }
        if let Some(reason) = harm(nth, record.kind(place), &self.text, self.typed) {
            return Err(flaw(Code::E12, reason));
        }
        let exact = [ACCOUNT, USERNAME, NEW_USERNAME, NEW_PASSWORD].contains(&nth);
        let text = if nth == NEW_PASSWORD { self.text.as_str() } else { self.text.trim() };
        if exact && text.chars().any(char::is_control) {
            return Err(flaw(Code::E12, "a line end, a tab or another control character is in it; write it again"));
        }
        Ok(())
    }
}

/// A row of which nothing is known yet.
pub(super) fn blank(line: u64) -> UploadRow {
    UploadRow {
        line,
        account: String::new(),
        username: String::new(),
        about: About::default(),
        new_username: String::new(),
        password: SecretString::default(),
        flaw: None,
    }
}

/// A row that cannot be read at all.
pub(super) fn unreadable(line: u64, reason: String) -> UploadRow {
    UploadRow { flaw: Some(malformed(reason)), ..blank(line) }
}

pub(super) fn malformed(detail: String) -> Flaw {
    Flaw { code: Code::E12, detail }
}

fn about(about: &mut About, nth: usize) -> Option<&mut String> {
    match nth {
        2 => Some(&mut about.given_name),
        3 => Some(&mut about.family_name),
        4 => Some(&mut about.role),
        5 => Some(&mut about.grade),
        6 => Some(&mut about.school),
        _ => None,
    }
}
