//! What a file says, in every way that programs write it.

use std::io::{Cursor, Write as _};

use keybell_shared::codes::Code;
use keybell_shared::upload::{MAX_ROWS, TITLES, UploadFile};
use proptest::prelude::*;
use rust_xlsxwriter::{ExcelDateTime, Format as Style, Formula, Workbook, Worksheet};
use secrecy::ExposeSecret as _;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

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
fn flaws(file: &UploadFile) -> Vec<(u64, Option<(Code, String)>)> {
    file.rows.iter().map(|row| (row.line, row.flaw.clone().map(|flaw| (flaw.code, flaw.detail)))).collect()
}

/// Account, username, given name, school, new username and password of each row.
fn told(file: &UploadFile) -> Vec<[String; 6]> {
    let row = |row: &keybell_shared::upload::UploadRow| {
        assert_eq!(row.flaw, None, "line {}", row.line);
        let password = row.password.expose_secret().to_owned();
        let (given, school) = (row.about.given_name.clone(), row.about.school.clone());
        [row.account.clone(), row.username.clone(), given, school, row.new_username.clone(), password]
    };
    file.rows.iter().map(row).collect()
}

#[test]
fn text_is_read_whatever_its_encoding_separators_and_line_ends() {
    let plain = csv(&[&format!("{ID},zoë,Zoë,Müller,student,03,\"Straße, Nord\",, Päss ")]);
    let expected = vec![[ID, "zoë", "Zoë", "Straße, Nord", "", " Päss "].map(str::to_owned)];
    let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        "\u{FEFF}".encode_utf16().chain(text.encode_utf16()).flat_map(bytes).collect()
    };
    let semicolons = plain.replace("Straße, Nord", "Straße# Nord").replace(',', ";").replace('#', ",");
    let tabs = semicolons.replace(';', "\t").replace('"', "");
    let old: Vec<u8> = semicolons.chars().map(|c| u8::try_from(u32::from(c)).expect("Latin-1")).collect();
    for (bytes, kind) in [
        (plain.clone().into_bytes(), "CSV, UTF-8, commas"),
        (format!("\u{FEFF}{plain}").into_bytes(), "CSV, UTF-8 with a mark, commas"),
        (plain.replace("\r\n", "\n").into_bytes(), "CSV, UTF-8, commas"),
        (plain.trim_end_matches("\r\n").replace("\r\n", "\r").into_bytes(), "CSV, UTF-8, commas"),
        (semicolons.clone().into_bytes(), "CSV, UTF-8, semicolons"),
        (format!("sep=;\r\n{semicolons}").into_bytes(), "CSV, UTF-8, semicolons"),
        (utf16(&tabs, u16::to_le_bytes), "CSV, UTF-16, tabs"),
        (utf16(&tabs, u16::to_be_bytes), "CSV, UTF-16, tabs"),
        (old, "CSV, Windows-1252, semicolons"),
    ] {
        let file = read(&bytes).expect(kind);
        assert_eq!(file.kind, kind);
        assert_eq!(told(&file), expected, "{kind}");
        assert_eq!(file.warnings.is_empty(), kind != "CSV, Windows-1252, semicolons", "{:?}", file.warnings);
        assert_eq!(file.digest, hex(&Sha256::digest(&bytes)));
        assert!(!format!("{file:?}").contains("Päss"), "a password is never shown");
    }
}
