//! `keybell webhook`.

use clap::{Args, Subcommand};
use keybell_shared::ids::WebhookId;

use super::District;

#[derive(Debug, Subcommand)]
pub(crate) enum Webhook {
    /// Send events to an address. The secret that signs them is shown once.
    Add {
        #[command(flatten)]
        district: District,
        /// The address; https.
        url: String,
        /// Only these events: a kind such as account.credential_reset, or a family such as task.*; may be repeated.
        #[arg(long = "event", value_name = "EVENT", default_value = "*")]
        events: Vec<String>,
    },
    /// List the addresses, and whether they take what is sent.
    List {
        #[command(flatten)]
        district: District,
    },
    /// Show one address.
    Show(WebhookOne),
    /// Send nothing there any more, and forget what waits for it.
    Remove(WebhookOne),
    /// Make a new secret, shown once; for a while the old one signs, too.
    Rotate(WebhookOne),
    /// Send again to an address that was disabled because it failed for too long.
    Enable(WebhookOne),
    /// Send a test event, and say what the address answers.
    Test(WebhookOne),
}

/// One webhook.
#[derive(Debug, Args)]
pub(crate) struct WebhookOne {
    #[command(flatten)]
    pub(crate) district: District,
    /// The webhook's id.
    pub(crate) id: WebhookId,
}
