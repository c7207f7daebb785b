//! What stands beside the file, in the query: the rules of the upload.

use keybell_scheduler::intake::{Starting, Uploading};
use keybell_shared::problem::Problem;
use keybell_shared::request::{
    ChannelRule, Delivery, Mode, NotifyRule, PolicyName, Reason, Recipient, Start, Unreachable, WaveBy, Waves,
};
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
    /// What becomes of accounts of which nobody can be told. `skip`: their rows are left out with `S10`.
    #[serde(default)]
    #[param(inline, required = false)]
    unreachable: Unreachable,
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
    /// No password changes before this time: RFC 3339, with its offset from UTC or `Z`; at most a year ahead. Not looked at in a
    /// trial run.
    #[serde(default)]
    #[param(required = false, format = DateTime, example = "2026-12-01T05:00:00-06:00")]
    start_at: Option<String>,
    /// The name of the time zone that was meant, kept for the people who read it.
    #[serde(default)]
    #[param(required = false, max_length = 64, pattern = "^[A-Za-z0-9_+/ -]{1,64}$", example = "America/Chicago")]
    zone: Option<String>,
    /// Hand the accounts out in waves, one after the other: a school or a grade each. Not looked at in a trial run.
    #[serde(default)]
    #[param(inline, required = false)]
    wave_by: Option<WaveBy>,
    /// So many accounts, drawn from all, are the first wave. Only with `wave_by`.
    #[serde(default)]
    #[param(required = false, maximum = 10_000)]
    canary: Option<u32>,
    /// Pause when more than this share of a wave has failed or could not be told. Only with `wave_by`.
    #[serde(default)]
    #[param(required = false, minimum = 0, maximum = 99)]
    halt_above_percent: Option<u32>,
}

impl Asked {
    /// The rules, and the word to start.
    pub(super) fn parts(mut self) -> Result<(Uploading, Starting), Problem> {
        let start = Starting {
            trial: self.trial.take().unwrap_or_default(),
            acknowledgement: self.acknowledgement.take(),
            allow_partial: self.allow_partial,
            start: self.start()?,
            waves: self.waves()?,
        };
        Ok((self.into(), start))
    }

    fn start(&mut self) -> Result<Option<Start>, Problem> {
        match (self.start_at.take(), self.zone.take()) {
            (Some(at), zone) => Ok(Some(Start { at, zone })),
            (None, None) => Ok(None),
            (None, Some(_)) => {
                let detail = "a time zone alone is no start; give `start_at`, too, or leave both out";
                Err(Problem::invalid("start.no_instant", "start_at", detail))
            }
        }
    }

    fn waves(&self) -> Result<Option<Waves>, Problem> {
        let Self { wave_by, canary, halt_above_percent, .. } = *self;
        match wave_by {
            Some(by) => Ok(Some(Waves { by, canary: canary.unwrap_or(0), halt_above_percent })),
            None if canary.is_none() && halt_above_percent.is_none() => Ok(None),
            None => {
                let detail =
                    "`canary` and `halt_above_percent` are about waves; give `wave_by`, too, or leave them out";
                Err(Problem::invalid("waves.by_missing", "wave_by", detail))
            }
        }
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
            unreachable: asked.unreachable,
            reason: asked.reason,
        }
    }
}
