//! Uploads: the file is tried out, and what was tried out is started.

use reqwest::Url;
use serde_json::Value;

use super::doors::{Ask, Heard};
use super::ground::Ground;
use crate::evidence::District;

/// The members of a request that stand in the query of an upload.
const RULES: [&str; 7] =
    ["reason", "acknowledgement", "channel", "recipient", "notify", "temporary", "expires_in_hours"];

/// Tries the file out and starts it; the answer of whichever was refused, or of the start.
pub(super) async fn ask(ground: &Ground, who: &District, key: &str, body: &Value, file: &str) -> Heard {
    let tried = ground.doors.ask(who, Ask::post(&path("/v1/uploads/trial", body, &[])).with_file(file)).await;
    if tried.status != 200 {
        return tried;
    }
    let answer = tried.json();
    let trial = answer.get("trial").and_then(Value::as_str).unwrap_or_default();
    let path = path("/v1/uploads", body, &[("trial", trial), ("allow_partial", "true")]);
    ground.doors.ask(who, Ask::post(&path).under(key).with_file(file)).await
}

/// Whether something changed between the trial run and the start, so that both are made once more.
pub(super) fn is_overtaken(heard: &Heard) -> bool {
    heard.status == 409 && heard.code() == "upload.changed"
}

fn path(path: &str, body: &Value, more: &[(&str, &str)]) -> String {
    let words = RULES.iter().filter_map(|rule| {
        let value = body.get(rule)?;
        Some((*rule, value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)))
    });
    let all = words.chain(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    // The base is ours, and is always an address.
    let Ok(url) = Url::parse_with_params(&format!("http://door{path}"), all) else { return path.to_owned() };
    format!("{}?{}", url.path(), url.query().unwrap_or_default())
}
