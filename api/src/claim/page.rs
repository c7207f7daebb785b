//! What the page says, in words that a child reads.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use keybell_shared::clock::Millis;
use keybell_shared::password::{MAX_CHARS, PolicyName};
use keybell_shared::ports::ledger::LinkHolder;

use super::html::framed;
use crate::docs::escape;
use crate::refusal::Refusal;

/// Nothing from anywhere, and no script; only the page's own style, and its form back to itself.
const ONLY_OURS: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// What is wrong with which field.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) password: Option<String>,
    pub(super) again: Option<String>,
}

/// The form, with what was wrong the last time.
pub(super) fn form(status: StatusCode, holder: &LinkHolder, faults: &Faults) -> Response {
    let hello = match holder.given_name.trim() {
        "" => "Hello.".to_owned(),
        name => format!("Hello {}.", escape(name)),
    };
    let rules = rules(holder.policy).iter().map(|rule| format!("<li>{rule}</li>\n")).collect::<Vec<_>>().concat();
    let wrong = faults.password.is_some() || faults.again.is_some();
    let title = if wrong { "Error: Choose a new password" } else { "Choose a new password" };
    let content = format!(
        "<p class=\"from\">{district}</p>\n<h1>Choose a new password</h1>\n{summary}<p>{hello} Think of a new password \
         that only you know. Then type it twice.</p>\n\
         <form method=\"post\" novalidate>\n\
         <div class=\"field\"><label for=\"username\">Your username</label>\n\
         <input id=\"username\" type=\"text\" value=\"{username}\" autocomplete=\"username\" readonly></div>\n\
         <h2 id=\"rules-title\">Your new password needs</h2>\n<ul id=\"rules\" aria-labelledby=\"rules-title\">\n{rules}</ul>\n\
         {password}{again}<button type=\"submit\">Save my new password</button>\n</form>\n\
         <p class=\"note\">This page works once, and until <span class=\"whole\">{until}</span>.</p>",
        district = escape(&holder.district_name),
        summary = summary(faults),
        username = escape(&holder.username),
        password = field("password", "New password", "rules", faults.password.as_deref()),
        again = field("again", "New password again", "", faults.again.as_deref()),
        until = minute(holder.valid_until),
    );
    answer(status, &framed(title, &content))
}

/// A password field with its error beside it.
fn field(name: &str, label: &str, described: &str, fault: Option<&str>) -> String {
    let error = fault.map_or_else(String::new, |fault| {
        format!("<p class=\"error\" id=\"{name}-error\">Error: {}</p>\n", escape(fault))
    });
    let mut about: Vec<String> = vec![described.to_owned()];
    about.extend(fault.map(|_| format!("{name}-error")));
    let about = about.join(" ");
    let about = if about.trim().is_empty() { String::new() } else { format!(" aria-describedby=\"{}\"", about.trim()) };
    let (class, invalid) = if fault.is_some() { ("field wrong", " aria-invalid=\"true\"") } else { ("field", "") };
    format!(
        "<div class=\"{class}\"><label for=\"{name}\">{label}</label>\n{error}<input id=\"{name}\" name=\"{name}\" \
         type=\"password\" autocomplete=\"new-password\" autocapitalize=\"none\" spellcheck=\"false\" \
         required{about}{invalid}></div>\n"
    )
}

/// What is wrong, at the top, where a screen reader begins.
fn summary(faults: &Faults) -> String {
    let line = |name: &str, fault: &Option<String>| {
        let fault = fault.as_ref()?;
        Some(format!("<li><a href=\"#{name}\">{}</a></li>\n", escape(fault)))
    };
    let lines: String =
        [line("password", &faults.password), line("again", &faults.again)].into_iter().flatten().collect();
    if lines.is_empty() {
        return String::new();
    }
    format!("<div class=\"faults\" role=\"alert\">\n<h2>Please try once more</h2>\n<ul>\n{lines}</ul>\n</div>\n")
}

/// The password is set.
pub(super) fn done(holder: &LinkHolder) -> Response {
    let content = format!(
        "<p class=\"from\">{}</p>\n<h1 class=\"good\">Your new password is saved</h1>\n\
         <p>Use it the next time you sign in. Your username is <strong>{}</strong>.</p>\n\
         <p>Do not tell your password to anybody, not even to a friend. You can close this page now.</p>",
        escape(&holder.district_name),
        escape(&holder.username),
    );
    answer(StatusCode::OK, &framed("Your new password is saved", &content))
}

/// The same for a link that never was, was used, or is too old: nobody learns which.
pub(super) fn gone() -> Response {
    let content = "<h1>This link does not work any more</h1>\n\
        <p>A link works only once, and only for a short time.</p>\n\
        <ul>\n<li>If you have chosen your new password already, sign in with it.</li>\n\
        <li>If there is a newer message for you, use the link in that one.</li>\n\
        <li>If not, ask your teacher or the office of your school for a new link.</li>\n</ul>";
    answer(StatusCode::NOT_FOUND, &framed("This link does not work any more", content))
}

/// Something is not there at the moment; the link is still good.
pub(super) fn later(refusal: &Refusal) -> Response {
    let content = "<h1>Please try again in a few minutes</h1>\n\
        <p>Something does not work at the moment. Your link is not used up: open it once more, a little later.</p>";
    answer(refusal.status(), &framed("Please try again in a few minutes", content))
}

/// What came is not what the form sends.
pub(super) fn unreadable(refusal: &Refusal) -> Response {
    let content = "<h1>That could not be read</h1>\n\
        <p>Your link is not used up: open it once more, and type your new password again.</p>";
    answer(refusal.status(), &framed("That could not be read", content))
}

/// The rules in plain words.
fn rules(policy: PolicyName) -> Vec<String> {
    let mut rules = vec![format!("at least {} letters, numbers or signs, and at most {MAX_CHARS}", policy.min_chars())];
    if policy.is_composed() {
        let kinds = [
            "one capital letter, such as <b>A</b>",
            "one small letter, such as <b>a</b>",
            "one number, such as <b>7</b>",
        ];
        rules.extend(kinds.map(str::to_owned));
    }
    rules.push(
        "to be hard to guess: not your username, not the name of your school, and no password that many people use"
            .to_owned(),
    );
    rules
}

/// A rule's words as a sentence.
pub(super) fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), chars.as_str()))
}

/// `2026-08-03, 14:03 UTC`.
fn minute(at: Millis) -> String {
    let text = at.rfc3339();
    let (day, time) = text.split_once('T').unwrap_or((&text, ""));
    format!("{day}, {} UTC", time.get(..5).unwrap_or(time))
}

fn answer(status: StatusCode, page: &str) -> Response {
    let mut response = (status, Body::from(page.to_owned())).into_response();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, ONLY_OURS),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
