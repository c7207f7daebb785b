//! A header: finds the columns in any order and letter case, and tells what is missing, misspelt or unknown.

use std::borrow::Cow;

use super::layout::{Layout, alike, is_password, letters};
use super::record::Record;
use super::table::Mapping;
use super::{clean, decode};
use crate::code::RowCode;
use crate::report::{Effect, Problem};

/// How many columns without a name of the standard are told one by one.
const MAX_UNKNOWN: usize = 20;

/// The header cannot be used; why.
pub(super) type Unusable = Vec<Problem>;

/// Looks at a header.
pub(super) struct Head<'a> {
    pub(super) layout: &'static Layout,
    /// The file's name.
    pub(super) file: Cow<'static, str>,
    /// What somebody said that headers mean.
    pub(super) mapping: &'a Mapping,
}

impl Head<'_> {
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
        let mapped: Vec<Option<&str>> = header.iter().map(|name| self.mapped(name)).collect();
        for column in self.layout.columns {
            let said = mapped.contains(&Some(column.key));
            let fits = |(at, name): &(usize, &String)| match mapped.get(*at).copied().flatten() {
                Some(key) => key == column.key,
                None => !said && self.layout.is(column, name),
            };
            let mut found = header.iter().enumerate().filter(fits);
            let place = found.next().map(|(at, _)| at);
            if found.next().is_some() {
                let reason = if self.layout.loose {
                    "two columns can be this one; say which with --map"
                } else {
                    "the column is there twice"
                };
                problems.push(self.problem(line, Some(column.name), RowCode::E12, reason));
            } else if place.is_none() && column.required {
                let close =
                    header.iter().find(|name| is_header && !self.layout.knows(name) && alike(name, column.name));
                let reason = match close {
                    Some(name) => format!("the column is missing; `{name}` looks like it, correct the header"),
                    None if self.layout.loose => "the column is missing; say which one it is with --map".to_owned(),
                    None => "the column is missing".to_owned(),
                };
                problems.push(self.problem(line, Some(column.name), RowCode::E01, reason));
            }
            places.push(place);
        }
        for (name, _) in self.mapping.iter().filter(|(name, _)| !header.iter().any(|it| letters(it).eq(letters(name))))
        {
            let mut problem = self.problem(line, None, RowCode::E01, "the file has no such column, which --map names");
            problem.column = Some(name.clone().into());
            problems.push(problem);
        }
        if problems.is_empty() { Ok(places) } else { Err(problems) }
    }

    /// The field that somebody said a header means.
    fn mapped(&self, header: &str) -> Option<&str> {
        let said = self.mapping.iter().find(|(name, _)| letters(name).eq(letters(header)));
        said.filter(|_| !is_password(header)).map(|(_, key)| key.as_str())
    }

    /// Columns that nobody knows. Only told when the required ones are there: else the line may be no header but a
    /// person, and must not be repeated.
    pub(super) fn warnings(&self, line: u64, header: &[String], places: &[Option<usize>]) -> Vec<Problem> {
        let taken = |at: usize| places.contains(&Some(at));
        let unknown = header.iter().enumerate().filter(|(at, _)| !taken(*at)).map(|(_, name)| name);
        let unknown = unknown.filter(|name| !name.is_empty() && !self.layout.knows(name));
        let told = unknown.take(MAX_UNKNOWN).map(|name| {
            let absent = self.layout.columns.iter().zip(places).filter(|(_, place)| place.is_none());
            let close = absent.map(|(column, _)| column.name).find(|known| alike(name, known));
            let reason = close.map_or_else(
                || {
                    Cow::Borrowed(if self.layout.loose {
                        "nothing is known by this name; it is ignored, unless --map says what it is"
                    } else {
                        "the standard has no such column; it is ignored"
                    })
                },
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
        let (file, effect) = (self.file.clone(), Effect::File);
        Problem { file, line, column, code, effect, reason: reason.into(), shape: None }
    }
}
