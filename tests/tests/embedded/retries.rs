//! One attempt and three retries, from the command line to a mail server that refuses.

use std::time::Duration;

use keybell_shared::clock::Stopwatch;
use keybell_tests::program::{PATIENCE, Program};
use keybell_tests::smtp::{Behaviour, Received, SmtpServer};
use serde_json::Value;

use crate::check::rows;
use crate::school::{School, pupils, text};

/// A reset of everybody, told by this mail server.
fn reset(school: &School, server: &SmtpServer) -> Program {
    by_mail(
        school.program([
            "reset",
            "--scope",
            "all",
            "--reason",
            "other",
            "--yes",
            "--acknowledge",
            "2026-11",
            "--output",
            "json",
        ]),
        server,
    )
}

/// Waits of 0.2, 0.6 and 1.8 seconds.
pub(crate) fn by_mail(program: Program, server: &SmtpServer) -> Program {
    program
        .env("KEYBELL_EMAIL__SENDER", "smtp")
        .env("KEYBELL_EMAIL__URL", server.url())
        .env("KEYBELL_TIMING__RETRY_MULTIPLIER", "3")
        .env("KEYBELL_TIMING__RETRY_JITTER", "0")
}

fn code_of<'a>(done: &'a Value, state: &str) -> &'a str {
    let codes = done.pointer("/codes").and_then(Value::as_array).expect("codes");
    let count = codes.iter().find(|count| text(count, "/state") == state);
    count.map_or("", |count| text(count, "/code"))
}

#[tokio::test]
async fn a_temporary_refusal_is_retried_three_times_further_and_further_apart() {
    let server = SmtpServer::start().await;
    server.script("pupil1@example.org", vec![Behaviour::AfterData(451, "4.3.0 later"); 9]);
    let school = School::with(&pupils(2)).await;
    let ended = reset(&school, &server).run_to(1).await;
    let done: Value = ended.json();
    assert_eq!(text(&done, "/task/state"), "completed_with_errors", "{done}");
    assert_eq!(code_of(&done, "undelivered"), "N04");
    assert_eq!(code_of(&done, "notified"), "N00");

    let received = server.received();
    let (refused, accepted): (Vec<_>, Vec<_>) = received.into_iter().partition(|mail| mail.reply == Some(451));
    assert_eq!(accepted.len(), 1);
    assert_eq!(refused.len(), 4, "one attempt and three retries");
    let first = &refused[0];
    assert!(first.password().is_some_and(|password| password.len() >= 8));
    for mail in &refused {
        assert_eq!((&mail.message_id, mail.password()), (&first.message_id, first.password()));
    }
    let gaps: Vec<Duration> = refused.windows(2).map(|pair| pair[1].at.saturating_sub(pair[0].at)).collect();
    let least = [200, 600, 1_800].map(Duration::from_millis);
    assert!(gaps.iter().zip(least).all(|(gap, least)| *gap >= least), "too early: {gaps:?}");
    // Late by scans and a loaded machine, never by another wait.
    assert!(gaps.iter().zip(least).all(|(gap, least)| *gap < least + Duration::from_secs(3)), "too late: {gaps:?}");
    let stored = rows(&school, "SELECT address, CAST(attempts AS TEXT) FROM notifications ORDER BY address").await;
    assert_eq!(stored, [pair("pupil1@example.org", "4"), pair("pupil2@example.org", "1")]);
    let tries =
        rows(&school, "SELECT outcome, CAST(COUNT(*) AS TEXT) FROM attempts GROUP BY outcome ORDER BY outcome").await;
    assert_eq!(tries, [pair("accepted", "1"), pair("temporary", "4")]);
    // What could not be told is kept for a re-issue; what was told is gone.
    let kept = rows(
        &school,
        "SELECT i.state, CAST(COUNT(*) AS TEXT) FROM sealed_passwords s JOIN items i ON i.id = s.item_id \
         GROUP BY i.state",
    )
    .await;
    assert_eq!(kept, [pair("undelivered", "1")]);
}

fn pair(one: &str, other: &str) -> (String, String) {
    (one.to_owned(), other.to_owned())
}

#[tokio::test]
async fn a_permanent_refusal_ends_at_once() {
    let server = SmtpServer::start().await;
    server.script("pupil1@example.org", vec![Behaviour::AtRecipient(550, "5.1.1 unknown user"); 9]);
    let school = School::with(&pupils(2)).await;
    let done: Value = reset(&school, &server).run_to(1).await.json();
    assert_eq!(code_of(&done, "undelivered"), "N05", "{done}");
    assert_eq!(code_of(&done, "notified"), "N00");
    let asked = server.commands().iter().filter(|line| line.contains("pupil1@example.org")).count();
    assert_eq!(asked, 1, "{:?}", server.commands());
    let stored = rows(&school, "SELECT address, CAST(attempts AS TEXT) FROM notifications ORDER BY address").await;
    assert_eq!(stored, [pair("pupil1@example.org", "1"), pair("pupil2@example.org", "1")]);
}

#[tokio::test]
async fn a_server_that_is_away_costs_nobody_an_attempt() {
    let mut server = SmtpServer::start().await;
    server.stop().await;
    let school = School::with(&pupils(20)).await;
    let mut running = reset(&school, &server).start();
    running.line_with("the channel is down").await;
    // More probes than a recipient has attempts: each claims one message, and so raises its fence.
    let watch = Stopwatch::start();
    while claims(&school).await < 20 + 6 {
        assert!(watch.elapsed() < PATIENCE, "no probes: {}", running.stderr());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.resume().await;
    let done: Value = running.wait(Duration::from_mins(1)).await.with_code(0).json();
    assert_eq!(text(&done, "/task/state"), "completed", "{done}");
    assert_eq!(done.pointer("/task/progress/notify/retries"), Some(&Value::from(0)), "{done}");
    let received: Vec<Received> = server.received();
    assert_eq!(received.len(), 20);
    let stored = rows(&school, "SELECT state, CAST(attempts AS TEXT) FROM notifications").await;
    assert_eq!(stored, vec![pair("accepted", "1"); 20]);
}

/// How often messages were claimed, all together.
async fn claims(school: &School) -> u32 {
    let sum = rows(school, "SELECT CAST(COALESCE(SUM(fence), 0) AS TEXT), '' FROM notifications").await;
    sum[0].0.parse().expect("a number")
}
