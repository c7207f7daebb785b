use keybell_shared::ids::{AccountId, DistrictId, NotificationId, TaskId};
use proptest::prelude::*;

use super::*;

const PASSWORD: &str = "Otter-lamp-47";

fn claim(channel: Channel, guardian: bool, content: Content) -> Claim {
    Claim {
        notification: NotificationId(7),
        task: TaskId::fresh(),
        district: DistrictId::fresh(),
        account: AccountId::fresh(),
        fence: 1,
        attempt: 1,
        channel,
        address: "anna@example.org".to_owned(),
        guardian,
        message_id: "n-7@keybell".to_owned(),
        slug: "lakeside".to_owned(),
        sealed: None,
        content,
    }
}

fn content() -> Content {
    Content {
        district: "Lakeside USD".to_owned(),
        school: Some("Lakeside Elementary".to_owned()),
        given_name: "Anna".to_owned(),
        family_name: "Example".to_owned(),
        username: "anna.example".to_owned(),
        issue: 2,
        changed_at: Some(Millis(1_785_765_780_000)),
        expires_at: Some(Millis(1_786_370_580_000)),
        temporary: true,
        delivery: Delivery::Password,
        keeps: false,
    }
}

fn render(channel: Channel, guardian: bool, content: Content, password: &str) -> Outgoing {
    let renderer = Renderer::compiled().expect("templates");
    renderer.render(&claim(channel, guardian, content), &SecretString::from(password)).expect("rendered")
}

#[test]
fn a_mail_says_everything_and_the_password_stands_alone() {
    let mail = render(Channel::Email, false, content(), PASSWORD);
    assert_eq!(mail.subject, "New password for your account, reset no. 2");
    let expected = "\
Hello Anna,

a new password was set for your account.

District: Lakeside USD
School: Lakeside Elementary
Username: anna.example
New password:

    Otter-lamp-47

You must change it when you sign in for the first time.
It stops working on 2026-08-10 14:03 UTC.

Reset no. 2, 2026-08-03 14:03 UTC; ignore earlier messages.

If you did not expect this message, tell the office of your school.
Nobody will ever ask you for this password, not even the school.
";
    assert_eq!(&*mail.text, expected);
}

#[test]
fn what_is_not_known_is_left_out() {
    let bare = Content { username: "anna".to_owned(), issue: 1, ..Content::default() };
    let mail = render(Channel::Email, false, bare.clone(), PASSWORD);
    assert!(mail.text.starts_with("Hello,\n"));
    for absent in ["District:", "School:", "must change", "stops working", "{", "}", "\n\n\n"] {
        assert!(!mail.text.contains(absent), "{absent}\n{}", &*mail.text);
    }
    assert!(mail.text.contains("Reset no. 1; ignore"));
    assert!(render(Channel::Email, true, bare, PASSWORD).subject.contains("your child"));
}

#[test]
fn a_guardian_reads_whose_password_it_is() {
    let mail = render(Channel::Email, true, content(), PASSWORD);
    assert_eq!(mail.subject, "New password for Anna Example, reset no. 2");
    assert!(mail.text.contains("the account of Anna Example"));
    assert!(mail.text.contains("Username: anna.example\n"));
}

#[test]
fn an_sms_is_short_and_never_holds_both() {
    let own = render(Channel::Sms, false, content(), PASSWORD);
    assert_eq!(&*own.text, "Lakeside USD: your new password:\nOtter-lamp-47\nReset no. 2; ignore earlier messages.");
    let guardian = render(Channel::Sms, true, content(), PASSWORD);
    assert_eq!(
        &*guardian.text,
        "New password for Anna:\nOtter-lamp-47\nLakeside USD, reset no. 2; ignore earlier messages."
    );
    assert!(own.subject.is_empty());
}

#[test]
fn a_name_that_does_not_fit_is_dropped() {
    let long = Content { district: "Consolidated Unified School District ".repeat(5), ..content() };
    let own = render(Channel::Sms, false, long.clone(), PASSWORD);
    assert_eq!(&*own.text, "Your new password:\nOtter-lamp-47\nReset no. 2; ignore earlier messages.");
    let guardian = render(Channel::Sms, true, long, PASSWORD);
    assert!(guardian.text.starts_with("New password for Anna:\n"), "the pupil's name is the last to go");
    let other_script = Content { given_name: "Зоя".to_owned(), ..content() };
    let guardian = render(Channel::Sms, true, other_script, PASSWORD);
    assert!(guardian.text.starts_with("New password:\nOtter-lamp-47\n"), "{}", &*guardian.text);
}

#[test]
fn names_cannot_inject_lines_headers_or_tags() {
    let evil = "Eve\r\nBcc: evil@example.org\r\n\r\n    Wrong-word-99\n{password}\u{202E}";
    let content = Content {
        district: evil.to_owned(),
        school: Some(evil.to_owned()),
        given_name: evil.to_owned(),
        family_name: evil.to_owned(),
        username: evil.to_owned(),
        ..content()
    };
    for (channel, guardian) in
        [(Channel::Email, false), (Channel::Email, true), (Channel::Sms, false), (Channel::Sms, true)]
    {
        let message = render(channel, guardian, content.clone(), PASSWORD);
        assert!(!message.subject.contains(['\r', '\n']));
        assert!(!message.text.contains('\r'));
        assert_eq!(message.text.lines().filter(|line| line.trim() == PASSWORD).count(), 1);
        assert_eq!(message.text.matches(PASSWORD).count(), 1, "a value is never expanded");
        assert!(!message.subject.contains(PASSWORD));
        assert!(message.text.lines().all(|line| !line.starts_with("Bcc:") && !line.starts_with("    Wrong")));
    }
}

const LINK: &str = "https://keybell.example.org/claim/q1WbT0x5y2nKc8Zr4Vh6LmPj9Ds3Fg7Ha-Eu_IoYtRw";

fn linked(keeps: bool) -> Content {
    Content { delivery: Delivery::Link, keeps, changed_at: None, expires_at: None, ..content() }
}

#[test]
fn a_mail_with_a_link_says_how_long_it_works_and_what_becomes_of_the_old_password() {
    let mail = render(Channel::Email, false, linked(true), LINK);
    assert_eq!(mail.subject, "Choose a new password for your account");
    let expected = format!(
        "\
Hello Anna,

please choose a new password for your account. Open this page:

    {LINK}

It works once, and for 24 hours after this message was sent.
Until you have chosen, your present password goes on working.

District: Lakeside USD
School: Lakeside Elementary
Username: anna.example

A newer message of this kind replaces this one.

If you did not expect this message, tell the office of your school.
Nobody will ever ask you for this link or for a password, not even the school.
"
    );
    assert_eq!(*mail.text, expected);
    let forced = render(Channel::Email, true, linked(false), LINK);
    assert_eq!(forced.subject, "Choose a new password for Anna Example");
    assert!(forced.text.contains("The old password does not work any more.\n"), "{}", &*forced.text);
    assert!(!forced.text.contains("goes on working"));
}

#[test]
fn an_sms_with_a_link_is_one_message_without_the_username() {
    let own = render(Channel::Sms, false, linked(true), LINK);
    assert_eq!(
        *own.text,
        format!("Lakeside USD: choose a new password within 10 minutes:\n{LINK}\nIgnore earlier messages.")
    );
    let guardian = render(Channel::Sms, true, linked(false), LINK);
    assert!(guardian.text.starts_with("New password for Anna: choose one within 10 minutes:\n"), "{}", &*guardian.text);
    for sms in [own, guardian] {
        assert!(!sms.text.contains("anna.example"));
        assert_eq!(sms.text.lines().filter(|line| *line == LINK).count(), 1, "the link stands alone on its line");
        assert!(gsm::septets(&sms.text).is_some_and(|length| length <= gsm::ONE_MESSAGE), "{}", sms.text.len());
    }
}

#[test]
fn a_password_is_kept_to_the_letter_or_refused() {
    let odd = " {username} ö=20 ";
    let mail = render(Channel::Email, false, content(), odd);
    assert!(mail.text.contains(&format!("\n    {odd}\n")));
    let renderer = Renderer::compiled().expect("templates");
    let refused = renderer.render(&claim(Channel::Email, false, content()), &SecretString::from("a\nb"));
    assert_eq!(refused.err(), Some(RenderError::Control));
}

proptest! {
    #[test]
    fn whatever_the_names_are_an_sms_never_holds_both(
        district in any::<String>(),
        given_name in any::<String>(),
        issue in 1_i64..100_000,
        guardian in any::<bool>(),
    ) {
        let content = Content { district, given_name, issue, username: "anna.example.2031".to_owned(), ..content() };
        let sms = render(Channel::Sms, guardian, content, PASSWORD);
        prop_assert!(sms.text.lines().any(|line| line == PASSWORD));
        prop_assert!(!sms.text.contains("anna.example.2031"));
        prop_assert!(gsm::septets(&sms.text).is_some_and(|length| length <= gsm::ONE_MESSAGE));
    }
}
