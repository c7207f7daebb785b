//! The ledger: the only truth. Each trait is what one room asks of it; [`Ledger`] is all of them.
//!
//! Every change of a state is a guarded transition, and a repeated call changes nothing more. Times are the
//! database's: methods take durations, never a `now`. Lock order, everywhere: accounts in id order, then items, then
//! notifications, then counters.

mod accounts;
mod approval;
mod directory;
mod dispatch;
mod expansion;
mod intake;
mod keys;
mod leader;
mod links;
mod notices;
mod outbox;
mod plans;
mod producers;
mod repair;
mod resets;
mod retention;
mod roster;
mod tasks;
mod uploads;
mod webhooks;

pub use accounts::*;
pub use approval::*;
pub use directory::*;
pub use dispatch::*;
pub use expansion::*;
pub use intake::*;
pub use keys::*;
pub use leader::*;
pub use links::*;
pub use notices::*;
pub use outbox::*;
pub use plans::*;
pub use producers::*;
pub use repair::*;
pub use resets::*;
pub use retention::*;
pub use roster::*;
pub use tasks::*;
pub use uploads::*;
pub use webhooks::*;

use crate::error::LedgerError;

/// What a ledger method answers.
pub type LedgerResult<T> = Result<T, LedgerError>;

/// Everything that the rooms ask of the ledger.
pub trait Ledger:
    IntakeLedger
    + ExpansionLedger
    + DispatchLedger
    + ResetLedger
    + NoticeLedger
    + RepairLedger
    + TaskLedger
    + OutboxLedger
    + LeaderLedger
    + AccountLedger
    + DirectoryLedger
    + LinkLedger
    + KeyLedger
    + RosterLedger
    + RetentionLedger
    + ProducerLedger
    + WebhookLedger
    + PlanLedger
    + ApprovalLedger
    + UploadLedger
{
}

impl<T> Ledger for T where
    T: IntakeLedger
        + ExpansionLedger
        + DispatchLedger
        + ResetLedger
        + NoticeLedger
        + RepairLedger
        + TaskLedger
        + OutboxLedger
        + LeaderLedger
        + AccountLedger
        + DirectoryLedger
        + LinkLedger
        + KeyLedger
        + RosterLedger
        + RetentionLedger
        + ProducerLedger
        + WebhookLedger
        + PlanLedger
        + ApprovalLedger
        + UploadLedger
{
}
