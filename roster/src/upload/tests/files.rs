//! Kinds of files, encodings, separators, and files that are none.

use super::*;
use keybell_shared::upload::MAX_ROWS;

#[test]
fn text_is_read_whatever_its_encoding_separators_and_line_ends() {
    let plain = csv(&[&format!("{ID},zoë,Zoë,Müller,student,03,\"Straße, Nord\",, Päss ")]);
    let expected = vec![[ID, "zoë", "Zoë", "Straße, Nord", "", " Päss "].map(str::to_owned)];
    let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        "\u{FEFF}".encode_utf16().chain(text.encode_utf16()).flat_map(bytes).collect()
    };
    let semicolons = plain.replace("Straße, Nord", "Straße# Nord").replace(',', ";").replace('#', ",");
    let tabs = semicolons.replace(';', "\t").replace('"', "");
    for (bytes, kind) in [
        (plain.clone().into_bytes(), "CSV, UTF-8, commas"),
        (format!("\u{FEFF}{plain}").into_bytes(), "CSV, UTF-8 with a mark, commas"),
        (plain.replace("\r\n", "\n").into_bytes(), "CSV, UTF-8, commas"),
        (plain.trim_end_matches("\r\n").replace("\r\n", "\r").into_bytes(), "CSV, UTF-8, commas"),
        (semicolons.clone().into_bytes(), "CSV, UTF-8, semicolons"),
        (format!("sep=;\r\n{semicolons}").into_bytes(), "CSV, UTF-8, semicolons"),
        (utf16(&tabs, u16::to_le_bytes), "CSV, UTF-16, tabs"),
        (utf16(&tabs, u16::to_be_bytes), "CSV, UTF-16, tabs"),
    ] {
        let file = read(&bytes).expect(kind);
        assert_eq!(file.kind, kind);
        assert_eq!(told(&file), expected, "{kind}");
        assert_eq!(file.warnings, [""; 0]);
        assert_eq!(file.digest, hex(&Sha256::digest(&bytes)));
        assert!(!format!("{file:?}").contains("Päss"), "a password is never shown");
    }
}

#[test]
fn what_is_not_utf8_is_guessed_for_names_and_refused_for_what_opens_an_account() {
    let mut bytes = csv(&[]).into_bytes();
    // The same letters in Windows-1252 and in Mac Roman: nobody can tell which it is.
    bytes.extend(b"a1,zo\xEB,Zo\xEB,M\xFCller,student,03,North,,Pass-word-1\r\n");
    bytes.extend(
        b"a2,x,,,,,,,P\xE4ss-word-1\r\na3,x,,,,,,,P\x8Ass-word-1\r\na4,x,,,,,,m\xFCller.b,\r\na5,x,,,,,,,five\r\n",
    );
    let file = read(&bytes).expect("read");
    assert_eq!(file.kind, "CSV, Windows-1252, commas");
    assert_eq!(file.warnings.len(), 1, "{:?}", file.warnings);
    let reason = "it has letters beyond a to z, and the file does not say how they are written; save the file as CSV UTF-8, or \
                  as XLSX";
    let flawed = |title: &str| Some(format!("`{title}`: {reason}"));
    let found: Vec<(u64, Option<String>)> = flaws(&file)
        .into_iter()
        .map(|(line, flaw)| {
            (line, flaw.map(|(code, detail)| (code == Code::E11).then(|| detail.to_owned()).expect("E11")))
        })
        .collect();
    assert_eq!(
        found,
        [(2, None), (3, flawed("New password")), (4, flawed("New password")), (5, flawed("New username")), (6, None)]
    );
    let first = &file.rows[0];
    assert_eq!((first.username.as_str(), first.about.given_name.as_str()), ("zoë", "Zoë"));
    assert_eq!(first.password.expose_secret(), "Pass-word-1");
    assert!(file.rows[1].password.expose_secret().is_empty() && file.rows[3].new_username.is_empty());
}

#[test]
fn a_file_that_mixes_encodings_is_told_row_by_row_and_never_guessed() {
    let mut bytes = csv(&["a1,müller,,,,,,,one", "a2,x,,,,,,,two"]).into_bytes();
    bytes.extend(b"a3,m\xFCller,,,,,,,three\r\na4,y,,,,,,,P\xE4ss\r\na5,z,M\xFC\xC3\xBC,,,,,,five\r\n");
    bytes.extend("a6,v\u{FFFD}w,,,,,,,six\r\n".as_bytes());
    let file = read(&bytes).expect("read");
    assert_eq!(file.kind, "CSV, UTF-8, commas");
    let not_utf8 = "the text is not UTF-8, and the rest of the file is; save the file as UTF-8 again";
    assert_eq!(
        flaws(&file),
        [
            (2, None),
            (3, None),
            (4, Some((Code::E11, format!("`Username`: {not_utf8}").as_str()))),
            (5, Some((Code::E11, format!("`New password`: {not_utf8}").as_str()))),
            (6, Some((Code::E11, "`Given name`: the text mixes UTF-8 with another encoding"))),
            (
                7,
                Some((
                    Code::E11,
                    "`Username`: letters were lost before the file came here (U+FFFD); export it again as UTF-8"
                ))
            ),
        ]
    );
    assert!(file.rows[2..].iter().all(|row| row.password.expose_secret().is_empty()));
    assert_eq!(file.rows[3].username, "y", "what can be read says whose row it is");
}

#[test]
fn what_is_no_upload_is_refused_in_plain_words() {
    for (bytes, words) in [
        (&b""[..], "the file is empty"),
        (b"\xEF\xBB\xBF", "the file is empty"),
        (b"\r\n , ,\r\n\r\n", "the file is empty"),
        (csv(&[]).as_bytes(), "has a header and no rows"),
        (csv(&[",,,,,,,,", "", " , "]).as_bytes(), "has a header and no rows"),
        (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "an Excel workbook of an old or encrypted kind; save it as XLSX"),
        (b"%PDF-1.7", "no table; save it as XLSX"),
        (b"PK\x03\x04mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "not XLSX; save it as XLSX"),
        (b"PK\x03\x04 xl/workbook.bin", "XLSB"),
        (b"PK\x03\x04 xl/workbook.xml", "the workbook cannot be read"),
        (&utf16_without_mark(), "UTF-16 without a mark"),
        (b"Account,\"Username", "the first row cannot be read: a quote is opened and not closed"),
        (&vec![b'x'; MAX_BYTES + 1], "the file has 16777217 bytes; at most 16777216 are taken"),
        (",".repeat(300).as_bytes(), "the first row cannot be read: the row has more than 256 columns"),
    ] {
        let error = refused(bytes);
        assert!(error.contains(words), "{error}");
    }
}

fn utf16_without_mark() -> Vec<u8> {
    csv(&["a"]).encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn too_many_rows_are_refused_and_the_most_are_read() {
    let lines: Vec<String> = (0..MAX_ROWS).map(|n| format!("{n},u{n},,,,,,,p{n}")).collect();
    let mut text = csv(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let file = read(text.as_bytes()).expect("as many as can be");
    assert_eq!(file.rows.len(), MAX_ROWS);
    assert_eq!(file.rows[MAX_ROWS - 1].line, MAX_ROWS as u64 + 1);
    text.push_str(",,,,,,,,\r\n");
    assert_eq!(read(text.as_bytes()).expect("a blank row is none").rows.len(), MAX_ROWS);
    text.push_str("one more");
    assert!(refused(text.as_bytes()).contains("more than 50000 rows; split it"));
}

#[test]
fn a_workbook_that_unpacks_to_too_much_is_refused() {
    let sheet = "<row></row>".repeat(3_000_000);
    let bomb = super::workbooks::zip_of(&[
        ("[Content_Types].xml", "<x/>"),
        ("xl/workbook.xml", "<x/>"),
        ("xl/worksheets/sheet1.xml", &sheet),
    ]);
    let error = refused(&bomb);
    assert!(error.contains("200 times its packed size; copy the table into a new workbook"), "{error}");
}
