//! A small school with a data folder of its own, and the program on it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use keybell_tests::http::Caller;
use keybell_tests::outbox::{self, Message};
use keybell_tests::program::{Program, Running};
use serde_json::Value;
use tempfile::TempDir;

/// What makes a journey short: everything that is due is looked for at once, and leases end soon.
pub(crate) const QUICK: [(&str, &str); 10] = [
    ("KEYBELL_HTTP__LISTEN", "127.0.0.1:0"),
    ("KEYBELL_SCHEDULER__DISPATCH_SECONDS", "0.05"),
    ("KEYBELL_SCHEDULER__SCAN_SECONDS", "0.1"),
    ("KEYBELL_SCHEDULER__PROJECT_SECONDS", "0.05"),
    ("KEYBELL_SCHEDULER__GRACE_SECONDS", "1"),
    ("KEYBELL_SCHEDULER__LEADER_SECONDS", "1"),
    ("KEYBELL_TIMING__SEND_DEADLINE_SECONDS", "2"),
    ("KEYBELL_TIMING__LEASE_SECONDS", "4"),
    ("KEYBELL_TIMING__PROBE_SECONDS", "0.2"),
    ("KEYBELL_TIMING__RETRY_INITIAL_SECONDS", "0.2"),
];

/// A row of `users.csv`.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) username: String,
    pub(crate) role: &'static str,
    pub(crate) email: String,
    pub(crate) sms: String,
    pub(crate) guardians: String,
    pub(crate) enabled: bool,
}

impl Person {
    /// A pupil with an e-mail address.
    pub(crate) fn pupil(username: &str) -> Self {
        Self {
            username: username.to_owned(),
            role: "student",
            email: format!("{username}@example.org"),
            sms: String::new(),
            guardians: String::new(),
            enabled: true,
        }
    }

    /// Somebody with another role.
    pub(crate) fn with_role(username: &str, role: &'static str) -> Self {
        Self { role, ..Self::pupil(username) }
    }

    /// Without an address of their own.
    pub(crate) fn unreachable(self) -> Self {
        Self { email: String::new(), ..self }
    }
}

/// This many pupils with e-mail addresses: `pupil1`, `pupil2`, ….
pub(crate) fn pupils(n: usize) -> Vec<Person> {
    (1..=n).map(|n| Person::pupil(&format!("pupil{n}"))).collect()
}

/// Six pupils: four with an address, one told through a guardian, one whom nobody can reach; and one who has left.
pub(crate) fn some_unreachable() -> Vec<Person> {
    let mut people = pupils(4);
    people.push(Person { guardians: "id-gwen".to_owned(), ..Person::pupil("ward").unreachable() });
    people.push(Person::pupil("lonely").unreachable());
    people.push(Person { enabled: false, ..Person::pupil("left") });
    people.push(Person::with_role("gwen", "guardian"));
    people
}

/// Writes a OneRoster folder.
pub(crate) fn write_roster(folder: &Path, district: &str, people: &[Person]) {
    std::fs::create_dir_all(folder).expect("a folder for the roster");
    let put = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("a file of the roster");
    put("manifest.csv", "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\n");
    put(
        "orgs.csv",
        &format!("sourcedId,name,type,parentSourcedId\nd,{district},district,\ns,Northgate School,school,d\n"),
    );
    let mut users = String::from(
        "sourcedId,enabledUser,orgSourcedIds,role,username,givenName,familyName,email,sms,agentSourcedIds,grades\n",
    );
    for person in people {
        let Person { username, role, email, sms, guardians, enabled } = person;
        let grade = if *role == "student" { "05" } else { "" };
        writeln!(users, "id-{username},{enabled},s,{role},{username},Given,Family,{email},{sms},{guardians},{grade}")
            .expect("a row");
    }
    put("users.csv", &users);
}

/// A data folder with one imported district.
pub(crate) struct School {
    home: TempDir,
}

impl School {
    /// Without anything in it.
    pub(crate) fn empty() -> Self {
        Self { home: tempfile::tempdir().expect("a temporary folder") }
    }

    /// With these people.
    pub(crate) async fn with(people: &[Person]) -> Self {
        let school = Self::empty();
        let roster = school.home.path().join("roster");
        write_roster(&roster, "Rivermoor Schools", people);
        let report: Value = school.program(["roster", "import"]).arg(&roster).json().await;
        assert_eq!(report.pointer("/total/rejected"), Some(&Value::from(0)), "{report}");
        school
    }

    /// A file or folder beside the data folder.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// The data folder.
    pub(crate) fn folder(&self) -> PathBuf {
        self.beside("data")
    }

    /// `keybell ARGUMENTS…` on the data folder, with short timings.
    pub(crate) fn program<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Program {
        Program::on(&self.folder(), arguments).envs(QUICK)
    }

    /// Makes a key; answers its text.
    pub(crate) async fn key(&self, name: &str, role: &str) -> String {
        let made: Value = self.program(["apikey", "create", "--name", name, "--role", role]).json().await;
        text(&made, "/key").to_owned()
    }

    /// Makes a key that names its person; answers its text.
    pub(crate) async fn key_of(&self, person: &str, name: &str, role: &str) -> String {
        let create = ["apikey", "create", "--name", name, "--role", role, "--person", person];
        let made: Value = self.program(create).json().await;
        text(&made, "/key").to_owned()
    }

    /// The messages in the outbox.
    pub(crate) fn outbox(&self) -> Vec<Message> {
        outbox::read(&self.folder().join("outbox"))
    }

    /// Runs the server, with one key.
    pub(crate) async fn serve(&self, key: &str) -> (Running, Caller) {
        serve(self.program(["serve"]), key).await
    }
}

/// Starts a server and waits until it listens.
pub(crate) async fn serve(program: Program, key: &str) -> (Running, Caller) {
    let mut running = program.start();
    let line = running.line_with("the API listens on http://").await;
    let (_, base) = line.split_once("the API listens on ").expect("the line holds it");
    let caller = Caller::new(base.trim(), key);
    (running, caller)
}

/// The text at a JSON pointer; empty when there is none.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The number at a JSON pointer.
pub(crate) fn number(value: &Value, pointer: &str) -> i64 {
    value.pointer(pointer).and_then(Value::as_i64).unwrap_or_else(|| panic!("no number at {pointer}: {value}"))
}
