//! A hundred thousand people in flat memory. Alone in its program, since the peak is the whole program's.
#![expect(clippy::unwrap_used, reason = "a test whose set-up fails has failed")]

#[path = "support/large.rs"]
mod large;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use large::{id, import_in_64_mib, write};
use tempfile::TempDir;

const PEOPLE: usize = 100_000;
/// Per pupil; a secondary school has six or seven.
const CLASSES: usize = 6;

/// A OneRoster 1.2 export, which needs the most memory: half are pupils, half their guardians.
fn generate(folder: &Path) {
    let files = ["orgs", "classes", "users", "roles", "enrollments"];
    let modes = files.iter().fold(String::new(), |mut text, file| {
        write!(text, "\nfile.{file},bulk").unwrap();
        text
    });
    fs::write(folder.join("manifest.csv"), format!("propertyName,value\noneroster.version,1.2{modes}\n")).unwrap();
    let schools = (0..100).map(|n| format!("{},School {n},school", id("org", n)));
    write(folder, "orgs.csv", "sourcedId,name,type", schools);
    let classes = (0..4000).map(|n| format!("{},Class {n},{}", id("cls", n), id("org", n % 100)));
    write(folder, "classes.csv", "sourcedId,title,schoolSourcedId", classes);
    let users = (0..PEOPLE).map(|n| {
        let agents = if n % 2 == 0 { id("usr", n + 1) } else { String::new() };
        format!(
            "{},true,user{n},Given{n},Family{n},user{n}@example.org,+1415555{:04},{agents},7",
            id("usr", n),
            n % 10_000
        )
    });
    let head = "sourcedId,enabledUser,username,givenName,familyName,email,sms,agentSourcedIds,grades";
    write(folder, "users.csv", head, users);
    let roles = (0..PEOPLE).map(|n| {
        let role = if n % 2 == 0 { "student" } else { "guardian" };
        format!("{},{},primary,{role},{}", id("rol", n), id("usr", n), id("org", n % 100))
    });
    write(folder, "roles.csv", "sourcedId,userSourcedId,roleType,role,orgSourcedId", roles);
    let enrolments = (0..PEOPLE / 2 * CLASSES).map(|n| {
        let (pupil, class) = (n / CLASSES * 2, n % 4000);
        format!("{},{},{},student", id("enr", n), id("cls", class), id("usr", pupil))
    });
    write(folder, "enrollments.csv", "sourcedId,classSourcedId,userSourcedId,role", enrolments);
}

#[tokio::test]
async fn a_hundred_thousand_people_need_less_than_64_mib() {
    let folder = TempDir::new().unwrap();
    generate(folder.path());
    let (report, linked) = import_in_64_mib(folder.path()).await;
    assert_eq!(report.total.read, report.total.created);
    assert_eq!(usize::try_from(report.total.read).unwrap(), 100 + 4000 + 2 * PEOPLE + PEOPLE / 2 * CLASSES);
    assert_eq!(linked, PEOPLE / 2);
}
