//! Which notification a message belongs to.
//!
//! An e-mail carries its notification's `Message-ID`. An SMS has nothing of the kind: it is known by its recipient and by
//! the reset's number, which every template of ours names (`Reset no. 3`, and `reset no. 3` to guardians) and which is
//! the credential version. Where one phone belongs to several people, the pupil's name in a guardian's message decides;
//! a message that names nobody belongs to whomever its password opens.

use std::collections::{HashMap, HashSet};

use super::Case;
use super::hashes::open;
use super::history;
use super::rows::{count, maybe, rows};
use crate::evidence::{Channel, Fate, Message};

/// A notification as the ledger has it.
#[derive(Clone, Debug)]
pub(crate) struct Notification {
    pub(crate) id: String,
    pub(crate) item: String,
    pub(crate) account: String,
    pub(crate) version: i64,
    pub(crate) channel: Channel,
    pub(crate) address: String,
    pub(crate) message_id: String,
    pub(crate) state: String,
    pub(crate) code: Option<String>,
    given_name: String,
}

/// Every message with its notification.
pub(crate) struct Journal<'a> {
    pub(crate) notifications: Vec<Notification>,
    /// Messages in the order of arrival, each with the place of its notification; `None` when it belongs to none.
    told: Vec<(&'a Message, Option<usize>)>,
}

impl<'a> Journal<'a> {
    pub(crate) async fn read(case: &Case<'a>) -> Self {
        let notifications = notifications(case).await;
        let by_id: HashMap<&str, usize> =
            notifications.iter().enumerate().map(|(place, one)| (one.message_id.as_str(), place)).collect();
        let mut by_phone: HashMap<(&str, i64), Vec<usize>> = HashMap::new();
        for (place, one) in notifications.iter().enumerate().filter(|(_, one)| one.channel == Channel::Sms) {
            by_phone.entry((one.address.as_str(), one.version)).or_default().push(place);
        }
        let mut told = Vec::with_capacity(case.evidence.messages.len());
        let mut unsure = Vec::new();
        for message in &case.evidence.messages {
            let place = match (message.channel, &message.message_id) {
                (Channel::Email, Some(id)) => by_id.get(id.as_str()).copied(),
                (Channel::Email, None) => None,
                (Channel::Sms, _) => {
                    let places = number_in(&message.text)
                        .and_then(|version| by_phone.get(&(message.to.as_str(), version)))
                        .map_or(&[][..], Vec::as_slice);
                    let named: Vec<usize> =
                        places.iter().copied().filter(|&at| names(message, notifications.get(at))).collect();
                    let places = if named.is_empty() { places } else { &named };
                    if places.len() > 1 {
                        unsure.push((told.len(), places.to_vec()));
                    }
                    places.first().copied()
                }
            };
            told.push((message, place));
        }
        if !unsure.is_empty() {
            decide(case, &notifications, &mut told, &unsure).await;
        }
        told.sort_by_key(|(message, _)| message.at);
        Self { notifications, told }
    }

    /// Messages with their notifications, in the order of arrival.
    pub(crate) fn told(&self) -> impl Iterator<Item = (&'a Message, &Notification)> {
        self.told.iter().filter_map(|(message, place)| Some((*message, self.notifications.get((*place)?)?)))
    }

    /// Messages that belong to no notification.
    pub(crate) fn strays(&self) -> impl Iterator<Item = &'a Message> {
        self.told.iter().filter(|(_, place)| place.is_none()).map(|(message, _)| *message)
    }

    /// The ids of the notifications of which a message was taken.
    pub(crate) fn delivered(&self) -> HashSet<&str> {
        self.told().filter(|(message, _)| arrived(message)).map(|(_, one)| one.id.as_str()).collect()
    }
}

/// Whether the other side took the message, whether or not the sender heard of it.
pub(crate) const fn arrived(message: &Message) -> bool {
    match message.fate {
        Fate::Accepted | Fate::AcceptedUnknown => true,
        Fate::Temporary | Fate::Permanent => false,
    }
}

async fn notifications(case: &Case<'_>) -> Vec<Notification> {
    rows(
        case.ledger,
        "SELECT n.id, n.item_id, n.account_id, n.credential_version, n.channel, n.address, n.message_id, n.state, n.code, \
             a.given_name FROM notifications n JOIN accounts a ON a.id = n.account_id ORDER BY n.id",
    )
    .await
    .into_iter()
    .map(|[id, item, account, version, channel, address, message_id, state, code, given_name]| Notification {
        id,
        item,
        account,
        version: count(&version),
        channel: if channel == "sms" { Channel::Sms } else { Channel::Email },
        address,
        message_id,
        state,
        code: maybe(&code),
        given_name,
    })
    .collect()
}

/// The number of the reset in an SMS.
fn number_in(text: &str) -> Option<i64> {
    let (_, rest) = text.split_once("eset no. ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Whether a guardian's SMS names this pupil.
fn names(message: &Message, one: Option<&Notification>) -> bool {
    one.is_some_and(|one| message.text.starts_with(&format!("New password for {}:", one.given_name)))
}

/// Gives each message that may belong to several notifications to one whose password it holds. Where a password is
/// shared, too, each notification gets a message before one gets a second.
async fn decide(
    case: &Case<'_>,
    notifications: &[Notification],
    told: &mut [(&Message, Option<usize>)],
    unsure: &[(usize, Vec<usize>)],
) {
    let hashes = history::hashes(case.ledger).await;
    let pair = |message: &Message, place: usize| {
        let one = notifications.get(place)?;
        Some((hashes.get(&(one.account.clone(), one.version))?.clone(), message.password.clone()?))
    };
    let mut pairs = Vec::new();
    for (at, places) in unsure {
        let message = told.get(*at).map(|(message, _)| *message);
        pairs.extend(message.iter().flat_map(|message| places.iter().filter_map(|&place| pair(message, place))));
    }
    let opened = open(pairs).await;
    let mut taken = HashSet::new();
    for (at, places) in unsure {
        let Some((message, decided)) = told.get_mut(*at) else { continue };
        let opens = |place: usize| pair(message, place).is_some_and(|pair| opened.get(&pair) == Some(&true));
        let known: Vec<usize> = places.iter().copied().filter(|&place| opens(place)).collect();
        let free = known.iter().find(|place| !taken.contains(*place)).or(known.first());
        if let Some(&place) = free {
            *decided = Some(place);
            if arrived(message) {
                taken.insert(place);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use keybell_tests::ledgers::TestLedger;
    use keybell_tests::on_both;

    use super::*;
    use crate::checker::world::World;

    on_both!(an_sms_is_known_by_phone_number_name_or_password, of_two_who_share_phone_and_password_each_gets_a_message,);

    #[test]
    fn the_number_of_a_reset_is_read_from_either_template() {
        assert_eq!(number_in("North: your new password:\nOtter\nReset no. 12; ignore earlier messages."), Some(12));
        assert_eq!(number_in("New password for Ada:\nOtter\nNorth, reset no. 3; ignore earlier messages."), Some(3));
        assert_eq!(number_in("Hello"), None);
    }

    /// `p1` and `p3` are brother and sister: one phone.
    async fn an_sms_is_known_by_phone_number_name_or_password(on: &TestLedger) {
        let mut world = World::new(on).await;
        for pupil in ["p1", "p3"] {
            let mut message = world.repeated(pupil, 1).await;
            let id = message.message_id.take().expect("an e-mail has one");
            world
                .tamper(&format!(
                    "UPDATE notifications SET channel = 'sms', address = '+15550100' WHERE message_id = '{id}'"
                ))
                .await;
            world.evidence.messages.retain(|known| known.message_id.as_ref() != Some(&id));
            (message.channel, message.to) = (Channel::Sms, "+15550100".to_owned());
            let password = message.password.clone().expect("it tells one");
            let head = if pupil == "p1" { "New password:" } else { "New password for Given-p3:" };
            message.text = format!("{head}\n{password}\nNorth, reset no. 1; ignore earlier messages.");
            world.evidence.messages.push(message);
        }
        let case = world.case();
        let journal = Journal::read(&case).await;
        assert_eq!(journal.strays().count(), 0);
        let mut names: Vec<&str> = journal
            .told()
            .filter(|(message, _)| message.channel == Channel::Sms)
            .map(|(_, one)| one.given_name.as_str())
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["Given-p1", "Given-p3"]);
    }

    async fn of_two_who_share_phone_and_password_each_gets_a_message(on: &TestLedger) {
        let mut world = World::new(on).await;
        world.tamper("UPDATE notifications SET channel = 'sms', address = '+15550100' WHERE state = 'accepted'").await;
        let hash = crate::checker::world::hash("Otter-lamp-47");
        world.tamper(&format!("UPDATE accounts SET password_hash = '{hash}' WHERE source_id IN ('p1', 'p3')")).await;
        let message = Message {
            channel: Channel::Sms,
            to: "+15550100".to_owned(),
            text: "Your new password:\nOtter-lamp-47\nReset no. 1; ignore earlier messages.".to_owned(),
            message_id: None,
            password: Some("Otter-lamp-47".to_owned()),
            at: crate::checker::world::now(),
            fate: Fate::Accepted,
        };
        world.evidence.messages = vec![message.clone(), message];
        let case = world.case();
        assert_eq!(Journal::read(&case).await.delivered().len(), 2);
    }
}
