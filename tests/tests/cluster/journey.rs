//! The whole way: roster by the command line, request by HTTP, work by RabbitMQ, truth in PostgreSQL, messages by SMTP
//! and SMS, progress by Redis.

use keybell_shared::clock::Stopwatch;
use keybell_tests::fleet::{Person, World};
use keybell_tests::sms::{Answer, SmsServer};
use keybell_tests::smtp::{Behaviour, SmtpServer};
use serde_json::{Value, json};

use crate::checks::{accepted, changed_at_most, no_duplicates, number, passwords_are_right, settled};
use crate::until;

/// 30 pupils and a guardian, who can be reached in every way and in none.
pub(crate) fn people() -> Vec<Person> {
    let mut people = Person::pupils(20);
    people.extend((21..=24).map(|n| Person::pupil(n).without_email().with_sms(&number_of(n))));
    people.extend((25..=26).map(|n| Person::pupil(n).without_email().guarded_by("g1")));
    people.push(Person::pupil(27).without_email());
    people.push(Person::pupil(28).inactive());
    people.push(Person::pupil(29).managed());
    people.push(Person::pupil(30).with_sms(&number_of(30)));
    people.push(Person::guardian(1).with_sms(&number_of(1)));
    people
}

/// The mobile number of the pupil `p<n>`.
pub(crate) fn number_of(n: usize) -> String {
    format!("+1720555{n:04}")
}

/// Everybody who is a pupil, told by whatever way there is.
pub(crate) fn request() -> Value {
    json!({
        "selection": {"scope": "without_role", "where": {"user_types": ["student"]}},
        "password": {"source": "generated", "format": "by-grade"},
        "channel": "cascade",
        "reason": "start_of_year", "acknowledgement": "2026-11"
    })
}

/// What the servers do: `p1` is refused for good and has no other address, `p2` is refused for a moment, `p30` is
/// refused by mail but can be reached by SMS, `p21` is refused by the SMS provider for good.
pub(crate) fn script(smtp: &SmtpServer, sms: &SmsServer) {
    smtp.script("p1@example.org", [Behaviour::AtRecipient(550, "5.1.1 no such user")]);
    smtp.script("p2@example.org", [Behaviour::AfterData(451, "4.3.0 try again")]);
    smtp.script("p30@example.org", [Behaviour::AtRecipient(550, "5.1.1 no such user")]);
    sms.script(&number_of(21), [Answer::refuse(400, 21211)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_school_is_reset_and_told_and_a_flushed_redis_shows_the_truth() {
    let (mut smtp, sms) = (SmtpServer::start().await, SmsServer::start());
    script(&smtp, &sms);
    let mut world = World::new().await;
    world.tell_by(&smtp.url(), Some(&sms));
    world.import(&people()).await;
    let fleet = world.fleet().await;

    // Without a mail server the task stands still in the middle of its second phase.
    smtp.stop().await;
    let accepted_answer = fleet.caller.start("one", &request()).await.with_status(202);
    let task = accepted_answer.task();
    let repeated = fleet.caller.start("one", &request()).await.with_status(202);
    assert_eq!(repeated.task(), task);
    let browser = fleet.caller.clone();
    let followed = tokio::spawn(async move { browser.events(task, None, |_| false).await });
    let middle = fleet
        .caller
        .task_when(task, "tells the last ones", |task| {
            number(task, "reset/pending") == 0 && number(task, "notify/notified") == 3
        })
        .await;
    assert_eq!(number(&middle, "total"), 30, "{middle}");

    // p1 to p20, two by way of their guardian, and p30.
    assert_eq!(number(&middle, "notify/waiting"), 23, "{middle}");
    assert!(world.live.flush().await > 0, "progress lay on Redis");
    let watch = Stopwatch::start();
    let shown = fleet.caller.get(&format!("/v1/tasks/{task}")).await.with_status(200).body;
    assert_eq!(shown["progress"], middle["progress"], "progress is right without Redis");
    assert!(watch.elapsed().as_secs() < 2, "and at once");
    until("Redis has it again", || async { world.live.snapshot(task).await.is_some() }).await;
    assert!(watch.elapsed().as_secs() < 7, "Redis was filled again after {:?}", watch.elapsed());

    smtp.resume().await;
    let ended = fleet.caller.ended(task).await;
    assert_eq!(ended["state"], "completed_with_errors", "{ended}");
    for (pointer, expected) in [
        ("total", 30),
        ("reset/reset", 28),
        ("reset/skipped", 2),
        ("notify/notified", 25),
        ("notify/undelivered", 3),
        ("notify/retries", 1),
    ] {
        assert_eq!(number(&ended, pointer), expected, "{pointer}: {ended}");
    }
    let codes = codes(&fleet.caller.items(task, None).await);
    for (username, expected) in
        [("p1", "N05"), ("p2", "N00"), ("p21", "N05"), ("p27", "N02"), ("p28", "S03"), ("p29", "S01"), ("p30", "N00")]
    {
        let found = codes.iter().find(|(name, _, _)| name == username).expect("an item");
        assert_eq!(found.2, expected, "{username}");
    }

    // The stream never ran backwards, never lost an account, and ended with the end.
    let events = followed.await.expect("the stream ended");
    let last = events.last().expect("an event");
    assert_eq!(last.state(), "completed_with_errors");
    assert_eq!(last.data["progress"], ended["progress"]);
    let settled_so_far: Vec<i64> = events
        .iter()
        .map(|event| number(&event.data, "notify/notified") + number(&event.data, "notify/undelivered"))
        .collect();
    assert!(settled_so_far.is_sorted(), "{settled_so_far:?}");

    let second = both(&world, &fleet, &smtp, &sms).await;
    let mut told = accepted(&smtp.received());
    no_duplicates(&told);
    told.retain(|(id, _)| !id.is_empty());
    // p21 was reached by nobody in the first task, p1 and p27 never.
    assert_eq!(passwords_are_right(&world, &told).await, 22);
    settled(&world, fleet, &[task, second]).await;
    changed_at_most(&world, 2).await;
}

/// A second task by both channels: e-mail and SMS tell the same password, and the item is told once.
async fn both(
    world: &World,
    fleet: &keybell_tests::fleet::Fleet,
    smtp: &SmtpServer,
    sms: &SmsServer,
) -> keybell_shared::ids::TaskId {
    let (mails, texts) = (smtp.received().len(), sms.received().len());
    let request = json!({
        "selection": {"scope": "selected", "accounts": ["p3", "p30"]}, "channel": "both", "reason": "lost", "acknowledgement": "2026-11"
    });
    let task = fleet.caller.start("two", &request).await.with_status(202).task();
    let ended = fleet.caller.ended(task).await;
    assert_eq!(ended["state"], "completed", "{ended}");
    assert_eq!(number(&ended, "notify/notified"), 2);
    let notices = format!("SELECT count(*) FROM notifications WHERE task_id = '{task}' AND state = 'accepted'");
    assert_eq!(world.sql().number(&notices).await, 3);
    let (mails, texts) = (smtp.wait_for(mails + 2).await, sms.wait_for(texts + 1).await);
    let mail = mails.iter().rfind(|mail| mail.to == "p30@example.org").expect("a mail");
    let text = texts.last().expect("an SMS");
    assert_eq!(text.to, number_of(30));
    assert_eq!(mail.password().expect("a password"), text.password().expect("a password"));
    assert!(!text.text.contains("p30"), "an SMS never says username and password together");
    task
}

/// Username, state and code of each item, in order.
pub(crate) fn codes(items: &[Value]) -> Vec<(String, String, String)> {
    let text = |item: &Value, name: &str| item[name].as_str().unwrap_or_default().to_owned();
    let mut codes: Vec<_> =
        items.iter().map(|item| (text(item, "username"), text(item, "state"), text(item, "code"))).collect();
    codes.sort();
    codes
}
