//! LibreOffice opens what we write, and saves what we read.

use std::path::{Path, PathBuf};
use std::time::Duration;

use keybell_roster::export::upload as export;
use keybell_shared::ports::ledger::AccountView;
use tokio::process::Command;

use super::{Filled, accounts, compare, filled, formulas, opened, openpyxl, xlsx};

/// A conversion takes two seconds; the first one makes a profile.
const PATIENT: Duration = Duration::from_mins(3);

/// How a person opens our CSV in the dialogue: commas, quotation marks, UTF-8, from line 1. Every column is text, or
/// whatever the program thinks that it is.
const AS_IS: &str = "CSV:44,34,76,1";
const ALL_TEXT: &str = "CSV:44,34,76,1,1/2/2/2/3/2/4/2/5/2/6/2/7/2/8/2/9/2";

/// The program with a profile of its own.
struct Office {
    home: tempfile::TempDir,
}

impl Office {
    /// Converts files into a folder, all in one start of the program.
    async fn convert(&self, files: &[&Path], opened_as: Option<&str>, kind: &str, folder: &str) -> Vec<PathBuf> {
        let into = self.home.path().join(folder);
        let mut office = Command::new("soffice");
        office
            .arg(format!("-env:UserInstallation=file://{}", self.home.path().join("profile").display()))
            .args(["--headless", "--norestore", "--nolockcheck"])
            .args(opened_as.map(|filter| format!("--infilter={filter}")))
            .args(["--convert-to", kind, "--outdir"])
            .arg(&into)
            .args(files)
            .kill_on_drop(true);
        let run = tokio::time::timeout(PATIENT, office.output()).await.expect("in time");
        let done = run.expect("no soffice: run scripts/test, it installs LibreOffice");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{said}");
        let ending = kind.split(':').next().unwrap_or(kind);
        let made: Vec<PathBuf> =
            files.iter().map(|file| into.join(file.file_name().expect("name")).with_extension(ending)).collect();
        assert!(made.iter().all(|path| path.exists()), "{said}");
        made
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        path
    }
}

/// The export as CSV with what was filled in.
fn filled_csv(accounts: &[AccountView], filled: &Filled) -> Vec<u8> {
    let page = export::csv_page(true, accounts).expect("page");
    let mut old = csv::ReaderBuilder::new().has_headers(false).from_reader(page.as_slice());
    let mut new = csv::Writer::from_writer(Vec::new());
    for row in old.records() {
        let row = row.expect("row");
        let mut cells: Vec<&str> = row.iter().collect();
        if let Some((username, password)) = filled.get(&row[0]) {
            (cells[7], cells[8]) = (username, password);
        }
        new.write_record(cells).expect("row");
    }
    new.into_inner().expect("bytes")
}

/// How many formulas a flat document has. A truth value, which is what the program makes of the word TRUE, is written there
/// as one that can do nothing.
fn flat_formulas(path: &Path) -> usize {
    let text = std::fs::read_to_string(path).expect("document");
    assert!(text.contains("table:table-cell"), "cells are looked at");
    text.matches("table:formula").count() - text.matches("table:formula=\"of:=TRUE()\"").count()
}

fn empty(accounts: &[AccountView]) -> Filled {
    accounts.iter().map(|account| (account.id.to_string(), (String::new(), String::new()))).collect()
}

#[tokio::test]
async fn what_libreoffice_saves_is_read_or_told_and_nothing_becomes_a_formula() {
    let office = Office { home: tempfile::tempdir().expect("folder") };
    let accounts = accounts();
    let (nothing, filled) = (empty(&accounts), filled(&accounts));
    let book = office.write("export.xlsx", &xlsx(&accounts));
    let full = office.home.path().join("full.xlsx");
    openpyxl::fill(&book, &full, &filled).await;
    let text = office.write("text.csv", &export::csv_page(true, &accounts).expect("page"));
    let full_text = office.write("full-text.csv", &filled_csv(&accounts, &filled));

    // A workbook, opened and saved: to the letter.
    let saved = office.convert(&[&book, &full], None, "xlsx", "saved").await;
    assert_eq!(compare(&opened(&saved[0]), &accounts, &nothing), []);
    assert_eq!(compare(&opened(&saved[1]), &accounts, &filled), []);
    assert_eq!((formulas(&saved[0]), formulas(&saved[1])), (0, 0));

    // Our CSV with all columns as text, saved as a workbook and as CSV again: to the letter.
    let books = office.convert(&[&text, &full_text], Some(ALL_TEXT), "xlsx", "books").await;
    assert_eq!(compare(&opened(&books[0]), &accounts, &nothing), []);
    assert_eq!(compare(&opened(&books[1]), &accounts, &filled), []);
    assert_eq!((formulas(&books[0]), formulas(&books[1])), (0, 0));
    let texts =
        office.convert(&[&books[0], &books[1]], None, "csv:Text - txt - csv (StarCalc):44,34,76", "texts").await;
    assert_eq!(compare(&opened(&texts[0]), &accounts, &nothing), []);
    // A date in a text may be what a spreadsheet made of a password, so that one is told.
    let told: Vec<String> = compare(&opened(&texts[1]), &accounts, &filled).into_iter().map(|(_, what)| what).collect();
    assert_eq!(told, ["12-Jan"]);

    // Our CSV, as it opens without a second thought: usernames that look like numbers became numbers, which is told.
    let hasty = office.convert(&[&text], Some(AS_IS), "xlsx", "hasty").await;
    let refused: Vec<String> =
        compare(&opened(&hasty[0]), &accounts, &nothing).into_iter().map(|(username, _)| username).collect();
    assert_eq!(refused, ["007", "1E5", "TRUE", "3/4"]);
    assert_eq!(formulas(&hasty[0]), 0, "no name of ours becomes a formula");

    let flat = office.convert(&[&book, &saved[1], &hasty[0]], None, "fods", "flat").await;
    assert_eq!(flat.iter().map(|path| flat_formulas(path)).sum::<usize>(), 0);
}
