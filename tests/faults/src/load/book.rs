//! What the load saw, written down by everybody who asks, and which tasks are open as far as somebody has seen.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use keybell_shared::ids::TaskId;
use tokio::sync::watch;

use crate::evidence::{Control, Request, Sample, Secret, Trespass};

/// All pages.
#[derive(Debug, Default)]
pub(super) struct Book {
    pages: Mutex<Pages>,
    /// Grows when a task ends, to wake those who wait for one.
    ended: watch::Sender<u64>,
    watchers: AtomicU32,
}

/// What is written down.
#[derive(Debug, Default)]
pub(super) struct Pages {
    pub(super) requests: Vec<Request>,
    pub(super) controls: Vec<Control>,
    pub(super) samples: Vec<Sample>,
    pub(super) trespasses: Vec<Trespass>,
    /// What the load itself can tell to be wrong.
    pub(super) oddities: Vec<String>,
    pub(super) secrets: Vec<Secret>,
    /// Every task that was accepted: its district, and whether it was seen to have ended.
    tasks: BTreeMap<TaskId, (usize, bool)>,
}

impl Book {
    pub(super) fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn request(&self, request: Request) {
        self.pages().requests.push(request);
    }

    pub(super) fn control(&self, control: Control) {
        self.pages().controls.push(control);
    }

    pub(super) fn sample(&self, sample: Sample) {
        self.pages().samples.push(sample);
    }

    pub(super) fn trespass(&self, trespass: Trespass) {
        self.pages().trespasses.push(trespass);
    }

    pub(super) fn secret(&self, secret: Secret) {
        self.pages().secrets.push(secret);
    }

    /// Something that is wrong whatever the stores say. Never with a secret in it.
    pub(super) fn odd(&self, what: String) {
        self.pages().oddities.push(what);
    }

    /// A new number for a watcher's connection.
    pub(super) fn watcher(&self) -> u32 {
        self.watchers.fetch_add(1, Ordering::Relaxed)
    }

    /// A task was accepted. Answers whether it was new.
    pub(super) fn begins(&self, district: usize, task: TaskId) -> bool {
        let mut pages = self.pages();
        let new = !pages.tasks.contains_key(&task);
        pages.tasks.entry(task).or_insert((district, false));
        new
    }

    /// Somebody saw that a task has ended.
    pub(super) fn ends(&self, task: TaskId) {
        if let Some((_, ended)) = self.pages().tasks.get_mut(&task) {
            *ended = true;
        }
        self.ended.send_modify(|ends| *ends += 1);
    }

    pub(super) fn has_ended(&self, task: TaskId) -> bool {
        self.pages().tasks.get(&task).is_some_and(|(_, ended)| *ended)
    }

    /// Waits until somebody has seen the end of a task.
    pub(super) async fn until_ended(&self, task: TaskId) {
        let mut ends = self.ended.subscribe();
        while !self.has_ended(task) {
            // The sender lives as long as this book.
            if ends.changed().await.is_err() {
                return;
            }
        }
    }

    /// A district's tasks: all, or only those that are open as far as somebody has seen.
    pub(super) fn tasks(&self, of: usize, open: bool) -> Vec<TaskId> {
        let pages = self.pages();
        let fits = |(district, ended): &(usize, bool)| *district == of && !(open && *ended);
        pages.tasks.iter().filter(|(_, standing)| fits(standing)).map(|(task, _)| *task).collect()
    }

    /// Takes everything out.
    pub(super) fn take(&self) -> Pages {
        std::mem::take(&mut *self.pages())
    }
}
