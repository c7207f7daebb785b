//! Leaving accounts untouched of which nobody could be told: by every door, from the plan to the report.

use keybell_tests::program::PATIENCE;
use serde_json::{Value, json};

use crate::remote::READ;
use crate::school::{Person, School, number, serve, some_unreachable, text, write_roster};

/// Every pupil; whom nobody can tell is left untouched.
fn asked() -> Value {
    json!({"selection": {"scope": "all", "where": {"user_types": ["student"]}}, "channel": "cascade",
        "unreachable": "skip", "reason": "lost", "acknowledgement": READ})
}

/// The codes of people who are left out, with the usernames.
fn left(list: &Value) -> Vec<(&str, &str)> {
    let items = list.pointer("/items").and_then(Value::as_array).expect("items");
    items.iter().map(|item| (text(item, "/username"), text(item, "/code"))).collect()
}

#[tokio::test]
async fn whom_nobody_could_tell_is_left_untouched_from_the_plan_to_the_report() {
    let school = School::with(&some_unreachable()).await;
    let (running, caller) = school.serve(&school.key("office", "district_admin").await).await;
    let plan = caller.post("/v1/plans", &asked()).await.with_status(201);
    for (field, expected) in [("total", 7), ("eligible", 5), ("unreachable", 0)] {
        assert_eq!(number(&plan.body, &format!("/people/{field}")), expected, "{}", plan.body);
    }
    assert_eq!((plan.text("/people/skipped/1/code"), number(&plan.body, "/people/skipped/1/accounts")), ("S10", 1));
    assert_eq!((plan.text("/rules/unreachable"), plan.text("/request/unreachable")), ("skip", "skip"));
    let skipped = caller.get(&format!("{}?fate=skipped", plan.text("/items_url"))).await.with_status(200);
    assert_eq!(left(&skipped.body), [("lonely", "S10"), ("left", "S03")]);
    let preview = caller.post("/v1/tasks/preview", &asked()).await.with_status(200);
    assert_eq!((number(&preview.body, "/eligible"), preview.text("/skipped/1/code")), (5, "S10"));

    let apply = format!("/v1/plans/{}/apply", plan.text("/plan"));
    let task = caller.post_keyed(&apply, "k1", &json!({"acknowledgement": READ})).await.with_status(202).task();
    let ended = caller.ended(task).await;
    assert_eq!((text(&ended, "/state"), text(&ended, "/request/unreachable")), ("completed", "skip"), "{ended}");
    for (phase, expected) in [("reset/reset", 5), ("reset/skipped", 2), ("notify/undelivered", 0)] {
        assert_eq!(number(&ended, &format!("/progress/{phase}")), expected, "{ended}");
    }
    let items = caller.get(&format!("/v1/tasks/{task}/items?state=skipped")).await.with_status(200);
    assert_eq!(left(&items.body), [("lonely", "S10"), ("left", "S03")]);
    let report = caller.text_of(&format!("/v1/tasks/{task}/report.csv")).await;
    let row = report.lines().find(|line| line.contains("lonely")).expect("a row for everybody");
    assert!(row.contains("S10"), "{row}");
    assert!(
        !caller.text_of(&format!("/v1/tasks/{task}/unreachable.csv")).await.contains("lonely"),
        "nothing to hand over"
    );

    // Taken up again by the same rule, or by the other one.
    let again = json!({"items": ["skipped"], "acknowledgement": READ});
    let again = caller.post_keyed(&format!("/v1/tasks/{task}/reissue"), "k2", &again).await.with_status(202).task();
    let ended = caller.ended(again).await;
    assert_eq!((number(&ended, "/progress/reset/skipped"), number(&ended, "/progress/total")), (2, 2), "{ended}");
    let all_the_same = json!({"accounts": ["lonely"], "unreachable": "reset", "acknowledgement": READ});
    let reset = caller.post_keyed(&format!("/v1/tasks/{task}/reissue"), "k3", &all_the_same).await.with_status(202);
    let ended = caller.ended(reset.task()).await;
    assert_eq!((number(&ended, "/progress/notify/undelivered"), number(&ended, "/progress/total")), (1, 1), "{ended}");

    for (members, status, code) in [
        (
            json!({"unreachable": "skip", "password": {"source": "shared", "value": "Quiet-river-47"}}),
            422,
            "unreachable.nobody_is_told",
        ),
        (json!({"unreachable": "leave"}), 400, "field.invalid"),
    ] {
        let mut wrong = asked();
        wrong.as_object_mut().expect("members").extend(members.as_object().expect("members").clone());
        let refused = caller.start("k4", &wrong).await.with_status(status);
        assert_eq!((refused.text("/code"), refused.text("/field")), (code, "unreachable"), "{}", refused.body);
    }
    running.terminate();
    running.wait(PATIENCE).await.with_code(0);
}

#[tokio::test]
async fn the_command_line_leaves_them_untouched_too() {
    let school = School::with(&some_unreachable()).await;
    let rules = ["--scope", "all", "--user-type", "student", "--channel", "cascade", "--reason", "lost"];
    let skip = ["--unreachable", "skip"];
    let plan = school.program(["plan"]).args(rules).args(skip).run_to(0).await.stdout;
    for words in [
        "       5        would be reset",
        "       1  S10   skipped: nobody could be told",
        "channel cascade, recipient account; whoever cannot be told is left untouched",
    ] {
        assert!(plan.contains(words), "{words}\n{plan}");
    }
    assert!(!plan.contains("N02"), "{plan}");
    let yes = ["--yes", "--acknowledge", READ];
    let done: Value = school.program(["reset"]).args(rules).args(skip).args(yes).json().await;
    assert_eq!((number(&done, "/task/progress/reset/reset"), number(&done, "/task/progress/reset/skipped")), (5, 2));
    let task = text(&done, "/task/id").to_owned();
    let shown = school.program(["task", "show", &task]).run_to(0).await.stdout;
    assert!(shown.contains("whoever could not be told was left untouched (S10)"), "{shown}");
    let codes = school.program(["codes"]).run_to(0).await.stdout;
    assert!(codes.contains("S10"), "{codes}");
    // The skipped are taken up again by name, and whoever is still out of reach stays untouched.
    let again: Value = school.program(["task", "reissue", &task, "--items", "skipped"]).args(yes).json().await;
    assert_eq!(number(&again, "/task/progress/reset/skipped"), 2, "{again}");

    // An upload says it beside its file.
    let (export, rules) = (school.beside("a.csv"), ["--reason", "lost", "--unreachable", "skip"]);
    school.program(["upload", "export"]).arg(&export).args(["--user-type", "student"]).run_to(0).await;
    let filled: Vec<String> = std::fs::read_to_string(&export)
        .expect("the export")
        .lines()
        .enumerate()
        .filter(|(at, row)| *at == 0 || row.contains("lonely") || row.contains("pupil1"))
        .map(|(at, row)| if at == 0 { row.to_owned() } else { format!("{row}Otter-lamp-4{at}") })
        .collect();
    std::fs::write(&export, filled.join("\r\n")).expect("a file");
    let refused = school.program(["upload", "try"]).arg(&export).args(rules).run_to(2).await;
    assert!(refused.stderr.contains("unreachable.nobody_is_told"), "{}", refused.stderr);
    let tried: Value =
        school.program(["upload", "try"]).arg(&export).args(rules).args(["--notify", "always"]).json().await;
    assert_eq!((number(&tried, "/rows/ok"), number(&tried, "/rows/skipped")), (1, 1), "{tried}");
    assert_eq!((text(&tried, "/listed/0/username"), text(&tried, "/listed/0/code")), ("lonely", "S10"), "{tried}");
}

/// The accounts are frozen and wait for a second person; meanwhile the roster takes somebody's only address away.
#[tokio::test]
async fn a_contact_that_vanishes_while_a_task_waits_leaves_the_account_untouched() {
    let staff = ["olga", "dora"].map(|name| Person::with_role(name, "administrator"));
    let everybody: Vec<Person> = some_unreachable().into_iter().chain(staff).collect();
    let school = School::with(&everybody).await;
    let (asker, other) = (
        school.key_of("olga", "office", "district_admin").await,
        school.key_of("dora", "deputy", "district_admin").await,
    );
    let careful = || school.program(["serve"]).env("KEYBELL_SCHEDULER__APPROVAL_ABOVE", "2");
    let (running, caller) = serve(careful(), &asker).await;
    let task = caller.start("k", &asked()).await.with_status(202).task();
    let waits = caller.task_when(task, "it waits", |task| text(task, "/state") == "awaiting_approval").await;
    assert_eq!(number(&waits, "/progress/reset/skipped"), 2, "{waits}");
    running.terminate();
    running.wait(PATIENCE).await.with_code(0);

    let later: Vec<Person> = everybody
        .into_iter()
        .map(|person| if person.username == "pupil2" { person.unreachable() } else { person })
        .collect();
    let roster = school.beside("later");
    write_roster(&roster, "Rivermoor Schools", &later);
    school.program(["roster", "import"]).arg(&roster).run_to(0).await;
    let (running, caller) = serve(careful(), &other).await;
    let approve = json!({"digest": text(&waits, "/digest")});
    caller.post(&format!("/v1/tasks/{task}/approve"), &approve).await.with_status(200);
    let ended = caller.ended(task).await;
    for (phase, expected) in [("reset/reset", 4), ("reset/skipped", 3), ("notify/undelivered", 0)] {
        assert_eq!(number(&ended, &format!("/progress/{phase}")), expected, "{ended}");
    }
    let items = caller.get(&format!("/v1/tasks/{task}/items?state=skipped")).await.with_status(200);
    assert!(left(&items.body).contains(&("pupil2", "S10")), "{}", items.body);
    assert!(school.outbox().iter().all(|message| !message.to.contains("pupil2")), "nobody is told");
    running.terminate();
    running.wait(PATIENCE).await.with_code(0);
}
