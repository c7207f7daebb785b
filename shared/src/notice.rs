//! Whom to tell, and where: the plan made when a password has just been changed, and the next step of a cascade.

use serde::{Deserialize, Serialize};

use crate::request::{ChannelRule, NotifyRule, Recipient};
use crate::stage::Stage;

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// E-mail.
    Email,
    /// SMS.
    Sms,
}

impl Channel {
    /// The word that is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }

    /// The stage that sends on this channel.
    #[must_use]
    pub const fn stage(self) -> Stage {
        match self {
            Self::Email => Stage::Email,
            Self::Sms => Stage::Sms,
        }
    }
}

impl std::str::FromStr for Channel {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "email" => Ok(Self::Email),
            "sms" => Ok(Self::Sms),
            other => Err(format!("`{other}` is no channel")),
        }
    }
}

/// Where one person can be reached. Addresses were checked when they were imported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// An e-mail address.
    pub email: Option<String>,
    /// A phone number in E.164.
    pub sms: Option<String>,
}

/// Everybody who may be told about one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contacts {
    /// The person themselves.
    pub account: Contact,
    /// Their guardians, in the roster's order.
    pub guardians: Vec<Contact>,
}

/// One message to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// How.
    pub channel: Channel,
    /// Where to.
    pub address: String,
    /// Whether it goes to a guardian, who needs the pupil's name in it.
    pub guardian: bool,
}

/// What is to be told about one reset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nobody, as asked (`N01`).
    Silent,
    /// Nobody can be reached (`N02`).
    Unreachable,
    /// These, at once.
    Tell(Vec<Target>),
}

/// Whether the notification rule asks for messages at all.
///
/// `auto` is literal: a generated password is sent, a shared one is not (the giver knows it).
#[must_use]
pub const fn is_told(rule: NotifyRule, generated: bool) -> bool {
    match rule {
        NotifyRule::Always => true,
        NotifyRule::Never => false,
        NotifyRule::Auto => generated,
    }
}

/// Which addresses a request's rules look at; without a word none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own, and an argument of a statement")]
pub struct Ways {
    /// Whether e-mail addresses count.
    pub email: bool,
    /// Whether phone numbers count.
    pub sms: bool,
    /// Whether the account's own ones count.
    pub own: bool,
    /// Whether those of the guardians count.
    pub guardians: bool,
}

/// The ways of a request's rules.
#[must_use]
pub fn ways(channel: ChannelRule, recipient: Recipient) -> Ways {
    Ways {
        email: channel != ChannelRule::Sms,
        sms: channel != ChannelRule::Email,
        own: recipient != Recipient::Guardians,
        // A cascade ends at the guardians even when only the account was asked for; that is what it is for.
        guardians: recipient != Recipient::Account || channel == ChannelRule::Cascade,
    }
}

/// The channels that a rule may come to use.
#[must_use]
pub const fn channels(rule: ChannelRule) -> &'static [Channel] {
    match rule {
        ChannelRule::Email => &[Channel::Email],
        ChannelRule::Sms => &[Channel::Sms],
        ChannelRule::Both | ChannelRule::Cascade => &[Channel::Email, Channel::Sms],
    }
}

/// Every address that the request's rules allow, in the order in which a cascade tries them.
#[must_use]
pub fn candidates(channel: ChannelRule, recipient: Recipient, contacts: &Contacts) -> Vec<Target> {
    let own = |of: Channel| target(of, &contacts.account, false).into_iter();
    let guardians = |of: Channel| contacts.guardians.iter().filter_map(move |contact| target(of, contact, true));
    let mut found: Vec<Target> = Vec::new();
    let mut add = |more: &mut dyn Iterator<Item = Target>| {
        for target in more {
            if !found.iter().any(|known| known.channel == target.channel && known.address == target.address) {
                found.push(target);
            }
        }
    };
    let ways = ways(channel, recipient);
    let channels = channels(channel);
    if ways.own {
        for &each in channels {
            add(&mut own(each));
        }
    }
    if ways.guardians {
        for &each in channels {
            add(&mut guardians(each));
        }
    }
    found
}

/// The plan for one reset.
#[must_use]
pub fn plan(told: bool, channel: ChannelRule, recipient: Recipient, contacts: &Contacts) -> Plan {
    if !told {
        return Plan::Silent;
    }
    let mut targets = candidates(channel, recipient, contacts);
    if channel == ChannelRule::Cascade {
        targets.truncate(1);
    }
    if targets.is_empty() { Plan::Unreachable } else { Plan::Tell(targets) }
}

/// The next step of a cascade after `failed`, if there is one that was not `tried` yet.
#[must_use]
pub fn next_step(recipient: Recipient, contacts: &Contacts, tried: &[(Channel, String)]) -> Option<Target> {
    candidates(ChannelRule::Cascade, recipient, contacts)
        .into_iter()
        .find(|target| !tried.iter().any(|(channel, address)| *channel == target.channel && *address == target.address))
}

fn target(channel: Channel, contact: &Contact, guardian: bool) -> Option<Target> {
    let address = match channel {
        Channel::Email => contact.email.clone(),
        Channel::Sms => contact.sms.clone(),
    }?;
    Some(Target { channel, address, guardian })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contacts() -> Contacts {
        Contacts {
            account: Contact { email: None, sms: Some("+15550100".into()) },
            guardians: vec![
                Contact { email: Some("mum@example.org".into()), sms: None },
                Contact { email: Some("mum@example.org".into()), sms: Some("+15550101".into()) },
            ],
        }
    }

    #[test]
    fn a_cascade_starts_with_the_person_and_ends_with_the_guardians() {
        let Plan::Tell(first) = plan(true, ChannelRule::Cascade, Recipient::Account, &contacts()) else {
            panic!("somebody is reachable")
        };
        assert_eq!(first.len(), 1);
        assert_eq!(first[0].address, "+15550100");
        let tried = vec![(Channel::Sms, "+15550100".to_owned())];
        let second = next_step(Recipient::Account, &contacts(), &tried).expect("a guardian");
        assert_eq!((second.channel, second.guardian), (Channel::Email, true));
    }

    #[test]
    fn the_channel_rule_is_kept_and_nobody_is_listed_twice() {
        assert_eq!(plan(true, ChannelRule::Email, Recipient::Account, &contacts()), Plan::Unreachable);
        let Plan::Tell(both) = plan(true, ChannelRule::Both, Recipient::Both, &contacts()) else { panic!("reachable") };
        assert_eq!(both.len(), 3);
        assert_eq!(plan(false, ChannelRule::Both, Recipient::Both, &contacts()), Plan::Silent);
    }

    #[test]
    fn auto_sends_generated_passwords_only() {
        assert!(is_told(NotifyRule::Auto, true));
        assert!(!is_told(NotifyRule::Auto, false));
        assert!(is_told(NotifyRule::Always, false));
        assert!(!is_told(NotifyRule::Never, true));
    }
}
