//! The sinks, spoken to by hand.

use std::collections::BTreeSet;
use std::time::Duration;

use keybell_tests::sms::{AUTHORIZATION, Answer};
use keybell_tests::smtp::{Behaviour, Greeting};
use keybell_tests::tries::Try;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::{Policy, Sinks};
use crate::evidence::{Channel, Fate};

const BODY: &str = "Hello,\r\n\r\n    Otter-lamp-47\r\n";

/// The value of one of the variables that our processes are given.
fn variable(sinks: &Sinks, name: &str) -> String {
    sinks.variables().into_iter().find(|(known, _)| known == name).expect(name).1
}

/// Somebody who speaks SMTP by hand.
struct Caller(BufReader<TcpStream>);

impl Caller {
    async fn connect(sinks: &Sinks) -> (Self, String) {
        let url = variable(sinks, "KEYBELL_EMAIL__URL");
        let address = url.trim_start_matches("smtp://").trim_end_matches("?tls=none");
        let mut caller = Self(BufReader::new(TcpStream::connect(address).await.expect("the server listens")));
        let greeting = caller.hears().await;
        (caller, greeting)
    }

    /// Greeted and signed in.
    async fn signed_in(sinks: &Sinks) -> Self {
        let (mut caller, greeting) = Self::connect(sinks).await;
        assert!(greeting.starts_with("220"), "{greeting}");
        let response = sinks.secrets().into_iter().find(|secret| secret.name.contains("PLAIN")).expect("the response");
        assert_eq!(caller.says(&format!("AUTH PLAIN {}", response.value)).await, "235 2.7.0 welcome");
        caller
    }

    /// The next line; empty when the server has closed.
    async fn hears(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).await.unwrap_or_default();
        line.trim_end().to_owned()
    }

    async fn says(&mut self, line: &str) -> String {
        self.0.write_all(format!("{line}\r\n").as_bytes()).await.expect("the server reads");
        self.hears().await
    }

    /// MAIL, RCPT, DATA and a message; answers what the server said last, which may be nothing.
    async fn sends(&mut self, to: &str) -> String {
        for line in ["MAIL FROM:<keybell@example.org>".to_owned(), format!("RCPT TO:<{to}>"), "DATA".to_owned()] {
            let said = self.says(&line).await;
            if !said.starts_with(['2', '3']) {
                return said;
            }
        }
        self.says(&format!("Message-ID: <n-{to}>\r\n\r\n{BODY}.")).await
    }
}

/// A number's message to the SMS provider, by hand; answers the status line, empty when the provider has closed.
async fn texts(sinks: &Sinks, to: &str, authorization: &str) -> String {
    let url = variable(sinks, "KEYBELL_SMS__URL");
    let (address, path) = url.trim_start_matches("http://").split_once('/').expect("a path");
    let mut stream = TcpStream::connect(address).await.expect("the provider listens");
    let form =
        format!("To=%2B{}&From=%2B15550000&Body=Your+new+password%3A%0AOtter-lamp-47", to.trim_start_matches('+'));
    let length = form.len();
    let request = format!(
        "POST /{path} HTTP/1.1\r\nhost: {address}\r\nauthorization: {authorization}\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{form}"
    );
    stream.write_all(request.as_bytes()).await.expect("the provider reads");
    let mut answer = String::new();
    drop(stream.read_to_string(&mut answer).await);
    answer.lines().next().unwrap_or_default().to_owned()
}

/// What became of the messages to this recipient.
fn fates(sinks: &Sinks, to: &str) -> Vec<Fate> {
    sinks.messages().iter().filter(|message| message.to == to).map(|message| message.fate).collect()
}

#[tokio::test]
async fn mail_is_taken_only_from_who_signs_in() {
    let sinks = Sinks::start(Policy::kind()).await.expect("sinks");
    let (mut caller, _) = Caller::connect(&sinks).await;
    assert!(caller.says("MAIL FROM:<a@example.org>").await.starts_with("530"));
    assert!(caller.says("AUTH PLAIN AGEAYg==").await.starts_with("535"));
    assert!(caller.says("MAIL FROM:<a@example.org>").await.starts_with("530"));
    assert!(Caller::signed_in(&sinks).await.sends("a@example.org").await.starts_with("250"));
    assert_eq!(texts(&sinks, "+17200000001", "Basic AGEAYg==").await, "HTTP/1.1 401 Unauthorized");
    assert_eq!(texts(&sinks, "+17200000001", AUTHORIZATION).await, "HTTP/1.1 201 Created");
    let messages = sinks.messages();
    let seen: Vec<_> = messages.iter().map(|one| (one.channel, one.password.as_deref(), one.fate)).collect();
    assert_eq!(
        seen,
        [
            (Channel::Email, Some("Otter-lamp-47"), Fate::Accepted),
            (Channel::Sms, Some("Otter-lamp-47"), Fate::Temporary),
            (Channel::Sms, Some("Otter-lamp-47"), Fate::Accepted),
        ]
    );
    assert_eq!(messages.first().and_then(|one| one.message_id.as_deref()), Some("n-a@example.org"));
    let now = keybell_shared::clock::wall().0;
    assert!(messages.iter().all(|one| (now - 60_000..=now).contains(&one.at)));
    assert!(!format!("{:?}", sinks.secrets()).contains("Faults-"));
}

#[tokio::test]
async fn each_end_of_a_dialogue_has_its_fate() {
    let sinks = Sinks::start(Policy::kind()).await.expect("sinks");
    for (to, behaviour, said, fate) in [
        ("accept", Behaviour::Accept, "250 taken", Some(Fate::Accepted)),
        ("drip", Behaviour::DripAfterData(Duration::from_millis(5)), "250 ok", Some(Fate::Accepted)),
        ("slow", Behaviour::SlowAfterData(Duration::from_millis(50)), "250 taken, late", Some(Fate::Accepted)),
        (
            "late",
            Behaviour::SlowAfterData(Duration::from_millis(1_100)),
            "250 taken, late",
            Some(Fate::AcceptedUnknown),
        ),
        ("full", Behaviour::AfterData(452, "full"), "452 full", Some(Fate::Temporary)),
        ("down", Behaviour::AfterData(421, "down"), "421 down", None),
        ("no", Behaviour::AfterData(552, "no"), "552 no", Some(Fate::Permanent)),
        ("cut", Behaviour::DisconnectAfterDot, "", Some(Fate::AcceptedUnknown)),
        ("early", Behaviour::DisconnectBeforeDot, "", None),
        ("data", Behaviour::AtData(451, "not now"), "451 not now", None),
        ("rcpt", Behaviour::AtRecipient(550, "nobody"), "550 nobody", None),
    ] {
        sinks.mail.server.script(to, [behaviour]);
        assert_eq!(Caller::signed_in(&sinks).await.sends(to).await, said, "{to}");
        sinks.settle().await;
        assert_eq!(fates(&sinks, to), Vec::from_iter(fate), "{to}");
    }
    // Who does not answer is left.
    sinks.mail.server.script("stall", [Behaviour::StallAfterData]);
    let mut caller = Caller::signed_in(&sinks).await;
    let patience = Duration::from_millis(300);
    tokio::time::timeout(patience, caller.sends("stall")).await.expect_err("it does not answer");
    sinks.settle().await;
    assert_eq!(fates(&sinks, "stall"), [Fate::AcceptedUnknown]);
    assert_eq!(sinks.unknown(), 3);
}

#[tokio::test]
async fn each_answer_of_the_provider_has_its_fate() {
    let sinks = Sinks::start(Policy::kind()).await.expect("sinks");
    let forever = Duration::from_mins(1);
    for (to, answer, said, fate) in [
        ("+1", Answer::accept(), "HTTP/1.1 201 Created", Fate::Accepted),
        ("+2", Answer::json(503, ""), "HTTP/1.1 503 Service Unavailable", Fate::Temporary),
        ("+3", Answer::refuse(429, 20429), "HTTP/1.1 429 Too Many Requests", Fate::Temporary),
        ("+4", Answer::refuse(400, 21610), "HTTP/1.1 400 Bad Request", Fate::Permanent),
    ] {
        sinks.sms.server.script(to, [answer]);
        assert_eq!(texts(&sinks, to, AUTHORIZATION).await, said);
        assert_eq!(fates(&sinks, to), [fate], "{to}");
    }
    for (to, answer, fate) in [
        ("+5", Answer::accept().after(forever), Fate::AcceptedUnknown),
        ("+6", Answer::json(503, "").after(forever), Fate::Temporary),
    ] {
        sinks.sms.server.script(to, [answer]);
        let patience = Duration::from_millis(300);
        tokio::time::timeout(patience, texts(&sinks, to, AUTHORIZATION)).await.expect_err("it does not answer");
        // The client has left, so nothing is owed any more.
        sinks.settle().await;
        assert_eq!(fates(&sinks, to), [fate], "{to}");
    }
    assert_eq!(sinks.unknown(), 1);
}

#[tokio::test]
async fn what_is_under_way_when_a_server_goes_down_is_unknown() {
    let mut sinks = Sinks::start(Policy::kind()).await.expect("sinks");
    sinks.mail.server.script("a", [Behaviour::SlowAfterData(Duration::from_mins(1))]);
    sinks.sms.server.script("+1", [Answer::accept().after(Duration::from_mins(1))]);
    let mut caller = Caller::signed_in(&sinks).await;
    {
        let mut sending = std::pin::pin!(async { tokio::join!(caller.sends("a"), texts(&sinks, "+1", AUTHORIZATION)) });
        while sinks.messages().len() < 2 {
            tokio::select! {
                said = &mut sending => panic!("{said:?}"),
                () = tokio::time::sleep(Duration::from_millis(5)) => {}
            }
        }
    }
    sinks.mail_down().await;
    sinks.sms_down();
    assert_eq!(caller.hears().await, "");
    sinks.mail_up().await;
    sinks.sms_up();
    sinks.settle().await;
    assert_eq!(sinks.messages().iter().map(|one| one.fate).collect::<Vec<_>>(), [Fate::AcceptedUnknown; 2]);
    assert!(Caller::signed_in(&sinks).await.sends("a").await.starts_with("250"));
    assert_eq!(texts(&sinks, "+1", AUTHORIZATION).await, "HTTP/1.1 201 Created");
    assert_eq!((sinks.messages().len(), sinks.unknown()), (4, 2));
}

#[tokio::test]
async fn a_connection_has_its_end_and_calm_is_calm() {
    let sinks = Sinks::start(Policy::new(7)).await.expect("sinks");
    let mut caller = Caller::signed_in(&sinks).await;
    let mut taken = 0;
    let last = loop {
        let said = caller.sends("steady-anna@example.org").await;
        if !said.starts_with("250") {
            break said;
        }
        taken += 1;
    };
    assert_eq!((last.get(..3), Some(taken)), (Some("421"), Policy::new(7).messages_per_connection()));
    let mut caller = Caller::signed_in(&sinks).await;
    assert!(caller.sends("never-ben@example.org").await.starts_with("550"));
    sinks.calm();
    for _ in 0..60 {
        assert!(caller.sends("anybody@example.org").await.starts_with("250"));
    }
    assert!(caller.sends("never-ben@example.org").await.starts_with("550"), "that was agreed");
    assert_eq!(texts(&sinks, "+17115100001", AUTHORIZATION).await, "HTTP/1.1 201 Created");
}

#[test]
fn whom_it_was_agreed_for_behaves_the_same_whatever_the_seed() {
    for seed in 0..50 {
        let policy = Policy::new(seed);
        for number in 0..8 {
            let running = usize::try_from(seed).expect("small") * 31 + number;
            let mail = |to| policy.mail(&Try { to, number, running });
            assert_eq!(mail("steady-a@example.org"), Behaviour::Accept);
            assert!(matches!(mail("never-a@example.org"), Behaviour::AtRecipient(550, _)));
            assert!(matches!(mail("busy-a@example.org"), Behaviour::AtRecipient(451, _)));
            let sms = |to| policy.sms(&Try { to, number, running });
            assert_eq!((sms("+17215100001").status, sms("+17215100001").delay), (201, Duration::ZERO));
            assert_eq!(sms("+17225100001").status, 400);
            assert_eq!(sms("+17235100001").status, 503);
        }
    }
}

#[test]
fn the_shares_are_those_that_are_written_down() {
    let policy = Policy::new(11);
    let (mut smooth, mut for_ever, mut kinds) = ([0; 2], [0; 2], BTreeSet::new());
    for n in 0..20_000 {
        let (address, number) = (format!("p{n}@example.org"), format!("+1720{n:07}"));
        let tries = |to: &str| -> [bool; 8] {
            std::array::from_fn(|number| {
                let behaviour = policy.mail(&Try { to, number, running: n });
                assert_eq!(behaviour, policy.mail(&Try { to, number, running: 0 }), "the same question");
                kinds.insert(format!("{behaviour:?}"));
                behaviour == Behaviour::Accept
            })
        };
        let mails = { tries }(&address);
        let texts: [bool; 8] = std::array::from_fn(|tried| {
            let answer = policy.sms(&Try { to: &number, number: tried, running: n });
            answer.status == 201 && answer.delay.is_zero()
        });
        for (channel, taken) in [mails, texts].into_iter().enumerate() {
            smooth[channel] += usize::from(taken.iter().all(|taken| *taken));
            for_ever[channel] += usize::from(!taken.iter().any(|taken| *taken));
            let mishaps = taken.split(|taken| *taken).map(<[bool]>::len).max();
            assert!(mishaps <= Some(2) || mishaps == Some(8), "{mishaps:?} mishaps in a row: bad luck alone");
        }
    }
    // Of the troubled a few are lucky six times.
    let percent = |of: usize| of / 200;
    assert!((69..=71).contains(&percent(smooth[0])) && (71..=73).contains(&percent(smooth[1])), "{smooth:?}");
    assert!((6..=7).contains(&percent(for_ever[0])) && (7..=8).contains(&percent(for_ever[1])), "{for_ever:?}");
    // 1 that accepts, 10 of a try, greylisting, 4 for ever; 421 in two places.
    assert_eq!(kinds.len(), 17, "{kinds:#?}");
    let odd = (1..=200).filter(|&connection| policy.greeting(connection) != Greeting::Normal).count();
    assert_eq!(odd, 6, "two of them with 421");
    assert_ne!(policy.secret("mail"), Policy::new(12).secret("mail"));
}
