//! Problems in words: the same for a server's answer and for one's own.

use serde::Deserialize;

use crate::outcome::Exit;

/// What is read of `application/problem+json`.
#[derive(Deserialize)]
struct Document {
    detail: String,
    code: String,
    field: Option<String>,
    #[serde(default)]
    entries: Vec<String>,
}

/// The error of an answer that is no success: the reason, its field, all its entries, and its code.
pub(super) fn error(status: u16, retry_after: Option<u64>, body: &[u8]) -> anyhow::Error {
    let exit = Exit::of_status(status);
    let Ok(document) = serde_json::from_slice::<Document>(body) else {
        return exit.because(format!(
            "the server answers {status} and gives no reason; is there a Keybell at this address, of this version?"
        ));
    };
    exit.because(words(&document, retry_after))
}

fn words(document: &Document, retry_after: Option<u64>) -> String {
    let mut text = match &document.field {
        Some(field) => format!("{field}: {}", document.detail),
        None => document.detail.clone(),
    };
    for entry in &document.entries {
        text.push_str("\n  ");
        text.push_str(entry);
    }
    text = format!("{text} ({})", document.code);
    if let Some(seconds) = retry_after {
        text = format!("{text}; try again in {seconds} s");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_its_field_its_entries_and_its_code() {
        let body = br#"{"type":"urn:x","status":422,"code":"selection.unknown_accounts","field":"selection.accounts",
            "detail":"two accounts are unknown","entries":["ghost","phantom"],"request_id":"r"}"#;
        let problem = error(422, None, body);
        assert_eq!(
            problem.to_string(),
            "selection.accounts: two accounts are unknown\n  ghost\n  phantom (selection.unknown_accounts)"
        );
        assert_eq!(Exit::of(&problem), Exit::Usage);
        let throttled = error(429, Some(7), br#"{"detail":"too often","code":"rate.limited"}"#);
        assert_eq!(throttled.to_string(), "too often (rate.limited); try again in 7 s");
        assert_eq!(Exit::of(&throttled), Exit::Unavailable);
        assert!(error(502, None, b"<html>").to_string().contains("502"));
    }
}
