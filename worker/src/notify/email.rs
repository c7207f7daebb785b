//! Turns a written message into the bytes of an e-mail. Every sender of e-mail uses the same ones.
//!
//! The body is always quoted-printable, so that no server needs 8BITMIME; addresses are ASCII, so that none needs
//! SMTPUTF8. Nothing foreign reaches a header but through lettre's encoder, and control characters are already gone.

use lettre::Address;
use lettre::message::header::{ContentTransferEncoding, ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, Message, SinglePart};
use zeroize::Zeroizing;

use super::Outgoing;

/// An e-mail: envelope and bytes.
pub(super) struct Mime {
    /// The envelope's sender.
    pub(super) from: Address,
    /// The envelope's recipient, the only one.
    pub(super) to: Address,
    /// Header and body, with CRLF line ends.
    pub(super) bytes: Zeroizing<Vec<u8>>,
}

/// Why no e-mail can be made for this recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unmailable {
    #[error("this is no e-mail address")]
    NoAddress,
    #[error("the part before the @ is not ASCII, which few mail servers take; enter another address")]
    LocalPart,
    #[error("the domain of the address is no host name")]
    Domain,
    #[error("the message has a header that cannot be written")]
    Header,
}

/// Reads the sender's address, `Name <user@example.org>` or `user@example.org`.
///
/// # Errors
/// When it is none, or needs SMTPUTF8.
pub(super) fn sender(text: &str) -> Result<Mailbox, Unmailable> {
    let Mailbox { name, email } = text.parse().map_err(|_| Unmailable::NoAddress)?;
    Ok(Mailbox { name, email: address(email.as_ref())? })
}

/// Makes the e-mail.
pub(super) fn build(from: &Mailbox, message: &Outgoing) -> Result<Mime, Unmailable> {
    let to = address(&message.address)?;
    // The text ends up in several buffers of lettre's, which are freed unwiped; they live for this call only.
    // The last line's end comes from lettre.
    let text = message.text.strip_suffix('\n').unwrap_or(&message.text).to_owned();
    let body =
        Body::new_with_encoding(text, ContentTransferEncoding::QuotedPrintable).map_err(|_| Unmailable::Header)?;
    let part = SinglePart::builder().header(ContentType::TEXT_PLAIN).body(body);
    let mail = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to.clone()))
        .subject(message.subject.as_str())
        .date_now()
        .message_id(Some(message_id(&message.message_id)))
        .header(AutoSubmitted)
        .singlepart(part)
        .map_err(|_| Unmailable::Header)?;
    Ok(Mime { from: from.email.clone(), to, bytes: Zeroizing::new(mail.formatted()) })
}

/// An address that every mail server takes: a plain ASCII local part and a host name, converted to ASCII by IDNA.
/// Quoted local parts, comments and address literals are not taken (RFC 5321 lengths hold).
fn address(text: &str) -> Result<Address, Unmailable> {
    let (user, domain) = text.trim_matches(' ').rsplit_once('@').ok_or(Unmailable::NoAddress)?;
    if !user.is_ascii() {
        return Err(Unmailable::LocalPart);
    }
    if user.is_empty() || user.len() > 64 || user.contains(['"', '(', ')', '@', ',', ';', '<', '>', '\\']) {
        return Err(Unmailable::NoAddress);
    }
    let domain = ascii_domain(domain).ok_or(Unmailable::Domain)?;
    if user.len() + domain.len() + 1 > 254 {
        return Err(Unmailable::NoAddress);
    }
    Address::new(user, domain).map_err(|_| Unmailable::NoAddress)
}

/// The domain in ASCII. The URL parser holds the IDNA tables; anything that would mean more than a host is refused
/// before it is asked.
fn ascii_domain(domain: &str) -> Option<String> {
    let plain = |c: char| c.is_alphanumeric() || c == '-' || c == '.' || !c.is_ascii() && !c.is_control();
    if domain.is_empty() || !domain.chars().all(plain) {
        return None;
    }
    let url = reqwest::Url::parse(&format!("http://{domain}/")).ok()?;
    // `domain` answers nothing for an address literal, which a number like 127.1 would become.
    let ascii = url.domain()?;
    let labels = ascii.split('.');
    let fine = |label: &str| (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-');
    (labels.clone().count() >= 2 && labels.clone().all(fine)).then(|| ascii.to_owned())
}

/// The id as a header value; characters that do not belong in one are replaced, and always by the same.
fn message_id(id: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.@".contains(c) { c } else { '_' };
    let id: String = id.trim_matches(['<', '>', ' ']).chars().map(plain).take(250).collect();
    if id.contains('@') { format!("<{id}>") } else { format!("<{id}@keybell.invalid>") }
}

/// RFC 3834: no machine answers this mail, so that no holiday notice repeats it.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing(address: &str) -> Outgoing {
        Outgoing {
            address: address.to_owned(),
            message_id: "n-7@keybell.example".to_owned(),
            subject: "Grüße an Зоя".to_owned(),
            text: Zeroizing::new("Ünïcode = here\n\n    Otter-lamp-47\n.\nFrom me\n".to_owned()),
        }
    }

    fn from() -> Mailbox {
        sender("Keybell <keybell@example.org>").expect("from")
    }

    #[test]
    fn the_bytes_are_ascii_with_every_header_once() {
        let mime = build(&from(), &outgoing("a.b+c@example.org")).expect("mail");
        let text = String::from_utf8(mime.bytes.to_vec()).expect("ASCII");
        assert!(text.is_ascii());
        let (head, body) = text.split_once("\r\n\r\n").expect("head and body");
        let starts = [
            "From: Keybell <keybell@example.org>",
            "To: a.b+c@example.org",
            "Subject: ",
            "Date: ",
            "Message-ID: <n-7@keybell.example>",
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: quoted-printable",
            "Auto-Submitted: auto-generated",
        ];
        for start in starts {
            assert_eq!(head.lines().filter(|line| line.starts_with(start)).count(), 1, "{start}\n{head}");
        }
        assert_eq!(head.lines().filter(|line| !line.starts_with(' ')).count(), starts.len(), "{head}");
        assert!(body.contains("    Otter-lamp-47\r\n"), "{body}");
        assert!(text.lines().all(|line| line.len() <= 78), "{text}");
    }

    #[test]
    fn addresses_are_plain_or_refused() {
        let to = |address: &str| build(&from(), &outgoing(address)).map(|mime| mime.to.to_string());
        assert_eq!(to("anna@münchen.de").as_deref(), Ok("anna@xn--mnchen-3ya.de"));
        assert_eq!(to("A.B+tag@Example.org").as_deref(), Ok("A.B+tag@example.org"));
        assert_eq!(to("josé@example.org"), Err(Unmailable::LocalPart));
        for bad in [
            "",
            "a",
            "@x.org",
            "a@",
            "a@b",
            "a b@x.org",
            "a@x..org",
            "a@-x.org",
            "a@127.0.0.1",
            "a@[127.0.0.1]",
            "a@x.org, b@x.org",
            "Name <a@x.org>",
            "a@x.org\r\nBcc: e@z.org",
            "a\r\nRCPT TO:<e@z.org>@x.org",
            "a@x.org>\r\nDATA",
            "a@x.org/path",
            "a@b@x.org",
            "\"a\"@x.org",
        ] {
            assert!(to(bad).is_err(), "{bad}");
        }
        assert!(to(&format!("{}@x.org", "a".repeat(65))).is_err());
    }

    #[test]
    fn ids_stay_ids() {
        assert_eq!(message_id("<a.1@b>"), "<a.1@b>");
        assert_eq!(message_id("7"), "<7@keybell.invalid>");
        assert_eq!(message_id("a\r\nBcc: x@y"), "<a__Bcc__x@y>");
    }
}
