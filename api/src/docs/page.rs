//! The page: contents, operations by group, schemas, error codes.

#![expect(clippy::indexing_slicing, reason = "an index into JSON by a name never panics: what is not there is null")]

use std::fmt::Write as _;

use serde_json::Value;

use super::html::escape;
use super::{markdown, schema};
use crate::openapi::TAGS;
use crate::openapi::catalogue;

const STYLE: &str = include_str!("style.css");

/// Methods in the order in which they are shown.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// One operation.
struct Operation<'a> {
    method: &'a str,
    path: &'a str,
    value: &'a Value,
}

/// The whole page.
pub(crate) fn page(document: &Value) -> String {
    let title = escape(document["info"]["title"].as_str().unwrap_or_default());
    let mut main = format!(
        "<h1>{title}</h1><p class=\"lead\">Version {}. The same for programs: \
         <a href=\"/v1/openapi.json\">/v1/openapi.json</a> (OpenAPI 3.1).</p>",
        escape(document["info"]["version"].as_str().unwrap_or_default())
    );
    main += &markdown::render(document["info"]["description"].as_str().unwrap_or_default());
    let mut contents = String::new();
    for (tag, about) in TAGS {
        let operations = operations(document, tag);
        if operations.is_empty() {
            continue;
        }
        let anchor = anchor(tag);
        let links: String = operations.iter().map(link).collect();
        // Writing to a String cannot fail.
        write!(contents, "<li><a href=\"#{anchor}\">{}</a><ul>{links}</ul></li>", escape(tag)).unwrap_or_default();
        let shown: String = operations.iter().map(|operation| article(document, operation)).collect();
        write!(main, "<section id=\"{anchor}\"><h2>{}</h2>{}{shown}</section>", escape(tag), markdown::render(about))
            .unwrap_or_default();
    }
    contents += "<li><a href=\"#schemas\">Schemas</a></li><li><a href=\"#codes\">Problem codes</a></li>";
    main += &schemas(document);
    main += &codes();
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><style>{STYLE}</style></head><body>\
         <a class=\"skip\" href=\"#main\">Skip the contents</a>\
         <nav aria-label=\"Contents\"><p class=\"brand\">Keybell API</p><ul>{contents}</ul></nav>\
         <main id=\"main\">{main}</main></body></html>\n"
    )
}

/// The operations of a group, by path.
fn operations<'a>(document: &'a Value, tag: &str) -> Vec<Operation<'a>> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for method in METHODS {
            if let Some(value) = item.get(method)
                && value["tags"].as_array().is_some_and(|tags| tags.iter().any(|one| one == tag))
            {
                found.push(Operation { method, path, value });
            }
        }
    }
    found
}

fn anchor(words: &str) -> String {
    words.to_ascii_lowercase().replace(' ', "-")
}

fn id<'a>(operation: &Operation<'a>) -> &'a str {
    operation.value["operationId"].as_str().unwrap_or_default()
}

fn link(operation: &Operation) -> String {
    let summary = operation.value["summary"].as_str().unwrap_or_default().trim_end_matches('.');
    format!("<li><a href=\"#{}\">{}</a></li>", escape(id(operation)), markdown::inline(summary))
}

/// One operation in full.
fn article(document: &Value, operation: &Operation) -> String {
    let value = operation.value;
    let key = if value["security"].as_array().is_some_and(|all| all.iter().any(|one| one.get("key").is_some())) {
        ""
    } else {
        " <span class=\"open\">no key needed</span>"
    };
    let mut out = format!(
        "<article id=\"{0}\"><h3>{1}</h3><p class=\"route\"><span class=\"method {2}\">{3}</span> <code>{4}</code>{key}</p>",
        escape(id(operation)),
        markdown::inline(value["summary"].as_str().unwrap_or_default().trim_end_matches('.')),
        operation.method,
        operation.method.to_ascii_uppercase(),
        escape(operation.path),
    );
    out += &markdown::render(value["description"].as_str().unwrap_or_default());
    out += &parameters(value);
    out += &request(value);
    out += &responses(document, value);
    out + "</article>"
}

/// The type of a parameter; of one that is written as JSON, what it holds.
fn parameter_kind(parameter: &Value) -> String {
    let written = &parameter["content"]["application/json"]["schema"];
    if written.is_null() {
        return schema::kind(&parameter["schema"]);
    }
    format!("{} as <code>application/json</code>", schema::kind(written))
}

fn parameters(operation: &Value) -> String {
    let Some(parameters) = operation["parameters"].as_array().filter(|all| !all.is_empty()) else {
        return String::new();
    };
    let rows = parameters
        .iter()
        .map(|parameter| {
            let must = if parameter["required"] == true { " <span class=\"must\">needed</span>" } else { "" };
            format!(
                "<tr><th scope=\"row\"><code>{}</code>{must}</th><td>{}</td><td>{}</td><td>{}</td></tr>",
                escape(parameter["name"].as_str().unwrap_or_default()),
                escape(parameter["in"].as_str().unwrap_or_default()),
                parameter_kind(parameter),
                markdown::render(parameter["description"].as_str().unwrap_or_default()),
            )
        })
        .collect::<Vec<_>>()
        .concat();
    format!(
        "<h4>Parameters</h4><table><thead><tr><th scope=\"col\">Name</th><th scope=\"col\">In</th>\
         <th scope=\"col\">Type</th><th scope=\"col\">Meaning</th></tr></thead><tbody>{rows}</tbody></table>"
    )
}

fn request(operation: &Value) -> String {
    let Some((kind, content)) = first_content(&operation["requestBody"]) else { return String::new() };
    format!(
        "<h4>Request</h4><p>{} as <code>{}</code></p>{}",
        schema::kind(&content["schema"]),
        escape(kind),
        examples(content)
    )
}

fn first_content(holder: &Value) -> Option<(&String, &Value)> {
    holder["content"].as_object().and_then(|all| all.iter().next())
}

/// Good answers in full, errors in one table.
fn responses(document: &Value, operation: &Value) -> String {
    let (mut good, mut wrong) = (String::new(), String::new());
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let name = response["$ref"].as_str().and_then(|path| path.strip_prefix("#/components/responses/"));
        let response = name.map_or(response, |name| &document["components"]["responses"][name]);
        let content = first_content(response);
        match content.filter(|(kind, _)| *kind == "application/problem+json") {
            Some((_, content)) => {
                for code in content["examples"].as_object().into_iter().flat_map(|all| all.keys()) {
                    write!(
                        wrong,
                        "<tr><th scope=\"row\">{status}</th><td><a href=\"#code-{0}\"><code>{0}</code></a></td><td>{1}</td></tr>",
                        escape(code),
                        markdown::inline(catalogue::meaning(code).unwrap_or_default())
                    )
                    .unwrap_or_default();
                }
            }
            None => good += &answer(status, response, content),
        }
    }
    format!(
        "<h4>Answers</h4>{good}<details><summary>Errors</summary><table><thead><tr><th scope=\"col\">Status</th>\
         <th scope=\"col\">Code</th><th scope=\"col\">Meaning</th></tr></thead><tbody>{wrong}</tbody></table></details>"
    )
}

fn answer(status: &str, response: &Value, content: Option<(&String, &Value)>) -> String {
    let mut out = format!(
        "<p><strong>{}</strong> {}",
        escape(status),
        markdown::inline(response["description"].as_str().unwrap_or_default())
    );
    if let Some((kind, content)) = content {
        write!(out, ": {} as <code>{}</code>", schema::kind(&content["schema"]), escape(kind)).unwrap_or_default();
    }
    let headers: Vec<String> = response["headers"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| *name != "X-Request-Id")
        .map(|(name, header)| {
            let about = header["description"].as_str().unwrap_or_default();
            format!("<code>{}</code> ({})", escape(name), markdown::inline(about))
        })
        .collect();
    if !headers.is_empty() {
        write!(out, "; with {}", headers.join(", ")).unwrap_or_default();
    }
    out += "</p>";
    out + &content.map(|(_, content)| examples(content)).unwrap_or_default()
}

/// Examples of a body: the only one, or each with its summary.
fn examples(content: &Value) -> String {
    let block = |value: &Value| {
        let text =
            value.as_str().map_or_else(|| serde_json::to_string_pretty(value).unwrap_or_default(), str::to_owned);
        format!("<pre><code>{}</code></pre>", escape(&text))
    };
    if let Some(only) = content.get("example") {
        return block(only);
    }
    let several = content["examples"].as_object().into_iter().flatten();
    several
        .map(|(_, example)| {
            let summary = markdown::inline(example["summary"].as_str().unwrap_or_default());
            format!("<p class=\"caption\">{summary}</p>{}", block(&example["value"]))
        })
        .collect::<Vec<_>>()
        .concat()
}

fn schemas(document: &Value) -> String {
    let all = document["components"]["schemas"].as_object().into_iter().flatten();
    let shown = all
        .map(|(name, value)| {
            format!("<article id=\"schema-{0}\"><h3>{0}</h3>{1}</article>", escape(name), schema::whole(value))
        })
        .collect::<Vec<_>>()
        .concat();
    format!("<section id=\"schemas\"><h2>Schemas</h2>{shown}</section>")
}

fn codes() -> String {
    let rows = catalogue::CODES
        .iter()
        .map(|(code, meaning)| {
            format!(
                "<tr id=\"code-{0}\"><th scope=\"row\"><code>{0}</code></th><td>{1}</td></tr>",
                escape(code),
                markdown::inline(meaning)
            )
        })
        .collect::<Vec<_>>()
        .concat();
    format!(
        "<section id=\"codes\"><h2>Problem codes</h2><table><thead><tr><th scope=\"col\">Code</th>\
         <th scope=\"col\">Meaning</th></tr></thead><tbody>{rows}</tbody></table></section>"
    )
}
