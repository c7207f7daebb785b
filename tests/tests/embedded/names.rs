//! Odd names all the way: from a list, through the ledger, into a mail, a page, and files, and back.
//!
//! The strings are those of the folder that `KEYBELL_REAL` names; without it a few of the same kinds, which checks the same.

use std::collections::HashMap;
use std::fmt::Write as _;

use keybell_tests::outbox;
use serde_json::{Value, json};

use crate::remote::READ;
use crate::school::{School, serve, text};

/// A few of each kind.
const FEW: [&str; 14] = [
    "undefined",
    "=HYPERLINK(\"http://x\")",
    "+1-555",
    "-2",
    "@SUM(A1)",
    "'quoted'",
    "O'Neil, \"Jr\"; <b>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "${jndi:ldap://x}",
    "{{7*7}} {given_name}",
    "Зоя 李小龍 نهى",
    "e\u{301}\u{302}\u{303} Zal\u{336}go",
    "👩‍👩‍👧 ☃",
    "%s%n\\u0000",
];

/// A message has at most so much of a name.
const IN_A_MAIL: usize = 200;

fn strings() -> Vec<String> {
    let Some(folder) = std::env::var_os("KEYBELL_REAL") else {
        return FEW.map(str::to_owned).to_vec();
    };
    let all = std::fs::read_to_string(std::path::Path::new(&folder).join("strings/blns.json")).expect("the strings");
    serde_json::from_str(&all).expect("a list of strings")
}

/// A list of pupils with these names.
fn list(names: &[String]) -> String {
    let mut list = "username,given name,family name,role,email\r\n".to_owned();
    for (n, name) in names.iter().enumerate() {
        let quoted = name.replace('"', "\"\"");
        write!(list, "user{n},\"{quoted}\",\"{quoted}\",student,user{n}@example.org\r\n").expect("a row");
    }
    list
}

/// The text of a page, as a browser shows it.
fn shown(html: &str) -> String {
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&#x27;", "'"), ("&amp;", "&")]
        .into_iter()
        .fold(html.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[tokio::test]
async fn every_odd_name_stands_unharmed_in_mails_pages_and_files() {
    let school = School::empty();
    let file = school.beside("people.csv");
    let strings = strings();
    std::fs::write(&file, list(&strings)).expect("a list");
    let report: Value = school.program(["roster", "import", "--district", "odd"]).arg(&file).json().await;
    let made: Value = school.program(["account", "search", "--all"]).json().await;
    let accounts = made.pointer("/accounts").and_then(Value::as_array).expect("accounts");
    let names: HashMap<String, String> =
        accounts.iter().map(|one| (text(one, "/username").to_owned(), text(one, "/given_name").to_owned())).collect();
    // What keeps a row out is told by the import, and has tests of its own.
    assert!(names.len() + 3 > strings.len(), "{} of {}: {report}", names.len(), strings.len());
    // What can be seen of plain text is kept to the letter.
    for (n, odd) in strings.iter().enumerate().filter(|(_, odd)| odd.chars().all(|c| c.is_ascii_graphic())) {
        assert_eq!(names.get(&format!("user{n}")), Some(odd));
    }

    let key = school.key("office", "district_admin").await;
    let quickly =
        [("KEYBELL_HTTP__BURST", "100000"), ("KEYBELL_LINKS__URL", "https://keybell.example.org/claim/{token}")];
    let (_running, caller) = serve(school.program(["serve"]).envs(quickly), &key).await;
    let asked = json!({"selection": {"scope": "all"}, "mode": "request", "reason": "lost", "acknowledgement": READ});
    let task = caller.start("all", &asked).await.with_status(202).task();
    caller.ended(task).await;

    let links = outbox::links(&school.folder().join("outbox"));
    assert_eq!(links.len(), names.len(), "everybody was asked");
    for link in &links {
        let username = link.to.split('@').next().expect("a username");
        // Marks of annotations stand in no mail: they make programs show something else than what is there.
        let annotates = |c: &char| matches!(c, '\u{FFF9}'..='\u{FFFB}');
        let name: String = names[username].chars().filter(|c| !annotates(c)).take(IN_A_MAIL).collect();
        assert!(link.text.contains(name.trim()), "{username} in the mail: {name:?}");
        let page = shown(&caller.text_of(&format!("/claim/{}", link.token())).await);
        assert!(page.contains(names[username].trim()), "{username} on the page: {:?}", names[username]);
    }

    for kind in ["csv", "xlsx"] {
        let bytes = caller.bytes_of(&format!("/v1/uploads/accounts.{kind}")).await;
        let read = keybell_roster::upload::read(&bytes).expect("what we write, we read");
        assert_eq!(read.rows.len(), names.len());
        for row in &read.rows {
            assert_eq!(row.about.given_name, names[&row.username], "{} in {kind}", row.username);
        }
        let report = caller.bytes_of(&format!("/v1/tasks/{task}/report.{kind}")).await;
        assert!(report.len() > names.len() * 20, "the report in {kind}");
    }
}
