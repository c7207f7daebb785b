//! Workbooks: what their cells are, and which worksheet is read.

use std::io::{Cursor, Write as _};

use rust_xlsxwriter::{ExcelDateTime, Format as Style, Formula, Workbook, Worksheet};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

/// A workbook with the titles and what is written below.
fn book(write: impl FnOnce(&mut Worksheet)) -> Vec<u8> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write_row(0, 0, TITLES).expect("titles");
    write(sheet);
    book.save_to_buffer().expect("saved")
}

fn row(sheet: &mut Worksheet, row: u32, account: &str, password: &str) {
    let cells = [account, "ann", "Ann", "Brown", "student", "3", "North", "", password];
    sheet.write_row(row, 0, cells).expect("row");
}

/// A zip of these texts.
pub(super) fn zip_of(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in parts {
        zip.start_file(*name, SimpleFileOptions::default()).expect("part");
        zip.write_all(text.as_bytes()).expect("text");
    }
    zip.finish().expect("zip").into_inner()
}

#[test]
fn a_workbook_is_read_as_it_stands_and_its_passwords_to_the_letter() {
    let passwords = [" lead and trail ", "'=1+1", "=1+1", "00123", "pä😀", "_x0041_", "<&>\"", "1.23457E+11", "#NAME?"];
    let bytes = book(|sheet| {
        for (n, password) in (1..).zip(passwords) {
            row(sheet, 2 * n, "a1", password);
        }
    });
    let file = read(&bytes).expect("read");
    assert_eq!(file.kind, "XLSX, worksheet Sheet1");
    assert_eq!(told(&file).into_iter().map(|[.., password]| password).collect::<Vec<_>>(), passwords);
    assert_eq!(file.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [3, 5, 7, 9, 11, 13, 15, 17, 19]);
    assert!(file.warnings.is_empty(), "{:?}", file.warnings);
}

#[test]
fn cells_that_are_no_text_are_told_where_text_matters_and_nowhere_else() {
    let took = |what: &str| {
        format!("the spreadsheet program took it for {what}; format the column as text and write it again")
    };
    let bytes = book(|sheet| {
        let day = Style::new().set_num_format("d-mmm");
        let date = ExcelDateTime::from_ymd(2026, 1, 2).expect("date");
        let formula = |text: &str, result: &str| Formula::new(text).set_result(result);
        for line in 1..=9 {
            row(sheet, line, "a1", "Hunter2!");
        }
        sheet.write_number(1, 0, 12.0).expect("cell");
        sheet.write_number(2, 1, 123.0).expect("cell");
        sheet.write_number_with_format(3, 7, 5.0, &Style::new().set_num_format("0000000")).expect("cell");
        sheet.write_number(4, 8, 20_261_234.0).expect("cell");
        sheet.write_datetime_with_format(5, 8, date, &day).expect("cell");
        sheet.write_formula(6, 8, formula("=A1&B1", "Hunter2!")).expect("cell");
        sheet.write_formula(7, 1, formula("=1/0", "#DIV/0!")).expect("cell");
        sheet.write_boolean(8, 8, true).expect("cell");
        // Nothing is done with what stands in these.
        sheet.write_number(9, 5, 4.0).expect("cell");
        sheet.write_formula(9, 6, formula("=A1", "North")).expect("cell");
        sheet.write_boolean(9, 3, true).expect("cell");
    });
    let file = read(&bytes).expect("read");
    let flaw = |line: u64, title: &str, reason: &str| (line, Some(format!("`{title}`: {reason}")));
    let found: Vec<(u64, Option<String>)> =
        flaws(&file).into_iter().map(|(line, flaw)| (line, flaw.map(|(_, detail)| detail.to_owned()))).collect();
    assert_eq!(
        found,
        [
            flaw(2, "Account", &took("a number")),
            flaw(3, "Username", &took("a number")),
            flaw(4, "New username", &took("a number")),
            flaw(5, "New password", &took("a number")),
            flaw(6, "New password", &took("a date")),
            flaw(7, "New password", "the cell holds a formula; format the column as text and write it again"),
            flaw(
                8,
                "Username",
                "the cell holds an error of the spreadsheet; format the column as text and write it again"
            ),
            flaw(9, "New password", &took("a truth value")),
            (10, None),
        ]
    );
    assert!(file.rows.iter().all(|row| row.flaw.as_ref().is_none_or(|flaw| flaw.code == Code::E12)));
    let about = &file.rows[8].about;
    assert_eq!((about.grade.as_str(), about.school.as_str(), about.family_name.as_str()), ("4", "North", "true"));
}

#[test]
fn the_worksheet_of_the_export_is_found_and_others_are_named() {
    let mut two = Workbook::new();
    two.add_worksheet().set_name("My notes").expect("name").write_row(0, 0, ["hello", "world"]).expect("row");
    let sheet = two.add_worksheet().set_name("Accounts").expect("name");
    sheet.write_row(0, 0, TITLES).expect("titles");
    row(sheet, 1, "a1", "p");
    two.add_worksheet().set_name("Read me").expect("name");
    let file = read(&two.save_to_buffer().expect("saved")).expect("read");
    assert_eq!((file.kind.as_str(), file.rows.len()), ("XLSX, worksheet Accounts", 1));
    assert_eq!(file.warnings, ["the worksheet `My notes` is not read"]);
}

#[test]
fn wide_and_long_rows_of_a_workbook_are_told() {
    let bytes = book(|sheet| {
        row(sheet, 1, "a1", "p");
        sheet.write_string(1, 300, "far away").expect("cell");
        row(sheet, 2, "a2", &"x".repeat(5000));
        row(sheet, 3, "a3", "line\nend");
        row(sheet, 4, "a4", "p");
        sheet.write_string(4, 9, "no title").expect("cell");
        row(sheet, 5, "a5", "p");
    });
    let file = read(&bytes).expect("read");
    let details: Vec<_> =
        flaws(&file).into_iter().map(|(line, flaw)| (line, flaw.map_or("", |(_, detail)| detail))).collect();
    assert_eq!(details[0], (2, "the row cannot be read: the row has more than 256 columns"));
    assert_eq!(details[1], (3, "the row cannot be read: a field is longer than 4 KiB"));
    assert_eq!(
        details[2],
        (4, "`New password`: a line end, a tab or another control character is in it; write it again")
    );
    assert!(details[3].1.starts_with("the row has 10 cells and the header 9"));
    assert_eq!(details[4], (6, ""));
}
