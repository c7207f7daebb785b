//! Telling by SMS.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

use super::{ConfigError, fits};

/// How SMS leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmsSender {
    /// As `.txt` files in a folder.
    #[default]
    Folder,
    /// To a Twilio-compatible HTTP provider.
    Http,
}

/// Telling by SMS.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sms {
    /// How SMS leave.
    pub sender: SmsSender,
    /// The folder for `.txt` files; empty means `outbox` in the data folder.
    pub folder: PathBuf,
    /// The provider's messages resource, `https://api.example.com/2010-04-01/Accounts/AC…/Messages.json`.
    pub url: String,
    /// The account at the provider.
    pub username: String,
    /// The account's token; better `password_file`.
    pub password: SecretString,
    /// A file with the account's token.
    pub password_file: PathBuf,
    /// The sender's number in E.164, or a registered name.
    pub from: String,
    /// Messages that one process sends at a time.
    pub connections: usize,
    /// Messages of one process that are being sent, or were sent while the ledger does not know it yet. A crash sends at
    /// most so many again.
    pub slots: usize,
}

impl Default for Sms {
    fn default() -> Self {
        Self {
            sender: SmsSender::Folder,
            folder: PathBuf::new(),
            url: String::new(),
            username: String::new(),
            password: SecretString::from(""),
            password_file: PathBuf::new(),
            from: "+15550000".to_owned(),
            connections: 4,
            slots: 64,
        }
    }
}

impl Sms {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        fits(self.sender == SmsSender::Folder || !self.url.is_empty(), "sms.url", || {
            "is needed when sms.sender is `http`: the provider's messages resource".to_owned()
        })?;
        fits((1..=64).contains(&self.connections), "sms.connections", || "must be 1 to 64".to_owned())?;
        fits((self.connections..=1_000).contains(&self.slots), "sms.slots", || {
            format!("must be sms.connections ({}) to 1000", self.connections)
        })
    }
}
