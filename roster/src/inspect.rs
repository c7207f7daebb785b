//! Looking at a roster before it is imported: what it is, how each file is written, what its columns mean, and what would
//! become of its rows in a district without anybody. Of a roster of changes that is not known of every row: what refers to
//! something that only the district can have is said to be not judged.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use keybell_shared::eligibility::Ranks;
use keybell_shared::ids::DistrictId;
use keybell_shared::ports::ledger::{
    Changed, Class, Enrolment, LedgerResult, Organisation, Person, PersonChange, RosterLedger, RowFate, School,
};
use keybell_shared::standing::Resolved;
use serde::Serialize;

use crate::code::RowCode;
use crate::error::RosterError;
use crate::import::{import, open};
use crate::options::Options;
use crate::recognise::Format;
use crate::report::Report;
use crate::source::Source;
use crate::text::{Delimiter, Layout, Mark, Table, is_password};

/// What a column of a file is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ColumnView {
    /// Its header.
    pub header: String,
    /// The field that is read from it; `None` if it is not read.
    pub field: Option<&'static str>,
    /// Why it is not read.
    pub note: Option<&'static str>,
}

/// How a file is written and what its columns mean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileView {
    /// Its name.
    pub file: Cow<'static, str>,
    /// The worksheet, of a workbook.
    pub sheet: Option<String>,
    /// How its text is encoded; `None` in a workbook.
    pub encoding: Option<&'static str>,
    /// The byte-order mark that it begins with.
    pub mark: Option<Mark>,
    /// What stands between two fields; `None` in a workbook.
    pub delimiter: Option<Delimiter>,
    /// Its columns, if the header can be used.
    pub columns: Vec<ColumnView>,
}

/// What a look at a roster showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// What it is.
    pub format: Format,
    /// The version that it tells of itself, if it does.
    pub version: String,
    /// Its files, in the order of reading.
    pub files: Vec<FileView>,
    /// Whether it has changes only: then who is in the district already counts as new here, and rows that refer to what only the
    /// district can have are not judged.
    pub partial: bool,
    /// What an import into a district without anybody would report.
    pub report: Report,
}

/// Looks at a roster. Nothing is stored.
pub async fn inspect(path: &Path, options: Options) -> Result<Inspection, RosterError> {
    let (owned, asked) = (path.to_owned(), options.clone());
    let opening = tokio::task::spawn_blocking(move || open(&owned, &asked).map(|(_, roster)| roster.is_partial()));
    let partial = opening.await.map_err(|_| RosterError::Stopped)??;
    let nobody = Arc::new(Nobody { partial, ids: Mutex::default() });
    let report = import(path, options.clone(), DistrictId::fresh(), nobody, |_| {}).await?;
    let path = path.to_owned();
    let legacy: HashSet<String> =
        report.problems.iter().filter(|it| it.code == RowCode::W03).map(|it| it.file.to_string()).collect();
    let looking = tokio::task::spawn_blocking(move || {
        let (source, roster) = open(&path, &options)?;
        let layouts = roster.layouts(&source).into_iter().filter(|layout| source.has(layout.file));
        let files: Vec<FileView> = layouts.map(|layout| view(&source, layout, &options, &legacy)).collect();
        Ok::<_, RosterError>((roster.format(), roster.version().to_owned(), files))
    });
    let (format, version, files) = looking.await.map_err(|_| RosterError::Stopped)??;
    Ok(Inspection { format, version, files, partial, report })
}

fn view(source: &Source, layout: &'static Layout, options: &Options, legacy: &HashSet<String>) -> FileView {
    let file = source.shown(layout.file);
    // A file that cannot be read is told by the report.
    let mark = source.mark(layout.file).ok().flatten();
    let encoding = match mark {
        _ if source.sheet().is_some() => None,
        Some(Mark::Utf16Le | Mark::Utf16Be) => Some("UTF-16"),
        Some(Mark::Utf8) | None if legacy.contains(&*file) => Some("Windows-1252"),
        Some(Mark::Utf8) | None => Some("UTF-8"),
    };
    let mut view = FileView {
        file: file.clone(),
        sheet: source.sheet().map(ToOwned::to_owned),
        encoding,
        mark,
        delimiter: None,
        columns: Vec::new(),
    };
    let opened = source.lines(layout.file, |lines| {
        let mut delimiter = lines.delimiter();
        let mut columns = Vec::new();
        if let Ok(Ok(table)) = Table::open(lines, file, layout, &options.mapping) {
            delimiter = table.delimiter();
            columns = table.header().map(|(header, field)| column(layout, header, field)).collect();
        }
        (delimiter, columns)
    });
    (view.delimiter, view.columns) = opened.unwrap_or_default();
    view
}

fn column(layout: &Layout, header: &str, field: Option<&'static str>) -> ColumnView {
    let note = match field {
        Some(_) => None,
        None if is_password(header) => Some("password: never read"),
        None if layout.knows(header) => Some("not needed"),
        None => Some("unknown: ignored"),
    };
    ColumnView { header: header.chars().take(80).collect(), field, note }
}

impl Inspection {
    /// The inspection for a terminal.
    #[must_use]
    pub fn table(&self) -> String {
        let mut out = format!("{}\n", title(self.format, &self.version));
        for file in &self.files {
            let sheet = file.sheet.as_ref().map(|sheet| format!("worksheet `{sheet}`"));
            let mark = file.mark.map(|_| "with a byte-order mark".to_owned());
            let delimiter = file.delimiter.map(|delimiter| format!("fields end with a {}", name_of(delimiter)));
            let about = [sheet, file.encoding.map(ToOwned::to_owned), mark, delimiter];
            let about: Vec<String> = about.into_iter().flatten().collect();
            push(&mut out, &format!("\n{}: {}", file.file, about.join(", ")));
            let width = file.columns.iter().map(|column| column.header.chars().count()).max().unwrap_or(0).min(48);
            for column in &file.columns {
                let means =
                    column.field.map_or_else(|| format!("({})", column.note.unwrap_or("")), |it| format!("→ {it}"));
                push(&mut out, &format!("  {:<width$}  {means}", column.header));
            }
        }
        out.push('\n');
        if self.partial {
            push(&mut out, PARTIAL);
        }
        out + &self.report.table()
    }
}

/// What a look at a roster of changes cannot know.
const PARTIAL: &str = "This roster has changes only, and the district is not asked. Whoever is in the district already counts as\n\
     created here. Rows that refer to what only the district can have are not judged (W10).\n";

/// What a roster is, in one line.
pub(crate) fn title(format: Format, version: &str) -> String {
    if version.is_empty() { format!("This is {format}.") } else { format!("This is {format}, version {version}.") }
}

fn push(out: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _written = writeln!(out, "{line}");
}

const fn name_of(delimiter: Delimiter) -> &'static str {
    match delimiter {
        Delimiter::Comma => "comma",
        Delimiter::Semicolon => "semicolon",
        Delimiter::Tab => "tab",
        Delimiter::Pipe => "pipe",
    }
}

/// A ledger of nobody, which keeps nothing but the ids.
#[derive(Debug)]
struct Nobody {
    /// Whether what is unknown here may be in the district.
    partial: bool,
    ids: Mutex<Ids>,
}

#[derive(Debug, Default)]
struct Ids {
    schools: HashSet<String>,
    classes: HashSet<String>,
    people: HashSet<String>,
}

impl Nobody {
    fn with<T>(&self, fates: impl FnOnce(&mut Ids) -> T) -> T {
        fates(&mut self.ids.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The fate of a row that would be `fate` if nobody were in the district.
    const fn unless_known(&self, fate: RowFate) -> RowFate {
        if self.partial { RowFate::Unjudged } else { fate }
    }
}

const fn fate(active: bool) -> RowFate {
    if active { RowFate::Created } else { RowFate::Inactive }
}

#[async_trait]
impl RosterLedger for Nobody {
    async fn put_schools(&self, _: DistrictId, rows: &[School]) -> LedgerResult<Vec<RowFate>> {
        let put = |ids: &mut Ids, row: &School| {
            ids.schools.insert(row.source_id.clone());
            fate(row.active)
        };
        Ok(self.with(|ids| rows.iter().map(|row| put(ids, row)).collect()))
    }

    async fn put_classes(&self, _: DistrictId, rows: &[Class]) -> LedgerResult<Vec<RowFate>> {
        let put = |ids: &mut Ids, row: &Class| {
            if !ids.schools.contains(&row.school) {
                return self.unless_known(RowFate::Dangling);
            }
            ids.classes.insert(row.source_id.clone());
            fate(row.active)
        };
        Ok(self.with(|ids| rows.iter().map(|row| put(ids, row)).collect()))
    }

    async fn put_people(&self, _: DistrictId, rows: &[Person]) -> LedgerResult<Vec<RowFate>> {
        let put = |ids: &mut Ids, row: &Person| {
            let known = row.memberships.iter().filter(|place| ids.schools.contains(&place.school)).count();
            if row.active && known < row.memberships.len() && (known == 0 || self.partial) {
                return self.unless_known(RowFate::Dangling);
            }
            ids.people.insert(row.source_id.clone());
            fate(row.active)
        };
        Ok(self.with(|ids| rows.iter().map(|row| put(ids, row)).collect()))
    }

    async fn change_people(
        &self,
        district: DistrictId,
        ranks: &Ranks,
        rows: &[PersonChange],
    ) -> LedgerResult<Vec<Changed>> {
        let mut answers = Vec::with_capacity(rows.len());
        for row in rows {
            let (fate, kin) = match (row.roles.resolve(None, ranks), &row.person) {
                (Resolved::Standing { standing, .. }, Some(person)) => {
                    let person = standing.clone().of_person(person);
                    let fates = self.put_people(district, &[person]).await?;
                    (fates.first().copied().unwrap_or(RowFate::Dangling), standing.kin)
                }
                (Resolved::Unsaid, Some(person)) if !person.active => (RowFate::Inactive, false),
                (Resolved::Unsaid, None) => (self.unless_known(RowFate::Inactive), false),
                (Resolved::Unsaid | Resolved::Partial, Some(_)) => (self.unless_known(RowFate::Unsaid), false),
                (Resolved::Standing { .. } | Resolved::Partial, None) => (self.unless_known(RowFate::Dangling), false),
            };
            answers.push(Changed { fate, kin, roleless: false });
        }
        Ok(answers)
    }

    async fn not_kin(&self, _: DistrictId, _: &[String]) -> LedgerResult<Vec<String>> {
        Ok(Vec::new())
    }

    async fn put_organisations(&self, _: DistrictId, _: &[Organisation]) -> LedgerResult<()> {
        Ok(())
    }

    async fn organisations(&self, _: DistrictId) -> LedgerResult<Vec<Organisation>> {
        Ok(Vec::new())
    }

    async fn schools(&self, _: DistrictId) -> LedgerResult<Option<Vec<String>>> {
        Ok((!self.partial).then(|| self.with(|ids| ids.schools.iter().cloned().collect())))
    }

    async fn link_guardians(
        &self,
        _: DistrictId,
        links: &[(String, Vec<String>)],
    ) -> LedgerResult<Vec<(String, String)>> {
        let pairs =
            links.iter().flat_map(|(ward, guardians)| guardians.iter().map(move |it| (ward.clone(), it.clone())));
        Ok(self.with(|ids| pairs.filter(|(_, guardian)| !(self.partial || ids.people.contains(guardian))).collect()))
    }

    async fn put_enrolments(&self, _: DistrictId, rows: &[Enrolment]) -> LedgerResult<Vec<RowFate>> {
        let put = |ids: &Ids, row: &Enrolment| {
            let known = ids.classes.contains(&row.class) && ids.people.contains(&row.person);
            if known { fate(row.active) } else { self.unless_known(RowFate::Dangling) }
        };
        Ok(self.with(|ids| rows.iter().map(|row| put(ids, row)).collect()))
    }
}
