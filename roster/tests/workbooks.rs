//! Lists in workbooks, sound and damaged.
#![expect(clippy::unwrap_used, reason = "a test whose set-up fails has failed")]

mod support;

use std::fs;
use std::io::{Cursor, Read as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use keybell_roster::{Counts, Format, Options, Report, RosterError, inspect};
use rust_xlsxwriter::{ExcelDateTime, Format as Style, Formula, Workbook, Worksheet};
use support::{Fake, import_into, import_with};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

const HEAD: [&str; 6] = ["id", "username", "given name", "family name", "role", "grade"];

/// A workbook whose one worksheet has this head, and below it what is written.
fn book(write: impl FnOnce(&mut Worksheet)) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("people.xlsx");
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_row(0, 0, HEAD).unwrap();
    write(sheet);
    workbook.save(&path).unwrap();
    (folder, path)
}

fn person(sheet: &mut Worksheet, row: u32, name: &str) {
    let cells = [name, name, "Given", "Family", "student", "4"];
    sheet.write_row(row, 0, cells).unwrap();
}

fn told(report: &Report) -> Vec<String> {
    report.problems.iter().map(|it| it.to_string().split(" (").next().unwrap().to_owned()).collect()
}

async fn imported(write: impl FnOnce(&mut Worksheet)) -> (Report, Arc<Fake>) {
    let (_folder, path) = book(write);
    let ledger = Arc::new(Fake::default());
    (import_into(&ledger, &path).await.unwrap(), ledger)
}

#[tokio::test]
async fn a_workbook_is_as_good_as_a_text() {
    let (report, ledger) = imported(|sheet| {
        sheet.write_row(1, 0, ["007", "zoë", "Zoë", "Müller ", "student", "09"]).unwrap();
        // Ids and grades that are numbers are whole ones; an empty row between is none.
        sheet.write_number(3, 0, 123_456.0).unwrap();
        sheet.write_row(3, 1, ["bob", "Bob", "Cole", "teacher"]).unwrap();
        sheet.write_number(3, 5, 4).unwrap();
    })
    .await;
    assert!(report.is_clean() && report.problems.is_empty(), "{}", report.table());
    assert_eq!(report.total, Counts { read: 2, created: 2, ..Counts::default() });
    let held = ledger.0.lock().unwrap();
    let zoe = &held.people["007"];
    assert_eq!(
        (zoe.given_name.as_str(), zoe.family_name.as_str(), zoe.grade.as_deref()),
        ("Zoë", "Müller", Some("09"))
    );
    assert_eq!((held.people["123456"].grade.as_deref(), held.people["123456"].rank), (Some("4"), 30));
}

#[tokio::test]
async fn what_excel_damaged_keeps_its_row_out_and_no_other() {
    let (report, ledger) = imported(|sheet| {
        person(sheet, 1, "ann");
        person(sheet, 2, "long");
        sheet.write_number(2, 0, 1_234_567_890_123_456_789.0).unwrap();
        person(sheet, 3, "text");
        sheet.write_string(3, 0, "1.23457E+12").unwrap();
        person(sheet, 4, "half");
        sheet.write_number(4, 0, 12.5).unwrap();
        person(sheet, 5, "dated");
        let day = Style::new().set_num_format("d-mmm");
        sheet.write_datetime_with_format(5, 5, ExcelDateTime::from_ymd(2026, 1, 2).unwrap(), &day).unwrap();
        person(sheet, 6, "sum");
        sheet.write_formula(6, 1, Formula::new("=A7&\"x\"").set_result("sumx")).unwrap();
        person(sheet, 7, "lost");
        sheet.write_formula(7, 3, Formula::new("=VLOOKUP(1,B:B,1)").set_result("#N/A")).unwrap();
        person(sheet, 8, "zoe");
    })
    .await;
    assert_eq!(
        told(&report),
        [
            "people.xlsx:3 id E15 the number has more than 15 digits, of which a spreadsheet keeps 15 only",
            "people.xlsx:4 id E15 the id was turned into a number in scientific notation; export it again without a spreadsheet",
            "people.xlsx:5 id E15 the cell is a number with a fraction, a sign or an exponent, and no id",
            "people.xlsx:6 grade E15 the cell is a date, which the spreadsheet made of something else",
            "people.xlsx:7 username E15 the cell holds a formula; copy the column and paste it as values",
            "people.xlsx:8 family name E15 the cell holds an error of the spreadsheet",
        ],
        "{}",
        report.table()
    );
    assert_eq!(report.total, Counts { read: 8, created: 2, rejected: 6, ..Counts::default() });
    assert_eq!(ledger.0.lock().unwrap().people.keys().collect::<Vec<_>>(), ["ann", "zoe"]);
}

#[tokio::test]
async fn numbers_that_are_shown_with_leading_zeros_are_no_ids() {
    let (report, ledger) = imported(|sheet| {
        let padded = Style::new().set_num_format("000000");
        for (row, id) in [(1, 123.0), (2, 123_456.0)] {
            person(sheet, row, &format!("user{row}"));
            sheet.write_number_with_format(row, 0, id, &padded).unwrap();
        }
    })
    .await;
    assert_eq!(
        told(&report),
        ["people.xlsx:2 id E15 the cell is a number that the workbook shows with leading zeros; make the column text"]
    );
    assert_eq!(ledger.0.lock().unwrap().people.keys().collect::<Vec<_>>(), ["123456"]);
}

#[tokio::test]
async fn the_worksheet_can_be_chosen_and_others_are_named() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("people.xlsx");
    let mut workbook = Workbook::new();
    workbook.add_worksheet().set_name("Notes").unwrap().write_row(0, 0, ["hello", "world"]).unwrap();
    let sheet = workbook.add_worksheet().set_name("Pupils").unwrap();
    sheet.write_row(0, 0, HEAD).unwrap();
    person(sheet, 1, "ann");
    workbook.save(&path).unwrap();
    let ledger = Arc::new(Fake::default());
    let report = import_into(&ledger, &path).await.unwrap();
    assert_eq!((report.total.read, report.not_needed.as_slice()), (0, &["worksheet `Pupils`".to_owned()][..]));
    let options = Options { sheet: Some("Pupils".to_owned()), ..Options::default() };
    let seen = inspect(&path, options.clone()).await.unwrap();
    assert_eq!(
        (seen.format, seen.files[0].sheet.as_deref(), seen.files[0].delimiter),
        (Format::PlainList, Some("Pupils"), None)
    );
    let report = import_with(&ledger, &path, options).await.unwrap();
    assert_eq!((report.total.created, report.not_needed.as_slice()), (1, &["worksheet `Notes`".to_owned()][..]));
    let options = Options { sheet: Some("Teachers".to_owned()), ..Options::default() };
    let refusal = import_with(&ledger, &path, options).await.unwrap_err().to_string();
    assert!(refusal.contains("the workbook has no worksheet of that name"), "{refusal}");
}

/// The same workbook with one part exchanged.
fn with_part(path: &PathBuf, name: &str, change: impl Fn(&str) -> String) -> Vec<u8> {
    let mut old = ZipArchive::new(fs::File::open(path).unwrap()).unwrap();
    let mut new = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..old.len() {
        let mut part = old.by_index(index).unwrap();
        let part_name = part.name().unwrap().into_owned();
        let mut text = String::new();
        part.read_to_string(&mut text).unwrap();
        new.start_file(part_name.as_str(), SimpleFileOptions::default()).unwrap();
        new.write_all(if part_name == name { change(&text) } else { text }.as_bytes()).unwrap();
    }
    new.finish().unwrap().into_inner()
}

#[tokio::test]
async fn crafted_and_broken_workbooks_are_refused_or_end_with_their_last_sound_row() {
    let (folder, path) = book(|sheet| {
        person(sheet, 1, "ann");
        person(sheet, 2, "bob");
    });
    let crafted = folder.path().join("crafted.xlsx");
    let sheet = "xl/worksheets/sheet1.xml";
    let ledger = Arc::new(Fake::default());

    let long = with_part(&path, "xl/sharedStrings.xml", |text| {
        // Noise, since what packs too well is refused before.
        let noise: String =
            (0..400_000_u32).map(|n| char::from(b'a' + (n.wrapping_mul(2_654_435_761) >> 27) as u8 % 26)).collect();
        text.replace(">ann<", &format!(">{noise}<"))
    });
    fs::write(&crafted, long).unwrap();
    let refusal = import_into(&ledger, &crafted).await.unwrap_err();
    assert!(
        matches!(&refusal, RosterError::UnsafeArchive(reason) if reason.contains("longer than 256 KiB")),
        "{refusal}"
    );

    let bomb = with_part(&path, sheet, |text| {
        text.replace("</sheetData>", &format!("{}</sheetData>", "<row></row>".repeat(3_000_000)))
    });
    fs::write(&crafted, bomb).unwrap();
    let refusal = import_into(&ledger, &crafted).await.unwrap_err();
    assert!(matches!(&refusal, RosterError::UnsafeArchive(reason) if reason.contains("200 times")), "{refusal}");

    fs::write(
        &crafted,
        with_part(&path, sheet, |text| text.replace(r#"<row r="3""#, r#"<row r="2""#).replace("\"A3\"", "\"A2\"")),
    )
    .unwrap();
    let report = import_into(&ledger, &crafted).await.unwrap();
    assert!(
        told(&report)[0].starts_with("people.xlsx") || told(&report)[0].starts_with("crafted.xlsx"),
        "{:?}",
        told(&report)
    );
    assert!(!report.is_clean(), "{}", report.table());

    fs::write(
        &crafted,
        with_part(&path, sheet, |text| text.replace("</sheetData>", "<row r=\"9\"><c r=\"A9\" t=\"s\"><v>99999")),
    )
    .unwrap();
    let report = import_into(&ledger, &crafted).await.unwrap();
    assert!(told(&report).iter().any(|it| it.contains("the worksheet is damaged")), "{:?}", told(&report));
    assert!(ledger.0.lock().unwrap().people.contains_key("ann"));

    fs::write(&crafted, with_part(&path, "xl/workbook.xml", |_| "<workbook/>".to_owned())).unwrap();
    let refusal = import_into(&ledger, &crafted).await.unwrap_err().to_string();
    assert!(refusal.contains("no worksheet that can be seen"), "{refusal}");
}
