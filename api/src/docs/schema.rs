//! Schemas of the document as tables.

use serde_json::Value;

use super::html::escape;
use super::markdown;

/// The type of a schema in a few words, with links to the named ones.
pub(super) fn kind(schema: &Value) -> String {
    if let Some(name) = named(schema) {
        return format!("<a href=\"#schema-{0}\">{0}</a>", escape(name));
    }
    for word in ["oneOf", "anyOf", "allOf"] {
        if let Some(choices) = schema[word].as_array() {
            let choices: Vec<String> = choices.iter().map(kind).collect();
            return choices.join(" or ");
        }
    }
    if let Some(word) = schema["const"].as_str() {
        return code(word);
    }
    if schema.get("properties").is_some() {
        return "object".to_owned();
    }
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> = words.iter().filter_map(Value::as_str).map(code).collect();
        return words.join(" <span class=\"or\">or</span> ");
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => vec!["any JSON"],
    };
    let words: Vec<String> = types
        .iter()
        .map(|word| match *word {
            "array" => format!("list of {}", kind(&schema["items"])),
            other => format!("{other}{}", format_of(schema)),
        })
        .collect();
    words.join(" or ") + &bounds(schema)
}

/// The rows of an object's members.
pub(super) fn members(schema: &Value) -> String {
    let Some(properties) = schema["properties"].as_object() else { return String::new() };
    let required: Vec<&str> =
        schema["required"].as_array().map(|all| all.iter().filter_map(Value::as_str).collect()).unwrap_or_default();
    let rows = properties
        .iter()
        .map(|(name, member)| {
            let must = if required.contains(&name.as_str()) { " <span class=\"must\">needed</span>" } else { "" };
            let default = member.get("default").filter(|value| value.is_string() || value.is_number());
            let default = default.map(|value| format!(" <span class=\"or\">default</span> {}", code(&text(value))));
            format!(
                "<tr><th scope=\"row\"><code>{}</code>{must}</th><td>{}{}</td><td>{}</td></tr>",
                escape(name),
                kind(member),
                default.unwrap_or_default(),
                markdown::render(member["description"].as_str().unwrap_or_default())
            )
        })
        .collect::<Vec<_>>()
        .concat();
    format!(
        "<table><thead><tr><th scope=\"col\">Field</th><th scope=\"col\">Type</th><th scope=\"col\">Meaning</th></tr>\
         </thead><tbody>{rows}</tbody></table>"
    )
}

/// A whole named schema.
pub(super) fn whole(schema: &Value) -> String {
    let mut out = markdown::render(schema["description"].as_str().unwrap_or_default());
    if let Some(choices) = schema["oneOf"].as_array() {
        for choice in choices {
            match choice["enum"].as_array().and_then(|words| words.first()).or(choice.get("const")) {
                Some(word) => {
                    let meaning = markdown::inline(choice["description"].as_str().unwrap_or_default());
                    out += &["<p class=\"choice\">", &code(&text(word)), ": ", &meaning, "</p>"].concat();
                }
                None => out += &["<div class=\"choice\">", &whole(choice), "</div>"].concat(),
            }
        }
        return out;
    }
    if schema.get("properties").is_some() {
        return out + &members(schema);
    }
    out + &format!("<p>{}</p>", kind(schema))
}

/// The name of a schema that is referred to.
pub(super) fn named(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/components/schemas/"))
}

fn format_of(schema: &Value) -> String {
    match schema["format"].as_str() {
        Some("uuid") => " (UUID)".to_owned(),
        Some("date-time") => " (RFC 3339)".to_owned(),
        _ => String::new(),
    }
}

/// Smallest and largest values and lengths.
fn bounds(schema: &Value) -> String {
    let number = |name: &str| schema.get(name).filter(|value| value.is_number()).map(ToString::to_string);
    let range = match (number("minimum"), number("maximum")) {
        (Some(least), Some(most)) => format!("{least} to {most}"),
        (Some(least), None) => format!("{least} or more"),
        (None, Some(most)) => format!("at most {most}"),
        (None, None) => String::new(),
    };
    let most = number("maxLength").map(|most| format!("at most {most} characters"));
    let items = number("maxItems").map(|most| format!("at most {most}"));
    [Some(range).filter(|range| !range.is_empty()), most, items]
        .into_iter()
        .flatten()
        .map(|bound| format!(", {bound}"))
        .collect::<Vec<_>>()
        .concat()
}

fn code(word: &str) -> String {
    format!("<code>{}</code>", escape(word))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
