//! Which attempt sent which message.
//!
//! An e-mail says it: its `Message-ID` is the notification's. An SMS has only its address and text; it is taken for the
//! notification to that address whose reset number it names, whose password it holds, and whose attempts fit its time
//! and answer. Siblings who share a phone and a password get the same text: then each attempt is taken once.

use std::collections::{HashMap, HashSet};

use super::ledger::{Notice, Outcome};
use super::{Arrived, ROUNDING};
use crate::checker::journal::Journal;
use crate::evidence::{Channel, Fate, Message, Ms};

/// All messages, joined.
pub(super) struct Joined<'a> {
    /// One list for each notification.
    pub(super) of_notices: Vec<Vec<Arrived<'a>>>,
    /// What no notification or attempt explains.
    pub(super) unexplained: Vec<&'a Message>,
    /// Messages of an attempt that had sent one already.
    pub(super) doubled: u64,
}

pub(super) fn join<'a>(messages: &'a [Message], notices: &[Notice], journal: &Journal<'a>) -> Joined<'a> {
    let believed: HashMap<*const Message, &str> =
        journal.told().map(|(message, of)| (std::ptr::from_ref(message), of.id.as_str())).collect();
    let mut by_message_id: HashMap<&str, usize> = HashMap::new();
    let mut by_address: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, notice) in notices.iter().enumerate() {
        match notice.channel {
            Channel::Email => {
                by_message_id.insert(&notice.message_id, place);
            }
            Channel::Sms => by_address.entry(&notice.address).or_default().push(place),
        }
    }
    let mut in_time: Vec<&Message> = messages.iter().collect();
    in_time.sort_by_key(|message| message.at);
    let mut joined =
        Joined { of_notices: notices.iter().map(|_| Vec::new()).collect(), unexplained: Vec::new(), doubled: 0 };
    let mut used: HashSet<(usize, usize)> = HashSet::new();
    for message in in_time {
        let place = match message.channel {
            Channel::Email => message.message_id.as_deref().and_then(|id| by_message_id.get(id)).copied(),
            Channel::Sms => {
                let candidates = by_address.get(message.to.as_str()).map(Vec::as_slice).unwrap_or_default();
                let believed = believed.get(&std::ptr::from_ref(message)).and_then(|id| id.parse().ok());
                let fits = |&place: &usize| {
                    let fits = fit(message, notices.get(place)?, believed, place, &used, &joined.of_notices)?;
                    Some((fits, place))
                };
                candidates.iter().filter_map(fits).max().map(|(_, place)| place)
            }
        };
        let attempt = place.and_then(|place| Some((place, last_before(notices.get(place)?, message.at)?)));
        let Some((place, attempt)) = attempt else {
            joined.unexplained.push(message);
            continue;
        };
        if !used.insert((place, attempt)) {
            joined.doubled += 1;
        }
        if let Some(list) = joined.of_notices.get_mut(place) {
            list.push(Arrived { message, attempt });
        }
    }
    joined
}

/// The last attempt that had begun by then.
fn last_before(notice: &Notice, at: Ms) -> Option<usize> {
    notice.attempts.iter().rposition(|attempt| attempt.started <= at + ROUNDING)
}

/// How well an SMS fits a notification to its address, the best last; `None` if not at all.
fn fit(
    message: &Message,
    notice: &Notice,
    believed: Option<i64>,
    place: usize,
    used: &HashSet<(usize, usize)>,
    joined: &[Vec<Arrived<'_>>],
) -> Option<[bool; 4]> {
    let text = message.text.to_lowercase();
    if !text.contains(&format!("reset no. {};", notice.version)) {
        return None;
    }
    let attempt = last_before(notice, message.at)?;
    let outcome = notice.attempts.get(attempt)?.outcome;
    let unused = !used.contains(&(place, attempt));
    let known = joined.get(place)?;
    let same = known.first().is_some_and(|first| first.message.text == message.text);
    let new = known.is_empty();
    let believed = believed == Some(notice.id);
    let answered = match message.fate {
        Fate::Accepted => outcome == Outcome::Accepted,
        Fate::Temporary => matches!(outcome, Outcome::Temporary | Outcome::ChannelDown),
        Fate::Permanent => outcome == Outcome::Permanent,
        Fate::AcceptedUnknown => matches!(outcome, Outcome::Temporary | Outcome::Unknown),
    };
    // A text never changes: another one is another notification's.
    (same || new).then_some([unused, believed, same, answered])
}
