//! Trying a reset out, starting exactly that, and a second person's approval; by HTTP and by the command line.

use keybell_tests::http::Caller;
use keybell_tests::program::{PATIENCE, Program, Running};
use serde_json::{Value, json};

use crate::remote::READ;
use crate::school::{Person, School, number, serve, some_unreachable, text, write_roster};

async fn stopped(running: Running) {
    running.terminate();
    running.wait(PATIENCE).await.with_code(0);
}

fn students(channel: &str) -> Value {
    json!({"selection": {"scope": "all", "where": {"user_types": ["student"]}}, "channel": channel, "reason": "lost"})
}

fn acknowledged() -> Value {
    json!({"acknowledgement": READ})
}

/// The usernames of a plan's people with this fate, page by page.
async fn named(caller: &Caller, plan: &str, fate: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = caller.get(&format!("/v1/plans/{plan}/items?limit=2&fate={fate}{cursor}")).await.with_status(200);
        let items = page.body.pointer("/items").and_then(Value::as_array).expect("items").clone();
        names.extend(items.iter().map(|item| text(item, "/username").to_owned()));
        match page.body.pointer("/next").and_then(Value::as_str) {
            Some(next) => cursor = format!("&after={next}"),
            None => return names,
        }
    }
}

#[tokio::test]
async fn a_plan_is_looked_at_and_started_exactly_so() {
    let school = School::with(&some_unreachable()).await;
    let (key, other) = (school.key("office", "district_admin").await, school.key("portal", "application").await);
    let deputy = school.key("deputy", "district_admin").await;
    let (running, caller) = school.serve(&key).await;

    let made = caller.post("/v1/plans", &students("cascade")).await.with_status(201);
    let plan = made.text("/plan").to_owned();
    assert_eq!(made.headers["location"], format!("/v1/plans/{plan}").as_str());
    for (field, expected) in [("total", 7), ("eligible", 6), ("unreachable", 1)] {
        assert_eq!(number(&made.body, &format!("/people/{field}")), expected, "{}", made.body);
    }
    assert_eq!((made.text("/people/skipped/0/code"), number(&made.body, "/people/skipped/0/accounts")), ("S03", 1));
    let rules = made.body.pointer("/rules").expect("rules");
    assert_eq!(
        *rules,
        json!({
            "mode": "force", "password": "generated", "format": "by-grade", "language": "en", "policy": "standard",
            "temporary": true, "permanent_grades": [], "clear_security_questions": false,
            "expires_in_hours": 168, "notify": "auto", "told": true, "delivery": "password", "channel": "cascade", "recipient": "account",
            "unreachable": "reset",
            "precautions": READ
        })
    );
    assert_eq!(made.body.pointer("/approval"), Some(&json!({"needed": false, "above": null})));
    assert_eq!(made.body.pointer("/estimate/seconds"), Some(&Value::Null), "nothing was measured: {}", made.body);
    assert!(made.text("/estimate/basis").contains("nothing like it was measured"), "{}", made.body);
    assert_eq!(named(&caller, &plan, "unreachable").await, ["lonely"]);
    assert_eq!(named(&caller, &plan, "skipped").await, ["left"]);
    assert_eq!(named(&caller, &plan, "reset").await, ["pupil1", "pupil2", "pupil3", "pupil4", "ward"]);
    assert_eq!(caller.get("/v1/tasks").await.body.pointer("/tasks"), Some(&json!([])), "a plan is no task");
    caller.get(&format!("/v1/plans/{plan}/items?fate=lost")).await.with_status(400);
    caller.get(&format!("/v1/plans/{plan}/items?after={}", "0".repeat(40))).await.with_status(400);

    // Only who made it starts it, only once, and only with the precautions.
    let path = format!("/v1/plans/{plan}/apply");
    caller.with_key(&other).get(&format!("/v1/plans/{plan}")).await.with_status(404);
    caller.with_key(&other).post_keyed(&path, "k", &acknowledged()).await.with_status(404);
    let refused = caller.with_key(&deputy).post_keyed(&path, "k", &acknowledged()).await.with_status(403);
    assert_eq!(refused.text("/code"), "plan.other_requester");
    for (body, status, code) in [
        (json!({}), 422, "acknowledgement.missing"),
        (json!({"acknowledgement": "1999-01"}), 422, "acknowledgement.outdated"),
        (json!({"acknowledgement": READ, "password": {"source": "generated"}}), 422, "plan.password_unexpected"),
        (json!({"acknowledgement": READ, "notify": "never"}), 400, "field.unknown"),
    ] {
        let refused = caller.post_keyed(&path, "k", &body).await.with_status(status);
        assert_eq!(refused.text("/code"), code);
    }
    caller.post(&path, &acknowledged()).await.with_status(400);
    let started = caller.post_keyed(&path, "autumn", &acknowledged()).await.with_status(202);
    let again = caller.post_keyed(&path, "autumn", &acknowledged()).await.with_status(202);
    assert_eq!((again.task(), again.headers.contains_key("idempotent-replayed")), (started.task(), true));
    let used = caller.post_keyed(&path, "winter", &acknowledged()).await.with_status(409);
    assert_eq!(used.text("/code"), "plan.used");
    let ended = caller.ended(started.task()).await;
    assert_eq!((number(&ended, "/progress/total"), number(&ended, "/progress/reset/reset")), (7, 6), "{ended}");
    assert_eq!(text(&ended, "/plan"), plan);
    let shown = caller.get(&format!("/v1/plans/{plan}")).await.with_status(200);
    assert_eq!(shown.text("/task"), started.task().to_string());
    stopped(running).await;
}

#[tokio::test]
async fn people_who_changed_stop_a_plan() {
    let school = School::with(&some_unreachable()).await;
    let plan = ["plan", "--scope", "all", "--user-type", "student", "--reason", "lost"];
    let made: Value = school.program(plan).json().await;
    let id = text(&made, "/plan").to_owned();
    let mut changed = some_unreachable();
    changed[0].email = "elsewhere@example.net".to_owned();
    changed[1].enabled = false;
    changed.push(Person::pupil("newcomer"));
    let roster = school.beside("later");
    write_roster(&roster, "Rivermoor Schools", &changed);
    school.program(["roster", "import"]).arg(&roster).run_to(0).await;
    let apply =
        |id: &str| school.program(["plan", "apply"]).arg(id).args(["--yes", "--acknowledge", READ, "--output", "json"]);
    let refused = apply(&id).run_to(1).await;
    for words in
        ["plan.changed", "1 joined", "1 changed whether", "newcomer: joined", "pupil1: contact", "pupil2: eligibility"]
    {
        assert!(refused.stderr.contains(words), "{words}: {}", refused.stderr);
    }
    assert!(!refused.stderr.contains("elsewhere@example.net"), "no address is repeated: {}", refused.stderr);
    assert_eq!(school.outbox().len(), 0);
    let again: Value = school.program(plan).json().await;
    let done: Value = apply(text(&again, "/plan")).run_to(1).await.json();
    assert_eq!(
        (number(&done, "/task/progress/total"), text(&done, "/task/plan")),
        (8, text(&again, "/plan")),
        "{done}"
    );
}

#[tokio::test]
async fn a_plan_is_read_on_a_terminal_and_started_from_there() {
    let school = School::with(&some_unreachable()).await;
    let asked = ["plan", "--scope", "all", "--user-type", "student", "--reason", "lost", "--channel", "cascade"];
    let shown = school.program(asked).run_to(0).await.stdout;
    let lines: Vec<&str> = shown.lines().collect();
    let id = lines[0].split(' ').nth(1).expect("the id").to_owned();
    assert!(lines[0].ends_with("for Rivermoor Schools"), "{shown}");
    for line in [
        "       6        would be reset",
        "       1  N02   of these nobody could be told: no usable contact",
        "       1  S03   skipped: the account is not active",
        "passwords    generated, by-grade; policy standard",
        "validity     temporary: to be changed at the first sign-in; expires after 168 hours",
        "telling      auto: people are told; channel cascade, recipient account",
        "approval     not needed",
    ] {
        assert!(lines.contains(&line), "{line}\n{shown}");
    }
    assert!(shown.contains("duration     not known: nothing like it was measured yet"), "{shown}");
    assert!(shown.ends_with(&format!("to start exactly this:\n  keybell plan apply {id}\n")), "{shown}");
    assert_eq!(school.program(["plan", "show", &id]).run_to(0).await.stdout, shown, "a plan does not change");
    let items = school.program(["plan", "items", &id, "--fate", "unreachable"]).run_to(0).await.stdout;
    assert!(items.contains("lonely    Given Family  unreachable  N02"), "{items}");
    let all: Value = school.program(["plan", "items", &id, "--all"]).json().await;
    assert_eq!(all.pointer("/items").and_then(Value::as_array).map(Vec::len), Some(7), "{all}");

    // Nobody is here to answer, so nothing is started.
    let unread = school.program(["plan", "apply", &id]).run_to(3).await;
    assert!(
        unread.stderr.contains("Before a bulk reset") && unread.stderr.contains("--acknowledge"),
        "{}",
        unread.stderr
    );
    school.program(["reset", "--plan", &id, "--scope", "all"]).run_to(2).await;
    let done: Value = school
        .program(["reset", "--plan", &id, "--yes", "--acknowledge", READ, "--output", "json"])
        .run_to(1)
        .await
        .json();
    assert_eq!(number(&done, "/task/progress/total"), 7, "{done}");
    assert!(school.program(["plan", "show", &id]).run_to(0).await.stdout.contains("it was started as task"));
    school.program(["plan", "show", "01890000-0000-7000-8000-000000000000"]).run_to(4).await;
}

#[tokio::test]
async fn a_shared_password_is_no_part_of_a_plan() {
    let school = School::with(&some_unreachable()).await;
    let file = school.beside("shared.txt");
    std::fs::write(&file, "Quiet-river-47\n").expect("a file");
    let with_file = |program: Program| program.arg("--shared-password-file").arg(&file);
    let asked = ["plan", "--scope", "selected", "--account", "pupil1", "--reason", "lost"];
    let made: Value = with_file(school.program(asked)).json().await;
    assert_eq!(made.pointer("/rules/told"), Some(&Value::Bool(false)), "auto: a shared password is not sent: {made}");
    assert!(!made.to_string().contains("Quiet-river"), "{made}");
    for entry in std::fs::read_dir(school.folder()).expect("the data folder").filter_map(Result::ok) {
        let bytes = std::fs::read(entry.path()).unwrap_or_default();
        assert!(!bytes.windows(11).any(|window| window == b"Quiet-river"), "{:?}", entry.path());
    }
    let id = text(&made, "/plan").to_owned();
    let apply = || school.program(["plan", "apply", &id, "--yes", "--acknowledge", READ]);
    let refused = apply().run_to(2).await;
    assert!(refused.stderr.contains("plan.password_needed"), "{}", refused.stderr);
    // A blank one is none: what was planned with a shared password does not start without.
    let blank = school.beside("blank.txt");
    std::fs::write(&blank, " \n").expect("a file");
    let refused = apply().arg("--shared-password-file").arg(&blank).run_to(2).await;
    assert!(refused.stderr.contains("plan.password_needed"), "{}", refused.stderr);
    with_file(apply()).run_to(0).await;
    // The limit of shared passwords holds for plans, and what it fills in is shown.
    let few = |arguments: &[&str]| {
        with_file(school.program(arguments.iter().copied())).env("KEYBELL_PASSWORDS__SHARED_LIMIT", "2")
    };
    let pupils = ["plan", "--scope", "all", "--user-type", "student", "--reason", "lost"];
    assert!(few(&pupils).run_to(2).await.stderr.contains("password.shared_unacknowledged"));
    let made: Value = few(&[&pupils[..], &["--acknowledge-shared"]].concat()).json().await;
    assert_eq!(number(&made, "/rules/expires_in_hours"), 24, "{made}");
}

/// A server on which more than two passwords need a second person.
fn careful(school: &School, arguments: &[&str]) -> Program {
    school.program(arguments.iter().copied()).env("KEYBELL_SCHEDULER__APPROVAL_ABOVE", "2")
}

#[tokio::test]
async fn a_second_person_approves_what_the_first_one_asked_for() {
    let staff = ["olga", "dora", "drew"].map(|name| Person::with_role(name, "administrator"));
    let school = School::with(&some_unreachable().into_iter().chain(staff).collect::<Vec<_>>()).await;
    let asker = school.key_of("olga", "office", "district_admin").await;
    let other = school.key_of("dora", "deputy", "district_admin").await;
    let (portal, nobodys) = (school.key("portal", "application").await, school.key("nobody", "district_admin").await);
    let (running, caller) = serve(careful(&school, &["serve"]), &asker).await;
    let deputy = caller.with_key(&other);

    let plan = caller.post("/v1/plans", &students("email")).await.with_status(201);
    assert_eq!(plan.body.pointer("/approval"), Some(&json!({"needed": true, "above": 2})));
    let path = format!("/v1/plans/{}/apply", plan.text("/plan"));
    let task = caller.post_keyed(&path, "k", &acknowledged()).await.with_status(202).task();
    let waits = caller.task_when(task, "it waits", |task| text(task, "/state") == "awaiting_approval").await;
    let digest = text(&waits, "/digest").to_owned();
    let approve = format!("/v1/tasks/{task}/approve");
    for (who, body, status, code) in [
        (&caller, json!({"digest": digest}), 403, "approval.same_person"),
        (&caller.with_key(&portal), json!({"digest": digest}), 403, "role.may_not_approve"),
        (&caller.with_key(&nobodys), json!({"digest": digest}), 403, "approval.person_missing"),
        (&deputy, json!({"digest": "0".repeat(64)}), 409, "approval.other_digest"),
        (&deputy, json!({}), 400, "field.missing"),
    ] {
        assert_eq!(who.post(&approve, &body).await.with_status(status).text("/code"), code);
    }
    let late = deputy
        .post("/v1/keys", &json!({"name": "late", "role": "district_admin", "person": "drew"}))
        .await
        .with_status(201);
    let late = caller.with_key(late.text("/key"));
    let refused = late.post(&approve, &json!({"digest": digest})).await.with_status(403);
    assert_eq!(refused.text("/code"), "approval.key_too_new");
    // To resume it is not to approve it.
    let resumed = caller.act(&format!("/v1/tasks/{task}/resume")).await.with_status(200);
    assert_eq!(resumed.text("/state"), "awaiting_approval");
    assert_eq!(caller.get(&format!("/v1/tasks/{task}")).await.text("/state"), "awaiting_approval");
    assert_eq!(school.outbox().len(), 0, "nobody was told anything");

    let by_command = Program::new(["--server", caller.base(), "task", "approve"])
        .args([task.to_string().as_str(), "--digest", &digest])
        .env("KEYBELL_API_KEY", &other);
    let said = by_command.run_to(0).await.stdout;
    assert_eq!(said, format!("task {task} is approved, and running\n"));
    let ended = caller.ended(task).await;
    assert_eq!((number(&ended, "/progress/reset/reset"), text(&ended, "/approved_by")), (6, "deputy"), "{ended}");
    let over = deputy.post(&approve, &json!({"digest": digest})).await;
    assert_eq!(over.with_status(200).text("/state"), "completed_with_errors", "a repetition changes nothing");

    // A cancel rejects.
    let all = json!({"selection": {"scope": "all"}, "reason": "lost", "acknowledgement": READ});
    let rejected = caller.start("k2", &all).await.with_status(202).task();
    let waits = caller.task_when(rejected, "it waits", |task| text(task, "/state") == "awaiting_approval").await;
    deputy.act(&format!("/v1/tasks/{rejected}/cancel")).await.with_status(200);
    let ended = caller.ended(rejected).await;
    assert_eq!((text(&ended, "/state"), number(&ended, "/progress/reset/reset")), ("cancelled", 0), "{ended}");
    let late = deputy.post(&format!("/v1/tasks/{rejected}/approve"), &json!({"digest": text(&waits, "/digest")})).await;
    assert_eq!(late.with_status(409).text("/code"), "approval.not_awaiting");
    // A key that says of nobody whose it is asks for nothing that a second person must approve, by any way.
    let nobody = caller.with_key(&nobodys);
    let plan = nobody.post("/v1/plans", &students("email")).await.with_status(201);
    let refused = nobody.post_keyed(&format!("/v1/plans/{}/apply", plan.text("/plan")), "k", &acknowledged()).await;
    assert_eq!(refused.with_status(403).text("/code"), "approval.person_missing");
    assert_eq!(nobody.start("k", &all).await.with_status(403).text("/code"), "approval.person_missing");
    // A small one needs nobody.
    let small = json!({"selection": {"scope": "selected", "accounts": ["pupil1", "pupil2"]}, "reason": "lost", "acknowledgement": READ});
    let small = caller.start("k3", &small).await.with_status(202).task();
    assert_eq!(text(&caller.ended(small).await, "/state"), "completed");
    stopped(running).await;
}

#[tokio::test]
async fn who_is_alone_is_told_that_somebody_else_must_approve() {
    let school = School::with(&some_unreachable()).await;
    let asked = ["reset", "--scope", "all", "--reason", "lost", "--yes", "--acknowledge", READ];
    let waits = careful(&school, &asked).run_to(1).await;
    assert!(waits.stderr.contains("it waits for a second person"), "{}", waits.stderr);
    let listed = careful(&school, &["task", "list"]).run_to(0).await.stdout;
    assert!(listed.contains("to approve"), "{listed}");
    let tasks: Value = careful(&school, &["task", "list"]).json().await;
    let task = text(&tasks, "/tasks/0/id").to_owned();
    let shown = careful(&school, &["task", "show", &task]).run_to(0).await.stdout;
    let digest = text(&tasks, "/tasks/0/digest");
    assert!(shown.contains(&format!("digest of its accounts: {digest}")), "{shown}");
    // Without a terminal and without a digest nobody has looked at anything.
    let asks = careful(&school, &["task", "approve", &task]).run_to(3).await;
    assert!(asks.stderr.contains(&format!("--digest {digest}")), "{}", asks.stderr);
    let same = careful(&school, &["task", "approve", &task, "--digest", digest]).run_to(77).await;
    assert!(same.stderr.contains("approval.same_person"), "{}", same.stderr);
    careful(&school, &["task", "cancel", &task]).run_to(0).await;
    assert_eq!(school.outbox().len(), 0);
}
