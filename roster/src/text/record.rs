//! One record: its fields as bytes.

use super::wiped::Wiped;

/// One record. Reused from row to row.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// The line where it starts, from 1.
    pub(crate) line: u64,
    /// Whether a NUL byte is in it.
    pub(crate) nul: bool,
    data: Wiped,
    fields: Vec<Field>,
}

/// What a field was before it was text. Files of text know only the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text.
    #[default]
    Text,
    /// A number.
    Number,
    /// A number with fewer digits than the workbook shows of some of its numbers.
    Padded,
    /// A truth value.
    Truth,
    /// A date, a time or a duration.
    Date,
    /// The result of a formula, whatever it is.
    Formula,
    /// An error of a formula.
    Error,
}

/// Where a field is.
#[derive(Debug)]
pub(super) struct Field {
    start: usize,
    end: usize,
    blank: bool,
    kind: Kind,
}

impl Record {
    /// How many fields it has.
    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    /// The bytes of a field; none for a field that was not to be kept.
    pub(crate) fn field(&self, at: usize) -> Option<&[u8]> {
        self.fields.get(at).and_then(|field| self.data.get(field.start..field.end))
    }

    /// What a field was before it was text.
    pub(crate) fn kind(&self, at: usize) -> Kind {
        self.fields.get(at).map_or(Kind::Text, |field| field.kind)
    }

    /// Whether all fields from this one on hold nothing, or only spaces.
    pub(crate) fn is_blank_from(&self, at: usize) -> bool {
        self.fields.iter().skip(at).all(|field| field.blank)
    }

    /// Starts anew.
    pub(super) fn begin(&mut self, line: u64) {
        self.line = line;
        self.nul = false;
        self.data.clear();
        self.fields.clear();
    }

    /// Starts a field.
    pub(super) fn field_begins(&self) -> Field {
        Field { start: self.data.len(), end: self.data.len(), blank: true, kind: Kind::Text }
    }

    /// A whole field; copies it only if it is to be kept.
    pub(super) fn whole(&mut self, text: &str, kind: Kind, keep: bool) {
        let mut field = self.field_begins();
        field.kind = kind;
        field.blank = kind == Kind::Text && text.trim().is_empty();
        if keep {
            self.data.extend(text.as_bytes());
        }
        self.field_ends(field);
    }

    /// Adds a byte to a field; copies it only if the field is to be kept.
    pub(super) fn push(&mut self, field: &mut Field, byte: u8, keep: bool) {
        self.nul |= byte == 0;
        field.blank &= byte.is_ascii_whitespace();
        if keep {
            self.data.push(byte);
        }
    }

    /// Adds bytes to a field; the same as one by one.
    pub(super) fn extend(&mut self, field: &mut Field, bytes: &[u8], keep: bool) {
        self.nul |= bytes.contains(&0);
        field.blank = field.blank && bytes.iter().all(u8::is_ascii_whitespace);
        if keep {
            self.data.extend(bytes);
        }
    }

    /// Ends a field.
    pub(super) fn field_ends(&mut self, mut field: Field) {
        field.end = self.data.len();
        self.fields.push(field);
    }

    /// How many bytes were copied.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.data.len()
    }
}
