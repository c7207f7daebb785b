//! Contacts and names that are odd: what is kept of them at the import, who is told in the end, and that nothing of them
//! ever becomes a header, a second recipient or a command of the mail server.

mod tables;

use std::collections::BTreeMap;

use keybell_tests::http::Caller;
use keybell_tests::sms::SmsServer;
use keybell_tests::smtp::{Received, SmtpServer};
use serde_json::{Value, json};

use crate::Listed;
use crate::bench::Bench;
use crate::evidence::is_well;

/// One person with something odd.
pub(crate) struct Row {
    number: &'static str,
    what: &'static str,
    odd: Odd,
    /// What the ledger has of it; nothing when it cannot be used.
    kept: Option<String>,
    /// Where the message goes, as the server hears it; nobody is told otherwise.
    told: Option<String>,
}

/// What is odd.
enum Odd {
    /// An e-mail address in the roster.
    Email(String),
    /// A mobile number in the roster.
    Sms(String),
    /// A given name in the roster; the address is sound.
    Name(String),
    /// An e-mail address that came into the ledger on another way.
    Smuggled(String),
}

impl Row {
    /// The username, which nothing is odd about.
    fn username(&self) -> String {
        self.number.to_lowercase()
    }

    /// The row of `users.csv`.
    fn line(&self) -> String {
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let sound = format!("{}@example.org", self.username());
        let (name, email, sms) = match &self.odd {
            Odd::Email(text) => ("Given".to_owned(), quoted(text), String::new()),
            Odd::Sms(text) => ("Given".to_owned(), String::new(), quoted(text)),
            Odd::Name(text) => (quoted(text), sound, String::new()),
            Odd::Smuggled(_) => ("Given".to_owned(), sound, String::new()),
        };
        let who = self.username();
        format!("id-{who},true,s,student,{who},{name},Family,{email},{sms},,05")
    }
}

pub(crate) fn listed() -> Listed {
    tables::rows().into_iter().map(|row| (row.number, row.what.to_owned())).collect()
}

/// What the import did with each row: what is kept, and the codes of its warnings.
async fn imported(bench: &Bench, rows: &[Row], report: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let raw = bench.raw();
    // A line end within a cell moves the rows below it.
    let mut line = 2;
    for row in rows {
        let at = line;
        line += row.line().matches('\n').count() + 1;
        let column = match row.odd {
            Odd::Email(_) => "email",
            Odd::Sms(_) => "sms",
            Odd::Name(_) => "given_name",
            Odd::Smuggled(_) => continue,
        };
        let kept = raw.text(&format!("SELECT {column} FROM accounts WHERE username = '{}'", row.username())).await;
        if kept != row.kept.as_deref().unwrap_or("NULL") {
            wrong.push(format!("{} {}: {kept:?} is kept, and not {:?}", row.number, row.what, row.kept));
        }
        let problems = report["problems"].as_array().expect("problems");
        let told = problems.iter().any(|problem| problem["line"] == json!(at) && problem["code"] == "W01");
        if told != row.kept.is_none() {
            wrong.push(format!("{} {}: the report {} W01", row.number, row.what, if told { "has" } else { "has no" }));
        }
    }
    wrong
}

/// Whom each person was told at, of what arrived.
fn arrived(
    mail: &[Received],
    sms: &[keybell_tests::sms::Received],
    key: impl Fn(&str) -> Option<String>,
) -> BTreeMap<String, Vec<String>> {
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for mail in mail {
        if let Some(who) = key(&mail.text) {
            told.entry(who).or_default().push(mail.to.clone());
        }
    }
    for sms in sms {
        told.entry(sms.to.clone()).or_default().push(sms.to.clone());
    }
    told
}

/// Every header once, all lines short, no line that is no header, one recipient.
fn is_one_message(mail: &Received) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for line in mail.head.lines() {
        assert!(line.len() <= 998, "a line of {} bytes: {line}", line.len());
        if line.starts_with([' ', '\t']) {
            continue;
        }
        let (name, _) = line.split_once(": ").unwrap_or_else(|| panic!("this is no header: {line:?}"));
        *seen.entry(name.to_ascii_lowercase()).or_default() += 1;
    }
    assert!(seen.values().all(|times| *times == 1), "a header stands twice: {seen:?}");
    let known = [
        "from",
        "to",
        "subject",
        "date",
        "message-id",
        "auto-submitted",
        "mime-version",
        "content-type",
        "content-transfer-encoding",
    ];
    assert!(seen.keys().all(|name| known.contains(&name.as_str())), "a header that is not ours: {seen:?}");
    assert_eq!(mail.text.lines().filter(|line| line.starts_with("    ")).count(), 1, "one password: {}", mail.text);
    assert!(!mail.text.chars().any(|c| c.is_control() && c != '\n'), "a control character: {:?}", mail.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_contact_is_kept_and_told_as_its_row_says() {
    let rows = tables::rows();
    let (smtp, sms) = (SmtpServer::start().await, SmsServer::start());
    let mut bench = Bench::embedded();
    bench.set("KEYBELL_EMAIL__SENDER", "smtp");
    bench.set("KEYBELL_EMAIL__URL", &smtp.url());
    bench.set("KEYBELL_SMS__SENDER", "http");
    bench.set("KEYBELL_SMS__URL", &sms.url());
    bench.set("KEYBELL_SMS__USERNAME", keybell_tests::sms::USERNAME);
    bench.set("KEYBELL_SMS__PASSWORD", keybell_tests::sms::TOKEN);
    let lines: Vec<String> = rows.iter().map(Row::line).collect();
    let report = bench.import("Rivermoor", &lines).await;
    assert_eq!(report["total"]["rejected"], 0, "a contact costs nobody their place: {report}");
    let mut wrong = imported(&bench, &rows, &report).await;
    for row in &rows {
        if let Odd::Smuggled(address) = &row.odd {
            let address = address.replace('\'', "''");
            let sql = format!("UPDATE accounts SET email = '{address}' WHERE username = '{}'", row.username());
            assert_eq!(bench.raw().run(&sql).await, 1);
        }
    }
    let key = bench.key("Rivermoor", "district_admin").await;
    let (mut running, address) = bench.serve().await;
    let caller = Caller::new(&format!("http://{address}"), &key);
    let everybody = json!({
        "selection": {"scope": "all"}, "channel": "both", "reason": "lost", "acknowledgement": "2026-11"
    });
    let task = caller.start("all", &everybody).await.with_status(202).task();
    let ended = caller.ended(task).await;
    let states: BTreeMap<String, (String, String)> = caller
        .items(task, None)
        .await
        .into_iter()
        .map(|item| {
            let text = |member: &str| item[member].as_str().unwrap_or_default().to_owned();
            (text("username"), (text("state"), text("code")))
        })
        .collect();
    let (mail, texts) = (smtp.received(), sms.received());
    mail.iter().for_each(is_one_message);
    let who = |text: &str| text.lines().find_map(|line| line.strip_prefix("Username: ")).map(str::to_owned);
    let told = arrived(&mail, &texts, who);
    for row in &rows {
        let found = told.get(&row.username()).or_else(|| row.told.as_ref().and_then(|to| told.get(to)));
        let wanted: Vec<String> = row.told.clone().into_iter().collect();
        let state = states.get(&row.username()).cloned().unwrap_or_default();
        let state_wanted = if row.told.is_some() { "notified" } else { "undelivered" };
        if found.cloned().unwrap_or_default() != wanted || state.0 != state_wanted {
            wrong.push(format!("{} {}: told at {found:?} and not {wanted:?}, {state:?}", row.number, row.what));
        }
    }
    assert!(wrong.is_empty(), "{} rows are not as they should be:\n{}\n{ended}", wrong.len(), wrong.join("\n"));
    let recipients = smtp.commands().iter().filter(|line| line.starts_with("RCPT")).count();
    assert_eq!(recipients, mail.len(), "each message has one recipient: {:?}", smtp.commands());
    assert!(!smtp.commands().iter().any(|line| line.contains("evil")), "{:?}", smtp.commands());
    is_well(&mut running, &[&key]);
}
