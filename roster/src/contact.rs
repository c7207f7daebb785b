//! Which e-mail addresses and phone numbers can be written to.
//!
//! A contact that cannot be used never takes its person out: the person goes in without it and the report says so.

use std::borrow::Cow;

use email_address::{EmailAddress, Options};

use keybell_shared::unseen::is_unseen;

/// Why a contact cannot be used; never repeats it.
pub type Unusable = Cow<'static, str>;

/// The country calling code for numbers of ten digits without one: the United States and Canada.
const HOME: &str = "1";

/// Checks an e-mail address and gives it back exactly as written, without the spaces around it.
///
/// A subset of RFC 5321: no quoted local part, no comment, no IP literal, no display name, one address only; at most 64
/// bytes before the `@` and 254 in all. Letters beyond ASCII are allowed on both sides (RFC 6531).
pub fn email(text: &str) -> Result<String, Unusable> {
    let address = text.trim_matches(' ');
    if let Some(odd) = address.chars().find(|c| c.is_control() || c.is_whitespace() || is_unseen(*c)) {
        return Err(format!("the address holds the character U+{:04X}", u32::from(odd)).into());
    }
    if address.contains(['"', '(', ')', '[', ']', '\\']) {
        return Err("quotes, comments and IP literals are not supported in an address".into());
    }
    if address.contains([',', ';', '<', '>']) {
        return Err("one plain address is needed, without a name or a second address".into());
    }
    if address.len() > 254 {
        return Err("the address is longer than 254 bytes".into());
    }
    let options = Options::default().without_display_text().without_domain_literal();
    let parsed = EmailAddress::parse_with_options(address, options).map_err(|refusal| said(&refusal))?;
    let domain = parsed.domain();
    if domain.contains(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric() && c != '.' && c != '-') {
        return Err("the domain holds a sign that domains cannot have".into());
    }
    if domain.rsplit('.').next().is_some_and(|top| top.chars().all(|c| c.is_ascii_digit())) {
        return Err("the domain ends in a number".into());
    }
    Ok(address.to_owned())
}

fn said(refusal: &email_address::Error) -> Unusable {
    let text = refusal.to_string();
    let text = text.trim_end_matches('.');
    format!("the address is not valid: {}", text.to_lowercase()).into()
}

/// Brings a phone number into E.164: `+`, country code, number.
///
/// Spaces, `(`, `)`, `-`, `.` between the digits are dropped and a leading `00` becomes `+`. Ten digits without a country
/// code count as numbers of the United States and Canada, so do eleven that begin with 1. Extensions, letters and digits
/// of other scripts are refused: a message to a guess would tell a stranger a password.
pub fn phone(text: &str) -> Result<String, Unusable> {
    let mut digits = String::new();
    let mut plus = false;
    for (at, c) in text.trim_matches(' ').chars().enumerate() {
        match c {
            '0'..='9' => digits.push(c),
            '+' if at == 0 => plus = true,
            ' ' | '(' | ')' | '-' | '.' => {}
            c if c.is_alphabetic() => return Err("letters or an extension in a phone number".into()),
            c if c.is_ascii_graphic() => return Err("a sign that phone numbers do not have".into()),
            c => return Err(format!("the number holds the character U+{:04X}", u32::from(c)).into()),
        }
    }
    let number = if plus {
        digits
    } else if let Some(rest) = digits.strip_prefix("00") {
        rest.to_owned()
    } else if digits.len() == 10 {
        format!("{HOME}{digits}")
    } else if digits.len() == 11 && digits.starts_with(HOME) {
        digits
    } else {
        return Err("no country code: write it as +, country code, number".into());
    };
    if !(8..=15).contains(&number.len()) || number.starts_with('0') {
        return Err("a phone number has 8 to 15 digits with its country code, which does not begin with 0".into());
    }
    // North American numbers have exactly ten digits after the country code, and no area code begins with 0 or 1.
    if let Some(national) = number.strip_prefix(HOME)
        && (national.len() != 10 || national.starts_with(['0', '1']))
    {
        return Err("a North American number has an area code from 2 on and ten digits after +1".into());
    }
    Ok(format!("+{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_kept_exactly() {
        for address in ["Ann.O'Neil+Kids@Example.ORG", "müller@münchen.de", "a@b", "x_y-z@sub.example.co.uk", "1@2.x3"]
        {
            assert_eq!(email(address).as_deref(), Ok(address));
        }
        assert_eq!(email("  a@x.org ").as_deref(), Ok("a@x.org"));
    }

    #[test]
    fn odd_addresses_are_refused() {
        let long_local = format!("{}@x.org", "a".repeat(65));
        let long = format!("a@{}.org", vec!["b".repeat(60); 5].join("."));
        for address in [
            "",
            "@x.org",
            "a@",
            "a b@x.org",
            "a@x..org",
            "a@-x.org",
            "a@x-.org",
            "a.@x.org",
            ".a@x.org",
            "a@x.org.",
            "a@x.org,b@x.org",
            "a@x.org; b@x.org",
            "Name <a@x.org>",
            "<a@x.org>",
            "\"a b\"@x.org",
            "a(c)@x.org",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "x@y.org\r\nBcc: evil@z.org",
            "x@y.org\n.\nRCPT TO:",
            "a@x\u{200b}.org",
            "a\u{a0}@x.org",
            "a\u{ad}b@x.org",
            "\u{feff}a@x.org",
            "a@x_y.org",
            "a@x/y.org",
            &long_local,
            &long,
        ] {
            assert!(email(address).is_err(), "{address:?} went through");
        }
    }

    #[test]
    fn numbers_become_e164() {
        for (written, told) in [
            ("+1 (415) 555-2671", "+14155552671"),
            ("415.555.2671", "+14155552671"),
            ("1-415-555-2671", "+14155552671"),
            ("0044 20 7946 0958", "+442079460958"),
            ("+442079460958", "+442079460958"),
        ] {
            assert_eq!(phone(written).as_deref(), Ok(told));
        }
    }

    #[test]
    fn odd_numbers_are_refused() {
        for written in [
            "",
            "0123",
            "+1415555267",
            "+12345678901234567",
            "call me",
            "tel:+14155552671",
            "415-555-2671 x12",
            "+",
            "＋１４１５５５５２６７１",
            "٠١٢٣٤٥٦٧٨٩",
            "+0441234567",
            "415/555-2671",
            "++14155552671",
            "123-456-7890",
        ] {
            assert!(phone(written).is_err(), "{written:?} went through");
        }
    }
}
