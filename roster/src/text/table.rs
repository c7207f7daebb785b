//! A file with a header: gives rows as cells, and says what is wrong with the rest.

use std::borrow::Cow;
use std::io;

use super::damage::damage;
use super::header::{Head, Unusable};
use super::layout::Layout;
use super::record::Record;
use super::records::{Delimiter, Found, Lines};
use super::row::Row;
use super::{clean, decode};
use crate::code::RowCode;
use crate::report::{Effect, Problem};
use crate::shape::shape;

/// What [`Table::next`] found.
pub(crate) enum Next<'a> {
    /// A row.
    Row(&'a Row),
    /// A row that cannot be read.
    Bad(Problem),
    /// The end.
    End,
}

/// What somebody said that headers mean: a header, and the key of the column.
pub(crate) type Mapping = [(String, String)];

/// Reads a file that has a header.
pub(crate) struct Table<'a> {
    records: Box<dyn Lines + 'a>,
    record: Record,
    /// By column of the file: whether it is read.
    keep: Vec<bool>,
    /// By column of the layout: where it is in the file.
    places: Vec<Option<usize>>,
    header: Vec<String>,
    row: Row,
    rows: usize,
    legacy: bool,
    scratch: String,
    /// What was noticed and lets its row in.
    pub(crate) warnings: Vec<Problem>,
}

impl<'a> Table<'a> {
    /// Reads the header. The inner error says why the file cannot be used.
    pub(crate) fn open(
        mut records: Box<dyn Lines + 'a>,
        file: Cow<'static, str>,
        layout: &'static Layout,
        mapping: &Mapping,
    ) -> io::Result<Result<Self, Unusable>> {
        let mut record = Record::default();
        let head = Head { layout, file: file.clone(), mapping };
        let header = loop {
            match records.read(&[], &mut record)? {
                Found::End => return Ok(Err(vec![head.problem(0, None, RowCode::E01, "the file is empty")])),
                Found::Malformed(reason) => {
                    return Ok(Err(vec![head.problem(record.line, None, RowCode::E12, reason)]));
                }
                Found::Record if record.is_blank_from(0) => {}
                Found::Record => match head.names(&record) {
                    Ok(names) => break names,
                    Err(problem) => return Ok(Err(vec![problem])),
                },
            }
        };
        let places = match head.places(record.line, &header) {
            Ok(places) => places,
            Err(problems) => return Ok(Err(problems)),
        };
        let warnings = head.warnings(record.line, &header, &places);
        let keep = (0..header.len()).map(|at| places.contains(&Some(at))).collect();
        let names = layout.columns.iter().zip(&places).map(|(column, place)| {
            let spelt = place.and_then(|place| header.get(place)).filter(|_| layout.loose || column.key != column.name);
            spelt.map_or(Cow::Borrowed(column.name), |name| name.chars().take(40).collect::<String>().into())
        });
        let names = names.collect();
        let present = places.iter().map(Option::is_some).collect();
        let row =
            Row { layout, file, names, present, line: 0, number: 0, cells: vec![String::new(); layout.columns.len()] };
        let scratch = String::new();
        Ok(Ok(Self { records, record, keep, places, header, row, rows: 0, legacy: false, scratch, warnings }))
    }

    /// The header, and for each of its columns the key of the one that it is.
    pub(crate) fn header(&self) -> impl Iterator<Item = (&str, Option<&'static str>)> {
        let columns = self.row.layout.columns;
        self.header.iter().enumerate().map(move |(at, name)| {
            let place = self.places.iter().position(|place| *place == Some(at));
            (name.as_str(), place.and_then(|place| columns.get(place)).map(|column| column.key))
        })
    }

    /// What stands between two fields of the file.
    pub(crate) fn delimiter(&self) -> Option<Delimiter> {
        self.records.delimiter()
    }

    /// How many rows there were so far, good and bad.
    pub(crate) const fn rows(&self) -> usize {
        self.rows
    }

    /// Whether the file has a column.
    pub(crate) fn has(&self, column: &str) -> bool {
        let place = self.row.layout.place(column).and_then(|place| self.places.get(place));
        place.is_some_and(Option::is_some)
    }

    /// Reads the next row. Blank ones are passed over and not counted.
    pub(crate) fn next(&mut self) -> io::Result<Next<'_>> {
        loop {
            let found = self.records.read(&self.keep, &mut self.record)?;
            self.row.line = self.record.line;
            match found {
                Found::End => return Ok(Next::End),
                Found::Record if self.record.is_blank_from(0) => continue,
                Found::Record => {}
                Found::Malformed(reason) => {
                    self.rows += 1;
                    return Ok(Next::Bad(self.bad(None, RowCode::E12, reason)));
                }
            }
            self.row.number = self.rows;
            self.rows += 1;
            return Ok(match self.cells() {
                Ok(()) => Next::Row(&self.row),
                Err(problem) => Next::Bad(problem),
            });
        }
    }

    fn cells(&mut self) -> Result<(), Problem> {
        if self.record.nul {
            return Err(self.bad(None, RowCode::E12, "the row holds NUL bytes"));
        }
        let mut removed = None;
        for (at, column) in self.row.layout.columns.iter().enumerate() {
            let place = self.places.get(at).copied().flatten();
            let bytes = place.and_then(|place| self.record.field(place)).unwrap_or_default();
            let kind = place.map(|place| self.record.kind(place)).unwrap_or_default();
            let legacy = decode(bytes, &mut self.scratch).map_err(|reason| {
                let mut problem = self.bad(Some(at), RowCode::E11, reason);
                problem.shape = Some(format!("{} bytes", bytes.len()));
                problem
            })?;
            if legacy && !self.legacy {
                self.legacy = true;
                let mut warning = self.bad(
                    Some(at),
                    RowCode::W03,
                    "the text is not UTF-8; from this line on such text is read as Windows-1252",
                );
                warning.effect = Effect::Warning;
                self.warnings.push(warning);
            }
            if let Some(reason) = damage(kind, &self.scratch, column.identity) {
                let mut problem = self.bad(Some(at), RowCode::E15, reason);
                problem.shape = Some(shape(&self.scratch)).filter(|_| !self.scratch.is_empty());
                return Err(problem);
            }
            if let Some(cell) = self.row.cells.get_mut(at) {
                if column.exact {
                    cell.clear();
                    cell.push_str(self.scratch.trim_matches(' '));
                } else if clean(&self.scratch, cell) {
                    removed = Some(column.key);
                }
            }
        }
        self.check_width()?;
        if let Some(column) = removed {
            let warning = self.row.warn(column, RowCode::W07, "control or invisible characters were removed");
            self.warnings.push(warning);
        }
        Ok(())
    }

    fn check_width(&self) -> Result<(), Problem> {
        let (width, columns) = (self.record.len(), self.keep.len());
        let repeated = self.row.layout.columns.iter().zip(&self.places).zip(&self.row.cells);
        let header = |place: usize| self.header.get(place).map_or("", String::as_str);
        if repeated
            .filter_map(|((column, place), cell)| place.map(|place| (column, place, cell)))
            .all(|(column, place, cell)| cell.eq_ignore_ascii_case(header(place)) || self.row.layout.is(column, cell))
        {
            return Err(self.bad(None, RowCode::E12, "the header is repeated here"));
        }
        if !self.record.is_blank_from(columns) {
            let reason = format!("the row has {width} columns and the header {columns}");
            return Err(self.bad(None, RowCode::E12, reason));
        }
        let cut = self.row.layout.columns.iter().zip(&self.places);
        let cut = cut.enumerate().find(|(_, (column, place))| column.required && place.is_some_and(|it| it >= width));
        if let Some((at, _)) = cut {
            let reason = format!("the row ends before this column: it has {width} columns and the header {columns}");
            return Err(self.bad(Some(at), RowCode::E12, reason));
        }
        Ok(())
    }

    fn bad(&self, column: Option<usize>, code: RowCode, reason: impl Into<Cow<'static, str>>) -> Problem {
        Problem {
            file: self.row.file.clone(),
            line: self.row.line,
            column: column.and_then(|at| self.row.names.get(at)).cloned(),
            code,
            effect: Effect::Row,
            reason: reason.into(),
            shape: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Column, Records};
    use super::*;

    static LAYOUT: Layout = Layout {
        file: "users.csv",
        columns: &[Column::required("id"), Column::required("name"), Column::optional("email")],
        known: &["password"],
        prefixes: &["metadata."],
        loose: false,
    };

    fn table(text: &str) -> Result<Table<'_>, Unusable> {
        Table::open(Box::new(Records::new(text.as_bytes()).unwrap()), LAYOUT.file.into(), &LAYOUT, &[]).unwrap()
    }

    fn read(text: &str) -> (Vec<Result<Vec<String>, String>>, Vec<String>) {
        let mut table = table(text).ok().unwrap();
        let mut rows = Vec::new();
        loop {
            match table.next().unwrap() {
                Next::Row(row) => rows.push(Ok(row.cells.clone())),
                Next::Bad(problem) => rows.push(Err(problem.to_string())),
                Next::End => break,
            }
        }
        assert_eq!(rows.len(), table.rows());
        (rows, table.warnings.iter().map(ToString::to_string).collect())
    }

    fn cells(cells: [&str; 3]) -> Vec<String> {
        cells.map(ToOwned::to_owned).to_vec()
    }

    #[test]
    fn columns_are_found_in_any_order_and_case() {
        let (rows, warnings) = read("Name , PASSWORD,ID,metadata.x\nAnn,secret,1,y\n");
        assert_eq!(rows, [Ok(cells(["1", "Ann", ""]))]);
        assert!(warnings.is_empty());
    }

    #[test]
    fn ragged_rows_are_told_unless_only_optional_cells_are_missing() {
        let (rows, _) = read("id,name,email\n1,Ann\n2\n3,Bob,,\n4,Cid,x,y\n,,\n\n ,\n");
        assert_eq!(rows[0], Ok(cells(["1", "Ann", ""])));
        assert_eq!(
            rows[1].as_ref().unwrap_err(),
            "users.csv:3 name E12 the row ends before this column: it has 1 columns and the header 3"
        );
        assert_eq!(rows[2], Ok(cells(["3", "Bob", ""])));
        assert_eq!(rows[3].as_ref().unwrap_err(), "users.csv:5 E12 the row has 4 columns and the header 3");
        assert_eq!(rows.len(), 4);
    }

    #[test]
    fn a_repeated_header_and_nul_bytes_are_told() {
        let (rows, _) = read("id,name,email\nID,Name, EMAIL\n1,A\0nn,x\n");
        assert_eq!(rows[0].as_ref().unwrap_err(), "users.csv:2 E12 the header is repeated here");
        assert_eq!(rows[1].as_ref().unwrap_err(), "users.csv:3 E12 the row holds NUL bytes");
    }

    #[test]
    fn unknown_and_misspelt_columns_are_told() {
        let (_, warnings) = read("id,name,emial,shoe\n");
        assert_eq!(
            warnings,
            [
                "users.csv:1 emial W02 ignored; it looks like `email`, correct the header to use it",
                "users.csv:1 shoe W02 the standard has no such column; it is ignored",
            ]
        );
    }

    #[test]
    fn unusable_headers_are_told_and_never_repeated() {
        for (text, told) in [
            ("", "users.csv E01 the file is empty"),
            ("\n\n", "users.csv E01 the file is empty"),
            ("1,Hunter2\n", "users.csv:1 id E01 the column is missing"),
            ("id,nmae\n", "users.csv:1 name E01 the column is missing; `nmae` looks like it, correct the header"),
            ("id,name,name\n", "users.csv:1 name E12 the column is there twice"),
            (
                "i\0d\0,\0",
                "users.csv:1 E11 the header holds NUL bytes, so this may be UTF-16 without a mark; export it as UTF-8",
            ),
        ] {
            let problems = table(text).err().unwrap();
            assert_eq!(problems[0].to_string(), told);
            assert!(problems.iter().all(|problem| !problem.to_string().contains("Hunter2")));
        }
    }
}
