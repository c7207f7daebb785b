//! Files for upload, in the hands of programs that others wrote: what they save is what was filled in, or it is told.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "what fails here fails the test, with its reason")]

mod libreoffice;
mod openpyxl;

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};
use std::path::Path;

use keybell_roster::export::upload as export;
use keybell_roster::upload::read;
use keybell_shared::ids::AccountId;
use keybell_shared::ports::ledger::AccountView;
use keybell_shared::upload::UploadFile;
use secrecy::ExposeSecret as _;

/// Names and usernames that programs like to change.
const ODD: [&str; 18] = [
    "anna.brown",
    "=1+1",
    "+49 30",
    "-ann",
    "@SUM(A1)",
    "=HYPERLINK(\"http://x.example\";\"y\")",
    "＝1",
    "''",
    "'t Hooft",
    "Ann;=1",
    "Müller, \"Zoë\"",
    "<b>&amp;",
    "李 😀",
    "007",
    "1E5",
    "TRUE",
    "3/4",
    "12-9",
];

/// Passwords that programs like to change.
const PASSWORDS: [&str; 18] = [
    "Otter-lamp-47",
    "=1+1",
    "0012345678",
    "'Quoted",
    " Spaced out ",
    "TRUE",
    "1E5",
    "ünï😀漢字",
    "12-Jan",
    "@Home1",
    "+4930123",
    "-1",
    "a,b;c|d",
    "\"Quo\"\"ted\"",
    "<&>]]>",
    "1,234.50",
    "12345678901234567890",
    "e\u{301}",
];

fn accounts() -> Vec<AccountView> {
    let account = |text: &&str| AccountView {
        id: AccountId::fresh(),
        source_id: String::new(),
        username: (*text).to_owned(),
        given_name: (*text).to_owned(),
        family_name: "Brown".to_owned(),
        role: "student".to_owned(),
        grade: Some("03".to_owned()),
        graduation_year: None,
        school: Some((*text).to_owned()),
        managed_by: None,
        active: true,
        protected: false,
        quick_login: false,
    };
    ODD.iter().map(account).collect()
}

/// What is filled in, by account: a new username or none, and a password.
type Filled = BTreeMap<String, (String, String)>;

fn filled(accounts: &[AccountView]) -> Filled {
    let fill = |(n, account): (usize, &AccountView)| {
        let username = if n % 3 == 0 { String::new() } else { format!("00{n}.new") };
        (account.id.to_string(), (username, PASSWORDS[n].to_owned()))
    };
    accounts.iter().enumerate().map(fill).collect()
}

fn xlsx(accounts: &[AccountView]) -> Vec<u8> {
    let mut sheet = export::xlsx(accounts.len() as u64).expect("start");
    export::push(&mut sheet, accounts).expect("rows");
    let mut bytes = Vec::new();
    sheet.finish(&mut bytes).expect("file");
    bytes
}

fn opened(path: &Path) -> UploadFile {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    read(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every row is there and says what its account and what was filled in say; or it says that it does not. Answers the
/// passwords and usernames of the rows that are refused.
fn compare(file: &UploadFile, accounts: &[AccountView], filled: &Filled) -> Vec<(String, String)> {
    assert_eq!(file.rows.len(), accounts.len(), "{}", file.kind);
    let mut refused = Vec::new();
    for (row, account) in file.rows.iter().zip(accounts) {
        let (username, password) = &filled[&account.id.to_string()];
        if row.flaw.is_some() {
            refused.push((account.username.clone(), password.clone()));
            continue;
        }
        assert_eq!((&row.account, &row.username), (&account.id.to_string(), &account.username), "{}", file.kind);
        assert_eq!((&row.new_username, row.password.expose_secret()), (username, password.as_str()), "{}", file.kind);
        let about = (&row.about.given_name, &row.about.family_name);
        assert_eq!(about, (&account.given_name, &account.family_name), "{}", file.kind);
    }
    refused
}

/// The formulas in a workbook's worksheets.
fn formulas(path: &Path) -> usize {
    let mut zip = zip::ZipArchive::new(Cursor::new(std::fs::read(path).expect("workbook"))).expect("zip");
    let mut count = 0;
    for index in 0..zip.len() {
        let mut part = zip.by_index(index).expect("part");
        if part.name().expect("name").starts_with("xl/worksheets/") {
            let mut xml = String::new();
            part.read_to_string(&mut xml).expect("text");
            assert!(xml.contains("<c "), "cells are looked at");
            count += xml.matches("<f>").count() + xml.matches("<f ").count();
        }
    }
    count
}
