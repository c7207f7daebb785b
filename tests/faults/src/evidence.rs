//! What a run saw and did: the checker judges by this and by what the stores say afterwards, and by nothing else.
//!
//! All times are milliseconds since 1970 of this machine's clock, which is also the databases'.

use std::path::PathBuf;

use keybell_shared::ids::{DistrictId, TaskId};
use serde::Serialize;
use serde_json::Value;

/// Milliseconds since 1970.
pub(crate) type Ms = i64;

/// Which of the two ways to run Keybell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// PostgreSQL, RabbitMQ, Redis and a fleet of processes.
    Cluster,
    /// One process and SQLite.
    Embedded,
}

/// Everything that a run saw and did.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) districts: Vec<District>,
    pub(crate) requests: Vec<Request>,
    pub(crate) controls: Vec<Control>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) trespasses: Vec<Trespass>,
    pub(crate) messages: Vec<Message>,
    pub(crate) crashes: Crashes,
    /// Exits of processes that nobody ended.
    pub(crate) unexpected_exits: Vec<String>,
    /// How many resets the whole fleet can have in hand at a time: what a pause may overshoot by.
    pub(crate) in_flight: usize,
    /// The shortest pauses before the second, third and fourth attempt, in milliseconds, before jitter.
    pub(crate) retry_pauses: [Ms; 3],
    /// The largest part by which jitter may shorten a pause: 0.1 is a tenth.
    pub(crate) retry_jitter: f64,
    /// Folders in which no secret may lie in clear: the servers' data, logs, captured answers, our processes' folder.
    pub(crate) folders: Vec<PathBuf>,
    /// Files within those folders that hold secrets by design, such as key files.
    pub(crate) spared: Vec<PathBuf>,
    /// Secrets besides the passwords that were told: API keys, SMTP and SMS credentials, private keys.
    pub(crate) secrets: Vec<Secret>,
    /// Command lines and environments of our processes, read while they ran (`/proc/PID/cmdline` and `environ`); an
    /// environment holds credentials by design, so only passwords are looked for in it.
    pub(crate) processes: Vec<u8>,
}

/// A district with its own administrator.
#[derive(Clone, Debug)]
pub(crate) struct District {
    pub(crate) id: DistrictId,
    pub(crate) slug: String,
    pub(crate) key: String,
    pub(crate) people: Vec<Person>,
    /// Its tasks follow each other, are never controlled, and meet only recipients that behave always the same: it must
    /// end alike in both modes (invariant 12).
    pub(crate) orderly: bool,
}

/// Somebody in a roster.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) source_id: String,
    pub(crate) username: String,
    pub(crate) email: Option<String>,
    pub(crate) sms: Option<String>,
}

/// A bulk reset that was asked for, perhaps several times with the same key until somebody answered.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The place in [`Evidence::districts`].
    pub(crate) district: usize,
    pub(crate) door: Door,
    /// The idempotency key, or the AMQP message's id.
    pub(crate) key: String,
    pub(crate) body: Value,
    pub(crate) asked_at: Ms,
    pub(crate) answer: Answer,
    /// The answers before that one: statuses of HTTP, `0` for a broken connection; for the availability figures.
    pub(crate) tries: Vec<Try>,
}

/// One try of a request over HTTP.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Try {
    pub(crate) took: Ms,
    /// 0: no answer.
    pub(crate) status: u16,
}

/// Where a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Http,
    Amqp,
}

/// What the asker knows in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 202, or an answer event: this task.
    Accepted(TaskId),
    /// A refusal with its code.
    Refused(String),
    /// Nobody answered, however often it was asked: both outcomes are right.
    Unknown,
}

/// A pause, resume or cancel, with the answer.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    pub(crate) task: TaskId,
    pub(crate) action: Action,
    pub(crate) asked_at: Ms,
    pub(crate) answered_at: Ms,
    /// 0: no answer.
    pub(crate) status: u16,
}

/// What was asked of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Pause,
    Resume,
    Cancel,
}

/// What somebody who watches a task saw.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) task: TaskId,
    /// One connection of one watcher: within it a task never runs backwards.
    pub(crate) watcher: u32,
    /// The task's `progress`, as the API shows it.
    pub(crate) progress: Value,
}

/// One district's key used on another district's things.
#[derive(Clone, Debug)]
pub(crate) struct Trespass {
    pub(crate) what: String,
    pub(crate) status: u16,
    /// Whether the answer named anything of the other district.
    pub(crate) leaked: bool,
}

/// How a person is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Channel {
    Email,
    Sms,
}

/// A message that reached a mail server or SMS provider whole.
#[derive(Clone, Debug)]
#[expect(clippy::struct_field_names, reason = "the header's name")]
pub(crate) struct Message {
    pub(crate) channel: Channel,
    /// The recipient of the envelope or form.
    pub(crate) to: String,
    /// The decoded text.
    pub(crate) text: String,
    /// The `Message-ID` without brackets. An SMS has none.
    pub(crate) message_id: Option<String>,
    /// The password that it tells.
    pub(crate) password: Option<String>,
    pub(crate) at: Ms,
    pub(crate) fate: Fate,
}

/// What the sender was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// 250, or 201.
    Accepted,
    /// The server took the message, and the sender got no answer or one that came too late: it may rightly be repeated.
    AcceptedUnknown,
    /// A 4xx of SMTP, or a 429 or 5xx of HTTP.
    Temporary,
    /// A 5xx of SMTP, or a 4xx of HTTP.
    Permanent,
}

/// What was killed, for the bound on duplicate deliveries.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Crashes {
    /// SIGKILL of processes that send messages.
    pub(crate) senders: u64,
    /// SIGKILL of all kinds, senders included.
    pub(crate) all: u64,
    /// SIGSTOP long enough for a lease to end.
    pub(crate) frozen: u64,
    /// Faults after which a result of sending could not be stored in time: the ledger went away.
    pub(crate) ledger: u64,
    /// Messages that one such process may have on their way at a time.
    pub(crate) slots: u64,
    /// How many processes send messages: when the ledger goes away, the results of all of them are at stake.
    pub(crate) sender_processes: u64,
}

/// Something that must not lie anywhere in clear.
#[derive(Clone)]
pub(crate) struct Secret {
    /// What it is, for the report.
    pub(crate) name: String,
    pub(crate) value: String,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({})", self.name)
    }
}
