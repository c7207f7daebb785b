//! Is the checker awake? Every mechanism that keeps a promise is switched off once, provoked, and must be missed; the same
//! provocation of a whole program must find nothing.

pub(crate) mod act;
mod list;
pub(crate) mod provocations;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use keybell_shared::clock::Stopwatch;
use keybell_shared::fault::Mechanism;

use crate::arming::Arms;
use crate::checker::Finding;
use crate::evidence::Mode;
use crate::load::Small;
use crate::scenario::{Setup, Verdict, World};
use crate::services::Services;
use act::Act;
use list::{MUTATIONS, Mutation};
use provocations::Provocation;

/// The seed of all people; what is provoked is no matter of chance.
const SEED: u64 = 7;

/// One line of the table.
pub(crate) struct Row {
    pub(crate) mechanism: String,
    pub(crate) place: &'static str,
    pub(crate) invariant: u8,
    pub(crate) told: String,
    pub(crate) right: bool,
    /// How long its own world lived.
    pub(crate) seconds: u64,
}

impl Row {
    /// As a line of the table.
    pub(crate) fn line(&self) -> String {
        let Self { mechanism, place, invariant, told, right, seconds } = self;
        let mark = if *right { ' ' } else { '!' };
        format!("{mark} {mechanism:<28}{place:<44}{invariant:>3}  {seconds:>4} s  {told}")
    }
}

/// Runs all of them, or the one of this name, in worlds below `folder`. Says each line as soon as it is known.
pub(crate) async fn run(
    program: &Path,
    folder: &Path,
    only: Option<&str>,
    mut say: impl FnMut(&Row),
) -> Result<Vec<Row>> {
    let chosen: Vec<&Mutation> = MUTATIONS.iter().filter(|one| only.is_none_or(|name| name == one.name)).collect();
    let names = || MUTATIONS.iter().map(|one| one.name).collect::<Vec<_>>().join(", ");
    ensure!(!chosen.is_empty(), "there is no mutation of that name; there are {}", names());
    let services = Services::start(&folder.join("servers")).await?;
    let mut stage = Stage { program, folder, services: Some(services), worlds: 0 };
    let mut controls: HashMap<(Provocation, &[Mechanism]), Vec<String>> = HashMap::new();
    let mut rows = Vec::with_capacity(chosen.len());
    for one in chosen {
        let control = (one.provocation, one.behind);
        let faults = match controls.entry(control) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(stage.control(one.provocation, one.behind).await),
        };
        let row = judge(&mut stage, one, faults).await;
        say(&row);
        rows.push(row);
    }
    if let Some(mut services) = stage.services {
        services.stop().await;
    }
    Ok(rows)
}

async fn judge(stage: &mut Stage<'_>, one: &Mutation, control: &[String]) -> Row {
    let (off, watch) = ([one.off, one.behind].concat(), Stopwatch::start());
    let (right, told) = match Box::pin(stage.play(one.provocation, &off)).await {
        Err(error) => (false, format!("could not be run: {error:#}")),
        Ok(verdict) => match (violations(&verdict.findings, one.invariant), one.held_by) {
            ([], None) => (false, "NOT CAUGHT".to_owned()),
            ([first, ..], None) => (true, format!("caught: {first}")),
            ([], Some(by)) => (true, format!("held by {by}")),
            ([first, ..], Some(by)) => (false, format!("NOT HELD by {by}: {first}")),
        },
    };
    let (right, told) = match control {
        [] => (right, told),
        [first, ..] => (false, format!("{told}; BUT THE CONTROL IS NOT CLEAN: {first}")),
    };
    let names: Vec<&str> = one.behind.iter().map(|one| one.name()).collect();
    let with = if names.is_empty() { String::new() } else { format!(" (and {})", names.join(", ")) };
    let (mechanism, seconds) = (format!("{}{with}", one.name), watch.elapsed().as_secs());
    Row { mechanism, place: one.place, invariant: one.invariant, told, right, seconds }
}

fn violations(findings: &[Finding], invariant: u8) -> &[String] {
    findings.iter().find(|finding| finding.invariant == invariant).map_or(&[], |finding| &finding.violations)
}

/// Everything that is wrong with a world in which nothing should be.
pub(crate) fn broken(findings: &[Finding], waited_for: Option<&str>) -> Vec<String> {
    let violated = |finding: &Finding| {
        let invariant = finding.invariant;
        finding.violations.iter().map(move |text| format!("{invariant}: {text}")).collect::<Vec<_>>()
    };
    let mut broken: Vec<String> = findings.iter().flat_map(violated).collect();
    broken.extend(waited_for.map(|what| format!("{what} did not come to rest in time")));
    broken
}

/// Worlds one after the other, with the same servers.
pub(crate) struct Stage<'a> {
    pub(crate) program: &'a Path,
    pub(crate) folder: &'a Path,
    pub(crate) services: Option<Services>,
    pub(crate) worlds: u32,
}

impl Stage<'_> {
    /// What is wrong with a whole program after the same; nothing, or the mutation proves nothing.
    async fn control(&mut self, provocation: Provocation, behind: &[Mechanism]) -> Vec<String> {
        match Box::pin(self.play(provocation, behind)).await {
            Err(error) => vec![format!("it could not be run: {error:#}")],
            Ok(verdict) => broken(&verdict.findings, verdict.waited_for),
        }
    }

    /// One world with these mechanisms off.
    async fn play(&mut self, provocation: Provocation, off: &[Mechanism]) -> Result<Verdict> {
        let mut act = self
            .raise(provocation.districts(), |setup| {
                let names: Vec<&str> = off.iter().map(|one| one.name()).collect();
                setup.variables.push(("FAULT_OFF".to_owned(), names.join(",")));
                provocation.prepare(setup);
            })
            .await?;
        let done = Box::pin(provocation.run(&mut act)).await.with_context(|| format!("{provocation:?}"));
        let verdict = self.strike(act).await?;
        done?;
        Ok(verdict)
    }

    /// A world with its people.
    pub(crate) async fn raise(&mut self, districts: usize, prepare: impl FnOnce(&mut Setup)) -> Result<Act> {
        self.worlds += 1;
        let folder = self.folder.join(format!("world-{}", self.worlds));
        let arms = Arms::new(&folder.join("arms"))?;
        let mut setup = Setup::new(Mode::Cluster, PathBuf::from(self.program), folder.clone(), SEED);
        setup.prefix = format!("world{}", self.worlds);
        setup.variables.push(arms.variable());
        prepare(&mut setup);
        if self.services.is_none() {
            self.services = Some(Services::start(&self.folder.join(format!("servers-{}", self.worlds))).await?);
        }
        let world = Box::pin(World::start(setup, self.services.take())).await?;
        let small = Small::prepare(&world.fleet, &world.ledger, &folder.join("load"), SEED, districts).await?;
        Ok(Act { world, small, arms })
    }

    /// Brings a world to rest, judges it and takes it down.
    pub(crate) async fn strike(&mut self, act: Act) -> Result<Verdict> {
        let Act { mut world, small, .. } = act;
        let rest = world.settle(small.finish()?).await?;
        let mut verdict = Box::pin(world.judge(rest)).await?;
        self.services = verdict.services.take();
        Ok(verdict)
    }
}
