//! One of our processes, kept alive as a service manager would: started again whenever it ends.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use keybell_shared::clock::Stopwatch;
use tokio::process::Child;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::launch::Launch;
use super::log::Log;
use super::{Kind, Stopped, signal};

/// A process that ended by itself is started again after this long.
const AGAIN: Duration = Duration::from_millis(500);
/// What a service manager grants a process that was told to stop.
pub(super) const GRANTED: Duration = Duration::from_secs(35);

/// What a process is told to do, or what is done to it.
enum Order {
    /// SIGKILL; started again after `away`. Answers whether there was one to kill.
    Kill { away: Duration, done: oneshot::Sender<bool> },
    /// SIGTERM; started again at once. Answers nothing when there was no process.
    Terminate { done: oneshot::Sender<Option<Stopped>> },
    /// SIGSTOP, and SIGCONT after this long. Answers then, or when the process is gone.
    Freeze { length: Duration, done: oneshot::Sender<()> },
    /// SIGTERM; not started again until it is released.
    Hold { done: oneshot::Sender<()> },
    /// Started again.
    Release { done: oneshot::Sender<()> },
    /// SIGTERM, and the end of everything.
    Stop { done: oneshot::Sender<Option<Stopped>> },
}

/// What is known of a process without asking it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Standing {
    /// Its number, while it runs.
    pub(super) pid: Option<u32>,
    /// Whether it is kept down.
    pub(super) held: bool,
}

/// A supervised process.
pub(super) struct Process {
    orders: mpsc::UnboundedSender<Order>,
    standing: watch::Receiver<Standing>,
    log: Arc<Log>,
    supervisor: JoinHandle<()>,
}

/// Everything about a process that does not change.
pub(super) struct Place {
    pub(super) kind: Kind,
    pub(super) index: usize,
    /// Its own variables.
    pub(super) variables: Vec<(String, String)>,
    pub(super) launch: Arc<Launch>,
    /// Where exits are written down that nobody wanted.
    pub(super) unexpected: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// Starts it.
    pub(super) fn start(place: Place) -> Self {
        let (orders, taken) = mpsc::unbounded_channel();
        let (standing, seen) = watch::channel(Standing::default());
        let log = Arc::new(place.launch.log(&place.name()));
        let supervisor = Supervisor { place, log: Arc::clone(&log), orders: taken, standing, held: false, thaw: None };
        Self { orders, standing: seen, log, supervisor: tokio::spawn(supervisor.run()) }
    }

    pub(super) fn standing(&self) -> Standing {
        *self.standing.borrow()
    }

    pub(super) fn last_words(&self) -> String {
        self.log.last_words()
    }

    pub(super) async fn kill(&self, away: Duration) -> bool {
        self.ask(|done| Order::Kill { away, done }).await.unwrap_or(false)
    }

    pub(super) async fn terminate(&self) -> Option<Stopped> {
        self.ask(|done| Order::Terminate { done }).await.flatten()
    }

    pub(super) async fn freeze(&self, length: Duration) {
        self.ask(|done| Order::Freeze { length, done }).await;
    }

    pub(super) async fn hold(&self) {
        self.ask(|done| Order::Hold { done }).await;
    }

    pub(super) async fn release(&self) {
        self.ask(|done| Order::Release { done }).await;
    }

    pub(super) async fn stop(&self) -> Option<Stopped> {
        self.ask(|done| Order::Stop { done }).await.flatten()
    }

    /// `None` when the supervisor has ended, or the process did before the answer.
    async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Option<T> {
        let (done, answer) = oneshot::channel();
        self.orders.send(order(done)).ok()?;
        answer.await.ok()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The process is killed with it.
        self.supervisor.abort();
    }
}

impl Place {
    pub(super) fn name(&self) -> String {
        format!("{}-{}", self.kind.name(), self.index)
    }
}

/// A freeze that is going on.
struct Thaw {
    at: Instant,
    done: oneshot::Sender<()>,
}

struct Supervisor {
    place: Place,
    log: Arc<Log>,
    orders: mpsc::UnboundedReceiver<Order>,
    standing: watch::Sender<Standing>,
    held: bool,
    thaw: Option<Thaw>,
}

/// Whether the process runs, or when it is started.
enum State {
    Up(Child),
    Down(Instant),
}

impl Supervisor {
    async fn run(mut self) {
        let mut state = self.begin();
        loop {
            self.tell(&state);
            state = match state {
                State::Up(mut child) => {
                    let thaw = self.thaw.as_ref().map(|thaw| thaw.at);
                    tokio::select! {
                        biased;
                        order = self.orders.recv() => match order {
                            Some(order) => match self.obey(order, child).await {
                                Some(state) => state,
                                None => return,
                            },
                            None => return,
                        },
                        () = at(thaw) => {
                            self.go_on(&child).await;
                            State::Up(child)
                        }
                        ended = child.wait() => {
                            let how = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
                            self.ended(&how);
                            State::Down(Instant::now() + AGAIN)
                        }
                    }
                }
                State::Down(due) => {
                    let due = (!self.held).then_some(due);
                    tokio::select! {
                        biased;
                        order = self.orders.recv() => match order {
                            Some(order) => match self.obey_down(order, due) {
                                Some(state) => state,
                                None => return,
                            },
                            None => return,
                        },
                        () = at(due) => self.begin(),
                    }
                }
            };
        }
    }

    fn begin(&self) -> State {
        self.log.mark();
        match self.place.launch.start(self.place.kind, &self.place.variables, &self.log) {
            Ok(child) => State::Up(child),
            Err(error) => {
                self.complain(&format!("could not be started: {error:#}"));
                State::Down(Instant::now() + AGAIN)
            }
        }
    }

    fn tell(&self, state: &State) {
        let pid = match state {
            State::Up(child) => child.id(),
            State::Down(_) => None,
        };
        self.standing.send_replace(Standing { pid, held: self.held });
    }

    /// Obeys while the process runs. `None` ends the supervisor.
    async fn obey(&mut self, order: Order, mut child: Child) -> Option<State> {
        if let Ok(Some(status)) = child.try_wait() {
            // The order came too late to be the reason.
            self.ended(&status.to_string());
            return self.obey_down(order, Some(Instant::now() + AGAIN));
        }
        match order {
            Order::Kill { away, done } => {
                drop(child.kill().await);
                self.thaw = None;
                let state = State::Down(Instant::now() + away);
                self.tell(&state);
                answer(done, true);
                Some(state)
            }
            Order::Terminate { done } => {
                let stopped = self.end(child).await;
                let state = self.begin();
                self.tell(&state);
                answer(done, Some(stopped));
                Some(state)
            }
            Order::Freeze { length, done } => {
                if let Some(pid) = child.id()
                    && signal::send("STOP", pid).await.is_ok()
                {
                    self.thaw = Some(Thaw { at: Instant::now() + length, done });
                }
                Some(State::Up(child))
            }
            Order::Hold { done } => {
                let stopped = self.end(child).await;
                if stopped.code != Some(0) {
                    self.complain(&format!(
                        "was told to stop and ended with {:?} after {:?}",
                        stopped.code, stopped.took
                    ));
                }
                self.held = true;
                let state = State::Down(Instant::now());
                self.tell(&state);
                answer(done, ());
                Some(state)
            }
            Order::Release { done } => {
                answer(done, ());
                Some(State::Up(child))
            }
            Order::Stop { done } => {
                let stopped = self.end(child).await;
                self.standing.send_replace(Standing::default());
                answer(done, Some(stopped));
                None
            }
        }
    }

    /// Obeys while there is no process.
    fn obey_down(&mut self, order: Order, due: Option<Instant>) -> Option<State> {
        let due = due.unwrap_or_else(Instant::now);
        match order {
            Order::Kill { away, done } => {
                answer(done, false);
                Some(State::Down(due.max(Instant::now() + away)))
            }
            Order::Terminate { done } => {
                answer(done, None);
                Some(State::Down(due))
            }
            Order::Freeze { done, .. } => {
                answer(done, ());
                Some(State::Down(due))
            }
            Order::Hold { done } => {
                self.held = true;
                self.tell(&State::Down(due));
                answer(done, ());
                Some(State::Down(due))
            }
            Order::Release { done } => {
                let was_held = std::mem::replace(&mut self.held, false);
                let state = if was_held { self.begin() } else { State::Down(due) };
                self.tell(&state);
                answer(done, ());
                Some(state)
            }
            Order::Stop { done } => {
                answer(done, None);
                None
            }
        }
    }

    /// SIGTERM, and SIGKILL when that does not help.
    async fn end(&mut self, mut child: Child) -> Stopped {
        let watch = Stopwatch::start();
        if let Some(pid) = child.id() {
            // It may have ended in this moment.
            drop(signal::send("TERM", pid).await);
            if self.thaw.is_some() {
                // As a service manager does: a stopped process could not hear it.
                self.go_on(&child).await;
            }
        }
        let code = if let Ok(ended) = timeout(GRANTED, child.wait()).await {
            ended.ok().and_then(|status| status.code())
        } else {
            drop(child.kill().await);
            None
        };
        Stopped { kind: self.place.kind, index: self.place.index, code, took: watch.elapsed() }
    }

    /// SIGCONT.
    async fn go_on(&mut self, child: &Child) {
        if let Some(pid) = child.id() {
            drop(signal::send("CONT", pid).await);
        }
        if let Some(thaw) = self.thaw.take() {
            answer(thaw.done, ());
        }
    }

    /// It ended, and nobody had told it to.
    fn ended(&mut self, how: &str) {
        self.complain(&format!("ended by itself with {how}"));
        self.thaw = None;
    }

    fn complain(&self, what: &str) {
        let text = format!("{} {what}: {}", self.place.name(), self.log.last_words());
        self.place.unexpected.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }
}

fn answer<T>(done: oneshot::Sender<T>, answer: T) {
    // Whoever asked may wait no longer.
    done.send(answer).map_err(drop).unwrap_or_default();
}

/// Sleeps until then; for ever without a time.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
