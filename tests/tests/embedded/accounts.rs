//! Looking for accounts and protecting them, at the command line; and resets by the same filters.

use std::path::Path;

use keybell_tests::program::Program;
use serde_json::Value;

use crate::school::{Person, School, pupils, text};

/// The usernames of a list.
fn usernames(found: &Value) -> Vec<&str> {
    let accounts = found.pointer("/accounts").and_then(Value::as_array).expect("accounts");
    accounts.iter().map(|account| text(account, "/username")).collect()
}

#[tokio::test]
async fn accounts_are_found_by_the_filters_of_a_reset() {
    let mut people = pupils(3);
    people.push(Person::with_role("tess", "teacher"));
    let school = School::with(&people).await;
    let search = async |arguments: &[&str]| -> Value {
        school.program([&["account", "search"], arguments].concat()).json().await
    };
    assert_eq!(usernames(&search(&["--all"]).await), ["pupil1", "pupil2", "pupil3", "tess"]);
    assert_eq!(usernames(&search(&["PUPIL3"]).await), ["pupil3"]);
    assert_eq!(usernames(&search(&["--user-type", "teacher"]).await), ["tess"]);
    assert_eq!(
        usernames(&search(&["--family-name", "FÁM", "--grade", "05", "--limit", "2"]).await),
        ["pupil1", "pupil2"]
    );
    let first = search(&["--limit", "3"]).await;
    let rest = search(&["--after", text(&first, "/next")]).await;
    assert_eq!((usernames(&first).len(), usernames(&rest)), (3, vec!["tess"]));
    let table = school.program(["account", "search", "--school", "Northgate School"]).run_to(0).await.stdout;
    assert!(table.contains("pupil1") && table.contains("Northgate School"), "{table}");
    for (flag, value) in [("--group", "chess"), ("--graduation-year", "1999"), ("--grade", "99")] {
        let unknown = school.program(["account", "search", flag, value]).run_to(2).await.stderr;
        assert!(unknown.contains("selection.unknown_names") && unknown.contains(value), "{unknown}");
    }
}

#[tokio::test]
async fn a_protected_account_is_left_out_until_that_is_confirmed_and_an_import_changes_nothing() {
    let school = School::with(&pupils(2)).await;
    let protected = school.program(["account", "protect", "Pupil1"]).run_to(0).await.stdout;
    assert!(protected.contains("pupil1 is protected"), "{protected}");
    school.program(["account", "protect", "ghost"]).run_to(4).await;
    school.program(["roster", "import"]).arg(school.beside("roster")).run_to(0).await;
    let reset = async |more: &[&str]| -> Value {
        let all = [
            "reset",
            "--scope",
            "all",
            "--family-name",
            "fam",
            "--reason",
            "lost",
            "--yes",
            "--acknowledge",
            "2026-11",
        ];
        school.program([&all[..], more].concat()).json().await
    };
    let code = |done: &Value| text(done, "/codes/0/code").to_owned() + text(done, "/codes/1/code");
    assert!(code(&reset(&[]).await).contains("S04"));
    assert!(!code(&reset(&["--confirm-protected"]).await).contains("S04"));
    school.program(["account", "unprotect", "id-pupil1"]).run_to(0).await;
    assert!(!code(&reset(&[]).await).contains("S04"));
}

#[tokio::test]
async fn an_administrator_says_who_is_managed_elsewhere_and_who_has_no_password() {
    let school = School::with(&pupils(2)).await;
    let managed = school.program(["account", "manage", "pupil1", "--by", "ClassLink"]).run_to(0).await.stdout;
    assert!(managed.contains("pupil1 is managed by ClassLink"), "{managed}");
    school.program(["account", "quick-login", "pupil2"]).run_to(0).await;
    for (name, word) in [("ghost", "not_found"), ("pupil1", "accounts.provider")] {
        let by = if name == "ghost" { "clever" } else { " clever" };
        let refused = school.program(["account", "manage", name, "--by", by]).run().await;
        assert!(refused.stderr.contains(word), "{}", refused.stderr);
    }
    school.program(["roster", "import"]).arg(school.beside("roster")).run_to(0).await;
    let codes = async || -> String {
        let reset =
            ["reset", "--scope", "all", "--grade", "05", "--reason", "lost", "--yes", "--acknowledge", "2026-11"];
        let done: Value = school.program(reset).args(["--output", "json"]).run().await.json();
        done.pointer("/codes").map(Value::to_string).unwrap_or_default()
    };
    let left = codes().await;
    assert!(left.contains("S01") && left.contains("S02"), "{left}");
    let found: Value = school.program(["account", "search", "pupil1"]).json().await;
    assert_eq!(text(&found, "/accounts/0/managed_by"), "ClassLink");
    school.program(["account", "unmanage", "pupil1"]).run_to(0).await;
    school.program(["account", "normal-login", "pupil2"]).run_to(0).await;
    let left = codes().await;
    assert!(!left.contains("S01") && !left.contains("S02"), "{left}");
}

/// Rows of one-roster files of version 1.2, where people have roles of their own file.
#[tokio::test]
async fn whoever_holds_any_privileged_role_counts_as_staff() {
    let school = School::empty();
    let roster = school.beside("twelve");
    std::fs::create_dir_all(&roster).expect("a folder");
    let put = |name: &str, rows: &str| std::fs::write(Path::new(&roster).join(name), rows).expect("a file");
    put(
        "manifest.csv",
        "propertyName,value\nmanifest.version,1.0\noneroster.version,1.2\nfile.orgs,bulk\nfile.roles,bulk\nfile.users,bulk\n",
    );
    put(
        "orgs.csv",
        "sourcedId,status,dateLastModified,name,type\ns,active,2026-01-01T00:00:00Z,Northgate School,school\n",
    );
    put(
        "users.csv",
        "sourcedId,status,dateLastModified,enabledUser,username,givenName,familyName\n\
         a,active,2026-01-01T00:00:00Z,true,anna,Anna,Alder\nb,active,2026-01-01T00:00:00Z,true,both,Bo,Birch\n",
    );
    put(
        "roles.csv",
        "sourcedId,status,dateLastModified,userSourcedId,roleType,role,orgSourcedId\n\
         1,active,2026-01-01T00:00:00Z,a,primary,student,s\n2,active,2026-01-01T00:00:00Z,b,primary,student,s\n\
         3,active,2026-01-01T00:00:00Z,b,secondary,teacher,s\n",
    );
    let import: Program = school.program(["roster", "import", "--district", "d"]).arg(&roster);
    import.run_to(0).await;
    let preview = school.program(["account", "search", "--user-type", "student"]).json::<Value>().await;
    assert_eq!(usernames(&preview), ["anna", "both"]);
    assert_eq!(without_role(&school).await, ["anna"]);
}

#[tokio::test]
async fn other_roles_may_be_unprivileged_from_the_next_import_on() {
    let people =
        [Person::with_role("anna", "student"), Person::with_role("ida", "aide"), Person::with_role("pam", "parent")];
    let school = School::with(&people).await;
    assert_eq!(without_role(&school).await, ["anna", "pam"]);
    let file = school.beside("keybell.toml");
    let configured = |roles: &str| std::fs::write(&file, format!("[roster]\nunprivileged_roles = [{roles}]\n"));
    let import = || school.program(["roster", "import", "--config"]).arg(&file).arg(school.beside("roster"));
    configured(r#""student", "aide""#).expect("a file");
    assert_eq!(without_role(&school).await, ["anna", "pam"], "nothing changes before the next import");
    import().run_to(0).await;
    assert_eq!(without_role(&school).await, ["anna", "ida"]);
    // Whoever teaches or manages is never unprivileged, and nothing is imported by such a configuration.
    for (roles, word) in [(r#""student", "teacher""#, "teacher"), (r#""aide""#, "student")] {
        configured(roles).expect("a file");
        let refused = import().run_to(78).await.stderr;
        assert!(refused.contains("roster.unprivileged_roles") && refused.contains(word), "{refused}");
    }
    assert_eq!(without_role(&school).await, ["anna", "ida"]);
}

/// Whom a reset of everybody without a privileged role means.
async fn without_role(school: &School) -> Vec<String> {
    let reset = ["reset", "--scope", "without_role", "--reason", "lost", "--yes", "--acknowledge", "2026-11"];
    let done: Value = school.program(reset).args(["--output", "json"]).run().await.json();
    let task = text(&done, "/task/id").to_owned();
    let items: Value = school.program(["task", "items", &task, "--all"]).json().await;
    let items = items.pointer("/items").and_then(Value::as_array).into_iter().flatten();
    let mut meant: Vec<String> = items.map(|item| text(item, "/username").to_owned()).collect();
    meant.sort_unstable();
    meant
}
