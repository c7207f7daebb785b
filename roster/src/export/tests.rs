//! No cell is a formula, and every text comes back as it went in.

use std::io::{Cursor, Read as _, Write};

use keybell_shared::codes::Code;
use keybell_shared::ids::ItemId;
use keybell_shared::states::ItemState;
use proptest::prelude::*;

use super::neutral::{is_formula, neutral, original};
use super::outcome::COLUMNS;
use super::*;

const TWO: &[Column] = &[Column { title: "One", width: 10 }, Column { title: "Two", width: 20 }];

fn csv_of(rows: &[[&str; 2]]) -> Vec<u8> {
    let mut sheet = CsvSheet::new(Vec::new(), TWO).expect("start");
    for row in rows {
        sheet.push(&row.map(Cell::Text)).expect("row");
    }
    sheet.finish().expect("finish")
}

fn read_csv(bytes: &[u8]) -> Vec<Vec<String>> {
    let bytes = bytes.strip_prefix("\u{FEFF}".as_bytes()).expect("the mark");
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes);
    reader.records().map(|row| row.expect("row").iter().map(str::to_owned).collect()).collect()
}

fn xlsx_of(rows: &[[&str; 2]]) -> String {
    let mut sheet = XlsxSheet::new("Sheet", TWO, 10).expect("start");
    for row in rows {
        sheet.push(&row.map(Cell::Text)).expect("row");
    }
    page_of(sheet)
}

/// The sheet's XML, out of the file.
fn page_of(sheet: XlsxSheet) -> String {
    let mut file = Vec::new();
    sheet.finish(&mut file).expect("finish");
    let mut archive = zip::ZipArchive::new(Cursor::new(file)).expect("zip");
    let mut xml = String::new();
    archive.by_name("xl/worksheets/sheet1.xml").expect("sheet").read_to_string(&mut xml).expect("text");
    xml
}

/// What stands between the first `from` and the next `to`, and the rest.
fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<(&'a str, &'a str)> {
    text.split_once(from)?.1.split_once(to)
}

/// The texts of the sheet's text cells, by their places.
fn texts(xml: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = xml;
    while let Some((attributes, after)) = between(rest, "<c ", ">") {
        rest = after;
        if attributes.contains(r#"t="inlineStr""#) {
            let (place, _) = between(attributes, "r=\"", "\"").expect("place");
            let (opened, after) = after.split_once("</t>").expect("text");
            let text = opened.split_once("<t").and_then(|(_, text)| text.split_once('>')).expect("text").1;
            found.push((place.to_owned(), unescape(text)));
            rest = after;
        }
    }
    found
}

/// XML's escapes and those of Office Open XML (`_x000D_`).
fn unescape(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("_x") {
        out.push_str(before);
        let code = after.get(..5).and_then(|code| code.strip_suffix('_'));
        if let Some(c) = code.and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32) {
            out.push(c);
            rest = &after[5..];
        } else {
            out.push_str("_x");
            rest = after;
        }
    }
    out + rest
}

fn row() -> ReportRow {
    ReportRow {
        item: ItemId(7),
        username: "007".to_owned(),
        source_id: "000123".to_owned(),
        given_name: "=1+1".to_owned(),
        family_name: "Müller".to_owned(),
        role: "student".to_owned(),
        grade: Some("03".to_owned()),
        school: None,
        state: ItemState::Undelivered,
        code: Some(Code::N02),
        changed_at: Millis(0),
        told: 0,
        attempts: 4,
    }
}
use keybell_shared::ports::ledger::ReportRow;

#[test]
fn the_report_as_csv_looks_like_this_and_comes_in_pages() {
    let row = row();
    let page = outcome::csv_page(true, std::slice::from_ref(&row)).expect("page");
    let text = String::from_utf8(page).expect("utf-8");
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert_eq!(
        lines[0],
        "\u{FEFF}Username,Given name,Family name,Role,Grade,School,Roster id,State,Code,Meaning,Messages accepted,\
         Attempts,Changed at"
    );
    let meaning = Code::N02.meaning();
    assert_eq!(
        lines[1],
        format!("007,'=1+1,Müller,student,03,,000123,undelivered,N02,\"{meaning}\",0,4,1970-01-01T00:00:00Z")
            .replace(&format!("\"{meaning}\""), &quoted(meaning))
    );
    assert_eq!(lines[2..], [""]);
    let next = outcome::csv_page(false, &[row]).expect("page");
    assert_eq!(String::from_utf8(next).expect("utf-8"), format!("{}\r\n", lines[1]));
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"']) { format!("\"{text}\"") } else { text.to_owned() }
}

#[test]
fn the_report_as_xlsx_keeps_leading_zeros_and_has_numbers_only_where_they_count() {
    let mut sheet = outcome::xlsx(1).expect("start");
    outcome::push(&mut sheet, [&row()]).expect("row");
    let xml = page_of(sheet);
    let texts = texts(&xml);
    let at = |place: &str| texts.iter().find(|(there, _)| there == place).map(|(_, text)| text.as_str());
    assert_eq!(at("A1"), Some("Username"));
    assert_eq!((at("A2"), at("B2"), at("E2"), at("G2")), (Some("007"), Some("=1+1"), Some("03"), Some("000123")));
    assert_eq!((at("F2"), at("M2")), (None, Some("1970-01-01T00:00:00Z")));
    assert!(xml.contains(r#"<c r="L2"><v>4</v></c>"#), "{xml}");
    assert_eq!(texts.len(), COLUMNS.len() + 10);
    assert!(xml.contains(r#"<pane ySplit="1" topLeftCell="A2""#) && xml.contains(r#"state="frozen""#), "{xml}");
}

#[test]
fn names_with_apostrophes_and_ordinary_texts_stay_as_they_are() {
    for text in ["", "'t Hooft", "O'Brien", "Müller-Lüdenscheidt", "a=b", "1 + 1", "x@example.org", "a; b", "李"] {
        assert_eq!(neutral(text), text);
    }
    for (text, exported) in [
        ("=1+1", "'=1+1"),
        ("+49 30", "'+49 30"),
        ("-", "'-"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\r'=1"),
        (" =1", "' =1"),
        ("\u{FEFF}=1", "'\u{FEFF}=1"),
        ("＝1", "'＝1"),
        ("'=1", "''=1"),
        ("Ann;=1+1", "Ann;'=1+1"),
        ("Ann\n=1+1", "Ann\n'=1+1"),
    ] {
        assert_eq!(neutral(text), exported);
        assert_eq!(original(exported), text);
    }
}

#[test]
fn what_does_not_fit_is_refused_with_what_to_do() {
    let refused = XlsxSheet::new("Sheet", TWO, MAX_ROWS + 1).err().expect("too many").to_string();
    assert_eq!(
        refused,
        "1048576 rows do not fit into an XLSX sheet, which holds 1048575 below its header; export as CSV instead"
    );
    let mut sheet = XlsxSheet::new("Sheet", TWO, MAX_ROWS).expect("start");
    let long = "x".repeat(32_768);
    let refused = sheet.push(&[Cell::Nothing, Cell::Text(&long)]).expect_err("too long").to_string();
    assert_eq!(
        refused,
        "row 1, column `Two`: the text is longer than the 32767 characters of an XLSX cell; export as CSV instead"
    );
    assert!(sheet.push(&[Cell::Nothing]).is_err());
    sheet.push(&[Cell::Nothing, Cell::Text(&long[1..])]).expect("the longest");
    let mut sheet = CsvSheet::new(Vec::new(), TWO).expect("start");
    assert!(sheet.push(&[Cell::Nothing]).is_err());
}

#[test]
fn a_full_disk_is_an_error() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let sheet = XlsxSheet::new("Sheet", TWO, 1).expect("start");
    assert!(sheet.finish(Full).is_err());
    assert!(matches!(CsvSheet::new(Full, TWO), Err(ExportError::Io(_))));
}

/// Any text, with the dangerous characters more often than by chance.
fn any_text() -> impl Strategy<Value = String> {
    let dangerous = prop::sample::select("=+-@\t\r\n＝＋－＠';,\" \u{FEFF}\u{200B}_x00D\0".chars().collect::<Vec<_>>());
    prop::collection::vec(prop_oneof![2 => dangerous, 1 => any::<char>()], 0..12).prop_map(String::from_iter)
}

proptest! {
    #[test]
    fn every_text_survives_csv_and_no_cell_is_a_formula(one in any_text(), two in any_text()) {
        let bytes = csv_of(&[[&one, &two]]);
        let rows = read_csv(&bytes);
        prop_assert_eq!(rows.len(), 2);
        prop_assert_eq!(rows[1].iter().map(|cell| original(cell)).collect::<Vec<_>>(), vec![one, two]);
        for cell in &rows[1] {
            prop_assert!(!is_formula(cell), "{cell:?}");
        }
        // A program that splits at other separators, and knows nothing of the quotes, finds no formula either.
        let text = String::from_utf8(bytes).expect("utf-8");
        for cell in text.split([';', '\t']) {
            prop_assert!(!cell.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']), "{cell:?}");
        }
    }

    #[test]
    fn every_text_survives_xlsx_and_no_cell_is_a_formula(one in any_text(), two in any_text()) {
        let xml = xlsx_of(&[[&one, &two]]);
        prop_assert!(!xml.contains("<f>") && !xml.contains("<f "));
        let cells: Vec<_> = texts(&xml).into_iter().filter(|(place, _)| place.ends_with('2')).collect();
        let expected: Vec<(String, String)> =
            [("A2".to_owned(), one), ("B2".to_owned(), two)].into_iter().filter(|(_, text)| !text.is_empty()).collect();
        prop_assert_eq!(cells, expected);
    }
}
