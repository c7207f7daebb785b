//! No password in clear in what Keybell leaves on disk or says, but for the messages themselves.

use std::time::Duration;

use keybell_shared::clock::Stopwatch;
use keybell_tests::outbox;
use keybell_tests::program::{Ended, PATIENCE, Program};

use crate::school::School;
use crate::search::Search;

/// Where passwords are meant to be.
const MESSAGES: &str = "outbox";

#[tokio::test]
async fn nothing_but_the_messages_holds_a_password_even_after_a_crash_and_with_everything_logged() {
    let school = School::empty();
    let folder = school.folder();
    let demo = || Program::on(&folder, ["demo"]).env("KEYBELL_LOG", "trace").env("RUST_LOG", "trace");

    // Killed in the middle, so that the write-ahead log stays as it is.
    let running = demo().start();
    let watch = Stopwatch::start();
    while std::fs::read_dir(folder.join(MESSAGES)).map_or(0, Iterator::count) < 300 {
        assert!(watch.elapsed() < PATIENCE, "no 300 messages: {}", running.stderr());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let killed = running.kill().await;
    assert_eq!(killed.signal, Some(9), "it ended before it was killed");
    assert!(folder.join("keybell.sqlite-wal").exists(), "a killed process leaves its write-ahead log");
    let told: Vec<String> = outbox::read(&folder.join(MESSAGES)).into_iter().map(|message| message.password).collect();
    assert!(told.len() >= 290, "{}", told.len());
    nothing_leaks(&school, &told, &killed);

    let ended = demo().run_to(0).await;
    let told: Vec<String> = outbox::read(&folder.join(MESSAGES)).into_iter().map(|message| message.password).collect();
    assert!(told.len() >= 857, "{}", told.len());
    nothing_leaks(&school, &told, &ended);
}

fn nothing_leaks(school: &School, told: &[String], said: &Ended) {
    let search = Search::new(told.iter().map(String::as_str));
    // The search itself works: the messages are full of passwords.
    let some = std::fs::read_dir(school.folder().join(MESSAGES)).expect("messages").flatten().take(20);
    assert!(some.into_iter().any(|file| !search.found_in(&std::fs::read(file.path()).expect("a message")).is_empty()));

    let read = search.none_in(&school.folder(), &[MESSAGES]);
    assert!(read > 500_000, "only {read} bytes of database and keys");
    assert!(said.stderr.contains("DEBUG"), "everything was to be logged: {}", said.stderr);
    let logged = search.found_in(said.stderr.as_bytes());
    assert!(logged.is_empty(), "the log holds {} passwords, such as {:?}", logged.len(), logged.first());
    // The demo shows one mail on purpose, as text; nothing else.
    let shown = search.found_in(said.stdout.as_bytes());
    assert!(shown.len() <= 1, "standard output holds {shown:?}");
}

/// Rosters of several kinds with passwords in them, sound rows and bad ones, with everything logged.
#[tokio::test]
async fn passwords_of_rosters_are_nowhere_after_an_import() {
    let school = School::empty();
    let place = |name: &str| school.beside(name);
    let write = |name: &str, text: &str| {
        std::fs::create_dir_all(place(name).parent().expect("a folder")).expect("a folder");
        std::fs::write(place(name), text).expect("a file");
    };
    write("one/manifest.csv", "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\n");
    write("one/orgs.csv", "sourcedId,name,type\nd,Rivermoor,district\ns,Northgate,school\n");
    write(
        "one/users.csv",
        "sourcedId,enabledUser,orgSourcedIds,role,username,givenName,familyName,password\n\
         1,true,s,student,ann,Ann,B,Hidden-one-4711\n2,perhaps,s,student,bob,Bob,C,Hidden-two-4711\n\
         3,true,s,student,cy,Cy,D,Hidden-three-4711,more\n4,true,s,student,di,\"Di,E,Hidden-four-4711\n",
    );
    write(
        "list.csv",
        "username,given name,family name,role,Initial password,Kennwort\n\
         eve,Eve,F,student,Hidden-five-4711,Hidden-six-4711\nann,Ann,Twin,boss,Hidden-seven-4711,\n",
    );
    let words = ["one", "two", "three", "four", "five", "six", "seven"].map(|word| format!("Hidden-{word}-4711"));
    let search = Search::new(words.iter().map(String::as_str));
    assert_eq!(search.found_in(&std::fs::read(place("list.csv")).expect("the list")).len(), 3, "the search works");
    for (command, path) in [("inspect", "one"), ("import", "one"), ("inspect", "list.csv"), ("import", "list.csv")] {
        for output in ["text", "json"] {
            let import = school.program(["--output", output, "roster", command]).arg(place(path));
            let ended = import.env("KEYBELL_LOG", "trace").env("RUST_LOG", "trace").run_to(0).await;
            let said = [ended.stdout.as_bytes(), ended.stderr.as_bytes()].concat();
            assert!(search.found_in(&said).is_empty(), "{command} {path}: {:?}", search.found_in(&said));
        }
    }
    assert!(search.none_in(&school.folder(), &[]) > 50_000, "the ledger was read");
}
