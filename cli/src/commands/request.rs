//! A request for a reset, from the flags of the command line. It goes the same way as one by HTTP, so that every rule and
//! every message is the same; what can be said without asking anybody is said at once.

use std::path::Path;

use anyhow::Result;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::args::{Asked, Exceptions, Schedule, Telling};
use crate::outcome::Exit;

/// The body of `POST /v1/tasks`.
pub(super) fn body(arguments: &Asked, acknowledgement: &str) -> Result<Zeroizing<Vec<u8>>> {
    if let Some(path) = &arguments.request {
        return read(path, "--request");
    }
    let Some(scope) = &arguments.scope else {
        return Err(Exit::Usage
            .because("say whose passwords: --scope all, all_except, without_role or selected (or --request FILE)"));
    };
    if arguments.telling.reason.is_none() {
        return Err(Exit::Usage.because(
            "say why: --reason start_of_year, new_starters, lost, suspected_compromise or other (it is kept in the audit)",
        ));
    }
    let mut selection = Map::new();
    selection.insert("scope".to_owned(), scope.clone().into());
    put(&mut selection, "accounts", named(&arguments.account, arguments.accounts_file.as_deref())?);
    let narrowed = arguments.narrowed.filter();
    if !narrowed.is_empty() {
        selection.insert("where".to_owned(), narrowed.into());
    }
    let mut request = telling(&arguments.telling)?;
    request.insert("selection".to_owned(), selection.into());
    request.extend(confirm(&arguments.exceptions));
    for (field, value) in [("mode", &arguments.mode), ("delivery", &arguments.delivery)] {
        if let Some(value) = value {
            request.insert(field.to_owned(), value.clone().into());
        }
    }
    request.extend(schedule(&arguments.schedule));
    request.entry("password").or_insert_with(|| json!({"source": "generated"}));
    written(request, acknowledgement)
}

/// When it begins, and in which parts; nothing without a flag.
pub(super) fn schedule(arguments: &Schedule) -> Map<String, Value> {
    let mut request = Map::new();
    if let Some(at) = &arguments.start_at {
        let mut start = json!({"at": at});
        if let (Some(zone), Some(members)) = (&arguments.zone, start.as_object_mut()) {
            members.insert("zone".to_owned(), zone.clone().into());
        }
        request.insert("start".to_owned(), start);
    }
    if let Some(by) = &arguments.wave_by {
        let mut waves = Map::new();
        waves.insert("by".to_owned(), by.clone().into());
        for (field, number) in [("canary", arguments.canary), ("halt_above_percent", arguments.halt_above)] {
            if let Some(number) = number {
                waves.insert(field.to_owned(), number.into());
            }
        }
        request.insert("waves".to_owned(), waves.into());
    }
    request
}

/// What is confirmed separately; nothing without a flag.
pub(super) fn confirm(arguments: &Exceptions) -> Map<String, Value> {
    let Exceptions { confirm_requester: requester, confirm_protected: protected } = *arguments;
    let confirmed = (requester || protected).then(|| json!({"requester": requester, "protected": protected}));
    confirmed.map(|confirmed| ("confirm".to_owned(), confirmed)).into_iter().collect()
}

/// The fields that a request and a re-issue have in common; only those that were said.
pub(super) fn telling(arguments: &Telling) -> Result<Map<String, Value>> {
    let mut request = Map::new();
    if let Some(path) = &arguments.shared_password_file {
        request.insert("password".to_owned(), shared(path, arguments.acknowledge_shared)?);
    } else if arguments.format.is_some() || arguments.language.is_some() {
        let format = arguments.format.unwrap_or_default();
        let mut generated = json!({"source": "generated", "format": format});
        if let (Some(language), Some(members)) = (arguments.language, generated.as_object_mut()) {
            members.insert("language".to_owned(), language.as_str().into());
        }
        request.insert("password".to_owned(), generated);
    }
    if let Some(policy) = arguments.policy {
        request.insert("policy".to_owned(), policy.as_str().into());
    }
    put(&mut request, "permanent_grades", arguments.permanent_grade.clone());
    if arguments.clear_security_questions {
        request.insert("clear_security_questions".to_owned(), true.into());
    }
    if arguments.permanent {
        request.insert("temporary".to_owned(), false.into());
    }
    if let Some(hours) = arguments.expires_in_hours {
        request.insert("expires_in_hours".to_owned(), hours.into());
    }
    for (field, value) in [
        ("notify", &arguments.notify),
        ("channel", &arguments.channel),
        ("recipient", &arguments.recipient),
        ("unreachable", &arguments.unreachable),
        ("reason", &arguments.reason),
    ] {
        if let Some(value) = value {
            request.insert(field.to_owned(), value.clone().into());
        }
    }
    Ok(request)
}

/// A shared password, as a member of a request.
pub(super) fn shared(path: &Path, acknowledged: bool) -> Result<Value> {
    let value = first_line(path)?;
    Ok(json!({"source": "shared", "value": *value, "acknowledged": acknowledged}))
}

/// The request as JSON, with the version of the precautions that were read.
pub(super) fn written(mut request: Map<String, Value>, acknowledgement: &str) -> Result<Zeroizing<Vec<u8>>> {
    request.insert("acknowledgement".to_owned(), acknowledgement.into());
    Ok(Zeroizing::new(serde_json::to_vec(&request)?))
}

/// The accounts of the flags and of the file, one a line.
pub(super) fn named(accounts: &[String], file: Option<&Path>) -> Result<Vec<String>> {
    let mut accounts = accounts.to_vec();
    if let Some(path) = file {
        let bytes = read(path, "--accounts-file")?;
        let text = String::from_utf8(bytes.to_vec())
            .map_err(|_| Exit::Usage.because(format!("--accounts-file: {} is not in UTF-8", path.display())))?;
        let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
        accounts.extend(lines.filter(|line| !line.is_empty()).map(str::to_owned));
        if accounts.is_empty() {
            return Err(Exit::Usage.because(format!("--accounts-file: {} names nobody", path.display())));
        }
    }
    Ok(accounts)
}

/// The password is the first line: a given password is never trimmed, but an editor's line end is not a part of it.
fn first_line(path: &Path) -> Result<Zeroizing<String>> {
    let bytes = read(path, "--shared-password-file")?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Exit::Usage.because(format!("--shared-password-file: {} is not in UTF-8", path.display())))?;
    Ok(Zeroizing::new(text.split(['\r', '\n']).next().unwrap_or_default().to_owned()))
}

fn read(path: &Path, flag: &str) -> Result<Zeroizing<Vec<u8>>> {
    std::fs::read(path)
        .map(Zeroizing::new)
        .map_err(|error| Exit::Usage.because(format!("{flag}: {} cannot be read: {error}", path.display())))
}

fn put(map: &mut Map<String, Value>, field: &str, values: Vec<String>) {
    if !values.is_empty() {
        map.insert(field.to_owned(), values.into());
    }
}
