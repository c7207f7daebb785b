//! Two districts side by side pass; each way to mix them up is found.

use keybell_tests::ledgers::{Fixture, TestLedger, district_with};
use keybell_tests::on_both;

use super::super::attempts::tests::{nothing, reset};
use super::super::{Case, Finding};
use super::check;
use crate::evidence::{Channel, District, Evidence, Fate, Message, Person, Trespass};

on_both!(two_districts_side_by_side_pass, rows_that_cross_a_border_are_found, messages_that_go_astray_are_found);

/// Two districts with different names and contacts, and notifications of both.
async fn two(on: &TestLedger) -> [Fixture; 2] {
    let mut both = Vec::new();
    for name in ["North", "North East"] {
        let fixture = district_with(&*on.ledger, 3).await;
        let id = fixture.district.id;
        let slug = name.replace(' ', "-");
        on.raw.run(&format!("UPDATE districts SET name = '{name}' WHERE id = '{id}'")).await;
        on.raw
            .run(&format!(
                "UPDATE accounts SET email = '{slug}-' || email, sms = '+1555' || '{}' || substr(username, 2)
                 WHERE district_id = '{id}'",
                name.len()
            ))
            .await;
        reset(on, &fixture, "both", &["Falcon-river-47"; 3]).await;
        both.push(fixture);
    }
    both.try_into().unwrap_or_else(|_| panic!("two"))
}

/// The rosters and the messages, as they should be.
async fn evidence(on: &TestLedger) -> Evidence {
    let mut evidence = nothing();
    for row in on.raw.rows("SELECT id, slug FROM districts ORDER BY name").await {
        let sql = format!("SELECT source_id, username, email, sms FROM accounts WHERE district_id = '{}'", row[0]);
        let person = |row: Vec<String>| Person {
            source_id: row[0].clone(),
            username: row[1].clone(),
            email: Some(row[2].clone()),
            sms: Some(row[3].clone()),
        };
        evidence.districts.push(District {
            id: row[0].parse().expect("an id"),
            slug: row[1].clone(),
            key: String::new(),
            people: on.raw.rows(&sql).await.into_iter().map(person).collect(),
            orderly: false,
        });
    }
    let sql = "SELECT n.channel, n.address, n.message_id, n.credential_version, d.name FROM notifications n
               JOIN districts d ON d.id = n.district_id ORDER BY n.id";
    for row in on.raw.rows(sql).await {
        let (district, issue) = (&row[4], &row[3]);
        let (channel, text) = if row[0] == "email" {
            (Channel::Email, format!("Hello,\n\nDistrict: {district}\n\n    Falcon-river-47\n\nReset no. {issue}; …"))
        } else {
            (Channel::Sms, format!("{district}: your new password:\nFalcon-river-47\nReset no. {issue}; ignore"))
        };
        evidence.messages.push(Message {
            channel,
            to: row[1].clone(),
            text,
            message_id: (channel == Channel::Email).then(|| row[2].clone()),
            password: Some("Falcon-river-47".to_owned()),
            at: 0,
            fate: Fate::Accepted,
        });
    }
    evidence.trespasses.push(Trespass { what: "another's task".to_owned(), status: 404, leaked: false });
    evidence
}

async fn judged(on: &TestLedger, evidence: &Evidence) -> Finding {
    check(&Case { evidence, ledger: &on.raw, queues: &[], board: &[] }).await
}

async fn two_districts_side_by_side_pass(on: &TestLedger) {
    two(on).await;
    let mut evidence = evidence(on).await;
    let finding = judged(on, &evidence).await;
    assert_eq!(finding.violations, Vec::<String>::new());
    assert!(finding.checked > 60, "{}", finding.checked);
    for (status, leaked) in [(200, false), (404, true), (302, false), (0, true)] {
        evidence.trespasses.push(Trespass { what: "another's task".to_owned(), status, leaked });
    }
    evidence.trespasses.push(Trespass { what: "nobody was there".to_owned(), status: 0, leaked: false });
    assert_eq!(judged(on, &evidence).await.violations.len(), 4);
}

async fn rows_that_cross_a_border_are_found(on: &TestLedger) {
    let [one, other] = two(on).await;
    let evidence = evidence(on).await;
    let (ours, theirs) = (one.district.id, other.district.id);
    let (pupil, stranger) = (one.pupils[0], other.pupils[0]);
    for (what, tamper, mend) in [
        (
            "items of another district",
            format!("UPDATE items SET account_id = '{stranger}' WHERE account_id = '{pupil}'"),
            format!(
                "UPDATE items SET account_id = '{pupil}' WHERE account_id = '{stranger}' AND district_id = '{ours}'"
            ),
        ),
        (
            "notifications of another district",
            format!("UPDATE notifications SET district_id = '{theirs}' WHERE account_id = '{pupil}'"),
            format!("UPDATE notifications SET district_id = '{ours}' WHERE account_id = '{pupil}'"),
        ),
        (
            "named accounts of another district",
            format!(
                "INSERT INTO task_accounts (task_id, account_id)
                 SELECT id, '{stranger}' FROM tasks WHERE district_id = '{ours}'"
            ),
            "DELETE FROM task_accounts".to_owned(),
        ),
        (
            "guardians of another district",
            format!("INSERT INTO guardians (account_id, guardian_id, place) VALUES ('{pupil}', '{stranger}', 7)"),
            "DELETE FROM guardians WHERE place = 7".to_owned(),
        ),
    ] {
        on.raw.run(&tamper).await;
        let found = judged(on, &evidence).await.violations;
        assert!(found.iter().any(|one| one.contains(what)), "{what}: {found:?}");
        on.raw.run(&mend).await;
        assert_eq!(judged(on, &evidence).await.violations, Vec::<String>::new(), "{what}");
    }
}

async fn messages_that_go_astray_are_found(on: &TestLedger) {
    two(on).await;
    let sound = evidence(on).await;
    let first = |channel| sound.messages.iter().position(|one| one.channel == channel).expect("a message");
    let last = |channel| sound.messages.iter().rposition(|one| one.channel == channel).expect("a message");
    for channel in [Channel::Email, Channel::Sms] {
        // To somebody of the other district.
        let mut astray = evidence(on).await;
        astray.messages[first(channel)].to.clone_from(&sound.messages[last(channel)].to);
        assert!(!judged(on, &astray).await.violations.is_empty(), "{channel:?} to a stranger");
        // In the other district's name.
        let mut misnamed = evidence(on).await;
        misnamed.messages[first(channel)].text.clone_from(&sound.messages[last(channel)].text);
        assert!(!judged(on, &misnamed).await.violations.is_empty(), "{channel:?} in another's name");
    }
    let mut unknown = evidence(on).await;
    unknown.messages[first(Channel::Email)].message_id = Some("strange@keybell".to_owned());
    assert_eq!(judged(on, &unknown).await.violations.len(), 1);
    // The ledger itself told the wrong person: a contact of the district, but not of the account.
    on.raw
        .run(
            "UPDATE notifications SET address = (SELECT email FROM accounts WHERE source_id = 't1' LIMIT 1)
             WHERE id = (SELECT MIN(id) FROM notifications WHERE channel = 'email')",
        )
        .await;
    let found = judged(on, &evidence(on).await).await.violations;
    assert!(found.iter().any(|one| one.contains("no contact of its account")), "{found:?}");
}
