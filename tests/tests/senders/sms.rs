//! SMS against a scripted provider. The names say which row of the fault matrix (F-M…) a test keeps.

use std::sync::Arc;
use std::time::Duration;

use keybell_shared::clock::Stopwatch;
use keybell_tests::sms::{Answer, SmsServer, password_in};
use keybell_worker::notify::{Outgoing, Sender, Sent};

use super::{PASSWORD, sms_to, word};

const PATIENT: Duration = Duration::from_secs(10);
const ANNA: &str = "+15550100";

fn message() -> Outgoing {
    Outgoing {
        address: ANNA.to_owned(),
        message_id: "n-1@keybell.test".to_owned(),
        subject: String::new(),
        text: format!("Lakeside & Söhne: your new password:\n{PASSWORD}\nReset no. 1; ignore earlier messages.").into(),
    }
}

/// What one answer of the provider is taken for.
async fn judged(server: &SmsServer, sender: &Arc<dyn Sender>, answer: Answer) -> Sent {
    server.script(ANNA, [answer]);
    sender.send(&message()).await
}

#[tokio::test]
async fn a_message_arrives_as_it_was_written() {
    let server = SmsServer::start();
    let sent = sms_to(server.url(), PATIENT).send(&message()).await;
    assert_eq!(sent, Sent::Accepted("SM0001 queued".to_owned()));
    let received = server.received();
    let [sms] = received.as_slice() else { panic!("{received:?}") };
    assert_eq!((sms.to.as_str(), sms.from.as_str(), sms.signed_in), (ANNA, "+15550000", true));
    assert_eq!(sms.text, *message().text);
    assert_eq!(password_in(&sms.text), Some(PASSWORD));
}

#[tokio::test]
async fn f_m1_told_to_slow_down() {
    let server = SmsServer::start();
    let sender = sms_to(server.url(), PATIENT);
    let busy = || Answer::refuse(429, 20429);
    let wait = |sent: Sent| {
        let Sent::ChannelDown { retry_after, .. } = sent else { panic!("{sent:?}") };
        retry_after
    };
    assert_eq!(wait(judged(&server, &sender, busy()).await), None);
    assert_eq!(wait(judged(&server, &sender, busy().with("retry-after", "2")).await), Some(Duration::from_secs(2)));
    let forever = wait(judged(&server, &sender, busy().with("retry-after", "1000000000")).await);
    assert_eq!(forever, Some(Duration::from_secs(1_000_000_000)), "the breaker bounds it");
    let past = busy().with("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(wait(judged(&server, &sender, past).await), Some(Duration::ZERO));
    let far = wait(judged(&server, &sender, busy().with("retry-after", "Tue, 31 Dec 2199 23:59:59 GMT")).await);
    assert!(far.is_some_and(|wait| wait > Duration::from_hours(24)));
    assert_eq!(wait(judged(&server, &sender, busy().with("retry-after", "soon")).await), None);
}

#[tokio::test]
async fn f_m2_a_provider_with_trouble_is_tried_again() {
    let server = SmsServer::start();
    let sender = sms_to(server.url(), PATIENT);
    for status in [500, 502, 503, 504] {
        assert_eq!(word(&judged(&server, &sender, Answer::json(status, "oops")).await), "temporary");
    }
    assert_eq!(word(&sender.send(&message()).await), "accepted");
}

#[tokio::test]
async fn f_m3_an_answer_that_comes_too_late_leaves_the_outcome_open() {
    let server = SmsServer::start();
    let sender = sms_to(server.url(), Duration::from_millis(500));
    let begun = Stopwatch::start();
    let sent = judged(&server, &sender, Answer::accept().after(Duration::from_mins(1))).await;
    assert_eq!(word(&sent), "unknown");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(server.received().len(), 1, "it did arrive");
    assert_eq!(word(&sender.send(&message()).await), "accepted");
}

#[tokio::test]
async fn f_m4_codes_about_the_recipient_and_about_us() {
    let server = SmsServer::start();
    let sender = sms_to(server.url(), PATIENT);
    for code in [21211, 21610, 21614] {
        let sent = judged(&server, &sender, Answer::refuse(400, code)).await;
        let said = code.to_string();
        assert!(matches!(&sent, Sent::PermanentRecipient(detail) if detail.contains(&said)), "{sent:?}");
    }
    for (answer, expected) in [
        (Answer::refuse(400, 99_999), "permanent"),
        (Answer::json(400, "bad"), "permanent"),
        (Answer::refuse(422, 1), "permanent"),
        (Answer::refuse(400, 21606), "down"),
        (Answer::refuse(404, 20404), "down"),
        (Answer::json(404, "no such page"), "down"),
    ] {
        let sent = judged(&server, &sender, answer.clone()).await;
        assert_eq!(word(&sent), expected, "{answer:?}");
    }
}

#[tokio::test]
async fn f_m5_bad_credentials_stop_the_channel() {
    let server = SmsServer::start();
    let sender = sms_to(server.url(), PATIENT);
    for status in [401, 403] {
        assert_eq!(word(&judged(&server, &sender, Answer::refuse(status, 20003)).await), "down");
    }
    // A refusal that names a recipient's code is about the recipient all the same.
    assert_eq!(word(&judged(&server, &sender, Answer::refuse(403, 21610)).await), "permanent");
}

#[tokio::test]
async fn f_m6_a_friendly_page_is_no_promise() {
    let server = SmsServer::start();
    let sender = sms_to(server.url(), PATIENT);
    let huge = format!(r#"{{"sid":"SM1","status":"queued","x":"{}"}}"#, "x".repeat(50 * 1024 * 1024));
    for (answer, expected) in [
        (Answer::json(200, "<html>Welcome</html>").with("x-from", "a proxy"), "unknown"),
        (Answer::json(201, r#"{"sid":"SM1","sta"#), "unknown"),
        (Answer::json(201, r#"{"status":"queued"}"#), "unknown"),
        (Answer::json(201, r#"{"sid":"","status":"queued"}"#), "unknown"),
        (Answer::json(201, r#"{"sid":"SM1","sid":"SM2","status":"queued"}"#), "unknown"),
        (Answer::json(204, ""), "unknown"),
        (Answer::json(201, &huge), "unknown"),
        (Answer::json(201, r#"{"sid":"SM1","status":"failed","error_code":21610}"#), "permanent"),
        (Answer::json(201, r#"{"sid":"SM1","status":"undelivered"}"#), "temporary"),
        (Answer::json(200, r#"{"sid":"SM1","status":"accepted","more":[1,2]}"#), "accepted"),
    ] {
        let start: String = answer.body.chars().take(60).collect();
        let sent = judged(&server, &sender, answer).await;
        assert_eq!(word(&sent), expected, "{start}");
    }
}

#[tokio::test]
async fn f_m6_a_redirect_is_not_followed() {
    let (server, elsewhere) = (SmsServer::start(), SmsServer::start());
    let sender = sms_to(server.url(), PATIENT);
    for status in [301, 302, 307, 308] {
        let answer = Answer::json(status, "").with("location", &elsewhere.url());
        assert_eq!(word(&judged(&server, &sender, answer).await), "down");
    }
    assert!(elsewhere.received().is_empty());
}

#[tokio::test]
async fn an_outage_is_the_channels_and_over_when_it_is_over() {
    let mut server = SmsServer::start();
    let sender = sms_to(server.url(), PATIENT);
    assert_eq!(word(&sender.send(&message()).await), "accepted");
    server.stop();
    // The first may go over the connection that is still open, and nobody knows how far it came.
    let sent = sender.send(&message()).await;
    assert!(["unknown", "down"].contains(&word(&sent)), "{sent:?}");
    let sent = sender.send(&message()).await;
    assert_eq!(word(&sent), "down", "{sent:?}");
    assert!(!format!("{sent:?}").contains("Accounts"), "the URL names the account: {sent:?}");
    server.resume();
    assert_eq!(word(&sender.send(&message()).await), "accepted");
}
