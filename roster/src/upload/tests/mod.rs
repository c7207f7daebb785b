//! What a file says, in every way that programs write it.

mod any_bytes;
mod columns;
mod files;
mod rows;
mod workbooks;

use keybell_shared::codes::Code;
use keybell_shared::upload::{TITLES, UploadFile};
use secrecy::ExposeSecret as _;

use super::*;

const ID: &str = "0198c2f0-0000-7000-8000-000000000001";

/// A file with the titles and these lines below.
fn csv(lines: &[&str]) -> String {
    let mut text = format!("{}\r\n", TITLES.join(","));
    for line in lines {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text
}

fn refused(bytes: &[u8]) -> String {
    read(bytes).expect_err("refused").to_string()
}

/// The flaw of each row: its line, code and detail.
fn flaws(file: &UploadFile) -> Vec<(u64, Option<(Code, &str)>)> {
    file.rows.iter().map(|row| (row.line, row.flaw.as_ref().map(|flaw| (flaw.code, flaw.detail.as_str())))).collect()
}

/// Account, username, given name, school, new username and password of each row, none of which has a flaw.
fn told(file: &UploadFile) -> Vec<[String; 6]> {
    let row = |row: &keybell_shared::upload::UploadRow| {
        assert_eq!(row.flaw, None, "line {}", row.line);
        let password = row.password.expose_secret().to_owned();
        let (given, school) = (row.about.given_name.clone(), row.about.school.clone());
        [row.account.clone(), row.username.clone(), given, school, row.new_username.clone(), password]
    };
    file.rows.iter().map(row).collect()
}
