//! Where one-time links lead.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{ConfigError, fits};

/// What stands for the token in a URL.
const TOKEN: &str = "{token}";

/// The longest URL: an SMS has room for little more.
const MAX_URL: usize = 200;

/// Where one-time links lead: to Keybell's own page, or to a page of the district's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Links {
    /// The link in a message, with `{token}` in it once: `https://keybell.example.org/claim/{token}`. Empty: no links.
    pub url: String,
    /// The same for districts that have a page of their own, by the district's short name.
    pub districts: BTreeMap<String, String>,
}

impl Links {
    /// The URL template of a district; `None` when links lead nowhere.
    #[must_use]
    pub fn of(&self, slug: &str) -> Option<&str> {
        self.districts.get(slug).or(Some(&self.url)).map(String::as_str).filter(|url| !url.is_empty())
    }

    /// The link of a district with this token in it; `None` when links lead nowhere.
    #[must_use]
    pub fn with_token(&self, slug: &str, token: &str) -> Option<String> {
        self.of(slug).map(|url| url.replace(TOKEN, token))
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if !self.url.is_empty() {
            fits(is_template(&self.url), "links.url", || WANTED.to_owned())?;
        }
        for url in self.districts.values() {
            fits(is_template(url), "links.districts", || WANTED.to_owned())?;
        }
        Ok(())
    }
}

const WANTED: &str = "must be an https:// URL (http:// on this machine only) of at most 200 characters, with {token} once \
     behind the host, such as https://keybell.example.org/claim/{token}";

/// Whether a link may lead there. A token must not travel in clear, nor be a part of the host's name.
fn is_template(url: &str) -> bool {
    let plain = url.len() <= MAX_URL && url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'<>\\".contains(&byte));
    let (rest, secure) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (rest, true),
        (None, Some(rest)) => (rest, false),
        (None, None) => return false,
    };
    let Some((authority, path)) = rest.split_once('/') else { return false };
    let host = if let Some(v6) = authority.strip_prefix('[') {
        v6.split(']').next().unwrap_or_default()
    } else {
        authority.split(':').next().unwrap_or_default()
    };
    let here = ["127.0.0.1", "::1", "localhost"].contains(&host);
    let named = !host.is_empty() && !authority.contains(['@', '{', '}']);
    plain && named && (secure || here) && path.matches(TOKEN).count() == 1 && path.matches(['{', '}']).count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_a_safe_place_and_holds_its_token_once() {
        for right in [
            "https://keybell.example.org/claim/{token}",
            "https://id.example.org:8443/new-password#t={token}",
            "https://id.example.org/p?t={token}&lang=en",
            "http://127.0.0.1:8080/claim/{token}",
            "http://[::1]:8080/claim/{token}",
            "http://localhost/claim/{token}",
        ] {
            assert!(is_template(right), "{right}");
        }
        for wrong in [
            "http://keybell.example.org/claim/{token}",
            "https://keybell.example.org/claim/",
            "https://keybell.example.org/{token}/{token}",
            "https://{token}.example.org/",
            "https://user@example.org/{token}",
            "https:///{token}",
            "https://example.org/{tokens}{token}",
            "https://example.org/a b/{token}",
            "ftp://example.org/{token}",
            "{token}",
            &format!("https://example.org/{}/{{token}}", "a".repeat(200)),
        ] {
            assert!(!is_template(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_district_may_have_a_page_of_its_own() {
        let text = r#"{"url": "https://k.example.org/claim/{token}", "districts": {"north": "https://north.example.org/#{token}"}}"#;
        let links: Links = serde_json::from_str(text).expect("links");
        assert_eq!(links.check(), Ok(()));
        assert_eq!(links.with_token("north", "T").as_deref(), Some("https://north.example.org/#T"));
        assert_eq!(links.with_token("south", "T").as_deref(), Some("https://k.example.org/claim/T"));
        assert_eq!(Links::default().of("south"), None);
        let wrong = Links { url: "http://k.example.org/{token}".to_owned(), ..Links::default() };
        assert_eq!(wrong.check().map_err(|error| error.field), Err("links.url"));
    }
}
