//! The way of a file: exported, filled in, judged, read again. Nothing is lost on it, and nothing becomes a formula.
#![expect(clippy::unwrap_used, reason = "a test whose set-up fails has failed")]

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;

use calamine::{Reader as _, Xlsx};
use keybell_roster::export::{Cell, Sheet as _, outcome, result, upload as export};
use keybell_roster::upload::read;
use keybell_shared::clock::Millis;
use keybell_shared::codes::Code;
use keybell_shared::ids::{AccountId, ItemId};
use keybell_shared::ports::ledger::{AccountView, ReportRow};
use keybell_shared::states::ItemState;
use keybell_shared::upload::{Judged, UploadFile, UploadRow};
use proptest::prelude::*;
use secrecy::ExposeSecret as _;

/// What a spreadsheet could take for a formula, and what it makes of other things.
const ODD: [&str; 16] = [
    "=1+1",
    "+49 30",
    "-ann",
    "@SUM(A1)",
    "=HYPERLINK(\"http://x.example\";\"y\")",
    "＝1",
    "'=1",
    "''",
    "'t Hooft",
    "Ann;=1",
    "007",
    "TRUE",
    "Müller, \"Zoë\"",
    "_x0041_",
    "<b>&amp;",
    "李 😀",
];

fn account(n: usize, text: &str) -> AccountView {
    AccountView {
        id: AccountId::fresh(),
        source_id: n.to_string(),
        username: text.to_owned(),
        given_name: text.to_owned(),
        family_name: format!("Family {n}"),
        role: "student".to_owned(),
        grade: Some("03".to_owned()),
        graduation_year: None,
        school: Some(text.to_owned()),
        managed_by: None,
        active: true,
        protected: false,
        quick_login: false,
    }
}

fn accounts(texts: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<AccountView> {
    texts.into_iter().enumerate().map(|(n, text)| account(n, text.as_ref())).collect()
}

fn as_csv(accounts: &[AccountView]) -> Vec<u8> {
    let (first, rest) = accounts.split_at(accounts.len() / 2);
    [export::csv_page(true, first).unwrap(), export::csv_page(false, rest).unwrap()].concat()
}

fn as_xlsx(accounts: &[AccountView]) -> Vec<u8> {
    let mut sheet = export::xlsx(accounts.len() as u64).unwrap();
    export::push(&mut sheet, accounts).unwrap();
    let mut bytes = Vec::new();
    sheet.finish(&mut bytes).unwrap();
    bytes
}

fn judged(rows: &[UploadRow], detail: &str) -> Vec<Judged> {
    let judge = |row: &UploadRow| Judged {
        line: row.line,
        username: row.username.clone(),
        new_username: None,
        code: Code::E09,
        detail: detail.to_owned(),
    };
    rows.iter().map(judge).collect()
}

fn result_xlsx(rows: &[UploadRow], judged: &[Judged]) -> Vec<u8> {
    let mut sheet = result::xlsx(rows.len() as u64).unwrap();
    result::push(&mut sheet, rows, judged).unwrap();
    let mut bytes = Vec::new();
    sheet.finish(&mut bytes).unwrap();
    bytes
}

/// Each account's row says what the account says.
fn same(file: &UploadFile, accounts: &[AccountView]) {
    assert_eq!(file.rows.len(), accounts.len());
    assert_eq!(file.warnings, [""; 0]);
    for (row, account) in file.rows.iter().zip(accounts) {
        assert_eq!(row.flaw, None, "{account:?}");
        assert_eq!((row.account.as_str(), row.username.as_str()), (&*account.id.to_string(), &*account.username));
        let about = [&row.about.given_name, &row.about.family_name, &row.about.role, &row.about.grade];
        let known = [&account.given_name, &account.family_name, &account.role, account.grade.as_ref().unwrap()];
        assert_eq!(about, known);
        assert_eq!(row.about.school, account.school.clone().unwrap_or_default());
        assert!(row.new_username.is_empty() && row.password.expose_secret().is_empty());
    }
}

fn round_trips(accounts: &[AccountView]) {
    for (bytes, kind) in
        [(as_csv(accounts), "CSV, UTF-8 with a mark, commas"), (as_xlsx(accounts), "XLSX, worksheet Accounts")]
    {
        let file = read(&bytes).unwrap();
        assert_eq!(file.kind, kind);
        same(&file, accounts);
    }
}

#[test]
fn what_the_export_writes_is_read_as_it_was() {
    round_trips(&accounts(ODD));
}

proptest! {
    #[test]
    fn names_and_usernames_of_any_letters_come_back(
        texts in prop::collection::vec("[=+@'a-zÄ-ž;,\"\u{ff1d}_x0 -]{0,12}[a-z]", 1..6)
    ) {
        let texts = texts.iter().map(|text| text.trim());
        round_trips(&accounts(texts));
    }
}

/// What is in a ledger went through an import, which takes out what cannot be seen.
fn as_a_name(text: &str) -> String {
    let unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{200B}' | '\u{2060}' | '\u{FEFF}' | '\u{61C}' | '\u{200E}' | '\u{200F}')
            || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{E0000}'..='\u{E007F}')
    };
    let spaced = text.trim().replace(['\t', '\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'], " ");
    let seen: String = spaced.chars().filter(|c| !unseen(*c)).collect();
    seen.trim().to_owned()
}

#[test]
fn every_naughty_string_survives_the_way_out_and_back() {
    let Some(real) = std::env::var_os("KEYBELL_REAL").map(PathBuf::from) else {
        println!("KEYBELL_REAL is not set: real strings not checked");
        return;
    };
    let text = fs::read_to_string(real.join("strings/blns.json")).unwrap();
    let strings: Vec<String> = serde_json::from_str(&text).unwrap();
    // As in a roster's import: lengths that are no name's, and letters that were lost before, never get in.
    let fits = |text: &String| text.chars().count() <= 255 && !text.contains('\u{FFFD}');
    let kept: Vec<String> = strings.iter().map(|text| as_a_name(text)).filter(fits).collect();
    assert!(kept.len() + 3 > strings.len());
    let accounts = accounts(&kept);
    same(&read(&as_xlsx(&accounts)).unwrap(), &accounts);
    // In a text, a username may have become a number in scientific notation, so such a one is told and not taken.
    let (numbers, others): (Vec<_>, Vec<_>) = accounts.into_iter().partition(|account| account.username == "1E+02");
    same(&read(&as_csv(&others)).unwrap(), &others);
    assert_eq!(numbers.len(), 1);
    let flaw = read(&as_csv(&numbers)).unwrap().rows.remove(0).flaw.unwrap();
    assert!(flaw.code == Code::E12 && flaw.detail.starts_with("`Username`: it looks like a number"), "{flaw:?}");
}

#[test]
fn a_filled_in_export_says_what_was_filled_in() {
    let accounts = accounts(ODD);
    let text = String::from_utf8(as_csv(&accounts)).unwrap();
    let mut old = csv::Reader::from_reader(text.as_bytes());
    let header = old.headers().unwrap().clone();
    let mut new = csv::WriterBuilder::new().delimiter(b';').from_writer(Vec::new());
    new.write_record(&header).unwrap();
    let passwords: Vec<String> = (0..ODD.len()).map(|n| format!(" {};{n}\" ", ODD[n])).collect();
    for (n, row) in old.records().enumerate() {
        let row = row.unwrap();
        let mut cells: Vec<&str> = row.iter().collect();
        cells[7] = " new.name ";
        cells[8] = &passwords[n];
        new.write_record(cells).unwrap();
    }
    let file = read(&new.into_inner().unwrap()).unwrap();
    assert_eq!(file.kind, "CSV, UTF-8, semicolons");
    for (n, row) in file.rows.iter().enumerate() {
        assert_eq!((row.flaw.as_ref(), row.username.as_str(), row.new_username.as_str()), (None, ODD[n], "new.name"));
        assert_eq!(row.password.expose_secret(), passwords[n]);
    }
}

#[test]
fn a_result_is_an_upload_again_once_it_has_passwords() {
    let accounts = accounts(ODD);
    let file = read(&as_csv(&accounts)).unwrap();
    let mut rows = file.rows;
    for row in &mut rows {
        row.new_username = "-new.name".to_owned();
    }
    let judged = judged(&rows, "=what is wrong");
    let bytes = result::csv_page(true, &rows, &judged).unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(text.starts_with(
        "\u{FEFF}Line,Account,Username,Given name,Family name,Role,Grade,School,New username,Status,Meaning,Detail\r\n"
    ));
    let missing = read(&bytes).unwrap_err();
    assert_eq!(missing.columns().len(), 1);
    assert!(missing.to_string().contains("E01 `New password` is missing; no export and no result holds passwords"));
    assert!(read(&result_xlsx(&rows, &judged)).unwrap_err().to_string().contains("E01 `New password` is missing"));

    let completed: String = text
        .lines()
        .enumerate()
        .map(|(n, line)| if n == 0 { format!("{line},New password\n") } else { format!("{line},Passw0rd{n}\n") })
        .collect();
    let again = read(completed.as_bytes()).unwrap();
    assert_eq!(again.warnings, [""; 0]);
    for (n, (row, before)) in again.rows.iter().zip(&rows).enumerate() {
        assert_eq!(
            (&row.flaw, &row.account, &row.username, &row.about),
            (&None, &before.account, &before.username, &before.about)
        );
        assert_eq!(
            (row.new_username.as_str(), row.password.expose_secret()),
            ("-new.name", &*format!("Passw0rd{}", n + 1))
        );
    }
}

#[test]
fn a_row_without_its_outcome_is_an_error() {
    let rows = read(&as_csv(&accounts(ODD))).unwrap().rows;
    let judged = judged(&rows, "");
    for (rows, judged) in
        [(&rows[1..], &judged[..]), (&rows[..], &judged[1..]), (&rows[..2], &judged[..1]), (&rows[..1], &judged[..2])]
    {
        let error = result::csv_page(true, rows, judged).unwrap_err().to_string();
        assert!(error.contains("has no outcome; this is a defect"), "{error}");
    }
}

fn report_row(text: &str) -> ReportRow {
    ReportRow {
        item: ItemId(7),
        username: text.to_owned(),
        source_id: text.to_owned(),
        given_name: text.to_owned(),
        family_name: text.to_owned(),
        role: text.to_owned(),
        grade: Some(text.to_owned()),
        school: Some(text.to_owned()),
        state: ItemState::Undelivered,
        code: Some(Code::N02),
        changed_at: Millis(0),
        told: 0,
        attempts: 4,
    }
}

/// Texts that every program takes for formulas, and what starts a cell in some.
fn dangerous() -> Vec<String> {
    let starts = ["=", "+", "-", "@", "\t=", "\r=", "\t", "\r", " =", "\u{FEFF}=", "x\n=", "x;=", "x\t@", "'="];
    starts.iter().map(|start| format!("{start}cmd|' /C calc'!A0")).collect()
}

#[test]
fn no_cell_of_any_export_is_a_formula() {
    let texts = dangerous();
    let accounts = accounts(&texts);
    let report: Vec<ReportRow> = texts.iter().map(|text| report_row(text)).collect();
    let rows: Vec<UploadRow> = accounts.iter().zip(2..).map(|(account, line)| upload_row(line, account)).collect();
    let judged: Vec<Judged> =
        rows.iter().zip(&texts).flat_map(|(row, text)| judged(std::slice::from_ref(row), text)).collect();

    for page in
        [outcome::csv_page(true, &report).unwrap(), as_csv(&accounts), result::csv_page(true, &rows, &judged).unwrap()]
    {
        let mut read =
            csv::ReaderBuilder::new().has_headers(false).from_reader(page.strip_prefix(b"\xEF\xBB\xBF").unwrap());
        let records: Vec<_> = read.records().map(Result::unwrap).collect();
        assert_eq!(records.len(), texts.len() + 1);
        for cell in records.iter().flatten() {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell:?}");
        }
    }

    let mut sheet = outcome::xlsx(9).unwrap();
    outcome::push(&mut sheet, &report).unwrap();
    let mut bytes = Vec::new();
    sheet.finish(&mut bytes).unwrap();
    for (bytes, names) in [
        (bytes, &["Outcome"][..]),
        (as_xlsx(&accounts), &["Accounts", "Read me"]),
        (result_xlsx(&rows, &judged), &["Result", "Legend"]),
    ] {
        let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
        assert_eq!(book.sheet_names(), names);
        for name in names {
            assert!(book.worksheet_formula(name).unwrap().is_empty(), "{name}");
            assert!(book.worksheet_range(name).unwrap().height() > texts.len());
        }
    }
}

fn upload_row(line: u64, account: &AccountView) -> UploadRow {
    let about = keybell_shared::upload::About {
        given_name: account.given_name.clone(),
        family_name: account.given_name.clone(),
        role: account.given_name.clone(),
        grade: account.given_name.clone(),
        school: account.given_name.clone(),
    };
    UploadRow {
        line,
        account: account.given_name.clone(),
        username: account.username.clone(),
        about,
        new_username: account.username.clone(),
        password: "Hunter2!".into(),
        flaw: None,
    }
}

#[test]
fn a_result_never_holds_a_password() {
    let rows = [upload_row(2, &account(1, "ann"))];
    let judged = judged(&rows, "the password is too short");
    let csv = String::from_utf8(result::csv_page(true, &rows, &judged).unwrap()).unwrap();
    assert!(csv.contains("ann") && !csv.contains("Hunter2"));
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(result_xlsx(&rows, &judged))).unwrap();
    let cells = format!("{:?}", book.worksheets());
    assert!(cells.contains("ann") && cells.contains("E09") && !cells.contains("Hunter2"), "{cells}");
}

#[test]
fn people_find_text_columns_a_header_that_stays_and_the_legend() {
    let bytes = as_xlsx(&accounts(ODD));
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes.clone())).unwrap();
    let mut part = |name: &str| std::io::read_to_string(zip.by_name(name).unwrap()).unwrap();
    let (sheet, styles) = (part("xl/worksheets/sheet1.xml"), part("xl/styles.xml"));
    assert!(sheet.contains("state=\"frozen\"") && sheet.contains("ySplit=\"1\""), "{sheet}");
    // Format 49 is text. It is that of the columns themselves, so that empty cells have it too.
    assert!(styles.contains("numFmtId=\"49\""), "{styles}");
    for column in [1, 2, 8, 9] {
        let place = sheet.split("<col ").find(|col| spans(col, column)).unwrap();
        assert!(place.contains("style=\""), "column {column}: {place}");
    }
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
    let notes = format!("{:?}", book.worksheet_range("Read me").unwrap());
    for code in Code::ALL.iter().filter(|code| code.as_str().starts_with('E')) {
        assert!(notes.contains(code.as_str()) && notes.contains(code.meaning()), "{code}");
    }
}

/// Whether an element of column formats is about this column.
fn spans(col: &str, column: u32) -> bool {
    let number = |name: &str| -> Option<u32> { col.split_once(name)?.1.split_once('"')?.0.parse().ok() };
    number("min=\"").zip(number("max=\"")).is_some_and(|(min, max)| (min..=max).contains(&column))
}

#[test]
fn a_sheet_to_fill_in_refuses_rows_that_do_not_fit() {
    let mut sheet = export::xlsx(1).unwrap();
    assert!(sheet.push(&[Cell::Nothing]).is_err());
    assert!(export::xlsx(2_000_000).is_err());
}
