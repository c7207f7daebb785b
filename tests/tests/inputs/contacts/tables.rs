//! The people, and what is odd about each of them.

use super::{Odd, Row};

/// An address that cannot be used: its person is in without it, and listed as unreachable.
fn no_email(number: &'static str, what: &'static str, written: &str) -> Row {
    Row { number, what, odd: Odd::Email(written.to_owned()), kept: None, told: None }
}

/// An address that is kept as it is written, and written to like this.
fn email(number: &'static str, what: &'static str, written: &str, told: Option<&str>) -> Row {
    let (kept, told) = (Some(written.trim_matches(' ').to_owned()), told.map(str::to_owned));
    Row { number, what, odd: Odd::Email(written.to_owned()), kept, told }
}

/// A number that is brought into E.164, or cannot be used.
fn phone(number: &'static str, what: &'static str, written: &str, kept: Option<&str>) -> Row {
    let kept = kept.map(str::to_owned);
    Row { number, what, odd: Odd::Sms(written.to_owned()), told: kept.clone(), kept }
}

/// A name, and what is kept of it. Its person is told.
fn name(number: &'static str, what: &'static str, written: &str, kept: &str) -> Row {
    let told = Some(format!("{}@example.org", number.to_lowercase()));
    Row { number, what, odd: Odd::Name(written.to_owned()), kept: Some(kept.to_owned()), told }
}

/// An address that no import would take. The sender takes it neither.
fn smuggled(number: &'static str, what: &'static str, address: &str) -> Row {
    Row { number, what, odd: Odd::Smuggled(address.to_owned()), kept: None, told: None }
}

pub(super) fn rows() -> Vec<Row> {
    [addresses(), international(), smuggled_ones(), phones(), names()].into_iter().flatten().collect()
}

fn addresses() -> Vec<Row> {
    let long_local = format!("{}@x.org", "a".repeat(65));
    let long = format!("a@{}.org", ["b".repeat(60).as_str(); 5].join("."));
    vec![
        no_email("C01", "nobody at a host", "@x.org"),
        no_email("C02", "somebody nowhere", "a@"),
        no_email("C03", "a blank within", "a b@x.org"),
        no_email("C04", "two dots", "a@x..org"),
        no_email("C05", "a host that begins with a dash", "a@-x.org"),
        no_email("C06", "more than 64 letters before the @", &long_local),
        no_email("C07", "more than 254 letters", &long),
        no_email("C08", "a quoted name", "\"a b\"@x.org"),
        no_email("C09", "a comment", "a(b)@x.org"),
        no_email("C10", "an address of a network", "a@[127.0.0.1]"),
        no_email("C11", "a number for a host", "a@127.0.0.1"),
        no_email("C12", "a line end and another header", "x@y.org\r\nBcc: evil@z.org"),
        no_email("C13", "a line end and another command", "x@y.org\n.\nRCPT TO:<evil@z.org>"),
        no_email("C14", "two addresses", "a@x.org,evil@x.org"),
        no_email("C15", "two addresses in another fashion", "a@x.org; evil@x.org"),
        no_email("C16", "a name before it", "Anna <a@x.org>"),
        no_email("C17", "a blank that cannot be seen", "a\u{a0}b@x.org"),
        no_email("C18", "a character of no width", "a@x\u{200b}.org"),
        no_email("C19", "a mark of byte order within", "a\u{feff}b@x.org"),
        no_email("C20", "a hyphen that cannot be seen", "a\u{ad}b@x.org"),
        no_email("C21", "a turn of direction", "a\u{202e}b@x.org"),
        email("C22", "blanks around it", "  c22@example.org ", Some("c22@example.org")),
        email(
            "C23",
            "capitals, dots and a plus: kept as they are",
            "C.23+Kids@Example.ORG",
            Some("C.23+Kids@example.org"),
        ),
        email(
            "C24",
            "a line end that is written out is four letters",
            "c24%0d%0abcc@example.org",
            Some("c24%0d%0abcc@example.org"),
        ),
        email("C25", "a host without a dot: right in itself, and nowhere on the Internet", "a@b", None),
    ]
}

fn international() -> Vec<Row> {
    vec![
        email("C26", "a host in its own letters", "c26@münchen.example", Some("c26@xn--mnchen-3ya.example")),
        email("C27", "the same in ASCII", "c27@xn--mnchen-3ya.example", Some("c27@xn--mnchen-3ya.example")),
        email(
            "C28",
            "a host in letters that look like others is another host, and is written to as that",
            "c28@раypal.example",
            Some("c28@xn--ypal-43d9g.example"),
        ),
        email("C29", "letters beyond ASCII before the @, which few mail servers take", "müller@example.org", None),
        email("C30", "a host that says it is encoded and is not", "c30@xn--a.example", None),
    ]
}

fn smuggled_ones() -> Vec<Row> {
    vec![
        smuggled("C31", "a line end and a header, not by a roster", "x@y.org\r\nBcc: evil@z.org"),
        smuggled("C32", "two addresses, not by a roster", "x@y.org,evil@z.org"),
        smuggled("C33", "a closing bracket and a parameter, not by a roster", "x@y.org> NOTIFY=NEVER <evil@z.org"),
        smuggled("C34", "no address at all, not by a roster", "evil"),
    ]
}

fn phones() -> Vec<Row> {
    vec![
        phone("C35", "four digits", "0123", None),
        phone("C36", "brackets, blanks and dashes", "+1 (415) 555-2671", Some("+14155552671")),
        phone("C37", "two zeros before the country", "0044 20 7946 0958", Some("+442079460958")),
        phone("C38", "a digit too few", "+1415555267", None),
        phone("C39", "more than 15 digits", "+12345678901234567", None),
        phone("C40", "letters", "+1-800-FLOWERS", None),
        phone("C41", "a scheme", "tel:+14155552672", None),
        phone("C42", "an extension, which no message reaches", "415-555-2673 x12", None),
        phone("C43", "digits of full width", "＋１４１５５５５２６７４", None),
        phone("C44", "Arabic digits", "٠١٢٣٤٥٦٧٨٩", None),
        phone("C45", "a plus within", "415+5552675", None),
        phone("C46", "a number with a line end", "+1415555\n2676", None),
    ]
}

fn names() -> Vec<Row> {
    let zalgo = format!("A{}", "\u{301}\u{316}".repeat(60));
    let long = "Ünïçödé".repeat(30);
    let family = "👩\u{200d}👩\u{200d}👧";
    vec![
        name("C47", "one letter", "Ł", "Ł"),
        name("C48", "nothing but a picture", family, family),
        name("C49", "a letter under sixty marks", &zalgo, &zalgo),
        name("C50", "210 letters that are not ASCII, in a header", &long, &long),
        name("C51", "letters that change when they are made small", "İıßſ", "İıßſ"),
        name("C52", "Chinese beyond the first plane", "𠮷野 李小龍", "𠮷野 李小龍"),
        name("C53", "a turn of direction", "\u{202e}evil\u{2066}", "evil"),
        name("C54", "letters that nobody can see", "A\u{200b}n\u{e0041}n", "Ann"),
        name("C55", "a line end and a header", "Eve\r\nBcc: evil@z.org", "Eve Bcc: evil@z.org"),
        name("C56", "the end of a message and a command", "Eve\n.\nRCPT TO:<evil@z.org>", "Eve . RCPT TO:<evil@z.org>"),
        name("C57", "the sign of an encoded header", "=?utf-8?q?Bcc:_evil?=", "=?utf-8?q?Bcc:_evil?="),
        name("C58", "a place of a template", "{password} {{username}} %s {0}", "{password} {{username}} %s {0}"),
        name("C59", "a page", "<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        name("C60", "words of SQL", "'; DROP TABLE accounts; --", "'; DROP TABLE accounts; --"),
        name("C61", "a colour for the terminal", "\u{1b}[31mRed", "[31mRed"),
        name("C62", "a formula", "=cmd|'/c calc'!A1", "=cmd|'/c calc'!A1"),
        name("C63", "quotes and a backslash", "O'Neil \"Bob\" \\", "O'Neil \"Bob\" \\"),
    ]
}
