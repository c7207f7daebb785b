//! The work queues: RabbitMQ for the cluster, memory when embedded.

pub mod memory;
pub mod rabbitmq;

use keybell_shared::message::Message;
use keybell_shared::metrics;
use keybell_shared::stage::Stage;

/// Counts messages that were offered to the queues, by stage.
fn count(messages: &[Message], taken: &[bool]) {
    for stage in Stage::ALL {
        let of_stage = messages.iter().zip(taken).filter(|(message, _)| message.stage() == stage);
        let (mut on_queue, mut refused) = (0, 0);
        for (_, safe) in of_stage {
            if *safe {
                on_queue += 1;
            } else {
                refused += 1;
            }
        }
        metrics::get().backends.published(stage, on_queue, refused);
    }
}
