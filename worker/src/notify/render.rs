//! Writes the messages: what a claimed notification and its opened password become.
//!
//! An SMS never carries username and password together: it is shown on locked screens and handed on too easily.

use keybell_shared::clock::Millis;
use keybell_shared::notice::Channel;
use keybell_shared::ports::ledger::{Claim, Content};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::template::{Missing, Tag, Template, TemplateError};
use super::{Outgoing, clean, gsm};

/// The messages, read and checked.
#[derive(Debug)]
pub(super) struct Renderer {
    email_account: Template,
    email_guardian: Template,
    sms_account: Template,
    sms_guardian: Template,
}

/// Why a message cannot be written. Never says what the password is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RenderError {
    /// Something that the template needs is not known.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// A line break in a password would let it pass for other lines of the message.
    #[error("the password holds a control character and cannot be sent; re-issue it")]
    Control,
}

impl Renderer {
    /// Reads the compiled-in templates.
    ///
    /// # Errors
    /// Names the template and the line that make no sense.
    pub(super) fn compiled() -> Result<Self, TemplateError> {
        let email = |name, text: &'static str| {
            let template = Template::read(name, text)?;
            let subject = text.lines().take_while(|line| !line.is_empty());
            let fine = subject.clone().count() > 0
                && subject.clone().all(|line| line.contains("Subject: ") && !line.contains("{password}"));
            fine.then_some(template).ok_or_else(|| TemplateError {
                template: name,
                line: 1,
                reason: "an e-mail begins with `Subject: ` and an empty line".to_owned(),
            })
        };
        let sms = |name, text: &'static str| {
            let template = Template::read(name, text)?;
            if template.holds(Tag::Username) {
                let reason = "an SMS never carries username and password together".to_owned();
                return Err(TemplateError { template: name, line: 0, reason });
            }
            Ok(template)
        };
        Ok(Self {
            email_account: email("email-account.txt", include_str!("templates/email-account.txt"))?,
            email_guardian: email("email-guardian.txt", include_str!("templates/email-guardian.txt"))?,
            sms_account: sms("sms-account.txt", include_str!("templates/sms-account.txt"))?,
            sms_guardian: sms("sms-guardian.txt", include_str!("templates/sms-guardian.txt"))?,
        })
    }

    /// Writes one message.
    pub(super) fn render(&self, claim: &Claim, password: &SecretString) -> Result<Outgoing, RenderError> {
        let password = password.expose_secret();
        if password.chars().any(char::is_control) {
            return Err(RenderError::Control);
        }
        let values = Values::of(&claim.content);
        let (subject, text) = match (claim.channel, claim.guardian) {
            (Channel::Email, false) => mail(&self.email_account, &values, password)?,
            (Channel::Email, true) => mail(&self.email_guardian, &values, password)?,
            (Channel::Sms, false) => (String::new(), sms(&self.sms_account, values, password)?),
            (Channel::Sms, true) => (String::new(), sms(&self.sms_guardian, values, password)?),
        };
        Ok(Outgoing { address: claim.address.clone(), message_id: claim.message_id.clone(), subject, text })
    }
}

/// Everything but the password, made harmless.
#[derive(Clone, Debug)]
struct Values {
    district: Option<String>,
    school: Option<String>,
    given_name: Option<String>,
    full_name: Option<String>,
    username: Option<String>,
    issue: String,
    changed: Option<String>,
    expires: Option<String>,
    temporary: bool,
}

impl Values {
    fn of(content: &Content) -> Self {
        Self {
            district: clean::name(&content.district),
            school: content.school.as_deref().and_then(clean::name),
            given_name: clean::name(&content.given_name),
            full_name: clean::name(&format!("{} {}", content.given_name, content.family_name)),
            username: clean::name(&content.username),
            issue: content.issue.to_string(),
            changed: content.changed_at.map(minute),
            expires: content.expires_at.map(minute),
            temporary: content.temporary,
        }
    }

    fn fill(&self, template: &Template, password: &str) -> Result<Zeroizing<String>, Missing> {
        template.fill(|tag| match tag {
            Tag::District => self.district.as_deref(),
            Tag::School => self.school.as_deref(),
            Tag::GivenName => self.given_name.as_deref(),
            Tag::FullName => self.full_name.as_deref(),
            Tag::Username => self.username.as_deref(),
            Tag::Password => Some(password),
            Tag::Issue => Some(&self.issue),
            Tag::Changed => self.changed.as_deref(),
            Tag::Expires => self.expires.as_deref(),
            Tag::Temporary => self.temporary.then_some(""),
        })
    }
}

/// `2026-08-03 14:03 UTC`.
fn minute(at: Millis) -> String {
    let text = at.rfc3339();
    let (day, time) = text.split_once('T').unwrap_or((&text, ""));
    format!("{day} {} UTC", time.get(..5).unwrap_or(time))
}

/// Subject and text.
fn mail(template: &Template, values: &Values, password: &str) -> Result<(String, Zeroizing<String>), Missing> {
    let whole = values.fill(template, password)?;
    let (head, text) = whole.split_once("\n\n").unwrap_or(("", &whole));
    Ok((head.strip_prefix("Subject: ").unwrap_or(head).to_owned(), Zeroizing::new(text.to_owned())))
}

/// The text, without names when they would not fit into one message or need the alphabet with fewer characters.
fn sms(template: &Template, mut values: Values, password: &str) -> Result<Zeroizing<String>, Missing> {
    let fits = |text: &str| gsm::septets(text.trim_end()).is_some_and(|length| length <= gsm::ONE_MESSAGE);
    let mut text = values.fill(template, password)?;
    for drop_name in [|values: &mut Values| values.district = None, |values: &mut Values| values.given_name = None] {
        if fits(&text) {
            break;
        }
        drop_name(&mut values);
        text = values.fill(template, password)?;
    }
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
