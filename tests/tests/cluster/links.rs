//! One-time links through all servers: mailed, else sent by SMS, and used at the page of another process.

use keybell_tests::fleet::{Person, World};
use keybell_tests::sms::SmsServer;
use keybell_tests::smtp::{Behaviour, SmtpServer};
use serde_json::json;

use crate::checks::{number, settled};
use crate::journey::number_of;

const URL: &str = "https://keybell.example.org/claim/";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_goes_by_mail_else_by_sms_and_each_opens_its_own_account() {
    let (smtp, sms) = (SmtpServer::start().await, SmsServer::start());
    smtp.script("p2@example.org", [Behaviour::AtRecipient(550, "5.1.1 no such user")]);
    let mut world = World::new().await;
    world.tell_by(&smtp.url(), Some(&sms));
    world.set("KEYBELL_LINKS__URL", &format!("{URL}{{token}}"));
    let mut people = Person::pupils(1);
    people.push(Person::pupil(2).with_sms(&number_of(2)));
    world.import(&people).await;
    let fleet = world.fleet().await;
    let request = json!({
        "selection": {"scope": "all"}, "mode": "request", "channel": "cascade", "reason": "lost",
        "acknowledgement": "2026-11"
    });
    let task = fleet.caller.start("one", &request).await.with_status(202).task();
    let ended = fleet.caller.ended(task).await;
    assert_eq!(number(&ended, "notify/notified"), 2, "{ended}");

    let mails = smtp.received();
    let mail = mails.iter().rfind(|mail| mail.to == "p1@example.org").expect("a mail");
    let texts = sms.received();
    let mut words = texts.iter().flat_map(|text| text.text.lines()).filter(|line| !line.starts_with("https://"));
    assert!(words.all(|line| !line.contains("p2")), "an SMS names no account");
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    for (who, link, chosen) in [
        ("p1", mail.password().expect("a link"), "Marmot-kite-88"),
        ("p2", texts[0].password().expect("a link"), "Otter-flute-55"),
    ] {
        let token = link.trim().strip_prefix(URL).expect("the link leads to the page");
        let page = format!("{}/claim/{token}", fleet.caller.base());
        let sent = client.post(&page).form(&[("password", chosen), ("again", chosen)]).send().await.expect("an answer");
        assert_eq!(sent.status().as_u16(), 200, "{who}");
        assert_eq!(client.get(&page).send().await.expect("an answer").status().as_u16(), 404, "used");
        assert_eq!(fleet.caller.verify(who, chosen).await, (200, "ok".to_owned()));
    }
    let codes = world.sql().number("SELECT count(*) FROM items WHERE code = 'N07' AND state = 'notified'").await;
    assert_eq!(codes, 2);
    let links = world.sql().number("SELECT count(*) FROM links").await;
    assert_eq!(links, 0, "whoever chose a password needs no link");
    settled(&world, fleet, &[task]).await;
}
