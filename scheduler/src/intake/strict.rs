//! A first walk through a JSON document, for what a typed reading would not notice: keys that stand twice (two parsers
//! could take different ones), NUL characters (PostgreSQL's text cannot hold them), and lists in the place of objects
//! (the typed reading would take their elements for fields, by position).

use std::collections::HashSet;
use std::fmt;

use keybell_shared::problem::Problem;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::json::malformed;

/// The longest part of a key that is repeated in an answer, in characters.
const SHOWN: usize = 64;

/// Walks through the whole document, in which the values at the paths `objects` are no lists.
pub(super) fn check(text: &str, objects: &[&str]) -> Result<(), Problem> {
    let mut found = None;
    let mut reader = serde_json::Deserializer::from_str(text);
    // The depth is bounded by the reader itself.
    let walked =
        Walk { path: String::new(), objects, found: &mut found }.deserialize(&mut reader).and_then(|()| reader.end());
    match (walked, found) {
        (Ok(()), None) => Ok(()),
        (Err(error), None) => Err(syntax(&error)),
        (walked, Some(Finding { code, field, what })) => {
            let place = walked.err().map(|error| format!(" (line {}, column {})", error.line(), error.column()));
            let field = (!field.is_empty()).then_some(field);
            Err(Problem { field, ..malformed(code, format!("{what}{}", place.unwrap_or_default())) })
        }
    }
}

/// What the walk came upon.
struct Finding {
    code: &'static str,
    field: String,
    what: &'static str,
}

/// The reader's own words about syntax never hold a value, only what it expected.
fn syntax(error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
    let detail = format!("this is not JSON: {reason} (line {}, column {})", error.line(), error.column());
    malformed("json.malformed", detail)
}

/// A key as it may be repeated: short, and without anything that disturbs a log.
pub(super) fn shown(key: &str) -> String {
    key.chars().take(SHOWN).map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// The path of a member.
pub(super) fn member(path: &str, key: &str) -> String {
    if path.is_empty() { shown(key) } else { format!("{path}.{}", shown(key)) }
}

/// Walks through one value.
struct Walk<'a> {
    path: String,
    objects: &'a [&'a str],
    found: &'a mut Option<Finding>,
}

impl Walk<'_> {
    fn found<E: Error>(self, code: &'static str, what: &'static str) -> E {
        *self.found = Some(Finding { code, field: self.path, what });
        E::custom("found")
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if text.contains('\0') {
            return Err(self.found("json.nul_character", "a NUL character cannot be stored; remove it"));
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if self.objects.contains(&self.path.as_str()) {
            let code = if self.path.is_empty() { "body.invalid" } else { "field.invalid" };
            return Err(self.found(code, "a JSON object is expected here, not a list"));
        }
        let mut at = 0_usize;
        loop {
            let path = format!("{}[{at}]", self.path);
            if seq.next_element_seed(Walk { path, objects: self.objects, found: &mut *self.found })?.is_none() {
                return Ok(());
            }
            at += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            let member = Walk { path: member(&self.path, &key), objects: self.objects, found: &mut *self.found };
            if key.contains('\0') {
                return Err(member.found("json.nul_character", "a NUL character cannot be stored; remove it"));
            }
            if seen.contains(&key) {
                return Err(member.found("json.duplicate_key", "this key stands twice in one object; remove one"));
            }
            seen.insert(key);
            map.next_value_seed(member)?;
        }
        Ok(())
    }
}
