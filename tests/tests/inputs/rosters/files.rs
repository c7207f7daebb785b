//! What can be wrong with files: the wrong ones, none, packed ones, names that lead elsewhere.

use std::io::{Cursor, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{Input, Row};
use crate::people::{MANIFEST, USERS, orgs, pupil};

/// A zip of these files.
fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        zip.start_file(*name, options).expect("an entry");
        zip.write_all(bytes).expect("written");
    }
    zip.finish().expect("a zip").into_inner()
}

/// The usual files, with `ann`.
fn usual() -> Vec<(&'static str, Vec<u8>)> {
    let users = format!("{USERS}\n{}\n", pupil("ann"));
    vec![("manifest.csv", MANIFEST.into()), ("orgs.csv", orgs("Rivermoor").into()), ("users.csv", users.into())]
}

/// A zip of the usual files and these.
fn packed(more: &[(&str, &[u8])]) -> Vec<u8> {
    let usual = usual();
    let all: Vec<(&str, &[u8])> =
        usual.iter().map(|(name, bytes)| (*name, bytes.as_slice())).chain(more.iter().copied()).collect();
    zip(&all)
}

fn file(
    number: &'static str,
    what: &'static str,
    (name, bytes): (&'static str, Vec<u8>),
    (code, says, people): (i32, &'static [&'static str], &'static [&'static str]),
) -> Row {
    Row { number, what, input: Input::File(name, bytes), code, says, people }
}

fn folder(
    number: &'static str,
    what: &'static str,
    files: &[(&str, &[u8])],
    (code, says, people): (i32, &'static [&'static str], &'static [&'static str]),
) -> Row {
    let files = files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect();
    Row { number, what, input: Input::Folder(files), code, says, people }
}

const SUPPORTED: &str = "Keybell imports OneRoster";

pub(super) fn rows() -> Vec<Row> {
    let refused: (i32, &[&str], &[&str]) = (1, &[SUPPORTED], &[]);
    let in_the_zip: (i32, &[&str], &[&str]) = (0, &[], &["ann"]);
    let unsafe_zip: (i32, &[&str], &[&str]) = (1, &["the zip is refused"], &[]);
    // A compound file, as encrypted workbooks and old ones are.
    let compound = [&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1][..], &[0; 512]].concat();
    let workbook = zip(&[("[Content_Types].xml", b"<Types/>"), ("xl/workbook.xml", b"<workbook/>")]);
    let many: Vec<(String, Vec<u8>)> = (0..1_500).map(|n| (format!("{n}.csv"), Vec::new())).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let bomb = vec![b' '; 64 * 1024 * 1024];
    let billion = b"<?xml version=\"1.0\"?><!DOCTYPE lolz [<!ENTITY lol \"lol\">]><lolz>&lol;</lolz>";
    let delta = MANIFEST.replace("file.users,bulk", "file.users,delta");
    let old = MANIFEST.replace("1.1", "1.0");
    vec![
        folder("R48", "an empty folder", &[("", b"")], refused),
        folder(
            "R49",
            "a manifest of a version that is not known",
            &[("manifest.csv", old.as_bytes())],
            (1, &["1.0"], &[]),
        ),
        folder("R50", "users in delta mode", &[("manifest.csv", delta.as_bytes())], in_the_zip),
        file("R51", "a compound file, as encrypted workbooks are", ("people.xlsx", compound), refused),
        file("R52", "a workbook", ("people.xlsx", workbook), refused),
        file(
            "R53",
            "a page that calls itself a zip",
            ("people.zip", b"<!doctype html><title>Sign in</title>".to_vec()),
            refused,
        ),
        file(
            "R54",
            "XML with entities of its own: a text without any column that is known",
            ("people.zip", billion.to_vec()),
            (1, &["E01", "refused"], &[]),
        ),
        file(
            "R55",
            "a zip that unpacks to a thousand times its size",
            ("people.zip", packed(&[("notes.csv", &bomb)])),
            unsafe_zip,
        ),
        file("R56", "a zip of 1,500 entries", ("people.zip", packed(&many)), unsafe_zip),
        file(
            "R57",
            "a zip with names that climb and begin at the root: nothing is unpacked to disk, so they lead nowhere",
            ("people.zip", packed(&[("../../evil.csv", b"x"), ("/etc/evil.csv", b"x")])),
            in_the_zip,
        ),
        file("R58", "half a zip", ("people.zip", packed(&[])[..200].to_vec()), refused),
        file(
            "R59",
            "a file name with a line end and a turn of direction: only the way there",
            ("..a\n\u{202e}b.zip", packed(&[])),
            in_the_zip,
        ),
    ]
}
