//! Starting, showing, listing and controlling tasks.

use axum::body::Body;
use keybell_shared::actor::Role;
use keybell_shared::clock::Millis;
use keybell_shared::codes::Code;
use keybell_shared::ids::{AccountId, DistrictId, ItemId};
use keybell_shared::ports::ledger::ItemView;
use keybell_shared::states::{ItemState, TaskState};
use serde_json::{Value, json};

use super::{FINE, World, request};

#[tokio::test]
async fn a_task_is_accepted_once_and_shown_as_promised() {
    let world = World::new();
    let first = world.post(&world.key, "/v1/tasks", FINE).await;
    assert_eq!(first.status, 202);
    let task = first.body["task"].as_str().expect("an id").to_owned();
    assert_eq!(first.headers["location"], format!("/v1/tasks/{task}"));
    assert_eq!(
        first.body,
        json!({
            "task": task,
            "state_url": format!("/v1/tasks/{task}"),
            "items_url": format!("/v1/tasks/{task}/items"),
            "events_url": format!("/v1/tasks/{task}/events"),
        })
    );
    assert!(!first.headers.contains_key("idempotent-replayed"));
    let again = world.post(&world.key, "/v1/tasks", FINE).await;
    assert_eq!((again.status.as_u16(), &again.body), (202, &first.body));
    assert_eq!(again.headers["idempotent-replayed"], "true");

    let shown = world.get(&world.key, &format!("/v1/tasks/{task}")).await;
    assert_eq!(
        shown.body,
        json!({
            "id": task,
            "state": "running",
            "held": false,
            "parent": null,
            "accepted_at": "2027-01-15T08:00:00Z",
            "finished_at": null,
            "requester": "sis",
            "reason": "lost",
            "temporary": true,
            "expires_in_hours": 168,
            "request": shown.body["request"],
            "progress": {
                "total": 3,
                "reset": { "pending": 3, "reset": 0, "skipped": 0, "cancelled": 0, "superseded": 0, "failed": 0 },
                "notify": {
                    "total": 0, "waiting": 0, "notified": 0, "silent": 0, "undelivered": 0, "retries": 0
                },
            },
            "digest": null,
            "plan": null,
            "approved_by": null,
            "starts_at": null,
            "waits": null,
            "wave": null,
            "halted": null,
        })
    );
    assert_eq!(shown.body["request"]["selection"]["scope"], "selected");
}

#[tokio::test]
async fn lists_are_paged_without_gaps() {
    let world = World::new();
    let mut started = Vec::new();
    for n in 0..5 {
        started.push(world.start(&world.key, &format!("k-{n}")).await);
    }
    let mut listed: Vec<String> = Vec::new();
    let mut path = "/v1/tasks?limit=2".to_owned();
    let mut pages = 0;
    loop {
        let page = world.get(&world.key, &path).await;
        pages += 1;
        let tasks = page.body["tasks"].as_array().expect("a list");
        listed.extend(tasks.iter().map(|task| task["id"].as_str().expect("an id").to_owned()));
        let Some(next) = page.body["next"].as_str() else { break };
        path = format!("/v1/tasks?limit=2&before={next}");
    }
    started.reverse();
    assert_eq!((listed, pages), (started, 3));
}

#[tokio::test]
async fn items_are_filtered_and_paged() {
    let world = World::new();
    let task = world.start(&world.key, "k-1").await;
    world.ledger.memory().items = (1..=4)
        .map(|n| ItemView {
            id: ItemId(n),
            account: AccountId::fresh(),
            username: format!("pupil{n}"),
            state: if n == 3 { ItemState::Skipped } else { ItemState::Pending },
            code: (n == 3).then_some(Code::S01),
            meaning: None,
            changed_at: Millis(1_800_000_000_000),
        })
        .collect();
    let names = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().expect("a list");
        items.iter().map(|item| item["username"].as_str().expect("a name").to_owned()).collect()
    };
    let path = format!("/v1/tasks/{task}/items");
    let one = world.get(&world.key, &format!("{path}?limit=3")).await.body;
    assert_eq!(names(&one), ["pupil1", "pupil2", "pupil3"]);
    let after = one["next"].as_str().expect("there is more");
    let two = world.get(&world.key, &format!("{path}?limit=3&after={after}")).await.body;
    assert_eq!((names(&two), &two["next"]), (vec!["pupil4".to_owned()], &Value::Null));
    let skipped = world.get(&world.key, &format!("{path}?state=skipped")).await.body;
    assert_eq!(names(&skipped), ["pupil3"]);
    assert_eq!(skipped["items"][0]["code"], "S01");
    assert_eq!(skipped["items"][0]["meaning"], Code::S01.meaning());
}

#[tokio::test]
async fn who_sees_and_may_do_what() {
    let world = World::new();
    let task = world.start(&world.key, "k-1").await;
    let elsewhere = DistrictId::fresh();
    let keys = [
        ("own", world.key.clone(), 200, 200),
        ("other application", world.key_of(world.district, Role::Application, "lms"), 404, 404),
        ("teacher", world.key_of(world.district, Role::Teacher, "ms-day"), 404, 404),
        ("principal", world.key_of(world.district, Role::Principal, "mr-fox"), 404, 404),
        ("operator", world.key_of(world.district, Role::Operator, "ops"), 200, 403),
        ("administrator", world.key_of(world.district, Role::DistrictAdmin, "admin"), 200, 200),
        ("other district's", world.key_of(elsewhere, Role::DistrictAdmin, "admin"), 404, 404),
        ("same name elsewhere", world.key_of(elsewhere, Role::Application, "sis"), 404, 404),
    ];
    for (who, key, see, act) in keys {
        for path in ["", "/items"] {
            let answer = world.get(&key, &format!("/v1/tasks/{task}{path}")).await;
            assert_eq!(answer.status.as_u16(), see, "{who} {path}");
        }
        let stream = request("HEAD", &format!("/v1/tasks/{task}/events"), &key).body(Body::empty()).expect("a request");
        assert_eq!(world.send(stream).await.status.as_u16(), see, "{who} events");
        for action in ["pause", "resume"] {
            let answer = world.post(&key, &format!("/v1/tasks/{task}/{action}"), Body::empty()).await;
            assert_eq!(answer.status.as_u16(), act, "{who} {action} {answer:?}");
        }
        let listed = world.get(&key, "/v1/tasks").await.body["tasks"].as_array().expect("a list").len();
        assert_eq!(listed, usize::from(see == 200), "{who} list");
    }
    let operator = world.key_of(world.district, Role::Operator, "ops");
    let refused = world.post(&operator, "/v1/tasks", FINE).await;
    assert_eq!(refused.short(), (403, "role.may_not_reset"));
}

#[tokio::test]
async fn pause_resume_and_cancel_answer_the_state() {
    let world = World::new();
    let task = world.start(&world.key, "k-1").await;
    let turn = async |action: &str| world.post(&world.key, &format!("/v1/tasks/{task}/{action}"), Body::empty()).await;
    for (action, state) in [("pause", "paused"), ("pause", "paused"), ("resume", "running"), ("cancel", "cancelling")] {
        let answer = turn(action).await;
        assert_eq!(answer.body, json!({ "task": task, "state": state, "held": false }), "{action}");
    }
    world.ledger.memory().tasks[0].progress.state = TaskState::Completed;
    for (action, code) in [("pause", "task.ended"), ("resume", "task.ended"), ("cancel", "task.ended")] {
        assert_eq!(turn(action).await.short(), (409, code), "B21 {action}");
    }
}

#[tokio::test]
async fn a_task_shows_whether_its_passwords_are_temporary() {
    for (more, temporary, hours) in [
        ("", json!(true), json!(168)),
        (r#","expires_in_hours":24"#, json!(true), json!(24)),
        (r#","temporary":false"#, json!(false), json!(null)),
        (r#","permanent_grades":["KG"]"#, json!(true), json!(168)),
    ] {
        let world = World::new();
        let body = format!(r#"{{"selection":{{"scope":"all"}},"reason":"lost","acknowledgement":"2026-11"{more}}}"#);
        let started = world.post(&world.key, "/v1/tasks", body).await;
        assert_eq!(started.status, 202, "{more}");
        let task = started.body["task"].as_str().expect("an id").to_owned();
        let shown = world.get(&world.key, &format!("/v1/tasks/{task}")).await.body;
        assert_eq!((&shown["temporary"], &shown["expires_in_hours"]), (&temporary, &hours), "{more}");
        assert_eq!(shown["request"]["permanent_grades"].is_array(), more.contains("grades"));
    }
}

#[tokio::test]
async fn the_formats_are_shown_with_their_entropy() {
    let world = World::new();
    let all = world.get(&world.key, "/v1/formats").await;
    assert_eq!((all.status.as_u16(), all.body["formats"].as_array().map(Vec::len)), (200, Some(36)));
    let some = world.get(&world.key, "/v1/formats?policy=nist15&language=es").await.body;
    let rows = some["formats"].as_array().expect("a list");
    assert_eq!(rows.len(), 6);
    assert!(
        rows.iter()
            .all(|row| row["policy"] == "nist15" && row["language"] == "es" && row["bits"].as_f64() >= Some(27.0))
    );
    for wrong in ["policy=strong", "language=tlh", "polcy=standard"] {
        let answer = world.get(&world.key, &format!("/v1/formats?{wrong}")).await;
        assert_eq!(answer.short(), (400, "query.invalid"), "{wrong}");
    }
}
