//! Makes the senders that the configuration names. The mode (cluster or embedded) does not matter.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use keybell_shared::config::{Email, EmailSender, Sms, SmsSender};
use secrecy::{ExposeSecret as _, SecretString};

use super::smtp::Server;
use super::{EmailFolder, Gateway, Sender, SmsFolder, Smtp, email};

/// A sender cannot be made as configured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct SetupError {
    /// The field's path, such as `email.url`.
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl SetupError {
    fn new(field: &'static str, reason: impl Into<String>) -> Self {
        Self { field, reason: reason.into() }
    }
}

/// The configured way out for e-mail. `outbox` is the folder that is used when none is configured.
///
/// # Errors
/// Names the field that does not fit.
pub fn email_sender(config: &Email, outbox: &Path, deadline: Duration) -> Result<Arc<dyn Sender>, SetupError> {
    let from_field = |error: email::Unmailable| SetupError::new("email.from", error.to_string());
    match config.sender {
        EmailSender::Folder => {
            let folder = EmailFolder::new(folder(&config.folder, outbox), &config.from).map_err(from_field)?;
            Ok(Arc::new(folder))
        }
        EmailSender::Smtp => {
            let from = email::sender(&config.from).map_err(from_field)?;
            let password = secret("email.password_file", &config.password_file, &config.password)?;
            let authority = (!config.ca_file.as_os_str().is_empty()).then_some(config.ca_file.as_path());
            let server = Server::read(&config.url, &config.username, &password, authority)
                .map_err(|reason| SetupError::new("email.url", reason))?;
            Ok(Arc::new(Smtp::new(server, from, config.connections, deadline)))
        }
    }
}

/// The configured way out for SMS. `outbox` is the folder that is used when none is configured.
///
/// # Errors
/// Names the field that does not fit.
pub fn sms_sender(config: &Sms, outbox: &Path, deadline: Duration) -> Result<Arc<dyn Sender>, SetupError> {
    match config.sender {
        SmsSender::Folder => Ok(Arc::new(SmsFolder::new(folder(&config.folder, outbox)))),
        SmsSender::Http => {
            let password = secret("sms.password_file", &config.password_file, &config.password)?;
            let gateway = Gateway::new(&config.url, &config.username, password, &config.from, deadline)
                .map_err(|reason| SetupError::new("sms.url", reason))?;
            Ok(Arc::new(gateway))
        }
    }
}

fn folder(configured: &Path, outbox: &Path) -> PathBuf {
    if configured.as_os_str().is_empty() { outbox.to_owned() } else { configured.to_owned() }
}

/// The password from its file, without the line end that editors add; without a file the configured one.
pub(super) fn secret(field: &'static str, file: &Path, configured: &SecretString) -> Result<SecretString, SetupError> {
    if file.as_os_str().is_empty() {
        return Ok(configured.expose_secret().into());
    }
    let text = fs::read_to_string(file)
        .map(zeroize::Zeroizing::new)
        .map_err(|error| SetupError::new(field, format!("{} cannot be read: {error}", file.display())))?;
    Ok(text.trim_end_matches(['\r', '\n']).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_secs(1);

    #[test]
    fn the_field_that_does_not_fit_is_named() {
        let outbox = Path::new("outbox");
        let smtp = Email { sender: EmailSender::Smtp, url: "smtp://127.0.0.1:25?tls=none".into(), ..Email::default() };
        assert!(email_sender(&Email::default(), outbox, DEADLINE).is_ok());
        assert!(email_sender(&smtp, outbox, DEADLINE).is_ok());
        let field = |config: Email| email_sender(&config, outbox, DEADLINE).err().map(|error| error.field);
        assert_eq!(field(Email { from: "nobody".into(), ..smtp.clone() }), Some("email.from"));
        assert_eq!(field(Email { url: "mail".into(), ..smtp.clone() }), Some("email.url"));
        assert_eq!(field(Email { password_file: "/no/such/file".into(), ..smtp.clone() }), Some("email.password_file"));
        let tls = "smtp://127.0.0.1:25".into();
        assert_eq!(field(Email { url: tls, ca_file: "/no/such/file".into(), ..smtp }), Some("email.url"));
        let sms = Sms { sender: SmsSender::Http, url: "http://api.example.com".into(), ..Sms::default() };
        assert_eq!(sms_sender(&sms, outbox, DEADLINE).err().map(|error| error.field), Some("sms.url"));
    }

    #[test]
    fn a_password_file_loses_only_its_line_end() {
        let home = tempfile::tempdir().expect("folder");
        let file = home.path().join("password");
        fs::write(&file, " a b \r\n").expect("write");
        let read = secret("x", &file, &SecretString::from("unused")).expect("read");
        assert_eq!(read.expose_secret(), " a b ");
    }
}
