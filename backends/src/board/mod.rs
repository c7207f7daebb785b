//! The board, the live progress view: Redis for the cluster, memory when embedded.

pub mod examine;
pub mod memory;
pub mod redis;
