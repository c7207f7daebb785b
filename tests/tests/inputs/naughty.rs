//! Texts that have broken programs, in every place where a text may stand. None is a 5xx, none changes what it should not,
//! and what is kept is kept as it is.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::Listed;
use crate::bench::{Bench, Door, Server};
use crate::evidence::{counts, is_well, tells_nothing};
use crate::wire::{Ask, exchange};

/// Texts of many kinds; the comments say of which.
const TEXTS: [&str; 46] = [
    // Words that some language takes for something else.
    "undefined",
    "null",
    "NULL",
    "(null)",
    "NaN",
    "Infinity",
    "true",
    "\\",
    "\\\\",
    "0x0",
    "1/0",
    "-1",
    "1e309",
    "__proto__",
    "constructor",
    "CON",
    "/dev/null",
    "../../../etc/passwd",
    "C:\\Windows",
    // SQL, LDAP, templates, pages, shells, spreadsheets.
    "1;DROP TABLE accounts",
    "1'; DROP TABLE accounts-- 1",
    "' OR 1=1 -- 1",
    "*)(uid=*))(|(uid=*",
    "{{7*7}}",
    "${7*7}",
    "${jndi:ldap://127.0.0.1/a}",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "$(touch x)",
    "`id`",
    "%n%s%d",
    "=1+1",
    "@SUM(1+1)",
    "%00",
    "%0d%0aSet-Cookie:x",
    // Letters of the world, and of nowhere.
    "Ω≈ç√∫",
    "田中さんにあげて下さい",
    "ЁЂЃЄЅІЇ",
    "𠜎𠜱𠝹",
    "👩‍👩‍👧‍👦 🏳️‍🌈",
    "Z̮̞̠͙͔ͅḀ̗̞͈̻̗Ḷ͙͎̯̹̞͓G̻O̭̗̮",
    "ﷺ",
    "\u{202e}gnirts\u{2066}",
    "\u{feff}\u{200b}\u{ad}",
    "İıßſ",
    "\u{e000}\u{fffe}\u{10ffff}",
];

/// A place where a text may stand: the request with the text in it.
struct Place {
    number: &'static str,
    what: &'static str,
    ask: fn(&Door, &str) -> Ask,
}

fn start(door: &Door, body: &Value) -> Ask {
    Ask::new("POST", "/v1/tasks").by(&door.key).with("idempotency-key", "naughty").json(body.to_string())
}

/// As it stands in a URL.
fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        write!(escaped, "%{byte:02X}").expect("a text takes everything");
        escaped
    })
}

const PLACES: [Place; 8] = [
    Place {
        number: "N01",
        what: "as the name of an account",
        ask: |door, text| {
            let selection = json!({"scope": "selected", "accounts": [text]});
            start(door, &json!({"selection": selection, "reason": "lost", "acknowledgement": "2026-11"}))
        },
    },
    Place {
        number: "N02",
        what: "as the name of a school, a class, a grade and a type",
        ask: |door, text| {
            let all = json!({"schools": [text], "classes": [text], "grades": [text], "user_types": [text]});
            let selection = json!({"scope": "all", "where": all});
            start(door, &json!({"selection": selection, "reason": "lost", "acknowledgement": "2026-11"}))
        },
    },
    Place {
        number: "N03",
        what: "as reason and acknowledgement",
        ask: |door, text| start(door, &json!({"selection": {"scope": "all"}, "reason": text, "acknowledgement": text})),
    },
    Place {
        number: "N04",
        what: "as the name of a member",
        ask: |door, text| {
            let mut body = json!({"selection": {"scope": "all"}, "reason": "lost"});
            body[text] = json!(text);
            start(door, &body)
        },
    },
    Place {
        number: "N05",
        what: "as an id in a path",
        ask: |door, text| Ask::new("GET", &format!("/v1/tasks/{}/items", escaped(text))).by(&door.key),
    },
    Place {
        number: "N06",
        what: "as a cursor and a limit",
        ask: |door, text| {
            let text = escaped(text);
            Ask::new("GET", &format!("/v1/tasks?before={text}&limit={text}")).by(&door.key)
        },
    },
    Place {
        number: "N07",
        what: "as the URL and the event of a webhook",
        ask: |door, text| {
            let body = json!({"url": text, "events": [text]}).to_string();
            Ask::new("POST", "/v1/webhooks").by(&door.key).json(body)
        },
    },
    Place {
        number: "N08",
        what: "as a username and a password",
        ask: |door, text| {
            let body = json!({"username": text, "password": text, "new_password": text}).to_string();
            Ask::new("POST", "/v1/auth/change").by(&door.key).json(body)
        },
    },
];

pub(crate) fn listed() -> Listed {
    let names = ("N09", "as the name of a key, which is kept as it is or refused".to_owned());
    PLACES.iter().map(|place| (place.number, place.what.to_owned())).chain([names]).collect()
}

async fn all_texts(bench: Bench) {
    let mut server = Server::start(bench).await;
    let before = counts(&server.raw).await;
    for Place { number, what, ask } in PLACES {
        for text in TEXTS {
            let reply = exchange(server.address, &ask(&server.door, text).bytes()).await;
            let named = format!("{number} {what}: {text:?}");
            assert!((400..500).contains(&reply.status), "{named} is answered with {}: {}", reply.status, reply.body);
            assert!(!reply.text("code").is_empty(), "{named} has no code: {}", reply.body);
            tells_nothing_but(&named, &reply, text, &server.door);
        }
    }
    assert_eq!(counts(&server.raw).await, before, "a refused text has changed something");
    names_of_keys(&server).await;
    let key = server.door.key.clone();
    is_well(&mut server.running, &[&key]);
}

/// Unknown names are listed, so an answer may hold the very text.
fn tells_nothing_but(named: &str, reply: &crate::wire::Reply, text: &str, door: &Door) {
    let mut rest = reply.clone();
    for written in [text.to_owned(), json!(text).to_string().trim_matches('"').to_owned()] {
        rest.all = rest.all.replace(&written, "");
    }
    tells_nothing(named, &rest, &[&door.key]);
}

async fn names_of_keys(server: &Server) {
    let post = |body: Value| Ask::new("POST", "/v1/keys").by(&server.door.key).json(body.to_string()).bytes();
    let mut kept = Vec::new();
    for text in TEXTS {
        let reply = exchange(server.address, &post(json!({"name": text, "role": "operator"}))).await;
        match reply.status {
            201 => kept.push(text),
            422 => assert_eq!(reply.text("code"), "key.name", "N09 {text:?}"),
            other => panic!("N09 {text:?} is answered with {other}: {}", reply.body),
        }
    }
    assert!(kept.len() > 30, "N09: hardly any name is taken: {kept:?}");
    let listed = exchange(server.address, &Ask::new("GET", "/v1/keys").by(&server.door.key).bytes()).await.json();
    let names: Vec<&str> =
        listed["keys"].as_array().expect("keys").iter().filter_map(|key| key["name"].as_str()).collect();
    for text in kept {
        assert!(names.contains(&text), "N09 {text:?} is not listed as it was given: {names:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_text_breaks_the_server_on_sqlite() {
    all_texts(Bench::embedded()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_text_breaks_the_server_on_postgresql() {
    all_texts(Bench::cluster().await).await;
}
