//! Invariant 11: district A can neither see nor touch anything of district B.
//!
//! The doors: every attempt with another district's key was refused, and the refusal named nothing. The ledger: no row
//! joins two districts. The messages: each went where a contact of its account is, within the account's district, and
//! names that district.

use std::collections::{HashMap, HashSet};

use super::{Case, Finding};
use crate::evidence::{Channel, Evidence, Message, Trespass};

/// What is joined to what, as SQL. Counted are all rows, and those that cross a border.
const BORDERS: &[(&str, &str, &str)] = &[
    (
        "items of another district than their task or account",
        "items x JOIN tasks t ON t.id = x.task_id JOIN accounts a ON a.id = x.account_id",
        "x.district_id <> t.district_id OR x.district_id <> a.district_id",
    ),
    (
        "named accounts of another district than their task",
        "task_accounts x JOIN tasks t ON t.id = x.task_id JOIN accounts a ON a.id = x.account_id",
        "t.district_id <> a.district_id",
    ),
    (
        "notifications of another district, task or account than their item",
        "notifications x JOIN items i ON i.id = x.item_id",
        "x.district_id <> i.district_id OR x.task_id <> i.task_id OR x.account_id <> i.account_id",
    ),
    (
        "sealed passwords of another account than their item",
        "sealed_passwords x JOIN items i ON i.id = x.item_id",
        "x.account_id <> i.account_id",
    ),
    (
        "tasks of another district than their requester",
        "tasks x JOIN accounts a ON a.id = x.requester_account",
        "x.district_id <> a.district_id",
    ),
    (
        "tasks of another district than their parent",
        "tasks x JOIN tasks p ON p.id = x.parent_id",
        "x.district_id <> p.district_id",
    ),
    (
        "idempotency keys of another district than their task",
        "idempotency x JOIN tasks t ON t.id = x.task_id",
        "x.district_id <> t.district_id",
    ),
    (
        "API keys of another district than their person",
        "api_keys x JOIN accounts a ON a.id = x.account_id",
        "x.district_id <> a.district_id",
    ),
    (
        "guardians of another district than their pupil",
        "guardians x JOIN accounts a ON a.id = x.account_id JOIN accounts g ON g.id = x.guardian_id",
        "a.district_id <> g.district_id",
    ),
    (
        "accounts of another district than their school",
        "accounts x JOIN schools s ON s.id = x.school_id",
        "x.district_id <> s.district_id",
    ),
    (
        "members of another district than their school",
        "memberships x JOIN schools s ON s.id = x.school_id JOIN accounts a ON a.id = x.account_id",
        "s.district_id <> a.district_id",
    ),
    (
        "people of another district than their class",
        "enrolments x JOIN classes c ON c.id = x.class_id JOIN accounts a ON a.id = x.account_id",
        "c.district_id <> a.district_id",
    ),
];

/// The notifications whose address is no contact of the account, or of its guardian where it says so.
const STRAY: &str = "notifications x JOIN accounts a ON a.id = x.account_id
     WHERE NOT CASE WHEN x.guardian
         THEN EXISTS (SELECT 1 FROM guardians g JOIN accounts p ON p.id = g.guardian_id
             WHERE g.account_id = a.id AND p.district_id = a.district_id
             AND x.address = CASE WHEN x.channel = 'email' THEN p.email ELSE p.sms END)
         ELSE x.address = COALESCE(CASE WHEN x.channel = 'email' THEN a.email ELSE a.sms END, '') END";

pub(crate) async fn check(case: &Case<'_>) -> Finding {
    let mut finding = Finding::new(11, "no district sees or touches anything of another");
    for trespass in &case.evidence.trespasses {
        judge(trespass, &mut finding);
    }
    for (what, rows, crossing) in BORDERS {
        let all = case.ledger.number(&format!("SELECT count(*) FROM {rows}")).await;
        let over = case.ledger.number(&format!("SELECT count(*) FROM {rows} WHERE {crossing}")).await;
        finding.checked += u64::try_from(all).unwrap_or_default();
        if over > 0 {
            finding.violations.push(format!("{over} {what}"));
        }
    }
    let all = case.ledger.number("SELECT count(*) FROM notifications").await;
    let stray = case.ledger.column(&format!("SELECT x.id FROM {STRAY} ORDER BY x.id")).await;
    finding.checked += u64::try_from(all).unwrap_or_default();
    let stray =
        stray.iter().map(|id| format!("notification {id}: its address is no contact of its account or guardian"));
    finding.violations.extend(stray);
    messages(case, &mut finding).await;
    finding
}

/// Who got no answer, or one of a server that is in trouble, has seen nothing: that proves nothing either.
fn judge(trespass: &Trespass, finding: &mut Finding) {
    let Trespass { what, status, leaked } = trespass;
    if *status == 0 && !leaked {
        return;
    }
    finding.expect((400..600).contains(status) && !leaked, || {
        let leak = if *leaked { ", and the answer named the other district's things" } else { "" };
        format!("{what}: was answered {status}{leak}")
    });
}

/// A notification as a message is compared with it.
struct Notice {
    id: String,
    address: String,
    district: String,
    version: String,
}

async fn messages(case: &Case<'_>, finding: &mut Finding) {
    let names: HashMap<String, String> = pairs(case.ledger.rows("SELECT id, name FROM districts").await);
    let mut by_message_id: HashMap<String, Notice> = HashMap::new();
    let mut by_number: HashMap<String, Vec<Notice>> = HashMap::new();
    let rows = case
        .ledger
        .rows("SELECT id, address, district_id, credential_version, channel, message_id FROM notifications ORDER BY id")
        .await;
    for row in rows {
        let Ok([id, address, district, version, channel, message_id]) = <[String; 6]>::try_from(row) else { continue };
        let notice = Notice { id, address, district, version };
        if channel == "email" {
            by_message_id.insert(message_id, notice);
        } else {
            by_number.entry(notice.address.clone()).or_default().push(notice);
        }
    }
    let contacts = Contacts::of(case.evidence);
    for message in &case.evidence.messages {
        let at = message.at;
        match message.channel {
            Channel::Email => {
                let notice = message.message_id.as_deref().and_then(|id| by_message_id.get(id));
                finding.expect(notice.is_some(), || format!("an e-mail at {at} has a Message-ID of no notification"));
                if let Some(notice) = notice {
                    e_mail(message, notice, &names, &contacts, finding);
                }
            }
            Channel::Sms => {
                let notices = by_number.get(&message.to).map(Vec::as_slice).unwrap_or_default();
                let fits = |notice: &Notice| {
                    let said = district_of_sms(&message.text, &names);
                    message.text.to_lowercase().contains(&format!("reset no. {};", notice.version))
                        && said.is_none_or(|said| names.get(&notice.district).is_some_and(|name| name == said))
                        && contacts.hold(&notice.district, message)
                };
                finding.expect(notices.iter().any(fits), || {
                    format!("an SMS at {at} went to a number, or names a district, that no notification explains")
                });
            }
        }
    }
}

fn e_mail(
    message: &Message,
    notice: &Notice,
    names: &HashMap<String, String>,
    contacts: &Contacts,
    finding: &mut Finding,
) {
    let id = &notice.id;
    finding.expect(message.to == notice.address, || format!("notification {id}: its e-mail went to another address"));
    finding.expect(contacts.hold(&notice.district, message), || {
        format!("notification {id}: its e-mail went to an address that is in no roster of its district")
    });
    let said = message.text.lines().find_map(|line| line.strip_prefix("District: "));
    let right = names.get(&notice.district).map(|name| name.trim());
    finding.expect(said == right, || format!("notification {id}: its e-mail does not name its district but {said:?}"));
}

/// The district that an SMS names, if it names one: it is left out where it would need a second message.
fn district_of_sms<'n>(text: &str, names: &'n HashMap<String, String>) -> Option<&'n str> {
    let says = |name: &&String| {
        let (head, tail) = (format!("{name}: your new password:"), format!("{name}, reset no. "));
        text.lines().any(|line| line.starts_with(&head) || line.starts_with(&tail))
    };
    names.values().find(says).map(String::as_str)
}

/// Who can be reached in which district, by the rosters that were imported.
struct Contacts(HashMap<String, HashSet<String>>);

impl Contacts {
    fn of(evidence: &Evidence) -> Self {
        let of_district = |district: &crate::evidence::District| {
            let people = district.people.iter();
            let known = people.flat_map(|person| person.email.iter().chain(&person.sms)).cloned().collect();
            (district.id.to_string(), known)
        };
        Self(evidence.districts.iter().map(of_district).collect())
    }

    fn hold(&self, district: &str, message: &Message) -> bool {
        self.0.get(district).is_some_and(|known| known.contains(&message.to))
    }
}

fn pairs(rows: Vec<Vec<String>>) -> HashMap<String, String> {
    rows.into_iter().filter_map(|row| <[String; 2]>::try_from(row).ok()).map(|[key, value]| (key, value)).collect()
}

#[cfg(test)]
#[path = "districts/tests.rs"]
mod tests;
