//! Invariant 2: the password that a person was told last opens the account, and nobody was told one that was never set.
//!
//! After a process was frozen for longer than a lease, an old message may arrive after a newer one: that is not promised
//! (README, "What is not promised"). Then the message with the highest number is taken for the last one, and what came
//! late is counted: at most what the frozen processes had in hand.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::hashes::{Pair, open};
use super::journal::{Journal, Notification, arrived};
use super::rows::{count, maybe, rows};
use super::{Case, Finding, history};
use crate::evidence::Channel;

/// What an account's people know and what the ledger has.
struct Account {
    version: i64,
    hash: Option<String>,
}

/// A message that was taken: its version, its channel and its password.
type Told<'a> = (i64, Channel, Option<&'a str>);

pub(crate) async fn check(case: &Case<'_>) -> Finding {
    let mut finding = Finding::new(2, "the password told last opens the account; no other was told");
    let journal = Journal::read(case).await;
    let hashes = history::hashes(case.ledger).await;
    let accounts = accounts(case).await;
    for stray in journal.strays() {
        let id = stray.message_id.as_deref().unwrap_or("an SMS");
        finding.expect(false, || format!("a message to {} belongs to no notification: {id}", stray.to));
    }
    let told = passwords_told(&mut finding, &journal);
    let last = last_told(&mut finding, case, &journal);
    let mut pairs: Vec<Pair> = Vec::new();
    for ((account, version), passwords) in &told {
        if let Some(hash) = hashes.get(&((*account).to_owned(), *version)) {
            pairs.extend(passwords.iter().map(|password| (hash.clone(), (*password).to_owned())));
        }
    }
    for (account, (_, _, password)) in &last {
        if let (Some(hash), Some(password)) = (accounts.get(*account).and_then(|one| one.hash.clone()), password) {
            pairs.push((hash, (*password).to_owned()));
        }
    }
    let opened = open(pairs).await;
    let opens = |hash: &str, password: &str| opened.get(&(hash.to_owned(), password.to_owned())) == Some(&true);
    for ((account, version), passwords) in &told {
        let hash = hashes.get(&((*account).to_owned(), *version));
        for password in passwords {
            finding.expect(hash.is_some_and(|hash| opens(hash, password)), || {
                format!("a message about account {account}, reset no. {version}, tells a password that was never set")
            });
        }
    }
    let untold = untold(case).await;
    for (account, told) in last {
        let Some(known) = accounts.get(account) else {
            finding.expect(false, || format!("account {account} was told a password and does not exist"));
            continue;
        };
        judge_last(&mut finding, account, told, known, &untold, &opens);
    }
    finding
}

/// The passwords that messages tell, by account and version: one each, on every channel and in every repetition.
fn passwords_told<'j>(finding: &mut Finding, journal: &'j Journal<'_>) -> BTreeMap<(&'j str, i64), BTreeSet<&'j str>> {
    let mut told: BTreeMap<(&str, i64), BTreeSet<&str>> = BTreeMap::new();
    for (message, one) in journal.told() {
        let passwords = told.entry((one.account.as_str(), one.version)).or_default();
        finding.expect(message.password.is_some(), || format!("the message {} tells no password", one.message_id));
        passwords.extend(message.password.as_deref());
    }
    for ((account, version), passwords) in &told {
        finding.expect(passwords.len() <= 1, || {
            format!("account {account}: reset no. {version} was told as {} different passwords", passwords.len())
        });
    }
    told
}

/// What was told last about each account.
fn last_told<'j>(finding: &mut Finding, case: &Case<'_>, journal: &'j Journal<'_>) -> BTreeMap<&'j str, Told<'j>> {
    let frozen = case.evidence.crashes.frozen;
    let mut last: BTreeMap<&str, Told<'_>> = BTreeMap::new();
    let mut late = 0_u64;
    for (message, one) in journal.told().filter(|(message, _)| arrived(message)) {
        let now = (one.version, message.channel, message.password.as_deref());
        match last.get_mut(one.account.as_str()) {
            None => {
                last.insert(one.account.as_str(), now);
            }
            Some(before) if before.0 <= one.version => *before = now,
            // A frozen process may have woken up.
            Some(_) if frozen > 0 => late += 1,
            Some(before) => {
                let text = came_late(one, message.channel, *before);
                finding.expect(false, || text);
                *before = now;
            }
        }
    }
    if frozen > 0 {
        let most = frozen.saturating_mul(case.evidence.crashes.slots);
        finding.notes.push(format!("{late} messages came after a newer one, with {frozen} processes frozen"));
        finding.expect(late <= most, || {
            format!("{late} messages came after a newer one; the frozen processes had at most {most} in hand")
        });
    }
    last
}

fn came_late(one: &Notification, channel: Channel, (newer, by, _): Told<'_>) -> String {
    let way = if by == channel { "on the same channel".to_owned() } else { format!("which came by {by:?}") };
    format!("account {}: reset no. {} came by {channel:?} after no. {newer}, {way}", one.account, one.version)
}

fn judge_last(
    finding: &mut Finding,
    account: &str,
    (version, _, password): Told<'_>,
    known: &Account,
    untold: &HashMap<(String, i64), bool>,
    opens: &impl Fn(&str, &str) -> bool,
) {
    if version == known.version {
        let opened = known.hash.as_deref().zip(password).is_some_and(|(hash, password)| opens(hash, password));
        finding
            .expect(opened, || format!("account {account}: the password told last (no. {version}) does not open it"));
        return;
    }
    // A later change of which nobody was told must be on record as such: silent, or undelivered with the reason.
    let excused = version < known.version && untold.get(&(account.to_owned(), known.version)) == Some(&true);
    finding.expect(excused, || {
        format!(
            "account {account}: reset no. {version} was told last, but it stands at no. {}, which is not on record as untold",
            known.version
        )
    });
}

async fn accounts(case: &Case<'_>) -> HashMap<String, Account> {
    rows(case.ledger, "SELECT id, credential_version, password_hash FROM accounts")
        .await
        .into_iter()
        .map(|[id, version, hash]| (id, Account { version: count(&version), hash: maybe(&hash) }))
        .collect()
}

/// For each change of a password by an item: whether the item says that nobody was told.
async fn untold(case: &Case<'_>) -> HashMap<(String, i64), bool> {
    let sql = "SELECT account_id, credential_version, state, code FROM items WHERE credential_version IS NOT NULL";
    rows(case.ledger, sql)
        .await
        .into_iter()
        .map(|[account, version, state, code]| {
            let untold = matches!(state.as_str(), "silent" | "undelivered") && maybe(&code).is_some();
            ((account, count(&version)), untold)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use keybell_tests::ledgers::TestLedger;
    use keybell_tests::on_both;

    use super::*;
    use crate::checker::world::{World, caught, hash, sound};

    on_both!(
        a_password_that_does_not_open_and_one_that_never_was_are_found,
        an_older_password_that_comes_last_is_found
    );

    async fn a_password_that_does_not_open_and_one_that_never_was_are_found(on: &TestLedger) {
        let mut world = World::new(on).await;
        let whole = check(&world.case()).await;
        sound(&whole);

        let mut other = world.repeated("p1", 1).await;
        other.password = Some("Quite-another-48".to_owned());
        world.evidence.messages.push(other);
        let after = check(&world.case()).await;
        caught(&whole, &after, "tells a password that was never set");
        caught(&whole, &after, "2 different passwords");
        caught(&whole, &after, "does not open it");
        assert!(!format!("{after:?}").contains("Quite-another-48"), "no finding names a password");

        let last = world.evidence.messages.last_mut().expect("it was pushed");
        (last.password, last.message_id) = (None, Some("of.nobody@keybell".to_owned()));
        caught(&whole, &check(&world.case()).await, "belongs to no notification");

        world.evidence.messages.pop();
        sound(&check(&world.case()).await);
        let hash = hash("Quite-another-48");
        world.tamper(&format!("UPDATE accounts SET password_hash = '{hash}' WHERE source_id = 'p3'")).await;
        caught(&whole, &check(&world.case()).await, "does not open it");
    }

    async fn an_older_password_that_comes_last_is_found(on: &TestLedger) {
        let mut world = World::new(on).await;
        let whole = check(&world.case()).await;
        let newer = world.repeated("p4", 2).await;
        let mut older = world.repeated("p4", 1).await;
        older.at += 60_000;
        world.evidence.messages.push(older);
        let after = check(&world.case()).await;
        caught(&whole, &after, "reset no. 1 came by Email after no. 2");
        caught(&whole, &after, "not on record as untold");

        // Somebody was frozen with that message in hand: not promised, and counted.
        (world.evidence.crashes.frozen, world.evidence.crashes.slots) = (1, 1);
        let frozen = check(&world.case()).await;
        sound(&frozen);
        assert!(frozen.notes[0].starts_with("1 messages came after"), "{frozen:?}");
        world.evidence.crashes.slots = 0;
        caught(&whole, &check(&world.case()).await, "had at most 0 in hand");

        // Nobody was told of the newer password: sound only when it is listed.
        world.evidence.crashes.frozen = 0;
        world.evidence.messages.retain(|message| message.message_id != newer.message_id);
        caught(&whole, &check(&world.case()).await, "not on record as untold");
        let second = world.tasks[1];
        world.tamper(&format!("UPDATE items SET state = 'undelivered', code = 'N05' WHERE task_id = '{second}'")).await;
        sound(&check(&world.case()).await);
    }
}
