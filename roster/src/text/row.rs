//! One row, as cells.

use std::borrow::Cow;

use super::layout::Layout;
use crate::code::RowCode;
use crate::report::{Effect, Problem};
use crate::shape::shape;

/// A row, by the columns of its layout.
#[derive(Debug)]
pub(crate) struct Row {
    /// What is known of its file.
    pub(super) layout: &'static Layout,
    /// The file's name.
    pub(super) file: Cow<'static, str>,
    /// By column of the layout: its name, as the header spells it if it has it.
    pub(super) names: Vec<Cow<'static, str>>,
    /// By column of the layout: whether the file has it.
    pub(super) present: Vec<bool>,
    /// The line where it starts, from 1.
    pub(crate) line: u64,
    /// Its number among all rows of the file, good or bad, from 0.
    pub(crate) number: usize,
    /// By column of the layout.
    pub(super) cells: Vec<String>,
}

impl Row {
    /// The text of a column; empty if the file does not have it.
    pub(crate) fn get(&self, name: &str) -> &str {
        let place = self.layout.place(name);
        debug_assert!(place.is_some(), "{name} is no column of {}", self.layout.file);
        place.and_then(|place| self.cells.get(place)).map_or("", String::as_str)
    }

    /// The text of a column; empty if the file, or this kind of file, does not have it.
    pub(crate) fn find(&self, key: &str) -> &str {
        self.layout.place(key).and_then(|place| self.cells.get(place)).map_or("", String::as_str)
    }

    /// Whether the file has a column.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.layout.place(key).and_then(|place| self.present.get(place)).copied().unwrap_or(false)
    }

    /// Whether files of this kind can have a column.
    pub(crate) fn knows(&self, key: &str) -> bool {
        self.layout.place(key).is_some()
    }

    /// The parts of a column that holds a list: `a, b`.
    pub(crate) fn list(&self, name: &str) -> impl Iterator<Item = &str> {
        self.get(name).split(',').map(str::trim).filter(|part| !part.is_empty())
    }

    /// Says what is wrong with a column and leaves the row out.
    pub(crate) fn reject(&self, column: &'static str, code: RowCode, reason: impl Into<Cow<'static, str>>) -> Problem {
        self.problem(column, code, Effect::Row, reason)
    }

    /// Says what is wrong with a column and lets the row in.
    pub(crate) fn warn(&self, column: &'static str, code: RowCode, reason: impl Into<Cow<'static, str>>) -> Problem {
        self.problem(column, code, Effect::Warning, reason)
    }

    /// The name of a column, as the header spells it.
    pub(crate) fn name(&self, key: &'static str) -> Cow<'static, str> {
        self.layout.place(key).and_then(|place| self.names.get(place)).cloned().unwrap_or(Cow::Borrowed(key))
    }

    fn problem(
        &self,
        column: &'static str,
        code: RowCode,
        effect: Effect,
        reason: impl Into<Cow<'static, str>>,
    ) -> Problem {
        Problem {
            file: self.file.clone(),
            line: self.line,
            column: Some(self.name(column)),
            code,
            effect,
            reason: reason.into(),
            shape: Some(shape(self.find(column))),
        }
    }
}
