//! Bad input, as tables: each row is a number, an input, and what becomes of it, through the doors that everybody uses.
//!
//! HTTP goes over a socket to a running `keybell`, requests of applications over the real broker, files through `keybell
//! roster import`, the configuration through the start of the program, contacts up to the mail server, and answers of
//! providers from scripted servers. After each table the process still runs, nothing in its log panicked, no answer was
//! a 5xx, and what was refused has changed nothing.
//!
//! Where the rules decide otherwise than a reader might expect, the row says what is done, and why.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "what fails here fails the test, with its reason")]

mod amqp;
mod bench;
mod configuration;
mod contacts;
mod evidence;
mod http;
mod naughty;
mod people;
mod providers;
mod rosters;
mod slow;
mod wire;

use std::collections::BTreeMap;

/// The least number of cases that the tables must have.
const LEAST: usize = 94;

/// The number of each row, and what it is about.
type Listed = Vec<(&'static str, String)>;

/// All rows of all tables.
fn all() -> Listed {
    let tables: [fn() -> Listed; 8] = [
        http::listed,
        slow::listed,
        naughty::listed,
        amqp::listed,
        rosters::listed,
        contacts::listed,
        configuration::listed,
        providers::listed,
    ];
    tables.into_iter().flat_map(|table| table()).collect()
}

#[test]
fn each_row_has_its_own_number_and_there_are_enough_of_them() {
    let mut known: BTreeMap<&str, String> = BTreeMap::new();
    for (number, what) in all() {
        assert!(!what.is_empty(), "{number} does not say what it is about");
        let before = known.insert(number, what);
        assert_eq!(before, None, "{number} stands twice");
    }
    assert!(known.len() >= LEAST, "there are {} rows, and {LEAST} are promised", known.len());
}
