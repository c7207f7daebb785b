//! Telling by e-mail.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

use super::{ConfigError, fits};

/// How e-mail leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmailSender {
    /// As `.eml` files in a folder.
    #[default]
    Folder,
    /// To a mail server.
    Smtp,
}

/// Telling by e-mail.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Email {
    /// How e-mail leaves.
    pub sender: EmailSender,
    /// The folder for `.eml` files; empty means `outbox` in the data folder.
    pub folder: PathBuf,
    /// The mail server: `smtp://host:25?tls=required|none`, `smtps://host:465`.
    pub url: String,
    /// The user to authenticate as; empty means without.
    pub username: String,
    /// The user's password; better `password_file`.
    pub password: SecretString,
    /// A file with the user's password.
    pub password_file: PathBuf,
    /// A file with the certificate authority of the mail server, when the system does not know it.
    pub ca_file: PathBuf,
    /// The sender's address.
    pub from: String,
    /// Connections of one process to the mail server.
    pub connections: usize,
    /// Messages of one process that are being sent, or were sent while the ledger does not know it yet. A crash sends at
    /// most so many again.
    pub slots: usize,
}

impl Default for Email {
    fn default() -> Self {
        Self {
            sender: EmailSender::Folder,
            folder: PathBuf::new(),
            url: String::new(),
            username: String::new(),
            password: SecretString::from(""),
            password_file: PathBuf::new(),
            ca_file: PathBuf::new(),
            from: "Keybell <keybell@localhost.localdomain>".to_owned(),
            connections: 4,
            slots: 64,
        }
    }
}

impl Email {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        fits(self.sender == EmailSender::Folder || !self.url.is_empty(), "email.url", || {
            "is needed when email.sender is `smtp`, for example smtp://mail.example.org:587?tls=required".to_owned()
        })?;
        fits((1..=64).contains(&self.connections), "email.connections", || "must be 1 to 64".to_owned())?;
        fits((self.connections..=1_000).contains(&self.slots), "email.slots", || {
            format!("must be email.connections ({}) to 1000", self.connections)
        })
    }
}
