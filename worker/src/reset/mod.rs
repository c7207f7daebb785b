//! Changing passwords: draw, hash, seal, commit, publish.
//!
//! One batch of the harness becomes one transaction: its items are read in one query (`handler.rs`), each open one gets a
//! password, a hash and a seal (`prepare.rs`, on the threads of `keybell_hashing::HashPool`), the group is committed and its
//! notifications are published (`commit.rs`, `publish.rs`). The commit decides under the accounts' locks; everything before it is only
//! preparation, and a crash anywhere repeats work, never a reset.

mod ahead;
mod commit;
mod generate;
mod handler;
mod prepare;
mod publish;
#[cfg(test)]
mod tests;
mod traces;

pub use handler::{Parts, handler};
