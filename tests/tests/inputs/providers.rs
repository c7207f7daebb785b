//! What mail servers and SMS providers answer is input, too. Only what is plainly a yes counts as one; everything else is
//! tried again, or listed as not told; and nothing of it reaches the log raw.

use std::collections::BTreeMap;

use keybell_tests::http::Caller;
use keybell_tests::sms::{Answer, SmsServer};
use keybell_tests::smtp::{Behaviour, SmtpServer};
use serde_json::json;

use crate::Listed;
use crate::bench::Bench;
use crate::evidence::is_well;

/// One recipient, whose messages are answered like this.
struct Row {
    number: &'static str,
    what: &'static str,
    answers: Answers,
    /// State and code of the item in the end.
    ends: (&'static str, &'static str),
    /// How often the message was handed over whole.
    times: usize,
}

enum Answers {
    Mail(Vec<Behaviour>),
    Sms(Vec<Answer>),
}

const TOLD: (&str, &str) = ("notified", "N00");
const GAVE_UP: (&str, &str) = ("undelivered", "N04");
const FOR_GOOD: (&str, &str) = ("undelivered", "N05");

fn mail(
    number: &'static str,
    what: &'static str,
    answers: Vec<Behaviour>,
    ends: (&'static str, &'static str),
    times: usize,
) -> Row {
    Row { number, what, answers: Answers::Mail(answers), ends, times }
}

fn sms(
    number: &'static str,
    what: &'static str,
    answers: Vec<Answer>,
    ends: (&'static str, &'static str),
    times: usize,
) -> Row {
    Row { number, what, answers: Answers::Sms(answers), ends, times }
}

fn rows() -> Vec<Row> {
    [mails(), texts()].into_iter().flatten().collect()
}

fn mails() -> Vec<Row> {
    let raw = |bytes: &[u8]| Behaviour::RawAfterData(bytes.to_vec());
    let always = |bytes: &[u8]| vec![raw(bytes), raw(bytes), raw(bytes), raw(bytes)];
    let endless = [b"250 ".as_slice(), &vec![b'x'; 4 * 1024 * 1024]].concat();
    vec![
        mail("P01", "a yes of several lines", vec![raw(b"250-taken\r\n250-and\r\n250 kept\r\n")], TOLD, 1),
        mail("P02", "the code 000, then a yes", vec![raw(b"000 what\r\n")], TOLD, 2),
        mail("P03", "the code 999, then a yes", vec![raw(b"999 what\r\n")], TOLD, 2),
        mail("P04", "the code 299, which is no yes, then a yes", vec![raw(b"299 perhaps\r\n")], TOLD, 2),
        mail("P05", "the code 354 after the message, then a yes", vec![raw(b"354 go on\r\n")], TOLD, 2),
        mail("P06", "NUL bytes and colours of a terminal, then a yes", vec![raw(b"\x00\xff\x1b[31mred\r\n")], TOLD, 2),
        mail("P07", "a line of 4 MiB, then a yes", vec![raw(&endless)], TOLD, 2),
        mail("P08", "ten thousand lines, then a yes", vec![raw(&b"250-and\r\n".repeat(10_000))], TOLD, 2),
        mail("P09", "nonsense every time: four tries, and no more", always(b"hello\r\n"), GAVE_UP, 4),
        mail(
            "P10",
            "a no for good that quotes colours",
            vec![Behaviour::AfterData(554, "5.7.1 \u{1b}[31mspam\u{7}")],
            FOR_GOOD,
            1,
        ),
        mail("P11", "nobody there, for good", vec![Behaviour::AtRecipient(550, "5.1.1 no such user")], FOR_GOOD, 0),
        mail("P12", "not now, then a yes", vec![Behaviour::AtRecipient(451, "4.7.1 later")], TOLD, 1),
        mail(
            "P13",
            "the end of the connection after the message, then a yes: the same message twice",
            vec![Behaviour::DisconnectAfterDot],
            TOLD,
            2,
        ),
    ]
}

fn texts() -> Vec<Row> {
    let created = |body: &str| vec![Answer::json(201, body)];
    let always = |answer: &Answer| vec![answer.clone(), answer.clone(), answer.clone(), answer.clone()];
    let large = format!("{{\"sid\":\"SM1\",\"status\":\"queued\",\"x\":\"{}\"}}", "x".repeat(1024 * 1024));
    let no = |code: u32| vec![Answer::refuse(400, code)];
    vec![
        sms(
            "P14",
            "a yes with a field twice, which is no JSON to rely on, then a yes",
            created(r#"{"sid":"SM1","sid":"SM2","status":"queued"}"#),
            TOLD,
            2,
        ),
        sms("P15", "a yes without an id, then a yes", created(r#"{"status":"queued"}"#), TOLD, 2),
        sms("P16", "a yes with an empty id, then a yes", created(r#"{"sid":" ","status":"queued"}"#), TOLD, 2),
        sms(
            "P17",
            "created, and failed at once, every time",
            always(&Answer::json(201, r#"{"sid":"SM1","status":"failed"}"#)),
            GAVE_UP,
            4,
        ),
        sms("P18", "a friendly page, then a yes", vec![Answer::json(200, "<html>Welcome</html>")], TOLD, 2),
        sms("P19", "JSON that breaks off, then a yes", created(r#"{"sid":"SM1","sta"#), TOLD, 2),
        sms("P20", "a yes of 1 MiB, of which nothing is believed, then a yes", created(&large), TOLD, 2),
        sms("P21", "a no for good: no mobile number", no(21_614), FOR_GOOD, 1),
        sms("P22", "a no for good: the person wants no messages", no(21_610), FOR_GOOD, 1),
        sms("P23", "broken, then a yes", vec![Answer::json(500, "{}")], TOLD, 2),
        sms("P24", "broken every time: four tries, and no more", always(&Answer::json(503, "no")), GAVE_UP, 4),
        sms(
            "P25",
            "somewhere else, which is not followed; the channel waits and comes back",
            vec![Answer::json(302, "").with("location", "http://127.0.0.1:5432/")],
            TOLD,
            2,
        ),
        sms(
            "P26",
            "too many, a second's wait: no try is used up",
            vec![Answer::json(429, "{}").with("retry-after", "1"); 5],
            TOLD,
            6,
        ),
        sms(
            "P27",
            "a yes to everything, also to numbers of nobody: taken is all that N00 says",
            vec![Answer::accept()],
            TOLD,
            1,
        ),
    ]
}

pub(crate) fn listed() -> Listed {
    rows().into_iter().map(|row| (row.number, row.what.to_owned())).collect()
}

/// The address or number of a row.
fn contact(at: usize, row: &Row) -> String {
    match row.answers {
        Answers::Mail(_) => format!("{}@example.org", row.number.to_lowercase()),
        Answers::Sms(_) => format!("+1415555{:04}", 1_000 + at),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_counts_for_what_its_row_says() {
    let rows = rows();
    let (smtp, provider) = (SmtpServer::start().await, SmsServer::start());
    let mut bench = Bench::embedded();
    for (name, value) in [
        ("KEYBELL_EMAIL__SENDER", "smtp"),
        ("KEYBELL_EMAIL__URL", &smtp.url()),
        ("KEYBELL_SMS__SENDER", "http"),
        ("KEYBELL_SMS__URL", &provider.url()),
        ("KEYBELL_SMS__USERNAME", keybell_tests::sms::USERNAME),
        ("KEYBELL_SMS__PASSWORD", keybell_tests::sms::TOKEN),
    ] {
        bench.set(name, value);
    }
    let mut lines = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let (who, to) = (row.number.to_lowercase(), contact(at, row));
        let (email, number) = match &row.answers {
            Answers::Mail(answers) => {
                smtp.script(&to, answers.clone());
                (to, String::new())
            }
            Answers::Sms(answers) => {
                provider.script(&to, answers.clone());
                (String::new(), to)
            }
        };
        lines.push(format!("id-{who},true,s,student,{who},Given,Family,{email},{number},,05"));
    }
    let report = bench.import("Rivermoor", &lines).await;
    assert_eq!(report["problems"], json!([]), "{report}");
    let key = bench.key("Rivermoor", "district_admin").await;
    let (mut running, address) = bench.serve().await;
    let caller = Caller::new(&format!("http://{address}"), &key);
    let everybody = json!({
        "selection": {"scope": "all"}, "channel": "both", "reason": "lost", "acknowledgement": "2026-11"
    });
    let task = caller.start("all", &everybody).await.with_status(202).task();
    caller.ended(task).await;
    let items = caller.items(task, None).await;
    let text = |item: &serde_json::Value, member: &str| item[member].as_str().unwrap_or_default().to_owned();
    let ends: BTreeMap<String, (String, String)> =
        items.iter().map(|item| (text(item, "username"), (text(item, "state"), text(item, "code")))).collect();
    let (mails, texts) = (smtp.received(), provider.received());
    let mut wrong = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let to = contact(at, row);
        let passwords: Vec<Option<&str>> = mails
            .iter()
            .filter(|mail| mail.to == to)
            .map(|mail| mail.password())
            .chain(texts.iter().filter(|sms| sms.to == to).map(|sms| sms.password()))
            .collect();
        let end = ends.get(&row.number.to_lowercase()).cloned().unwrap_or_default();
        if (end.0.as_str(), end.1.as_str()) != row.ends || passwords.len() != row.times {
            wrong.push(format!(
                "{} {}: {end:?} after {} messages, and wanted is {:?} after {}",
                row.number,
                row.what,
                passwords.len(),
                row.ends,
                row.times
            ));
        }
        assert!(passwords.windows(2).all(|two| two[0] == two[1]), "{} was told two passwords", row.number);
    }
    assert!(wrong.is_empty(), "{} rows are not as they should be:\n{}", wrong.len(), wrong.join("\n"));
    assert!(!running.stderr().contains('\u{1b}'), "an answer has coloured the log");
    let details = bench.raw().column("SELECT detail FROM attempts WHERE detail IS NOT NULL").await;
    assert!(details.iter().all(|detail| detail.len() <= 512 && !detail.contains(char::is_control)), "{details:?}");
    is_well(&mut running, &[&key]);
}
