//! The load: three districts whose administrators and applications ask for resets, pause, resume and cancel, watch, and
//! try each other's keys, while everything breaks. What they saw is the evidence.
//!
//! Two districts are unruly: their tasks overlap and are controlled at random. The third one is orderly: its tasks follow
//! each other and meet only recipients that behave always alike, so that they must end alike in both modes. Whatever can
//! be drawn before it is known how fast things go belongs to the seed alone.

mod amqp;
mod bodies;
mod book;
mod controls;
mod dice;
mod doors;
mod ground;
mod people;
mod requests;
mod roster;
mod small;
#[cfg(test)]
mod tests;
mod trespass;
mod uploads;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use keybell_tests::ledgers::Raw;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::evidence::{Control, District, Request, Sample, Secret, Trespass};
use crate::fleet::{Fleet, Kind};
use amqp::Producer;
use doors::Doors;
use ground::Ground;
use people::{ORDERLY, PRODUCING, SLUGS, Town};
pub(crate) use small::Small;

/// What the load shall be. [`LoadPlan::new`] suits a machine with two cores.
#[derive(Clone, Debug)]
pub(crate) struct LoadPlan {
    pub(crate) seed: u64,
    /// Where rosters and captured answers are written.
    pub(crate) folder: PathBuf,
    /// Where the districts' ids are read.
    pub(crate) ledger: Raw,
    /// The broker user whose requests come by AMQP; `None` in embedded mode.
    pub(crate) producer: Option<String>,
    /// The first word of the broker's names.
    pub(crate) prefix: String,
    pub(crate) people_per_district: usize,
    /// How many requests of each unruly district are asked beside each other.
    pub(crate) tasks_in_flight: usize,
    /// The most accounts that a request names.
    pub(crate) accounts_per_task: usize,
    /// How many accounts all requests of the unruly districts ask for in a second at most, on the whole.
    pub(crate) accounts_per_second: f64,
    /// The pause between the end of a task and the next request of the same slot, on average.
    pub(crate) pause_millis: usize,
    /// How many tasks the orderly district has.
    pub(crate) orderly_tasks: usize,
    /// The pause between two of them, unless nothing else is asked any more.
    pub(crate) orderly_pause_millis: usize,
    /// Of a hundred requests of the district that may, so many come by AMQP.
    pub(crate) amqp_percent: usize,
    /// Of a hundred answered requests, so many are asked again on purpose.
    pub(crate) again_percent: usize,
    /// Of a hundred tasks, so many are paused, resumed or cancelled.
    pub(crate) control_percent: usize,
    /// Of a hundred tasks, so many are followed as a stream.
    pub(crate) follow_percent: usize,
    /// How long, after the last fault, what has no answer is asked again, and the orderly district may go on.
    pub(crate) patience: Duration,
}

impl LoadPlan {
    /// What keeps a machine with two cores busy and does not drown it.
    pub(crate) fn new(seed: u64, folder: PathBuf, ledger: Raw) -> Self {
        Self {
            seed,
            folder,
            ledger,
            producer: None,
            prefix: "keybell".to_owned(),
            people_per_district: 120,
            tasks_in_flight: 3,
            accounts_per_task: 30,
            accounts_per_second: 40.0,
            pause_millis: 400,
            orderly_tasks: 6,
            orderly_pause_millis: 3_000,
            amqp_percent: 35,
            again_percent: 25,
            control_percent: 45,
            follow_percent: 40,
            patience: Duration::from_mins(2),
        }
    }
}

/// Districts that are there and ask nothing yet.
pub(crate) struct Load {
    plan: LoadPlan,
    towns: Vec<Town>,
}

impl Load {
    /// Imports the rosters, makes the keys, and allows the producer. No fault may be injected yet.
    pub(crate) async fn prepare(fleet: &Fleet, plan: &LoadPlan) -> Result<Self> {
        // The embedded server and these commands cannot have the folder at the same time.
        let embedded = fleet.count(Kind::Serve) > 0;
        if embedded {
            fleet.hold(Kind::Serve).await;
        }
        let prepared = Self::prepare_by(&async |arguments: &[&str]| fleet.command(arguments).await, plan).await;
        if embedded {
            fleet.release(Kind::Serve).await;
            fleet.ready().await?;
        }
        prepared
    }

    async fn prepare_by(command: &impl AsyncFn(&[&str]) -> Result<String>, plan: &LoadPlan) -> Result<Self> {
        std::fs::create_dir_all(&plan.folder).with_context(|| format!("making {}", plan.folder.display()))?;
        let mut towns = Vec::with_capacity(SLUGS.len());
        for place in 0..SLUGS.len() {
            let mut town = Town::new(plan.seed, place, plan.people_per_district);
            town.bring_in(&plan.folder, &plan.ledger, command).await?;
            towns.push(town);
        }
        if let (Some(user), Some(slug)) = (&plan.producer, SLUGS.get(PRODUCING)) {
            let quota = ["producer", "allow", user, "--district", slug, "--requests-per-hour", "1000000"];
            command(&quota).await.with_context(|| format!("allowing the producer {user}"))?;
        }
        Ok(Self { plan: plan.clone(), towns })
    }

    /// Begins to ask: the API processes at these URLs, and the broker at that one if there is one.
    pub(crate) fn begin(self, apis: Vec<String>, amqp: Option<String>) -> Result<Running> {
        let Self { plan, towns } = self;
        let answers = plan.folder.join("answers.ndjson");
        let doors = Doors::open(apis, &answers)?;
        let producer = match (amqp, &plan.producer) {
            (Some(url), Some(user)) => {
                let named = amqp::user(&url)?;
                if named != *user {
                    bail!("the broker's URL is of `{named}`, but the producer that was allowed is `{user}`");
                }
                Some(Producer::new(&url, &plan.prefix)?)
            }
            (_, None) | (None, _) => None,
        };
        let ground = Arc::new(Ground::new(plan, towns, doors, producer));
        let mut jobs = JoinSet::new();
        for place in 0..ground.towns.len() {
            if place == ORDERLY {
                jobs.spawn(requests::orderly(Arc::clone(&ground), place));
                continue;
            }
            for slot in 0..ground.plan.tasks_in_flight {
                jobs.spawn(requests::slot(Arc::clone(&ground), place, slot));
            }
            jobs.spawn(watch::poll(Arc::clone(&ground), place));
        }
        jobs.spawn(trespass::roam(Arc::clone(&ground)));
        Ok(Running { ground, jobs, answers })
    }
}

/// A load that runs.
pub(crate) struct Running {
    ground: Arc<Ground>,
    jobs: JoinSet<()>,
    answers: PathBuf,
}

/// What the load saw and did.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) districts: Vec<District>,
    pub(crate) requests: Vec<Request>,
    pub(crate) controls: Vec<Control>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) trespasses: Vec<Trespass>,
    /// The API's keys and the shared passwords.
    pub(crate) secrets: Vec<Secret>,
    /// What the load itself can tell to be wrong: each is a broken promise.
    pub(crate) oddities: Vec<String>,
    /// The captured answers, in the folder of the plan.
    #[cfg_attr(not(test), expect(dead_code, reason = "whoever searches for secrets searches the whole folder"))]
    pub(crate) answers: PathBuf,
}

impl Running {
    /// Asks nothing new, resumes what is paused, asks again what has no answer, and lets the orderly district come to its
    /// last task. Every service must be back.
    pub(crate) async fn finish(mut self) -> Result<Seen> {
        self.ground.stop();
        // Everybody gives up in time; whoever does not is a defect of the load.
        let late = self.ground.plan.patience + Duration::from_mins(1);
        let ground = Arc::clone(&self.ground);
        let ending = async {
            while let Some(ended) = self.jobs.join_next().await {
                if let Err(error) = ended {
                    ground.book.odd(format!("the load itself broke: {error}"));
                }
            }
            ground.join().await;
            trespass::count(&ground).await;
        };
        timeout(late, ending).await.with_context(|| format!("the load does not come to an end within {late:?}"))?;
        if let Some(producer) = &self.ground.amqp {
            producer.leave().await;
        }
        self.ground.doors.flush()?;
        let pages = self.ground.book.take();
        let districts: Vec<District> = self.ground.towns.iter().map(|town| town.district.clone()).collect();
        let keys = districts
            .iter()
            .map(|district| Secret { name: format!("the API key of {}", district.slug), value: district.key.clone() });
        let secrets = keys.chain(pages.secrets).collect();
        let mut requests = pages.requests;
        requests.sort_by_key(|request| request.asked_at);
        Ok(Seen {
            districts,
            requests,
            controls: pages.controls,
            samples: pages.samples,
            trespasses: pages.trespasses,
            secrets,
            oddities: pages.oddities,
            answers: self.answers,
        })
    }
}
