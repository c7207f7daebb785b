//! The back half of Keybell: the workers that reset passwords and tell people.
//!
//! The way of one item through this room, a file each:
//!
//! 1. [`harness`] takes messages from a stage's queue, gathers batches, runs several at a time, and answers each message
//!    as its handler's verdict says. It exists once for all stages.
//! 2. [`reset`] reads the items, draws and seals passwords, hashes them on threads of their own, commits the whole batch
//!    in one transaction, and publishes the notifications that this caused.
//! 3. [`notify`] claims notifications under a lease, opens the seals, sends by e-mail or SMS, and records the results.
//! 4. [`dead`] gives messages that were given up, or that killed their workers, a second life, alone.
//!
//! [`run`] starts the stages that a process is asked for. Workers keep no state: everything is in the ledger, and a
//! message carries ids only. A worker that is killed at any moment repeats work after its restart, and no reset.

mod assembly;
pub mod dead;
#[cfg(test)]
mod fakes;
pub mod harness;
pub mod notify;
pub mod reset;

pub use assembly::{StartError, WorkerParts, run};
