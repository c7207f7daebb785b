//! The ways to tell people, without telling anybody.

use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use keybell_backends::examine::Seen;
use keybell_shared::config::{Config, EmailSender, SmsSender};
use keybell_worker::notify::{probe_gateway, probe_smtp};

use super::Finding;
use crate::configuration::outbox;

/// How long a mail server or provider may take.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn email(config: &Config) -> Finding {
    let email = &config.email;
    match email.sender {
        EmailSender::Folder => Finding::new("e-mail", "email.folder", folder(&outbox(config, &email.folder))),
        EmailSender::Smtp => Finding::new("e-mail", "email.url", judged(probe_smtp(email, PATIENCE).await)),
    }
}

pub(super) async fn sms(config: &Config) -> Finding {
    let sms = &config.sms;
    match sms.sender {
        SmsSender::Folder => Finding::new("SMS", "sms.folder", folder(&outbox(config, &sms.folder))),
        SmsSender::Http => Finding::new("SMS", "sms.url", judged(probe_gateway(sms, PATIENCE).await)),
    }
}

fn judged(found: Result<String, String>) -> Seen {
    found.map_or_else(Seen::wrong, Seen::fine)
}

/// Writes a file to the outbox and removes it.
fn folder(path: &Path) -> Seen {
    let place = path.display();
    if !path.exists() {
        return later(path);
    }
    let tried = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).and_then(|()| {
        tempfile::NamedTempFile::new_in(path)?.close()?;
        Ok(std::fs::metadata(path)?.permissions().mode() & 0o777)
    });
    match tried {
        Err(error) => Seen::wrong(format!("{place} cannot be written to: {error}")),
        Ok(mode) if mode & 0o077 != 0 => Seen::warning(format!(
            "written to {place}, which is open to others (mode {mode:o}); passwords in clear lie there: chmod 700"
        )),
        Ok(_) => Seen::fine(format!("written to {place}")),
    }
}

/// An outbox that the first message makes: whether it could be made there.
fn later(path: &Path) -> Seen {
    let place = path.display();
    let above = path.ancestors().skip(1).find(|above| above.is_dir()).unwrap_or_else(|| Path::new("."));
    match tempfile::NamedTempFile::new_in(above).and_then(tempfile::NamedTempFile::close) {
        Err(error) => Seen::wrong(format!("{place} cannot be made: {error}")),
        Ok(()) => Seen::fine(format!("{place} is made for the first message")),
    }
}
