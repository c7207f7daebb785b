//! Writes the messages: what a claimed notification and its opened password, or its link, become.
//!
//! An SMS never carries a username together with a password or link: it is shown on locked screens and handed on too easily.

use keybell_shared::clock::Millis;
use keybell_shared::link;
use keybell_shared::notice::Channel;
use keybell_shared::ports::ledger::{Claim, Content};
use keybell_shared::request::Delivery;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::template::{Missing, Tag, Template, TemplateError};
use super::{Outgoing, clean, gsm};

/// The messages, read and checked.
#[derive(Debug)]
pub(super) struct Renderer {
    password: Kinds,
    link: Kinds,
}

/// The messages about one kind of secret.
#[derive(Debug)]
struct Kinds {
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
        let password = |name, text: &'static str| (name, text, Tag::Password);
        let link = |name, text: &'static str| (name, text, Tag::Link);
        Ok(Self {
            password: Kinds {
                email_account: email(password("email-account.txt", include_str!("templates/email-account.txt")))?,
                email_guardian: email(password("email-guardian.txt", include_str!("templates/email-guardian.txt")))?,
                sms_account: short(password("sms-account.txt", include_str!("templates/sms-account.txt")))?,
                sms_guardian: short(password("sms-guardian.txt", include_str!("templates/sms-guardian.txt")))?,
            },
            link: Kinds {
                email_account: email(link("link-email-account.txt", include_str!("templates/link-email-account.txt")))?,
                email_guardian: email(link(
                    "link-email-guardian.txt",
                    include_str!("templates/link-email-guardian.txt"),
                ))?,
                sms_account: short(link("link-sms-account.txt", include_str!("templates/link-sms-account.txt")))?,
                sms_guardian: short(link("link-sms-guardian.txt", include_str!("templates/link-sms-guardian.txt")))?,
            },
        })
    }

    /// Writes one message. The secret is the new password, or the link, as the claim says.
    pub(super) fn render(&self, claim: &Claim, secret: &SecretString) -> Result<Outgoing, RenderError> {
        let secret = secret.expose_secret();
        if secret.chars().any(char::is_control) {
            return Err(RenderError::Control);
        }
        let values = Values::of(&claim.content, claim.channel);
        let kinds = match claim.content.delivery {
            Delivery::Password => &self.password,
            Delivery::Link => &self.link,
        };
        let (subject, text) = match (claim.channel, claim.guardian) {
            (Channel::Email, false) => mail(&kinds.email_account, &values, secret)?,
            (Channel::Email, true) => mail(&kinds.email_guardian, &values, secret)?,
            (Channel::Sms, false) => (String::new(), sms(&kinds.sms_account, values, secret)?),
            (Channel::Sms, true) => (String::new(), sms(&kinds.sms_guardian, values, secret)?),
        };
        Ok(Outgoing { address: claim.address.clone(), message_id: claim.message_id.clone(), subject, text })
    }
}

/// A template's name, its text, and the tag of its secret.
type Source = (&'static str, &'static str, Tag);

fn email((name, text, secret): Source) -> Result<Template, TemplateError> {
    let template = Template::read(name, text, secret)?;
    let tag = format!("{{{}}}", secret.name());
    let subject = text.lines().take_while(|line| !line.is_empty());
    let fine =
        subject.clone().count() > 0 && subject.clone().all(|line| line.contains("Subject: ") && !line.contains(&tag));
    fine.then_some(template).ok_or_else(|| TemplateError {
        template: name,
        line: 1,
        reason: "an e-mail begins with `Subject: ` and an empty line".to_owned(),
    })
}

fn short((name, text, secret): Source) -> Result<Template, TemplateError> {
    let template = Template::read(name, text, secret)?;
    if template.holds(Tag::Username) {
        let reason = "an SMS never carries a username together with a password or link".to_owned();
        return Err(TemplateError { template: name, line: 0, reason });
    }
    Ok(template)
}

/// Everything but the secret, made harmless.
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
    valid: &'static str,
    keeps: bool,
    secret: Tag,
}

impl Values {
    fn of(content: &Content, channel: Channel) -> Self {
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
            valid: link::valid_words(channel),
            keeps: content.keeps,
            secret: match content.delivery {
                Delivery::Password => Tag::Password,
                Delivery::Link => Tag::Link,
            },
        }
    }

    fn fill(&self, template: &Template, secret: &str) -> Result<Zeroizing<String>, Missing> {
        template.fill(|tag| match tag {
            Tag::District => self.district.as_deref(),
            Tag::School => self.school.as_deref(),
            Tag::GivenName => self.given_name.as_deref(),
            Tag::FullName => self.full_name.as_deref(),
            Tag::Username => self.username.as_deref(),
            Tag::Password | Tag::Link => (tag == self.secret).then_some(secret),
            Tag::Valid => Some(self.valid),
            Tag::Keeps => self.keeps.then_some(""),
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
