//! Reads the messages that arrive: headers, transfer encodings, and the password in a text.

/// The value of a header, unfolded; `None` when it is not there.
pub(crate) fn header(head: &str, name: &str) -> Option<String> {
    let mut value: Option<String> = None;
    for line in head.lines() {
        if let Some(known) = &mut value {
            if !line.starts_with([' ', '\t']) {
                break;
            }
            known.push_str(line);
        } else if let Some((key, rest)) = line.split_once(':')
            && key.eq_ignore_ascii_case(name)
        {
            value = Some(rest.trim_start().to_owned());
        }
    }
    value
}

/// The body in its own characters.
pub(crate) fn body(head: &str, body: &str) -> String {
    let encoding = header(head, "Content-Transfer-Encoding").unwrap_or_default().to_ascii_lowercase();
    let bytes = match encoding.as_str() {
        "quoted-printable" => quoted_printable(body),
        "base64" => base64(body),
        _ => body.as_bytes().to_vec(),
    };
    String::from_utf8_lossy(&bytes).replace("\r\n", "\n")
}

fn quoted_printable(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = match (byte, after) {
            (b'=', [b'\r', b'\n', after @ ..] | [b'\n', after @ ..]) => after,
            (b'=', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(nibble(*high) << 4 | nibble(*low));
                after
            }
            _ => {
                bytes.push(byte);
                after
            }
        };
    }
    bytes
}

const fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => 0,
    }
}

pub(super) fn base64(text: &str) -> Vec<u8> {
    let sextet = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0_u32);
    for value in text.bytes().filter_map(sextet) {
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    bytes
}

/// The password in the text of a message: the only line that is indented by four blanks (e-mail), or else the line after
/// one that ends with a colon (SMS).
#[must_use]
pub fn password_in(text: &str) -> Option<&str> {
    let indented = text.lines().find_map(|line| line.strip_prefix("    ")).filter(|line| !line.trim().is_empty());
    indented.or_else(|| {
        let mut lines = text.lines();
        lines.find(|line| line.ends_with(':'))?;
        lines.next()
    })
}
