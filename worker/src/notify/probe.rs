//! Whether a channel would take our messages, found out without sending one. For the doctor.

use std::time::Duration;

use keybell_shared::config::{Email, Sms};
use secrecy::ExposeSecret as _;

use super::gateway::Gateway;
use super::setup::secret;
use super::smtp::{Server, greet};

/// Greets the mail server, starts TLS and signs in as the sender would. Answers what was found, in words.
///
/// # Errors
/// Says what a message would meet.
pub async fn probe_smtp(config: &Email, patience: Duration) -> Result<String, String> {
    let password =
        secret("email.password_file", &config.password_file, &config.password).map_err(|error| error.to_string())?;
    let authority = (!config.ca_file.as_os_str().is_empty()).then_some(config.ca_file.as_path());
    let server = Server::read(&config.url, &config.username, &password, authority)
        .map_err(|reason| format!("email.url {reason}"))?;
    greet(&server, patience).await
}

/// Asks the provider for its messages, of which there is nothing read, to see whether it takes our credentials.
///
/// # Errors
/// Says what a message would meet.
pub async fn probe_gateway(config: &Sms, patience: Duration) -> Result<String, String> {
    let password =
        secret("sms.password_file", &config.password_file, &config.password).map_err(|error| error.to_string())?;
    if password.expose_secret().is_empty() {
        return Err("sms.password_file names no token".to_owned());
    }
    let gateway = Gateway::new(&config.url, &config.username, password, &config.from, patience)
        .map_err(|reason| format!("sms.url {reason}"))?;
    gateway.probe().await
}
