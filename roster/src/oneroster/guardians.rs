//! The second pass over `users.csv`: who is told about whom. It comes when everybody is in the ledger, and reads the file
//! again instead of keeping all links in memory. Where they are in a file of their own, this pass is for the order: everybody
//! is linked once, also to nobody.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::sync::Arc;

use tokio::sync::mpsc::Sender;

use super::people::agents;
use super::relations::Relations;
use crate::code::RowCode;
use crate::error::RosterError;
use crate::report::Problem;
use crate::run::{Accepted, BATCH, Import, Progress};
use crate::source::Source;
use crate::text::{Layout, Lines, Next, Row, Table};

/// What is known when people are linked.
#[derive(Debug)]
pub(super) struct WhoIsWho {
    pub(super) accepted: Arc<Accepted>,
    /// The links, where they are no column of the people.
    pub(super) relations: Option<Relations>,
}

/// A person with their guardians.
#[derive(Debug)]
pub(super) struct Link {
    /// What to say, per guardian that nobody knows; `None` if it has been said.
    pub(super) unknown: Option<Problem>,
    /// The roster id of the person, and those of the guardians.
    pub(super) ids: (String, Vec<String>),
}

/// Why an agent is not linked.
pub(super) const NO_KIN: &str = "this person is no guardian, parent or relative";

/// Some links, and agents that are no guardians.
#[derive(Debug, Default)]
pub(super) struct Ties {
    pub(super) links: Vec<Link>,
    /// Agents who are not in this roster: the ledger may know them, and as something else than a guardian.
    pub(super) unsure: BTreeSet<String>,
    pub(super) problems: Vec<Problem>,
}

/// Reads the links of everybody who went in. A file that breaks off does so for the second time, and has been told.
///
/// An agent that the roster knows as pupil or staff is not linked: the standard lets `agentSourcedIds` name any related
/// person, and a classmate must not be sent a password. The lists of guardians themselves are not read.
pub(super) fn read(source: &Source, layout: &'static Layout, known: &WhoIsWho, sender: &Sender<Ties>) {
    let told = source.lines(layout.file, |lines| rows(lines, layout, known, sender));
    if let Err(error) = told.and_then(|told| told) {
        tracing::debug!(%error, "the second pass over the users ended early");
    }
}

fn rows(file: Box<dyn Lines + '_>, layout: &'static Layout, known: &WhoIsWho, sender: &Sender<Ties>) -> io::Result<()> {
    let Ok(mut table) = Table::open(file, layout.file.into(), layout, &[])? else { return Ok(()) };
    // Without the column, the roster says nothing about guardians, and what the ledger has stays.
    if known.relations.is_none() && !table.has("agentSourcedIds") {
        return Ok(());
    }
    let mut ties = Ties::default();
    loop {
        match table.next()? {
            Next::Row(row) if known.accepted.wards.has(row.number) => match &known.relations {
                Some(relations) => related(row, relations, &mut ties),
                None => link(row, &known.accepted, &mut ties),
            },
            Next::Row(_) | Next::Bad(_) => {}
            Next::End => break,
        }
        table.warnings.clear();
        let full = ties.links.len() >= BATCH || ties.problems.len() >= BATCH;
        if full && sender.blocking_send(std::mem::take(&mut ties)).is_err() {
            return Ok(());
        }
    }
    // The receiver is only gone if the import has ended.
    sender.blocking_send(ties).map_err(|_| io::Error::other("the import has ended"))
}

/// A person with the guardians whom a file of relations names. Of those who did not go in its rows have been told.
fn related(row: &Row, relations: &Relations, ties: &mut Ties) {
    let id = row.get("sourcedId");
    let guardians = relations.of(id);
    ties.unsure.extend(guardians.iter().filter(|id| relations.unsure.contains(*id)).cloned());
    ties.links.push(Link { unknown: None, ids: (id.to_owned(), guardians) });
}

fn link(row: &Row, accepted: &Accepted, ties: &mut Ties) {
    let warn = |reason| row.warn("agentSourcedIds", RowCode::W05, reason);
    let (kept, others): (Vec<String>, Vec<String>) =
        agents(row).into_iter().partition(|agent| accepted.kin.contains(agent) || !accepted.people.contains(agent));
    ties.unsure.extend(kept.iter().filter(|agent| !accepted.kin.contains(agent)).cloned());
    ties.problems.extend(others.iter().map(|_| warn(NO_KIN)));
    ties.links.push(Link { unknown: Some(warn("nobody has this id")), ids: (row.get("sourcedId").to_owned(), kept) });
}

impl<F: Fn(Progress) + Send + Sync> Import<F> {
    /// Takes those agents out of links whom the ledger knows as nobody's guardian: a roster of changes does not repeat what
    /// they are. `told` is what to say, link by link.
    pub(super) async fn part(
        &mut self,
        layout: &'static Layout,
        links: &mut [(String, Vec<String>)],
        told: &[Option<Problem>],
        unsure: &BTreeSet<String>,
    ) -> Result<(), RosterError> {
        if unsure.is_empty() {
            return Ok(());
        }
        let unsure: Vec<String> = unsure.iter().cloned().collect();
        let others = self.ground.ledger.not_kin(self.ground.district, &unsure).await;
        let others: HashSet<String> = others.map_err(|cause| self.failed(layout, cause))?.into_iter().collect();
        for ((_, agents), problem) in links.iter_mut().zip(told) {
            let before = agents.len();
            agents.retain(|agent| !others.contains(agent));
            for problem in problem.iter().cycle().take(before - agents.len()) {
                self.report.note(Problem { reason: NO_KIN.into(), ..problem.clone() });
            }
        }
        Ok(())
    }
}
