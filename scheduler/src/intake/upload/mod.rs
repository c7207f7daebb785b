//! Uploads: each account gets the password, and perhaps the username, that stands in a file.
//!
//! A trial run judges every row and changes nothing. Its token binds the upload: the same file, the same rules, and people
//! of whom the same is true; otherwise nothing is started.

mod judge;
mod refusals;
mod trial;

use keybell_shared::actor::Actor;
use keybell_shared::ids::TaskId;
use keybell_shared::ports::ledger::{Idempotency, NewTask, Uploaded};
use keybell_shared::problem::Problem;
use keybell_shared::request::{
    ChannelRule, Confirm, Delivery, Mode, NotifyRule, PasswordSource, PolicyName, Reason, Recipient, ResetRequest,
    Scope, Selection, Start, Unreachable, VERSION, Waves, Where,
};
use keybell_shared::seal::Binding;
use keybell_shared::upload::UploadFile;
use serde::Serialize;

use self::judge::Finding;
pub(super) use self::refusals::started;
pub use self::trial::{Trial, TrialCounts};
use super::{Intake, Submitted, idempotency, producer, rules, shared_password};

/// What is asked of an upload, beside its file.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Uploading {
    /// How the passwords change. `request` sets none, and is refused.
    pub mode: Mode,
    /// What is sent to people.
    pub delivery: Delivery,
    /// Which rules the passwords obey.
    pub policy: PolicyName,
    /// Whether they must be changed at the first sign-in. Without a word: no.
    pub temporary: Option<bool>,
    /// After how many hours a temporary password expires.
    pub expires_in_hours: Option<u32>,
    /// Whether applications are told to clear security questions.
    pub clear_security_questions: bool,
    /// Whether people are told. `auto`: they are not.
    pub notify: NotifyRule,
    /// How they are told.
    pub channel: ChannelRule,
    /// Who is told.
    pub recipient: Recipient,
    /// What becomes of accounts of which nobody can be told.
    #[serde(skip_serializing_if = "Unreachable::is_default")]
    pub unreachable: Unreachable,
    /// Why the upload is made.
    pub reason: Reason,
}

impl Uploading {
    /// The request that an upload is.
    fn request(&self, acknowledgement: Option<String>) -> ResetRequest {
        ResetRequest {
            version: VERSION,
            selection: Selection { scope: Scope::Selected, accounts: Vec::new(), narrowed: Where::default() },
            confirm: Confirm::default(),
            mode: self.mode,
            delivery: self.delivery,
            password: PasswordSource::Uploaded,
            policy: self.policy,
            temporary: self.temporary,
            expires_in_hours: self.expires_in_hours,
            permanent_grades: None,
            clear_security_questions: self.clear_security_questions,
            notify: self.notify,
            channel: self.channel,
            recipient: self.recipient,
            unreachable: self.unreachable,
            reason: self.reason,
            acknowledgement,
            start: None,
            waves: None,
        }
    }
}

/// The word to start an upload that was tried out.
#[derive(Clone, Debug)]
pub struct Starting {
    /// What its trial run answered as `trial`.
    pub trial: String,
    /// The version of the precautions that whoever asks has read.
    pub acknowledgement: Option<String>,
    /// Do the good rows although others have errors.
    pub allow_partial: bool,
    /// When the first password may change. Without a word: at once.
    pub start: Option<Start>,
    /// Handing the accounts out part by part. Without a word: all together.
    pub waves: Option<Waves>,
}

/// What makes a repetition recognisable. The file stands for itself by a mark, for what is stored of its passwords must not
/// be found by trying. The trial run does not count: a repetition may have tried the file once more.
#[derive(Serialize)]
struct Asked {
    upload: String,
    rules: Uploading,
    allow_partial: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<Start>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waves: Option<Waves>,
}

impl Intake {
    /// Tries an upload out: judges every row as [`Intake::upload`] will, and changes nothing. The precautions need not be
    /// acknowledged for it.
    ///
    /// # Errors
    /// The first rule that the words beside the file break; `upload.same_password`.
    pub async fn try_upload(&self, actor: &Actor, file: &UploadFile, asked: Uploading) -> Result<Trial, Problem> {
        rules::role(actor)?;
        let request = asked.request(None);
        rules::upload(actor, &request)?;
        let findings = self.judge_upload(actor, file, &request).await?;
        Trial::of(&trial::mark(file).await?, &findings, &asked)
    }

    /// Starts an upload that was tried out: its good rows become a task, if the trial run would answer the same now. After
    /// `Ok` nothing can lose it; the same `key` with the same file and words answers the same task.
    ///
    /// # Errors
    /// As [`Intake::submit`] and [`Intake::try_upload`]; `upload.other_file`, `upload.changed`, `upload.rows_refused`,
    /// `upload.nothing_to_do`, `upload.started`.
    pub async fn upload(
        &self,
        actor: &Actor,
        file: &UploadFile,
        asked: Uploading,
        starting: Starting,
        key: &str,
    ) -> Result<Submitted, Problem> {
        rules::role(actor)?;
        idempotency::check_key(key)?;
        let Starting { trial: promised, acknowledgement, allow_partial, start, waves } = starting;
        let producer = producer(actor);
        let upload = trial::lasting(file, &format!("{}|{producer}|{key}", actor.district)).await?.to_text();
        let again = Asked { upload, rules: asked, allow_partial, start: start.clone(), waves };
        let fingerprint = idempotency::fingerprint(&again)?;
        let idempotency = Idempotency { producer, key: key.to_owned(), fingerprint };
        if let Some(submitted) = self.repetition(actor, &idempotency).await? {
            return Ok(submitted);
        }
        let request = ResetRequest { start, waves, ..asked.request(acknowledgement) };
        rules::upload_start(actor, &request)?;
        self.start_lies_ahead(&request).await?;
        self.links_lead_somewhere(actor, &request).await?;
        let mark = trial::same_file(&promised, file).await?;
        let findings = self.judge_upload(actor, file, &request).await?;
        let trial = Trial::of(&mark, &findings, &asked)?;
        if trial.trial != promised {
            return Err(refusals::changed());
        }
        let counts = trial.counts();
        if counts.errors > 0 && !allow_partial {
            return Err(refusals::rows(&trial));
        }
        if counts.ok == 0 {
            return Err(refusals::nothing(counts));
        }
        self.is_somebody(actor, counts.ok)?;
        let id = TaskId::fresh();
        let uploaded = self.seal_upload(actor, id, file, &findings)?;
        let named = uploaded.iter().map(|row| row.account).collect();
        let actor = actor.clone();
        self.accept(NewTask {
            id,
            actor,
            request,
            named,
            shared: None,
            uploaded,
            idempotency,
            reissue: None,
            trial: Some(promised),
        })
        .await
    }

    /// What is said of each row; an error is about the file as a whole.
    async fn judge_upload(
        &self,
        actor: &Actor,
        file: &UploadFile,
        request: &ResetRequest,
    ) -> Result<Vec<Finding>, Problem> {
        if self.reset_key.is_none() {
            return Err(shared_password::no_key());
        }
        let findings = judge::judge(self.ledger.as_ref(), actor, &file.rows, request).await?;
        judge::few_alike(&file.rows, &findings, self.passwords.shared_limit)?;
        Ok(findings)
    }

    /// The passwords of the good rows, each sealed for its account of this task only.
    fn seal_upload(
        &self,
        actor: &Actor,
        task: TaskId,
        file: &UploadFile,
        findings: &[Finding],
    ) -> Result<Vec<Uploaded>, Problem> {
        let key = self.reset_key.as_deref().ok_or_else(shared_password::no_key)?;
        let batch = key.sealer();
        let good = file.rows.iter().zip(findings).filter_map(|(row, finding)| Some((row, finding, finding.good()?)));
        good.map(|(row, finding, account)| {
            let binding = Binding::Upload(actor.district, task, account);
            let sealed = batch.seal(&row.password, binding).map_err(|error| shared_password::unusable(&error))?;
            Ok(Uploaded { account, sealed, username: finding.judged.new_username.clone() })
        })
        .collect()
    }
}

#[cfg(test)]
mod tests;
