//! A header: finds the columns in any order and letter case, and tells what is missing, misspelt or unknown.

use std::borrow::Cow;

use super::layout::{Layout, alike};
use super::record::Record;
use super::{clean, decode};
use crate::code::RowCode;
use crate::report::{Effect, Problem};

/// How many columns without a name of the standard are told one by one.
const MAX_UNKNOWN: usize = 20;

/// The header cannot be used; why.
pub(super) type Unusable = Vec<Problem>;

/// Looks at a header.
pub(super) struct Head {
    pub(super) layout: &'static Layout,
}

impl Head {
    /// The names, decoded and cleaned.
    pub(super) fn names(&self, record: &Record) -> Result<Vec<String>, Problem> {
        if record.nul {
            let reason = "the header holds NUL bytes, so this may be UTF-16 without a mark; export it as UTF-8";
            return Err(self.problem(record.line, None, RowCode::E11, reason));
        }
        let mut names = Vec::with_capacity(record.len());
        let (mut text, mut name) = (String::new(), String::new());
        for at in 0..record.len() {
            decode(record.field(at).unwrap_or_default(), &mut text)
                .map_err(|reason| self.problem(record.line, None, RowCode::E11, reason))?;
            clean(&text, &mut name);
            names.push(name.clone());
        }
        // Columns without a name at the end come from trailing commas.
        while names.last().is_some_and(String::is_empty) {
            names.pop();
        }
        Ok(names)
    }

    /// By column of the layout: where it is in the file.
    pub(super) fn places(&self, line: u64, header: &[String]) -> Result<Vec<Option<usize>>, Unusable> {
        let mut problems = Vec::new();
        let mut places = Vec::new();
        // A line without any known column may be a person and must not be repeated.
        let is_header = header.iter().any(|name| self.layout.knows(name));
        for column in self.layout.columns {
            let mut found = header.iter().enumerate().filter(|(_, name)| name.eq_ignore_ascii_case(column.name));
            let place = found.next().map(|(at, _)| at);
            if found.next().is_some() {
                problems.push(self.problem(line, Some(column.name), RowCode::E12, "the column is there twice"));
            } else if place.is_none() && column.required {
                let close =
                    header.iter().find(|name| is_header && !self.layout.knows(name) && alike(name, column.name));
                let reason = close.map_or_else(
                    || "the column is missing".to_owned(),
                    |name| format!("the column is missing; `{name}` looks like it, correct the header"),
                );
                problems.push(self.problem(line, Some(column.name), RowCode::E01, reason));
            }
            places.push(place);
        }
        if problems.is_empty() { Ok(places) } else { Err(problems) }
    }

    /// Columns that nobody knows. Only told when the required ones are there: else the line may be no header but a
    /// person, and must not be repeated.
    pub(super) fn warnings(&self, line: u64, header: &[String], places: &[Option<usize>]) -> Vec<Problem> {
        let unknown = header.iter().filter(|name| !name.is_empty() && !self.layout.knows(name));
        let told = unknown.take(MAX_UNKNOWN).map(|name| {
            let absent = self.layout.columns.iter().zip(places).filter(|(_, place)| place.is_none());
            let close = absent.map(|(column, _)| column.name).find(|known| alike(name, known));
            let reason = close.map_or_else(
                || Cow::Borrowed("the standard has no such column; it is ignored"),
                |known| format!("ignored; it looks like `{known}`, correct the header to use it").into(),
            );
            let mut problem = self.problem(line, None, RowCode::W02, reason);
            problem.column = Some(name.chars().take(40).collect::<String>().into());
            problem.effect = Effect::Warning;
            problem
        });
        told.collect()
    }

    /// Something that is wrong with the header, which makes the file unusable.
    pub(super) fn problem(
        &self,
        line: u64,
        column: Option<&'static str>,
        code: RowCode,
        reason: impl Into<Cow<'static, str>>,
    ) -> Problem {
        let column = column.map(Cow::Borrowed);
        let (file, effect) = (self.layout.file.into(), Effect::File);
        Problem { file, line, column, code, effect, reason: reason.into(), shape: None }
    }
}
