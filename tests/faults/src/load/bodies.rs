//! What is asked for: requests drawn from a seed.

use keybell_shared::precautions;
use keybell_shared::upload::TITLES;
use serde_json::{Map, Value, json};

use super::dice::Dice;
use super::people::{Inhabitant, Town};
use crate::evidence::Secret;

const REASONS: [&str; 5] = ["start_of_year", "new_starters", "lost", "suspected_compromise", "other"];
/// How many of a hundred requests are uploads.
const UPLOADS: usize = 10;

const FORMATS: [&str; 6] = ["simple", "classic", "phrase3", "phrase4", "random12", "by-grade"];

/// A request, and what it means.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) body: Value,
    /// About how many accounts it resets.
    pub(super) accounts: usize,
    /// The passwords that it gives.
    pub(super) secrets: Vec<Secret>,
    /// The file that is uploaded, where the passwords stand in one.
    pub(super) upload: Option<String>,
}

/// The `n`-th request of an unruly district: whom, how they are told, and now and then something that must be refused.
pub(super) fn unruly(dice: &mut Dice, town: &Town, most: usize, number: &str) -> Order {
    let (selection, accounts) = match dice.below(100) {
        0..62 => named(dice, town, most),
        62..74 => narrowed(dice, town, "all", "classes", &town.classes, 2),
        74..82 => narrowed(dice, town, "without_role", "grades", &["01", "04", "07", "10"].map(str::to_owned), 1),
        82..87 => narrowed(dice, town, "all", "schools", &town.schools, 1),
        87..91 => all_but(dice, town, most),
        91..94 => (json!({"scope": "all"}), town.inhabitants.len()),
        _ => (wrong(dice), 0),
    };
    let mut body = telling(dice);
    body.insert("selection".to_owned(), selection);
    let mut secrets = Vec::new();
    if dice.percent(UPLOADS) {
        let (upload, accounts, secrets) = filled_in(dice, town, most, number);
        let names: Vec<&str> = accounts.iter().map(String::as_str).collect();
        body.insert("selection".to_owned(), json!({"scope": "selected", "accounts": names}));
        body.insert("password".to_owned(), json!({"source": "uploaded"}));
        if body.contains_key("expires_in_hours") {
            body.insert("temporary".to_owned(), json!(true));
        }
        return Order { body: Value::Object(body), accounts: accounts.len(), secrets, upload: Some(upload) };
    }
    // Above 25 accounts a shared password needs more than this request says.
    if accounts > 0 && accounts <= 25 && dice.percent(12) {
        let value = format!("Quiet-river-{:08}-{:08}", dice.below(100_000_000), dice.below(100_000_000));
        body.insert("password".to_owned(), json!({"source": "shared", "value": value}));
        body.insert("notify".to_owned(), json!(dice.word(&["auto", "always", "never"])));
        secrets.push(Secret { name: format!("the shared password of {number}"), value });
    }
    if dice.percent(3) {
        body.insert("acknowledgement".to_owned(), json!("1999-01"));
    }
    Order { body: Value::Object(body), accounts, secrets, upload: None }
}

/// The requests of an orderly district: nothing that depends on who is faster.
pub(super) fn orderly(dice: &mut Dice, town: &Town, most: usize) -> Order {
    let (selection, accounts) = match dice.below(100) {
        0..60 => named(dice, town, most),
        60..80 => narrowed(dice, town, "without_role", "classes", &town.classes, 1),
        _ => narrowed(dice, town, "all", "classes", &town.classes, 1),
    };
    let mut body = telling(dice);
    body.insert("selection".to_owned(), selection);
    Order { body: Value::Object(body), accounts, secrets: Vec::new(), upload: None }
}

/// A file with passwords of their own for some people, their usernames, and the passwords. Whoever may not be reset is
/// among them, too: the good rows go ahead.
fn filled_in(dice: &mut Dice, town: &Town, most: usize, number: &str) -> (String, Vec<String>, Vec<Secret>) {
    let all: Vec<String> = town.inhabitants.iter().map(|one| one.person.username.clone()).collect();
    let n = 1 + dice.below(most.max(1));
    let accounts = dice.some(&all, n);
    let mut lines = vec![TITLES.join(",")];
    let mut secrets = Vec::with_capacity(accounts.len());
    for account in &accounts {
        let value = format!("Steady-brook-{:08}-{:08}", dice.below(100_000_000), dice.below(100_000_000));
        lines.push(format!(",{account},,,,,,,{value}"));
        secrets.push(Secret { name: format!("the uploaded password of {account} in {number}"), value });
    }
    (lines.join("\r\n"), accounts, secrets)
}

/// Everything but whom.
fn telling(dice: &mut Dice) -> Map<String, Value> {
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
    put("reason", json!(dice.word(&REASONS)));
    put("acknowledgement", json!(precautions::VERSION));
    put("password", json!({"source": "generated", "format": dice.word(&FORMATS)}));
    put("channel", json!(dice.word(&["email", "email", "sms", "both", "cascade", "cascade"])));
    put("recipient", json!(dice.word(&["account", "account", "account", "guardians", "both"])));
    put("notify", json!(dice.word(&["auto", "auto", "always"])));
    if dice.percent(20) {
        put("temporary", json!(false));
    } else if dice.percent(30) {
        put("expires_in_hours", json!(24 + dice.below(200)));
    }
    body
}

/// Named accounts. Half of the requests draw from the same few, so that tasks overlap.
fn named(dice: &mut Dice, town: &Town, most: usize) -> (Value, usize) {
    let often = town.inhabitants.len() / 4;
    let names = if dice.percent(50) {
        let mut names = town.names(|_| true);
        // By turns from everywhere, or pupils and teachers would never be among them.
        names.rotate_left(town.inhabitants.len() / 3);
        names.truncate(often.max(1));
        names
    } else {
        town.names(|_| true)
    };
    let n = 1 + dice.below(most.max(1));
    let chosen = dice.some(&names, n);
    let accounts = chosen.len();
    (json!({"scope": "selected", "accounts": chosen}), accounts)
}

/// A scope, narrowed to up to `n` of these.
fn narrowed(dice: &mut Dice, town: &Town, scope: &str, field: &str, from: &[String], n: usize) -> (Value, usize) {
    let n = 1 + dice.below(n);
    let chosen = dice.some(from, n);
    let fits = |one: &&Inhabitant| match field {
        "classes" => one.class.as_ref().is_some_and(|class| chosen.contains(class)),
        "schools" => chosen.contains(&one.school),
        _ => chosen.iter().any(|grade| one.grade == grade),
    };
    let accounts = town.inhabitants.iter().filter(fits).count();
    (json!({"scope": scope, "where": {field: chosen}}), accounts)
}

/// Everybody of a class but some.
fn all_but(dice: &mut Dice, town: &Town, most: usize) -> (Value, usize) {
    let class = dice.pick(&town.classes).cloned().unwrap_or_default();
    let members = town.names(|one| one.class.as_deref() == Some(&class));
    let but = dice.some(&members, 1 + most / 10);
    let accounts = members.len().saturating_sub(but.len());
    (json!({"scope": "all_except", "accounts": but, "where": {"classes": [class]}}), accounts)
}

/// What must be refused, and makes no task.
fn wrong(dice: &mut Dice) -> Value {
    match dice.below(4) {
        0 => json!({"scope": "selected", "accounts": ["nobody-of-this-name", "nor-of-this"]}),
        1 => json!({"scope": "selected", "accounts": []}),
        2 => json!({"scope": "all", "where": {"classes": ["no-such-class"]}}),
        _ => json!({"scope": "all", "accounts": ["somebody"]}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_drawn_alike_for_a_seed_and_of_every_kind() {
        let town = Town::new(5, 0, 150);
        let bodies = |seed: u64| -> Vec<String> {
            (0..400)
                .map(|n| {
                    unruly(&mut Dice::new(seed, &format!("request {n}")), &town, 30, &n.to_string()).body.to_string()
                })
                .collect()
        };
        assert_eq!(bodies(5), bodies(5));
        assert_ne!(bodies(5), bodies(6));
        let all = bodies(5).join("\n");
        for word in [
            "selected",
            "all_except",
            "without_role",
            "classes",
            "schools",
            "grades",
            "\"sms\"",
            "cascade",
            "\"both\"",
            "guardians",
            "shared",
            "uploaded",
            "1999-01",
            "nobody-of-this-name",
            "expires_in_hours",
            "-id-",
        ] {
            assert!(all.contains(word), "no request with {word}");
        }
    }
}
