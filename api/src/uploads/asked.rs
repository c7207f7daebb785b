//! What stands beside the file, in the query: the rules of the upload.

use keybell_scheduler::intake::{Starting, Uploading};
use keybell_shared::request::{ChannelRule, Delivery, Mode, NotifyRule, PolicyName, Reason, Recipient};
use serde::Deserialize;
use utoipa::IntoParams;

/// The rules of an upload, and the word to start it.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Why the upload is made; kept in the audit.
    #[param(inline)]
    reason: Reason,
    /// How passwords change. `request` sets none, and is refused.
    #[serde(default)]
    #[param(inline, required = false)]
    mode: Mode,
    /// What is sent to people, where they are told.
    #[serde(default)]
    #[param(inline, required = false)]
    delivery: Delivery,
    /// Which rules the new passwords obey.
    #[serde(default)]
    #[param(inline, required = false)]
    policy: PolicyName,
    /// Whether they must be changed at the first sign-in. Without a word: no.
    #[serde(default)]
    #[param(required = false)]
    temporary: Option<bool>,
    /// After how many hours a temporary password expires. Without a word: 168.
    #[serde(default)]
    #[param(required = false, minimum = 1, maximum = 8760)]
    expires_in_hours: Option<u32>,
    /// Whether applications that keep security questions are told to clear those of the accounts.
    #[serde(default)]
    #[param(required = false, default = false)]
    clear_security_questions: bool,
    /// Whether people are told. `auto`: uploaded passwords are not sent, for whoever made the file hands them out.
    #[serde(default)]
    #[param(inline, required = false)]
    notify: NotifyRule,
    /// How they are told.
    #[serde(default)]
    #[param(inline, required = false)]
    channel: ChannelRule,
    /// Who is told.
    #[serde(default)]
    #[param(inline, required = false)]
    recipient: Recipient,
    /// What a trial run answered as `trial`. Needed to start, and not looked at in a trial run, so that the same query serves
    /// for both.
    #[serde(default)]
    #[param(required = false, pattern = "^[0-9a-f]{64}-[0-9a-f]{64}$")]
    trial: Option<String>,
    /// The version of the precautions that whoever asks has read. Needed to start.
    #[serde(default)]
    #[param(required = false, example = "2026-11")]
    acknowledgement: Option<String>,
    /// Start with the good rows although others have errors.
    #[serde(default)]
    #[param(required = false, default = false)]
    allow_partial: bool,
}

impl Asked {
    /// The rules, and the word to start.
    pub(super) fn parts(mut self) -> (Uploading, Starting) {
        let start = Starting {
            trial: self.trial.take().unwrap_or_default(),
            acknowledgement: self.acknowledgement.take(),
            allow_partial: self.allow_partial,
        };
        (self.into(), start)
    }
}

impl From<Asked> for Uploading {
    fn from(asked: Asked) -> Self {
        Self {
            mode: asked.mode,
            delivery: asked.delivery,
            policy: asked.policy,
            temporary: asked.temporary,
            expires_in_hours: asked.expires_in_hours,
            clear_security_questions: asked.clear_security_questions,
            notify: asked.notify,
            channel: asked.channel,
            recipient: asked.recipient,
            reason: asked.reason,
        }
    }
}
