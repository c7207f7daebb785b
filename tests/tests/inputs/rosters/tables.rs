//! What can be wrong with a table: its header, its encoding, its rows, its cells.

use super::{Input, Row};
use crate::evidence::CANARY;
use crate::people::{USERS, pupil};

/// A case of `users.csv`.
fn users(
    number: &'static str,
    what: &'static str,
    text: impl Into<Vec<u8>>,
    (code, says, people): (i32, &'static [&'static str], &'static [&'static str]),
) -> Row {
    Row { number, what, input: Input::Users(text.into()), code, says, people }
}

/// The usual header and these rows.
fn table(rows: &[&str]) -> String {
    format!("{USERS}\n{}\n", rows.join("\n"))
}

/// In UTF-16, with its mark.
fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    format!("\u{feff}{text}").encode_utf16().flat_map(order).collect()
}

const IN: (i32, &[&str], &[&str]) = (0, &[], &["ann"]);

pub(super) fn rows() -> Vec<Row> {
    [headers(), encodings(), marks(), cells()].into_iter().flatten().collect()
}

fn headers() -> Vec<Row> {
    let ann = pupil("ann");
    let header = |header: &str| format!("{header}\n{ann}\n");
    let moved = "username,role,orgSourcedIds,enabledUser,sourcedId,givenName,familyName\nann,student,s,true,u1,A,B\n";
    vec![
        users("R01", "a file of no bytes", "", (1, &["E01", "the file is empty"], &[])),
        users(
            "R02",
            "a header and nobody: a warning, because it may be meant",
            format!("{USERS}\n"),
            (0, &["W08"], &[]),
        ),
        users(
            "R03",
            "no header: a person is never taken for one, nor repeated",
            format!("{CANARY},{ann}\n"),
            (1, &["E01"], &[]),
        ),
        users(
            "R04",
            "a header that is repeated",
            table(&[&ann, USERS]),
            (0, &["E12", "the header is repeated here"], &["ann"]),
        ),
        users("R05", "a column twice", header(&format!("{USERS},role")), (1, &["E12", "twice"], &[])),
        users("R06", "a column that nobody knows", header(&format!("{USERS},shoe")), (0, &["W02", "shoe"], &["ann"])),
        users("R07", "columns in another order", moved, IN),
        users("R08", "a header in capitals with spaces", header(&USERS.to_uppercase().replace(',', " , ")), IN),
        users(
            "R09",
            "a needed column misspelt",
            header(&USERS.replace("username", "usrname")),
            (1, &["E01", "usrname"], &[]),
        ),
        users("R10", "16,384 columns", header(&format!("{USERS}{}", ",x".repeat(16_384))), (1, &["E"], &[])),
    ]
}

fn encodings() -> Vec<Row> {
    let zoe = pupil("ann").replace("Given", "Zoë");
    let text = table(&[&zoe]);
    let latin: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).expect("Latin-1")).collect();
    let japanese = [format!("{USERS}\n").as_bytes(), pupil("ann").replace("Given", "\u{1}").as_bytes(), b"\n"].concat();
    let japanese: Vec<u8> = japanese
        .into_iter()
        .flat_map(|byte| if byte == 1 { vec![0x93, 0x63, 0x92, 0x86, 0x81] } else { vec![byte] })
        .collect();
    let mixed = [latin.clone(), pupil("ben").replace("Given", "Zoë").into_bytes(), b"\n".to_vec()].concat();
    let both =
        [format!("{USERS}\n").as_bytes(), b"u1,true,s,student,ann,Zo\xeb Zo\xc3\xab,B,,,,\n", pupil("ben").as_bytes()]
            .concat();
    vec![
        users("R11", "UTF-8 with its mark", format!("\u{feff}{text}"), IN),
        users("R12", "UTF-16, little end first", utf16(&text, u16::to_le_bytes), IN),
        users("R13", "UTF-16, big end first", utf16(&text, u16::to_be_bytes), IN),
        users("R14", "UTF-16 without its mark", utf16(&text, u16::to_le_bytes)[2..].to_vec(), (1, &["E11"], &[])),
        users("R15", "Windows-1252, which is read and said", latin, (0, &["W03"], &["ann"])),
        users("R16", "Shift-JIS: refused, never garbled", japanese, (1, &["E11"], &[])),
        users("R17", "one row in another encoding than the next", mixed, (0, &["W03"], &["ann", "ben"])),
        users("R18", "two encodings in one cell", both, (0, &["E11"], &["ben"])),
        users(
            "R19",
            "letters that were lost before",
            table(&[&pupil("ann").replace("Given", "Zo\u{fffd}"), &pupil("ben")]),
            (0, &["E11"], &["ben"]),
        ),
    ]
}

fn marks() -> Vec<Row> {
    let (ann, ben) = (pupil("ann"), pupil("ben"));
    let both: (i32, &[&str], &[&str]) = (0, &[], &["ann", "ben"]);
    let with = |mark: &str| table(&[&ann, &ben]).replace(',', mark);
    let quoted = table(&["u1,true,s,student,ann,\"A\nB\",C,,,,", &ben]);
    let open = table(&["u1,true,s,student,\"ann,A,B,,,,", &ben]);
    let behind = table(&["u1,true,s,student,\"ann\"x,A,B,,,,", &ben]);
    vec![
        users("R20", "semicolons", with(";"), both),
        users("R21", "tabs", with("\t"), both),
        users("R22", "bars", with("|"), both),
        users("R23", "a line that names the mark", format!("sep=;\n{}", with(";")), both),
        users("R24", "line ends of a Mac", table(&[&ann, &ben]).replace('\n', "\r"), both),
        users("R25", "line ends of every kind", format!("{USERS}\r\n{ann}\r{ben}\n"), both),
        users("R26", "a line end within quotes", quoted, (0, &["W07"], &["ann", "ben"])),
        users(
            "R27",
            "a quote that is never closed: its row is out, the next is in",
            open,
            (0, &["E12", "not closed"], &["ben"]),
        ),
        users("R28", "text behind a closing quote", behind, (0, &["E12", "closing quote"], &["ben"])),
    ]
}

fn cells() -> Vec<Row> {
    let (ann, ben) = (pupil("ann"), pupil("ben"));
    let out: (i32, &[&str], &[&str]) = (0, &["E12"], &["ben"]);
    let wide = format!("{ann}{}", ",x".repeat(300));
    let huge = ann.replace("Given", &"x".repeat(8 * 1024 * 1024));
    let id = |id: &str| table(&[&ann.replace("id-ann", id), &ben]);
    let named = |username: &str| table(&[&ann.replace("student,ann", &format!("student,{username}"))]);
    let siblings = [ann.replace("ann@", "family@"), ben.replace("ben@", "family@")];
    vec![
        users("R29", "a cell of 8 MiB, which is not kept", table(&[&huge, &ben]), (0, &["E12", "4 KiB"], &["ben"])),
        users("R30", "a row of 300 cells", table(&[&wide, &ben]), out),
        users("R31", "a row that ends too soon", table(&["u1,true,s", &ben]), out),
        users("R32", "a row with one cell too many", table(&[&format!("{ann},more"), &ben]), out),
        users(
            "R33",
            "empty rows, rows of commas, empty cells at the end",
            table(&["", ",,,", &format!("{ann},,"), "  "]),
            IN,
        ),
        users("R34", "NUL bytes", table(&[&ann.replace("Given", "A\0B"), &ben]), out),
        users("R35", "a row without an id", id(""), (0, &["E12", "sourcedId"], &["ben"])),
        users(
            "R36",
            "the same id twice, with another address: the first one counts",
            table(&[&ann, &ann.replace("student,ann", "student,ana")]),
            (0, &["E04"], &["ann"]),
        ),
        users(
            "R37",
            "the same username twice, in capitals",
            table(&[&ann, &ben.replace("student,ben", "student,ANN")]),
            (0, &["E04"], &["ann"]),
        ),
        users(
            "R38",
            "two with one address: siblings may share",
            table(&[&siblings[0], &siblings[1]]),
            (0, &[], &["ann", "ben"]),
        ),
        users("R39", "a username with zeros before it: text, not a number", named("00123"), (0, &[], &["00123"])),
        users("R40", "a username that a spreadsheet would count with", named("1E5"), (0, &[], &["1E5"])),
        users(
            "R41",
            "a username that is a formula: text here, made harmless wherever it is exported",
            named("=1+1"),
            (0, &[], &["=1+1"]),
        ),
        users("R42", "a username of 300 letters", named(&"x".repeat(300)), (1, &["E12", "255"], &[])),
        users("R43", "neither true nor false", table(&[&ann.replace("true", "perhaps"), &ben]), out),
        users(
            "R44",
            "a school that there is not",
            table(&[&ann.replace(",s,", ",nowhere,"), &ben]),
            (0, &["E03"], &["ben"]),
        ),
        users(
            "R45",
            "a role that there is not: staff of the highest rank",
            table(&[&ann.replace("student,ann", "faculty,ann")]),
            (0, &["W04"], &["ann"]),
        ),
        users(
            "R46",
            "a password column: never kept, never repeated",
            format!("{USERS},password\n{ann},{CANARY}\n"),
            IN,
        ),
        users(
            "R47",
            "words of SQL, templates and pages as a name",
            table(&[&ann.replace("Given", "'; DROP TABLE accounts; -- {{7*7}} <img src=x>")]),
            IN,
        ),
    ]
}
