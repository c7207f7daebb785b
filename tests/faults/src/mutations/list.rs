//! Every mechanism, what falls without it, and what has to happen for that.

use keybell_shared::fault::Mechanism;

use super::provocations::Provocation;

/// A mechanism that is switched off.
pub(super) struct Mutation {
    pub(super) name: &'static str,
    pub(super) off: &'static [Mechanism],
    /// A second line that holds the promise when the first one falls. It is off as well, in the control, too.
    pub(super) behind: &'static [Mechanism],
    /// Where the mechanism is.
    pub(super) place: &'static str,
    /// The invariant that must be found broken.
    pub(super) invariant: u8,
    pub(super) provocation: Provocation,
    /// What holds the promise all the same: then nothing may be found broken.
    pub(super) held_by: Option<&'static str>,
}

const fn alone(off: &'static [Mechanism], place: &'static str, invariant: u8, provocation: Provocation) -> Mutation {
    let [mechanism] = off else { panic!("one mechanism") };
    Mutation { name: mechanism.name(), off, behind: &[], place, invariant, provocation, held_by: None }
}

const fn behind(off: &'static [Mechanism], place: &'static str, invariant: u8, provocation: Provocation) -> Mutation {
    Mutation { behind: &[Mechanism::LostWork], ..alone(off, place, invariant, provocation) }
}

/// All of them.
pub(super) const MUTATIONS: &[Mutation] = &[
    alone(&[Mechanism::Idempotency], "backends/src/ledger/intake.rs", 1, Provocation::AskedTwice),
    Mutation {
        name: "idempotency-amqp",
        ..alone(&[Mechanism::Idempotency], "backends/src/ledger/intake.rs", 1, Provocation::PublishedTwice)
    },
    alone(&[Mechanism::VersionCheck], "backends/src/ledger/claim.rs", 2, Provocation::RetryAfterNewer),
    alone(&[Mechanism::OneSending], "backends/src/ledger/claim.rs", 2, Provocation::SlowSenderWithoutIndex),
    Mutation {
        name: "one-sending-indexed",
        held_by: Some("a unique index"),
        ..alone(&[Mechanism::OneSending], "backends/src/ledger/claim.rs", 2, Provocation::SlowSender)
    },
    alone(&[Mechanism::LeaseLook], "worker/src/notify/handler.rs", 2, Provocation::FrozenBeforeSending),
    alone(&[Mechanism::ItemGuard], "backends/src/ledger/facts.rs", 3, Provocation::DeliveredAgain),
    Mutation {
        name: "item-guard-edges",
        ..alone(&[Mechanism::ItemGuard], "backends/src/ledger/stored.rs", 4, Provocation::DeliveredAgain)
    },
    alone(&[Mechanism::Fence], "backends/src/ledger/record.rs", 4, Provocation::LateResult),
    alone(&[Mechanism::BoardVersion], "backends/src/board/redis.rs", 5, Provocation::TwoLeaders),
    alone(&[Mechanism::LostWork], "scheduler/src/repair.rs", 6, Provocation::Purged),
    alone(&[Mechanism::LeaseExpiry], "scheduler/src/repair.rs", 6, Provocation::SenderKilled),
    alone(&[Mechanism::SealDeletion], "backends/src/ledger/settle.rs", 6, Provocation::Ordinary),
    behind(&[Mechanism::AttemptId], "backends/src/ledger/commit.rs", 6, Provocation::CommitBroken),
    behind(&[Mechanism::AckLast], "worker/src/harness/batch.rs", 6, Provocation::ResetterKilled),
    behind(&[Mechanism::Confirms], "backends/src/queue/rabbitmq/publisher.rs", 6, Provocation::BrokerSwallows),
    alone(&[Mechanism::Cancel], "backends/src/ledger/control.rs", 7, Provocation::Cancelled),
    alone(&[Mechanism::Pause], "backends/src/ledger/facts.rs", 7, Provocation::Paused),
    alone(&[Mechanism::Undelivered], "backends/src/ledger/settle.rs", 8, Provocation::Refused),
    alone(&[Mechanism::UnknownAnswer], "worker/src/notify/handler.rs", 8, Provocation::Troubled),
    alone(&[Mechanism::RetryLimit], "backends/src/ledger/record.rs", 9, Provocation::Busy),
    alone(&[Mechanism::PermanentAnswer], "backends/src/ledger/record.rs", 9, Provocation::Refused),
    alone(&[Mechanism::Redaction], "worker/src/reset/prepare.rs", 10, Provocation::Ordinary),
    alone(&[Mechanism::District], "backends/src/ledger/tasks.rs", 11, Provocation::Trespass),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_mechanism_is_switched_off_and_every_invariant_of_one_run_falls() {
        let off: BTreeSet<&str> = MUTATIONS.iter().flat_map(|one| one.off).map(|one| one.name()).collect();
        let all: BTreeSet<&str> = Mechanism::ALL.iter().map(|one| one.name()).collect();
        assert_eq!(off, all);
        let fall: BTreeSet<u8> = MUTATIONS.iter().map(|one| one.invariant).collect();
        assert_eq!(fall, (1..=11).collect());
        let names: BTreeSet<&str> = MUTATIONS.iter().map(|one| one.name).collect();
        assert_eq!(names.len(), MUTATIONS.len(), "every name once");
    }

    #[test]
    fn every_mechanism_is_where_the_table_says() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
        for Mutation { name, place, .. } in MUTATIONS {
            let text = std::fs::read_to_string(format!("{root}/{place}")).unwrap_or_default();
            assert!(text.contains("fault::"), "{name}: {place}");
        }
    }
}
