//! Hashing passwords with Argon2id, as fast as this machine can.
//!
//! Hashing is the work of a bulk reset; everything else is small beside it. So it has threads, memory and code of its own:
//!
//! * `pool.rs`: the door. A fixed number of plain threads, fed by a bounded channel; `lane.rs` is what each of them does,
//!   `trust.rs` what happens when an engine is caught lying, `courtesy.rs` why they are in nobody's way.
//! * `backend.rs`: which engines this machine can run. `kernel/` is our own: several independent hashes in lockstep on one
//!   core, with AVX-512 or AVX2. `library.rs` is the crate `argon2-rust`, for every other processor and every other number of
//!   lanes. `reference.rs` is the crate `argon2`: slower, and the one that is believed.
//! * `self_test.rs`: known answers at every start. `phc.rs`: the stored form.
//! * `measure.rs`: the tight loop, the physical limit that the whole pipeline is measured against.

mod backend;
mod courtesy;
mod engine;
mod error;
mod kernel;
mod lane;
mod library;
mod measure;
mod phc;
mod pool;
mod reference;
mod self_test;
#[cfg(feature = "simulated")]
mod simulated;
mod trust;

pub use backend::{Backend, available};
pub use error::HashError;
pub use measure::{Tight, tight_loop};
pub use pool::{HashPool, threads_for};
pub use reference::verify;
