//! Whatever the bytes are, reading ends with rows or with words, and never with a password in them.

use proptest::prelude::*;
use rust_xlsxwriter::Workbook;

use super::*;

const SECRET: &str = "Hunter2-Zebra";

fn good_csv() -> Vec<u8> {
    let rows: Vec<String> =
        (0..20).map(|n| format!("{ID},user{n},Zoë,\"Bro, wn\",student,3,North,,{SECRET}{n}")).collect();
    csv(&rows.iter().map(String::as_str).collect::<Vec<_>>()).into_bytes()
}

fn good_xlsx() -> Vec<u8> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write_row(0, 0, TITLES).expect("titles");
    for n in 1..20 {
        sheet.write_row(n, 0, [ID, "user", "Zoë", "Brown", "student", "3", "North", "", SECRET]).expect("row");
    }
    book.save_to_buffer().expect("saved")
}

/// Reads, and checks what holds for any bytes.
fn sound(bytes: &[u8]) {
    let said = match read(bytes) {
        Ok(file) => {
            assert!(!file.rows.is_empty());
            assert!(file.rows.is_sorted_by_key(|row| row.line), "{:?}", flaws(&file));
            assert!(file.rows.iter().all(|row| row.flaw.is_none() || row.password.expose_secret().is_empty()));
            format!("{:?}{:?}", flaws(&file), file.warnings)
        }
        Err(error) => format!("{error}{error:?}"),
    };
    assert!(!said.contains("Zebra"), "{said}");
}

/// Where something changes, as a part of the whole, and how.
fn change() -> impl Strategy<Value = (f64, u8, u8)> {
    (0.0..1.0_f64, any::<u8>(), 0..4_u8)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "any place will do"
)]
fn changed(mut bytes: Vec<u8>, changes: &[(f64, u8, u8)]) -> Vec<u8> {
    for (at, byte, how) in changes {
        let at = (bytes.len() as f64 * at) as usize;
        match how {
            0 if at < bytes.len() => bytes[at] = *byte,
            1 => bytes.insert(at, *byte),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            _ => bytes.truncate(bytes.len() - bytes.len() / 64 * usize::from(*byte % 3 == 0)),
        }
    }
    bytes
}

proptest! {
    #[test]
    fn any_bytes_end_well(bytes in prop::collection::vec(any::<u8>(), 0..400), start in 0..4_usize) {
        let start: &[u8] = [&b""[..], b"PK\x03\x04 xl/workbook.xml", b"\xFF\xFE", b"Account,Username,New password\n"][start];
        sound(&[start, &bytes].concat());
    }

    #[test]
    fn a_good_text_with_changes_ends_well(changes in prop::collection::vec(change(), 1..6)) {
        sound(&changed(good_csv(), &changes));
    }

    #[test]
    fn a_good_workbook_with_changes_ends_well(changes in prop::collection::vec(change(), 1..4)) {
        sound(&changed(good_xlsx(), &changes));
    }

    #[test]
    fn parts_of_a_workbook_with_changes_end_well(changes in prop::collection::vec(change(), 1..4), part in 0..6_usize) {
        sound(&with_part_changed(part, &changes));
    }
}

/// The workbook with one of its packed parts changed, so that what unpacks is sound as a zip.
fn with_part_changed(part: usize, changes: &[(f64, u8, u8)]) -> Vec<u8> {
    use std::io::{Cursor, Read as _, Write as _};
    let names = [
        "xl/workbook.xml",
        "xl/worksheets/sheet1.xml",
        "xl/sharedStrings.xml",
        "xl/styles.xml",
        "_rels/.rels",
        "xl/_rels/workbook.xml.rels",
    ];
    let mut old = zip::ZipArchive::new(Cursor::new(good_xlsx())).expect("zip");
    let mut new = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..old.len() {
        let mut entry = old.by_index(index).expect("part");
        let name = entry.name().expect("name").into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("bytes");
        if name == names[part] {
            bytes = changed(bytes, changes);
        }
        new.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).expect("part");
        new.write_all(&bytes).expect("bytes");
    }
    new.finish().expect("zip").into_inner()
}
