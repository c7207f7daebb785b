//! What the scheduler counts, and what its leader measures of the whole fleet.

use std::collections::BTreeMap;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Buckets, Counters, Gauges, Histograms, Seconds, Two, whole, zeroes};
use crate::progress::{Counts, Snapshot};
use crate::stage::Stage;

/// What can become of a published request.
const REQUESTS: [&str; 5] = ["accepted", "repeated", "refused", "dropped", "rejected"];

/// What the scan brings back, beside the notifications of a channel.
const REPAIRED: [&str; 2] = ["leases", "items"];

/// What the scheduler counts. What only the leader knows is shown while this process leads, and by nobody else.
#[derive(Debug)]
pub struct Scheduler {
    /// Whether this process leads.
    pub leader: Gauge,
    /// Items put on the reset queue.
    pub dispatched: Counter,
    /// Webhooks that were disabled because their messages were not taken.
    pub webhooks_disabled: Counter,
    rounds: Family<Two, Counter>,
    round_seconds: Histograms,
    requests: Counters,
    repaired: Counters,
    window: Gauges,
    queue_messages: Gauges,
    queue_consumers: Gauges,
    oldest_waiting: Seconds,
    outbox_waiting: Gauges,
    outbox_oldest: Seconds,
    tasks: Gauges,
    items: Gauges,
}

impl Default for Scheduler {
    fn default() -> Self {
        let channels = [Stage::Email, Stage::Sms].map(Stage::as_str);
        Self {
            leader: Gauge::default(),
            dispatched: Counter::default(),
            webhooks_disabled: Counter::default(),
            rounds: Family::default(),
            round_seconds: Family::new_with_constructor(Buckets::SHORT),
            requests: zeroes("result", REQUESTS),
            repaired: zeroes("kind", REPAIRED.into_iter().chain(channels)),
            window: Family::default(),
            queue_messages: Family::default(),
            queue_consumers: Family::default(),
            oldest_waiting: Family::default(),
            outbox_waiting: Family::default(),
            outbox_oldest: Family::default(),
            tasks: Family::default(),
            items: Family::default(),
        }
    }
}

impl Scheduler {
    /// Notes a round of a loop.
    pub fn round(&self, name: &'static str, ok: bool, seconds: f64) {
        let result = if ok { "ok" } else { "failed" };
        self.rounds.get_or_create(&[("loop", name), ("result", result)]).inc();
        self.round_seconds.get_or_create(&[("loop", name)]).observe(seconds);
    }

    /// Notes a published request: `accepted`, `repeated`, `refused`, `dropped` or `rejected`.
    pub fn request(&self, result: &'static str) {
        self.requests.get_or_create(&[("result", result)]).inc();
    }

    /// Notes what the scan brought back: `leases`, `items`, or the stage of notifications.
    pub fn repaired(&self, kind: &'static str, count: u64) {
        if count > 0 {
            self.repaired.get_or_create(&[("kind", kind)]).inc_by(count);
        }
    }

    /// Notes how large the window is and how many items are queued in it.
    pub fn window(&self, size: u32, queued: u32) {
        self.window.get_or_create(&[("what", "size")]).set(size.into());
        self.window.get_or_create(&[("what", "queued")]).set(queued.into());
    }

    /// Notes how many messages a queue has, and how many consumers where that is known.
    pub fn queue(&self, stage: Stage, messages: u64, consumers: Option<u64>) {
        let label = [("stage", stage.as_str())];
        self.queue_messages.get_or_create(&label).set(whole(messages));
        if let Some(consumers) = consumers {
            self.queue_consumers.get_or_create(&label).set(whole(consumers));
        }
    }

    /// Notes how long the oldest work of a stage has been due; 0 when nothing waits.
    pub fn oldest(&self, stage: Stage, seconds: f64) {
        self.oldest_waiting.get_or_create(&[("stage", stage.as_str())]).set(seconds);
    }

    /// Notes what waits to be handed on to upstream applications, by `exchange` or `webhook`.
    pub fn outbox(&self, destination: &'static str, waiting: u64, oldest_seconds: f64) {
        let label = [("destination", destination)];
        self.outbox_waiting.get_or_create(&label).set(whole(waiting));
        self.outbox_oldest.get_or_create(&label).set(oldest_seconds);
    }

    /// Notes where tasks and their items stand: those that are open, or ended within the last minute.
    pub fn tasks(&self, snapshots: &[Snapshot]) {
        let mut tasks: BTreeMap<&'static str, i64> = BTreeMap::new();
        let mut sum = Counts::default();
        for Snapshot { state, counts, .. } in snapshots {
            *tasks.entry(state.as_str()).or_default() += 1;
            sum.open += counts.open;
            sum.telling += counts.telling;
            sum.notified += counts.notified;
            sum.silent += counts.silent;
            sum.undelivered += counts.undelivered;
            sum.skipped += counts.skipped;
            sum.cancelled += counts.cancelled;
            sum.superseded += counts.superseded;
            sum.failed += counts.failed;
        }
        for state in crate::states::TaskState::ALL {
            let count = tasks.get(state.as_str()).copied().unwrap_or_default();
            self.tasks.get_or_create(&[("state", state.as_str())]).set(count);
        }
        for (state, count) in [
            ("open", sum.open),
            ("telling", sum.telling),
            ("notified", sum.notified),
            ("silent", sum.silent),
            ("undelivered", sum.undelivered),
            ("skipped", sum.skipped),
            ("cancelled", sum.cancelled),
            ("superseded", sum.superseded),
            ("failed", sum.failed),
        ] {
            self.items.get_or_create(&[("state", state)]).set(count);
        }
    }

    /// Notes the beginning or the end of a tenure. Who does not lead does not know the fleet, and shows nothing of it.
    pub fn leads(&self, leads: bool) {
        self.leader.set(leads.into());
        if !leads {
            for gauges in [
                &self.window,
                &self.queue_messages,
                &self.queue_consumers,
                &self.outbox_waiting,
                &self.tasks,
                &self.items,
            ] {
                gauges.clear();
            }
            self.oldest_waiting.clear();
            self.outbox_oldest.clear();
        }
    }

    /// Shows it.
    pub fn register(&self, registry: &mut Registry) {
        let mut counters = |name: &str, help: &str, counters: &Counters| {
            registry.register(name, help, counters.clone());
        };
        counters(
            "keybell_scheduler_requests",
            "Published (AMQP) requests: accepted, repeated, refused, dropped (of nobody), or rejected to the dead letters",
            &self.requests,
        );
        counters("keybell_scheduler_repaired", "What the repair scan brought back", &self.repaired);
        registry.register("keybell_scheduler_leader", "Whether this process leads", self.leader.clone());
        registry.register(
            "keybell_scheduler_items_dispatched",
            "Items put on the reset queue",
            self.dispatched.clone(),
        );
        registry.register(
            "keybell_scheduler_webhooks_disabled",
            "Webhooks that were disabled because their messages were not taken",
            self.webhooks_disabled.clone(),
        );
        registry.register("keybell_scheduler_rounds", "Rounds of the leader's loops", self.rounds.clone());
        registry.register("keybell_scheduler_round_seconds", "Time of one round", self.round_seconds.clone());
        self.register_fleet(registry);
    }

    fn register_fleet(&self, registry: &mut Registry) {
        let mut gauges = |name: &str, help: &str, gauges: &Gauges| registry.register(name, help, gauges.clone());
        gauges("keybell_scheduler_window_items", "Window of queued items: its size, and what is queued", &self.window);
        gauges("keybell_scheduler_queue_messages", "Messages that wait in the queue of a stage", &self.queue_messages);
        gauges(
            "keybell_scheduler_queue_consumers",
            "Consumers of the queue of a stage, over all processes",
            &self.queue_consumers,
        );
        gauges(
            "keybell_scheduler_outbox_waiting",
            "Domain events that wait to be handed on, by exchange or webhook, counted up to 10000",
            &self.outbox_waiting,
        );
        gauges("keybell_scheduler_tasks", "Tasks that are open or ended within the last minute", &self.tasks);
        gauges("keybell_scheduler_items", "Items of the tasks that are open or just ended", &self.items);
        registry.register(
            "keybell_scheduler_oldest_waiting_seconds",
            "How long the oldest work of a stage has been due",
            self.oldest_waiting.clone(),
        );
        registry.register(
            "keybell_scheduler_outbox_oldest_seconds",
            "How long the oldest domain event has waited to be handed on",
            self.outbox_oldest.clone(),
        );
    }
}
