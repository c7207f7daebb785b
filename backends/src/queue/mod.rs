//! The work queues: RabbitMQ for the cluster, memory when embedded.

pub mod memory;
pub mod rabbitmq;
