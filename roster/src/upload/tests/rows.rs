//! Rows of text: what they say, and what is wrong with them.

use super::*;

#[test]
fn cells_are_trimmed_and_freed_of_the_apostrophe_except_the_password() {
    let file = read(
        csv(&[
            " a1 , '=ann ,'+Ann,,,,'@North, new.ann ,'=Pass ",
            "a2,\"b,o\"\"b\",\"Bo\"\"b\",,,,,,\"p,\"\"w\"",
            "a3,''=x,'t Hooft,,,,,'-cyril,''",
            "a4,dee,,,,,,,=1+1",
        ])
        .as_bytes(),
    )
    .expect("read");
    assert_eq!(
        told(&file),
        [
            ["a1", "=ann", "+Ann", "@North", "new.ann", "'=Pass "],
            ["a2", "b,o\"b", "Bo\"b", "", "", "p,\"w"],
            ["a3", "'=x", "'t Hooft", "", "-cyril", "''"],
            ["a4", "dee", "", "", "", "=1+1"],
        ]
        .map(|row| row.map(str::to_owned))
    );
    assert!(file.warnings.is_empty());
}

#[test]
fn blank_rows_are_left_out_and_lines_are_those_of_the_file() {
    let text = format!("\n\n{}\n\na1,x,,,,,,,p\n,,,,,,,,\n \na2,y,,,,,,,q", TITLES.join(","));
    let file = read(text.as_bytes()).expect("read");
    assert_eq!(flaws(&file), [(5, None), (8, None)]);
}

#[test]
fn ragged_and_broken_rows_are_told_one_by_one() {
    let long = format!("a6,f,,,,,,,{}", "x".repeat(5000));
    let file = read(
        csv(&[
            "a1,x,,,,,,p",
            "a2,x,,,,,,,p,Hunter2",
            "a3,x,,,,,,,p,,",
            "a4,x,,,,,,,\"p\"q",
            &long,
            "a7,x\0,,,,,,,p",
            &TITLES.join(","),
        ])
        .as_bytes(),
    )
    .expect("read");
    let ragged = |cells: u32| {
        format!(
            "the row has {cells} cells and the header 9; is there a separator too many or too few, or a quotation mark \
             that is missing?"
        )
    };
    assert_eq!(
        flaws(&file),
        [
            (2, Some((Code::E12, ragged(8).as_str()))),
            (3, Some((Code::E12, ragged(10).as_str()))),
            (4, None),
            (5, Some((Code::E12, "the row cannot be read: there is text between a closing quote and the next comma"))),
            (6, Some((Code::E12, "the row cannot be read: a field is longer than 4 KiB"))),
            (7, Some((Code::E12, "the row holds NUL bytes"))),
            (8, Some((Code::E12, "the header is repeated here; remove the row"))),
        ]
    );
    assert_eq!(file.rows[0].account, "a1", "whose row it is stays known");
    assert!(!format!("{file:?}").contains("Hunter2"));
}

#[test]
fn control_characters_and_what_spreadsheets_did_to_text_are_told() {
    let file = read(
        csv(&[
            "1.2E+07,a,,,,,,,p",
            "a2,1.23457E+12,,,,,,,p",
            "a3,2-Jan,,,,,,,p",
            "a4,x,,,,,,,1.23457E+11",
            "a5,x,,,,,,#NAME?,p",
            "a6,x,,,,,,,Err:508",
            "a7,x,,,,,,,\"p\tq\"",
            "a8,x\u{7}y,A\u{7}nn,,,,,,p",
            "a9,x,A\u{7}nn,,1.2E+07,2-Jan,#REF!,,12345678",
            "a10,x,,,,,,,2026-11-22 00:00:00",
            "a11,x,,,,,,,11/22/2026",
            "a12,x,,,,,,22-Nov,p",
        ])
        .as_bytes(),
    )
    .expect("read");
    let id = "it looks like a number or a date that a spreadsheet program made of something else; export as XLSX and edit that";
    let number = "a spreadsheet program turned it into a number in scientific notation; write it again";
    let formula = "a spreadsheet program took it for a formula; write it again";
    let date = "it looks like a date, which a spreadsheet program may have made of something else, and which is soon guessed; \
                choose another one";
    let control = "a line end, a tab or another control character is in it; write it again";
    let flawed = |line: u64, title: &str, reason: &str| (line, Some(format!("`{title}`: {reason}")));
    let found: Vec<(u64, Option<String>)> = flaws(&file)
        .into_iter()
        .map(|(line, flaw)| {
            (line, flaw.map(|(code, detail)| (code == Code::E12).then(|| detail.to_owned()).expect("E12")))
        })
        .collect();
    assert_eq!(
        found,
        [
            flawed(2, "Account", id),
            flawed(3, "Username", id),
            flawed(4, "Username", id),
            flawed(5, "New password", number),
            flawed(6, "New username", formula),
            flawed(7, "New password", formula),
            flawed(8, "New password", control),
            flawed(9, "Username", control),
            (10, None),
            flawed(11, "New password", date),
            flawed(12, "New password", date),
            flawed(13, "New username", date),
        ]
    );
    assert_eq!(file.rows[8].about.given_name, "Ann");
}

#[test]
fn no_row_is_lost_in_a_quotation_mark() {
    let file = read(
        csv(&[
            "a1,x,,,,,,,\"Hunter1",
            "a2,x,,,,,,,Hunter2",
            "a3,x,,,,,,,Hunter3\"",
            "a4,x,,,,,,,Hunter4",
            "a5,x,,,,,,,\"p",
        ])
        .as_bytes(),
    )
    .expect("read");
    let within = "the line is within a quoted cell that begins on line 2";
    assert_eq!(
        flaws(&file)[1..],
        [
            (3, Some((Code::E12, within))),
            (4, Some((Code::E12, within))),
            (5, None),
            (6, Some((Code::E12, "the row cannot be read: a quote is opened and not closed"))),
        ]
    );
    assert!(flaws(&file)[0].1.expect("a flaw").1.contains("a quotation mark is opened on this line"));
    assert!(file.rows[..3].iter().all(|row| row.password.expose_secret().is_empty()));
    // A note of several lines in a column of one's own is none of this.
    let text = format!("{},Notes\na1,x,,,,,,,p,\"one, two\nthree, four\n\"\na2,y,,,,,,,q,\n", TITLES.join(","));
    assert_eq!(flaws(&read(text.as_bytes()).expect("read")), [(2, None), (5, None)]);
}
