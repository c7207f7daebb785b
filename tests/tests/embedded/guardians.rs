//! Guardians of School Data Sync all the way: from its files to the mails that they get.

use serde_json::Value;

use crate::remote::READ;
use crate::school::{School, number};

/// Imports these files and resets everybody, telling the guardians by mail; answers who got a mail about whom.
async fn told(files: &[(&str, &str)], rejected: i64) -> Vec<String> {
    let school = School::empty();
    let folder = school.beside("roster");
    std::fs::create_dir_all(&folder).expect("a folder");
    for (name, text) in files {
        std::fs::write(folder.join(name), text).expect("a file of the roster");
    }
    for _ in 0..2 {
        let import = school.program(["roster", "import", "--district", "sds"]).arg(&folder);
        let report: Value = import.json().await;
        assert_eq!(number(&report, "/total/rejected"), rejected, "{report}");
    }
    let rules = ["--scope", "all", "--user-type", "student", "--recipient", "guardians", "--reason", "lost"];
    let done = school.program(["reset"]).args(rules).args(["--unreachable", "skip"]);
    let done: Value = done.args(["--yes", "--acknowledge", READ]).json().await;
    let mails = school.outbox();
    let mut told: Vec<String> =
        mails.iter().map(|mail| format!("{} of {}", mail.to, mail.username.as_deref().unwrap_or("?"))).collect();
    told.sort();
    assert!(!told.is_empty(), "{done}");
    told
}

const NORTH: (&str, &str) = ("orgs.csv", "sourcedId,name,type,parentSourcedId\n1,North,school,\n");

#[tokio::test]
async fn guardians_of_school_data_sync_get_the_mails_and_classmates_none() {
    let v1 = [
        ("School.csv", "SIS ID,Name\n1,North\n"),
        ("Student.csv", "SIS ID,School SIS ID,Username\n1,1,annb\n2,1,bobb\n"),
        (
            "GuardianRelationship.csv",
            "SIS ID,Email,Role\n1,mum@example.org,Parent\n2,mum@example.org,Parent\n1,doc@example.org,Doctor\n\
             1,stranger@example.org,Parent\n",
        ),
        ("User.csv", "Email,First Name,Last Name,Phone,SIS ID\nmum@example.org,Ma,B,,\ndoc@example.org,Di,D,,\n"),
    ];
    assert_eq!(told(&v1, 1).await, ["mum@example.org of annb", "mum@example.org of bobb"]);

    let v21 = [
        NORTH,
        (
            "users.csv",
            "sourcedId,username,givenName,familyName,email\nu1,annb,Ann,B,annb@example.org\nu2,bobb,Bob,B,bobb@example.org\n\
             t1,tedd,Ted,D,tedd@example.org\ng1,gail@example.org,Gail,B,gail@example.org\n",
        ),
        ("roles.csv", "userSourcedId,orgSourcedId,role\nu1,1,student\nu2,1,student\nt1,1,teacher\n"),
        (
            "relationships.csv",
            "userSourcedId,relationshipUserSourcedId,relationshipRole\nu1,g1,guardian\nu2,u1,guardian\nu2,t1,parent\n\
             u2,nobody,parent\n",
        ),
    ];
    assert_eq!(told(&v21, 1).await, ["gail@example.org of annb"]);
}
