//! One district's administrator uses the own key on another district's things, all the time.

use std::sync::Arc;
use std::time::Duration;

use keybell_shared::ids::TaskId;
use keybell_shared::precautions;
use reqwest::Method;
use serde_json::{Value, json};

use super::dice::Dice;
use super::doors::{Ask, Heard};
use super::ground::Ground;
use super::people::{ORDERLY, Town};
use crate::evidence::Trespass;

/// What a stranger tries on a task, with a body where one is needed.
const ON_TASKS: [(&Method, &str, Option<&str>); 13] = [
    (&Method::GET, "", None),
    (&Method::GET, "/items", None),
    (&Method::GET, "/items?state=notified&limit=200", None),
    (&Method::GET, "/codes", None),
    (&Method::GET, "/events", None),
    (&Method::GET, "/report.csv", None),
    (&Method::GET, "/report.xlsx", None),
    (&Method::GET, "/unreachable.csv", None),
    (&Method::POST, "/pause", None),
    (&Method::POST, "/resume", None),
    (&Method::POST, "/cancel", None),
    (&Method::POST, "/resend", Some("{}")),
    (&Method::POST, "/reissue", Some("reissue")),
];

/// Names of another district.
#[derive(Clone, Debug, Default)]
struct Theirs {
    accounts: Vec<String>,
    task: Option<TaskId>,
}

/// Tries one thing after the other until nothing new is asked.
pub(super) async fn roam(ground: Arc<Ground>) {
    let mut theirs: Vec<Theirs> = vec![Theirs::default(); ground.towns.len()];
    for n in 0_usize.. {
        let mut dice = ground.dice(&format!("trespass {n}"));
        if !ground.rest(dice.millis(200, 900)).await {
            return;
        }
        let from = dice.below(ground.towns.len());
        let to = (from + 1 + dice.below(ground.towns.len().saturating_sub(1))) % ground.towns.len().max(1);
        let (Some(me), Some(them), Some(known)) = (ground.towns.get(from), ground.towns.get(to), theirs.get_mut(to))
        else {
            return;
        };
        learn(&ground, to, them, known, &mut dice).await;
        let Some(task) = known.task else { continue };
        // By turns, so that a short run tries everything, too.
        match n % (ON_TASKS.len() + 6) {
            kind if kind < ON_TASKS.len() => on_task(&ground, me, them, to, task, kind, known).await,
            kind => by_name(&ground, me, them, kind - ON_TASKS.len(), known, &mut dice).await,
        }
    }
}

/// What there is in the other district, as its own administrator sees it.
async fn learn(ground: &Ground, place: usize, them: &Town, known: &mut Theirs, dice: &mut Dice) {
    let tasks = ground.book.tasks(place, true);
    let tasks = if tasks.is_empty() { ground.book.tasks(place, false) } else { tasks };
    known.task = dice.pick(&tasks).copied();
    let Some(task) = known.task.filter(|_| known.accounts.is_empty()) else { return };
    let heard = ground.doors.ask(&them.district, Ask::get(&format!("/v1/tasks/{task}/items?limit=20"))).await;
    let body = heard.json();
    let items = body.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let accounts = items.iter().filter_map(|item| item.get("account")?.as_str());
    known.accounts.extend(accounts.map(ToOwned::to_owned));
}

/// Something done to a task.
async fn on_task(ground: &Ground, me: &Town, them: &Town, place: usize, task: TaskId, kind: usize, known: &Theirs) {
    let Some((method, what, body)) = ON_TASKS.get(kind) else { return };
    let path = format!("/v1/tasks/{task}{what}");
    let body = body.map(|body| match body {
        "reissue" => json!({"items": ["notified"], "acknowledgement": precautions::VERSION}),
        _ => json!({}),
    });
    let key = format!("trespass-{task}");
    let ask = Ask { method, path: &path, idempotency: Some(key.as_str()), body: body.as_ref(), file: None };
    let heard = ground.doors.ask(&me.district, ask).await;
    let asked = [task.to_string()];
    let mut leaked = tells(&heard, them, known, &asked);
    // Nobody else ever controls a task of the orderly district.
    if place == ORDERLY && **method == Method::POST {
        let now = ground.doors.ask(&them.district, Ask::get(&format!("/v1/tasks/{task}"))).await.json();
        let state = now.get("state").and_then(Value::as_str).unwrap_or_default();
        leaked |= ["paused", "cancelling", "cancelled"].contains(&state) || now.get("held") == Some(&Value::Bool(true));
    }
    note(
        ground,
        format!("{method} /v1/tasks/{{{}'s}}{what} by {}", them.district.slug, me.district.slug),
        &heard,
        leaked,
    );
}

/// A request of the own district that names somebody or something of the other one.
async fn by_name(ground: &Ground, me: &Town, them: &Town, kind: usize, known: &Theirs, dice: &mut Dice) {
    let usernames: Vec<String> = them.inhabitants.iter().map(|one| one.person.username.clone()).collect();
    let source_ids: Vec<String> = them.inhabitants.iter().map(|one| one.person.source_id.clone()).collect();
    let (what, scope, names) = match kind {
        0 => ("account ids", "selected", dice.some(&known.accounts, 3)),
        1 => ("usernames", "selected", dice.some(&usernames, 3)),
        2 => ("roster ids", "all_except", dice.some(&source_ids, 3)),
        3 => ("a school", "all", dice.some(&them.schools, 1)),
        4 => ("a class", "without_role", dice.some(&them.classes, 1)),
        _ => ("account ids in a trial run", "selected", dice.some(&known.accounts, 3)),
    };
    if names.is_empty() {
        return;
    }
    let selection = match kind {
        3 => json!({"scope": scope, "where": {"schools": names}}),
        4 => json!({"scope": scope, "where": {"classes": names}}),
        _ => json!({"scope": scope, "accounts": names}),
    };
    let body = json!({"selection": selection, "reason": "other", "acknowledgement": precautions::VERSION});
    let key = format!("trespass-{}-{}", them.district.slug, dice.below(usize::MAX));
    let path = if kind == 5 { "/v1/tasks/preview" } else { "/v1/tasks" };
    let heard = ground.doors.ask(&me.district, Ask::post(path).under(&key).with(&body)).await;
    let leaked = tells(&heard, them, known, &names);
    note(ground, format!("{what} of {} in POST {path} by {}", them.district.slug, me.district.slug), &heard, leaked);
}

/// Whether an answer names anything of the other district that was not named in the question.
fn tells(heard: &Heard, them: &Town, known: &Theirs, asked: &[String]) -> bool {
    let mut body = heard.body.clone();
    for name in asked {
        body = body.replace(name.as_str(), "");
    }
    let task = known.task.map(|task| task.to_string());
    let theirs = known.accounts.iter().map(String::as_str).chain(task.as_deref());
    body.contains(&format!("{}-", them.district.slug)) || theirs.into_iter().any(|name| body.contains(name))
}

/// Writes it down, unless nobody answered.
fn note(ground: &Ground, what: String, heard: &Heard, leaked: bool) {
    if heard.is_passing() && !leaked {
        return;
    }
    // Whatever is not refused is a leak.
    let leaked = leaked || !(400..500).contains(&heard.status);
    ground.book.trespass(Trespass { what, status: heard.status, leaked });
}

/// The orderly district has exactly the tasks that it asked for: nobody else made one there.
pub(super) async fn count(ground: &Ground) {
    let Some(town) = ground.towns.get(ORDERLY) else { return };
    while !ground.gives_up() {
        let heard = ground.doors.ask(&town.district, Ask::get("/v1/tasks?limit=200")).await;
        if heard.status == 200 {
            let tasks = heard.json().get("tasks").and_then(Value::as_array).map_or(0, Vec::len);
            let asked = ground.book.tasks(ORDERLY, false).len();
            if tasks != asked {
                ground.book.odd(format!("{} asked for {asked} tasks and has {tasks}", town.district.slug));
            }
            return;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}
