//! The protocol of ARCHITECTURE.md as a model, with every interleaving of a small world tried out.
//!
//! The fault harness breaks the real program at random moments; here nothing is real and no moment is left out. Two tasks
//! overlap on one account, two reset workers and two notifiers work on them, everything that can happen happens at every
//! moment at which it can, and the promises are checked in every state that can be reached.

#![expect(clippy::indexing_slicing, reason = "there are two of everything, and what fails here fails the test")]

mod properties;
mod protocol;
mod world;
