//! Fifty thousand pupils with two guardians each, by School Data Sync, in flat memory. Alone in its program, since the peak
//! is the whole program's.
#![expect(clippy::unwrap_used, reason = "a test whose set-up fails has failed")]

#[path = "support/large.rs"]
mod large;

use std::path::Path;

use large::{id, import_in_64_mib, write};
use tempfile::TempDir;

const PUPILS: usize = 50_000;

/// Each pupil has two guardians, and each guardian two pupils.
fn generate(folder: &Path) {
    write(folder, "orgs.csv", "sourcedId,name,type", (0..100).map(|n| format!("{},School {n},school", id("org", n))));
    let person = |kind: &str, n: usize| format!("{},{kind}{n},Given{n},Family{n},{kind}{n}@example.org", id(kind, n));
    let users = (0..PUPILS).flat_map(|n| [person("pupil", n), person("kin", n)]);
    write(folder, "users.csv", "sourcedId,username,givenName,familyName,email", users);
    let roles = (0..PUPILS).map(|n| format!("{},{},student", id("pupil", n), id("org", n % 100)));
    write(folder, "roles.csv", "userSourcedId,orgSourcedId,role", roles);
    let related = (0..2 * PUPILS).map(|n| {
        let (pupil, kin) = (n % PUPILS, (n + n / PUPILS) % PUPILS);
        format!("{},{},parent", id("pupil", pupil), id("kin", kin))
    });
    write(folder, "relationships.csv", "userSourcedId,relationshipUserSourcedId,relationshipRole", related);
}

#[tokio::test]
async fn a_hundred_thousand_relations_need_less_than_64_mib() {
    let folder = TempDir::new().unwrap();
    generate(folder.path());
    let (_, linked) = import_in_64_mib(folder.path()).await;
    assert_eq!(linked, 2 * PUPILS);
}
