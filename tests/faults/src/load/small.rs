//! A load of single steps, for whoever provokes something particular: one request, one control, one look at a time. What
//! was asked and seen is evidence as that of the large load is.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use keybell_shared::clock::{Stopwatch, wall};
use keybell_shared::ids::TaskId;
use keybell_shared::precautions;
use keybell_tests::ledgers::Raw;
use reqwest::Method;
use serde_json::{Value, json};

use super::Seen;
use super::doors::{Ask, Doors, Heard};
use super::ground::is_final;
use super::people::{ORDERLY, Town};
use crate::evidence::{Action, Answer, Control, Door, Request, Sample, Secret, Trespass};
use crate::fleet::Fleet;

/// The longest that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(40);

/// Districts in which nothing happens by itself.
pub(crate) struct Small {
    towns: Vec<Town>,
    doors: Doors,
    answers: PathBuf,
    asked: AtomicU32,
    pages: Mutex<Pages>,
}

#[derive(Default)]
struct Pages {
    requests: Vec<Request>,
    controls: Vec<Control>,
    samples: Vec<Sample>,
    trespasses: Vec<Trespass>,
}

impl Small {
    /// Brings one district in, or two: the first one is the one whose people behave as their address says.
    pub(crate) async fn prepare(
        fleet: &Fleet,
        ledger: &Raw,
        folder: &Path,
        seed: u64,
        districts: usize,
    ) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let mut towns = Vec::new();
        for place in [ORDERLY, 0].into_iter().take(districts) {
            let mut town = Town::new(seed, place, 150);
            town.bring_in(folder, ledger, &async |arguments: &[&str]| fleet.command(arguments).await).await?;
            towns.push(town);
        }
        let answers = folder.join("answers.ndjson");
        let doors = Doors::open(fleet.api_urls(), &answers)?;
        Ok(Self { towns, doors, answers, asked: AtomicU32::new(0), pages: Mutex::default() })
    }

    /// Pupils of a district who can be reset and have an e-mail address that begins so.
    pub(crate) fn pupils(&self, district: usize, beginning: &str, most: usize) -> Vec<String> {
        let Some(town) = self.towns.get(district) else { return Vec::new() };
        let fits = |email: &String| email.starts_with(beginning);
        let wanted =
            town.inhabitants.iter().filter(|one| one.role == "student" && one.active && one.provider.is_empty());
        let named = wanted.filter(|one| one.person.email.as_ref().is_some_and(fits));
        named.map(|one| one.person.username.clone()).take(most).collect()
    }

    /// A request for these accounts, told by e-mail. `more` lies over it, field by field.
    pub(crate) fn body(accounts: &[String], more: &Value) -> Value {
        let mut body = json!({
            "selection": {"scope": "selected", "accounts": accounts},
            "reason": "other",
            "acknowledgement": precautions::VERSION,
            "channel": "email",
            "recipient": "account",
        });
        if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
            body.extend(more.clone());
        }
        body
    }

    /// Asks until it is accepted, under a key of its own.
    pub(crate) async fn ask(&self, district: usize, accounts: &[String], more: &Value) -> Result<TaskId> {
        let key = format!("small-{}", self.asked.fetch_add(1, Ordering::Relaxed));
        self.ask_as(district, &key, &Self::body(accounts, more)).await
    }

    /// Asks until it is accepted, under this key.
    pub(crate) async fn ask_as(&self, district: usize, key: &str, body: &Value) -> Result<TaskId> {
        let (asked_at, watch) = (wall().0, Stopwatch::start());
        let mut tries = Vec::new();
        let task = loop {
            let heard = self.heard(district, Ask::post("/v1/tasks").under(key).with(body)).await?;
            tries.push(heard.as_try());
            if heard.status == 202 {
                let body = heard.json();
                let task = body.get("task").and_then(Value::as_str).and_then(|task| task.parse().ok());
                break task.context("an acceptance names no task")?;
            }
            again(&heard, watch, "a request").await?;
        };
        let (key, body, answer) = (key.to_owned(), body.clone(), Answer::Accepted(task));
        self.pages().requests.push(Request { district, door: Door::Http, key, body, asked_at, answer, tries });
        Ok(task)
    }

    /// Notes a request that somebody published, and whose answer nobody listened for.
    pub(crate) fn published(&self, district: usize, key: &str, body: &Value) {
        let (key, body, asked_at) = (key.to_owned(), body.clone(), wall().0);
        let tries = Vec::new();
        self.pages().requests.push(Request {
            district,
            door: Door::Amqp,
            key,
            body,
            asked_at,
            answer: Answer::Unknown,
            tries,
        });
    }

    /// Pauses, resumes or cancels, until there is an answer.
    pub(crate) async fn control(&self, district: usize, task: TaskId, action: Action) -> Result<()> {
        let word = match action {
            Action::Pause => "pause",
            Action::Resume => "resume",
            Action::Cancel => "cancel",
        };
        let (path, watch) = (format!("/v1/tasks/{task}/{word}"), Stopwatch::start());
        loop {
            let asked_at = wall().0;
            let heard = self.heard(district, Ask::post(&path)).await?;
            let (answered_at, status) = (wall().0, heard.status);
            self.pages().controls.push(Control { task, action, asked_at, answered_at, status });
            // 409: it has ended.
            if matches!(status, 200 | 409) {
                return Ok(());
            }
            again(&heard, watch, word).await?;
        }
    }

    /// One look at a task, as one watcher. Answers whether it has ended.
    pub(crate) async fn look(&self, district: usize, task: TaskId) -> Result<bool> {
        let path = format!("/v1/tasks/{task}");
        let heard = self.heard(district, Ask::get(&path)).await?;
        let shown = heard.json();
        if let (200, Some(progress)) = (heard.status, shown.get("progress")) {
            self.sample(task, 0, progress.clone());
        }
        Ok(shown.get("state").and_then(Value::as_str).is_some_and(is_final))
    }

    /// Notes what somebody was shown.
    pub(crate) fn sample(&self, task: TaskId, watcher: u32, progress: Value) {
        self.pages().samples.push(Sample { task, watcher, progress });
    }

    /// Looks at a task until it has ended. Answers whether it came to that in time.
    pub(crate) async fn until_ended(&self, district: usize, task: TaskId) -> Result<bool> {
        let watch = Stopwatch::start();
        while watch.elapsed() < PATIENCE {
            if self.look(district, task).await? {
                return Ok(true);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(false)
    }

    /// Looks at and touches another district's task with this district's key.
    pub(crate) async fn trespass(&self, district: usize, theirs: usize, task: TaskId) -> Result<()> {
        let names: Vec<String> = self.towns.get(theirs).map(|town| town.schools.clone()).unwrap_or_default();
        for (method, path) in [(&Method::GET, ""), (&Method::GET, "/items"), (&Method::POST, "/pause")] {
            let path = format!("/v1/tasks/{task}{path}");
            let heard = self.heard(district, Ask { method, ..Ask::get(&path) }).await?;
            let leaked = names.iter().any(|name| heard.body.contains(name));
            let what = format!("{method} {path} with another district's key");
            self.pages().trespasses.push(Trespass { what, status: heard.status, leaked });
        }
        Ok(())
    }

    /// The slug of a district.
    pub(crate) fn slug(&self, district: usize) -> &str {
        self.towns.get(district).map_or("", |town| town.district.slug.as_str())
    }

    /// Everything that was asked and seen.
    pub(crate) fn finish(self) -> Result<Seen> {
        self.doors.flush()?;
        let pages = self.pages.into_inner().unwrap_or_else(PoisonError::into_inner);
        let Pages { requests, controls, samples, trespasses } = pages;
        let districts: Vec<_> = self.towns.into_iter().map(|town| town.district).collect();
        let key = |slug: &str, value: &str| Secret { name: format!("the API key of {slug}"), value: value.to_owned() };
        let secrets = districts.iter().map(|district| key(&district.slug, &district.key)).collect();
        let (oddities, answers) = (Vec::new(), self.answers);
        Ok(Seen { districts, requests, controls, samples, trespasses, secrets, oddities, answers })
    }

    async fn heard(&self, district: usize, ask: Ask<'_>) -> Result<Heard> {
        let town = self.towns.get(district).with_context(|| format!("there is no district {district}"))?;
        Ok(self.doors.ask(&town.district, ask).await)
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits a moment before the same is asked again, if that can help.
async fn again(heard: &Heard, watch: Stopwatch, what: &str) -> Result<()> {
    if !heard.is_passing() || watch.elapsed() > PATIENCE {
        bail!("{what} was answered with {} ({})", heard.status, heard.code());
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    Ok(())
}
