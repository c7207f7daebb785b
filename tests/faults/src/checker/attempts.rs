//! Invariant 9: at most one attempt and three retries of a message, spaced as configured, none after a permanent
//! answer; repeated deliveries only where a crash explains them, and then with the same password and `Message-ID`.
//!
//! Judged twice: by the ledger's own list of attempts, and by what the mail server and the SMS provider saw. What joins
//! the two is time: a message belongs to the last attempt of its notification that began before it came.

mod ledger;
mod matching;

use super::journal::Journal;
use super::{Case, Finding};
use crate::evidence::{Crashes, Fate, Message, Ms};
use ledger::{Attempt, Notice, Outcome};

/// The first attempt and three retries.
const MOST: usize = 4;

/// The database and the sinks cut their times to milliseconds on their own.
const ROUNDING: Ms = 2;

pub(crate) async fn check(case: &Case<'_>) -> Finding {
    let mut finding = Finding::new(9, "four attempts at most, spaced; nothing told twice without a crash");
    let notices = match ledger::read(case.ledger).await {
        Ok(notices) => notices,
        Err(error) => {
            finding.violations.push(format!("the ledger's attempts cannot be read: {error:#}"));
            return finding;
        }
    };
    let rules = Rules::of(case);
    for notice in &notices {
        rules.by_the_ledger(notice, &mut finding);
    }
    one_notice_for_each_way(&notices, &mut finding);
    let mut seen = matching::join(&case.evidence.messages, &notices, &Journal::read(case).await);
    let mut unheard = Vec::new();
    for (notice, messages) in notices.iter().zip(&mut seen.of_notices) {
        messages.sort_by_key(|one| one.message.at);
        rules.by_the_sinks(notice, messages, &mut finding, &mut unheard);
    }
    for message in &seen.unexplained {
        let channel = message.channel;
        finding
            .expect(false, || format!("{channel:?} message at {} that no attempt of the ledger explains", message.at));
    }
    rules.repeated(&unheard, seen.doubled, &mut finding);
    finding
}

/// Every way to tell about an item has one notification in a round: two would have twice the attempts.
fn one_notice_for_each_way(notices: &[Notice], finding: &mut Finding) {
    let mut known = std::collections::HashSet::new();
    let mut ids = std::collections::HashSet::new();
    for notice in notices {
        let way = (notice.item, notice.round, notice.channel, notice.address.as_str());
        finding.expect(known.insert(way), || {
            format!("notification {}: a second one about the same item, round and address", notice.id)
        });
        finding.expect(ids.insert(notice.message_id.as_str()), || {
            format!("notification {}: its Message-ID is another one's, too", notice.id)
        });
    }
}

/// A message that arrived, with the attempt (by its place in the list) that sent it.
struct Arrived<'a> {
    message: &'a Message,
    attempt: usize,
}

/// What the configuration and the faults allow.
struct Rules {
    pauses: [Ms; 3],
    crashes: Crashes,
}

impl Rules {
    fn of(case: &Case<'_>) -> Self {
        let evidence = case.evidence;
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "pauses are seconds")]
        let least = |pause: Ms| (pause as f64 * (1.0 - evidence.retry_jitter)).floor() as Ms - ROUNDING;
        Self { pauses: evidence.retry_pauses.map(least), crashes: evidence.crashes }
    }

    /// The shortest pause after an attempt. One whose worker vanished is repeated as if it had been the first, but not
    /// before its lease is over; one that met a channel that is down is repeated when the channel is up.
    fn pause_after(&self, attempt: &Attempt) -> Option<Ms> {
        let [first, ..] = self.pauses;
        match attempt.outcome {
            Outcome::Temporary => Some(self.pauses.get(attempt.number.saturating_sub(1)).copied().unwrap_or(first)),
            Outcome::Unknown | Outcome::Accepted | Outcome::Permanent => Some(first),
            Outcome::ChannelDown => None,
        }
    }

    /// Whether a result may have been stored after its lease was over: then it overwrote what the scan had noted, and
    /// neither its time nor its word says when and why the next attempt was due.
    const fn results_may_be_late(&self) -> bool {
        self.crashes.frozen > 0 || self.crashes.ledger > 0
    }

    /// How many answers may have got lost on their way to the ledger.
    const fn budget(&self) -> u64 {
        let Crashes { senders, frozen, ledger, slots, sender_processes, .. } = self.crashes;
        let everywhere = if sender_processes == 0 { 1 } else { sender_processes };
        (senders + frozen) * slots + ledger * slots * everywhere
    }

    fn by_the_ledger(&self, notice: &Notice, finding: &mut Finding) {
        let id = notice.id;
        let counted = notice.attempts.iter().filter(|one| one.outcome.counts()).count();
        let highest = notice.attempts.iter().map(|one| one.number).max().unwrap_or_default();
        finding.expect(counted.max(highest).max(notice.counted) <= MOST, || {
            format!("notification {id}: {counted} attempts count, the highest number is {highest}")
        });
        for (attempt, next) in notice.attempts.iter().zip(notice.attempts.iter().skip(1)) {
            let late = self.results_may_be_late();
            let steps = next.number.checked_sub(attempt.number);
            let right = match (attempt.outcome.counts(), late) {
                (true, _) => steps == Some(1),
                (false, false) => steps == Some(0),
                (false, true) => matches!(steps, Some(0 | 1)),
            };
            finding.expect(right, || {
                let (number, then, outcome) = (attempt.number, next.number, attempt.outcome);
                format!("notification {id}: attempt {number} ended {outcome:?} and the next one has number {then}")
            });
            let ended = attempt.ended.filter(|ended| !late && *ended <= next.started);
            let after = next.started - ended.unwrap_or(attempt.started);
            if let Some(least) = self.pause_after(attempt) {
                finding.expect(after >= least, || {
                    let (number, outcome) = (attempt.number, attempt.outcome);
                    format!(
                        "notification {id}: {after} ms from attempt {number}, {outcome:?}, to the next: not {least}"
                    )
                });
            }
            let ended_for_good = matches!(attempt.outcome, Outcome::Permanent | Outcome::Accepted);
            finding.expect(!ended_for_good || late, || {
                let (number, outcome) = (attempt.number, attempt.outcome);
                format!("notification {id}: another attempt after number {number}, which ended {outcome:?}")
            });
        }
    }

    /// What arrived of one notification, in order of time.
    fn by_the_sinks(&self, notice: &Notice, arrived: &[Arrived<'_>], finding: &mut Finding, unheard: &mut Vec<String>) {
        let id = notice.id;
        let outcome = |one: &Arrived<'_>| notice.attempts.get(one.attempt).map(|attempt| attempt.outcome);
        let counted = arrived.iter().filter(|one| outcome(one).is_some_and(Outcome::counts)).count();
        if !arrived.is_empty() {
            finding.expect(counted <= MOST || self.results_may_be_late(), || {
                format!("notification {id}: {counted} messages arrived that count as attempts")
            });
        }
        for (one, next) in arrived.iter().zip(arrived.iter().skip(1)) {
            finding.expect(one.message.password == next.message.password, || {
                format!("notification {id}: it was repeated with another password")
            });
            finding.expect(one.message.message_id == next.message.message_id, || {
                format!("notification {id}: it was repeated with another Message-ID")
            });
            // What was frozen in the middle of its dialogue arrives when it pleases.
            let after = next.message.at - one.message.at;
            let attempt = notice.attempts.get(one.attempt);
            if self.crashes.frozen == 0
                && let Some(least) = attempt.and_then(|attempt| self.pause_after(attempt))
            {
                finding.expect(after >= least, || {
                    format!("notification {id}: its messages arrived {after} ms after each other, not {least}")
                });
            }
            let definite = matches!(one.message.fate, Fate::Accepted | Fate::Permanent);
            if definite {
                let (fate, stored) = (one.message.fate, attempt.map(|attempt| attempt.outcome));
                unheard.push(format!("notification {id}: sent again {after} ms after {fate:?}; stored was {stored:?}"));
            }
        }
    }

    /// Messages that were sent again although the other side had given its answer: each needs a crash.
    fn repeated(&self, unheard: &[String], doubled: u64, finding: &mut Finding) {
        let (happened, budget) = (unheard.len() as u64 + doubled, self.budget());
        finding.expect(happened <= budget, || {
            format!("{happened} messages were sent again after an answer, and the faults explain {budget}")
        });
        if happened > budget {
            finding.violations.extend(unheard.iter().cloned());
        }
    }
}

#[cfg(test)]
#[path = "attempts/tests.rs"]
pub(super) mod tests;
