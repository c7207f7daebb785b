//! Reads the messages that the folder senders write, as the people who get them would.

use std::collections::HashMap;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use keybell_shared::ids::TaskId;
use uuid::Uuid;

use crate::smtp::{decode, password_in};

/// One message.
#[derive(Clone, Debug)]
pub struct Message {
    /// The file.
    pub path: PathBuf,
    /// The address or number that it goes to.
    pub to: String,
    /// Whose password it tells; an SMS never says it.
    pub username: Option<String>,
    /// The password that it tells.
    pub password: String,
    /// The number of the reset that it tells of: the account's credential version.
    pub issue: u64,
    /// The message's id, without brackets.
    pub message_id: String,
    /// The task, as the message's id says.
    pub task: TaskId,
    /// The item within the task, as the message's id says.
    pub item: u64,
    /// When the file was written.
    pub written: SystemTime,
}

impl Message {
    /// Whether it is an e-mail; else it is an SMS.
    #[must_use]
    pub fn is_email(&self) -> bool {
        self.path.extension().is_some_and(|extension| extension == "eml")
    }
}

/// A message that brings a one-time link instead of a password.
#[derive(Clone, Debug)]
pub struct Link {
    /// The address or number that it goes to.
    pub to: String,
    /// The link.
    pub url: String,
    /// The whole text.
    pub text: String,
    /// When the file was written.
    pub written: SystemTime,
}

impl Link {
    /// The token at the link's end.
    #[must_use]
    pub fn token(&self) -> &str {
        self.url.rsplit(['/', '#', '=']).next().unwrap_or_default()
    }
}

/// All messages with one-time links in a folder, the oldest first.
///
/// # Panics
/// When a file cannot be read.
#[must_use]
pub fn links(folder: &Path) -> Vec<Link> {
    let mut links: Vec<Link> = paths(folder).iter().filter_map(|path| link(path)).collect();
    links.sort_by_key(|link| link.written);
    links
}

fn link(path: &Path) -> Option<Link> {
    let (head, text) = parts(path).unwrap_or_else(|what| panic!("{}: {what}", path.display()));
    let url = password_in(&text).filter(|secret| secret.starts_with("http"))?.to_owned();
    let written = std::fs::metadata(path).and_then(|data| data.modified()).ok()?;
    Some(Link { to: decode::header(&head, "To").map(|to| bare(&to))?, url, text, written })
}

/// All messages with passwords in a folder, the oldest first; none when the folder is not there yet.
///
/// # Panics
/// When a file is no message, or a message tells no password.
#[must_use]
pub fn read(folder: &Path) -> Vec<Message> {
    let mut messages: Vec<Message> = paths(folder)
        .into_iter()
        .filter(|path| link(path).is_none())
        .map(|path| parse(&path).unwrap_or_else(|what| panic!("{}: {what}", path.display())))
        .collect();
    messages.sort_by_key(|message| message.written);
    messages
}

/// For each account that `who` names, its message of the last reset.
pub fn newest<K: Eq + Hash>(messages: &[Message], who: impl Fn(&Message) -> Option<K>) -> HashMap<K, Message> {
    let mut newest: HashMap<K, Message> = HashMap::new();
    for message in messages {
        if let Some(who) = who(message) {
            let known = newest.get(&who).map(|message| message.issue);
            if known.is_none_or(|known| known <= message.issue) {
                newest.insert(who, message.clone());
            }
        }
    }
    newest
}

/// The files that are whole.
fn paths(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries
        .map(|entry| entry.unwrap_or_else(|error| panic!("{}: {error}", folder.display())).path())
        // A file is written under a hidden name and renamed when it is whole.
        .filter(|path| path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.')))
        .collect()
}

/// Head and text of a message.
fn parts(path: &Path) -> Result<(String, String), &'static str> {
    let raw = std::fs::read_to_string(path).map_err(|_| "cannot be read as text")?.replace("\r\n", "\n");
    let (head, body) = raw.split_once("\n\n").ok_or("has no empty line after its head")?;
    Ok((head.to_owned(), decode::body(head, body)))
}

fn parse(path: &Path) -> Result<Message, &'static str> {
    let (head, text) = parts(path)?;
    let head = head.as_str();
    let stem = path.file_stem().and_then(|stem| stem.to_str()).ok_or("has no name")?;
    let message_id = decode::header(head, "Message-ID").map_or_else(|| stem.to_owned(), |id| bare(&id));
    if message_id != stem {
        return Err("is not named after its Message-ID");
    }
    // task.item.credential version.number@keybell
    let mut parts = message_id.split(['.', '@']);
    let task = parts.next().and_then(|part| Uuid::try_parse(part).ok()).ok_or("has no task in its id")?;
    let mut number = || parts.next().and_then(|part| part.parse::<u64>().ok());
    let item = number().ok_or("has no item in its id")?;
    let issue = number().ok_or("has no issue in its id")?;
    if !text.to_lowercase().contains(&format!("reset no. {issue}")) {
        return Err("does not say the number of the reset that its id has");
    }
    Ok(Message {
        to: decode::header(head, "To").map(|to| bare(&to)).ok_or("says not whom it is for")?,
        username: text.lines().find_map(|line| line.strip_prefix("Username: ")).map(str::to_owned),
        password: password_in(&text).ok_or("tells no password")?.to_owned(),
        issue,
        task: TaskId(task),
        item,
        written: std::fs::metadata(path).and_then(|data| data.modified()).map_err(|_| "has no time")?,
        path: path.to_owned(),
        message_id,
    })
}

fn bare(value: &str) -> String {
    value.trim().trim_start_matches('<').trim_end_matches('>').to_owned()
}
