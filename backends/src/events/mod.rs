//! Domain events on their way out: a topic exchange for the cluster, a channel within the process when embedded.

pub mod memory;
pub mod rabbitmq;
