//! Takes deliveries from one queue, on a channel of its own.

use std::sync::Arc;

use futures_util::StreamExt;
use keybell_shared::message::{Message, Undecodable};
use keybell_shared::ports::queue::Acks;
use keybell_shared::trace::{self, TraceParent};
use lapin::Channel;
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use tokio::sync::mpsc;

use super::acks::RabbitAcks;
use super::live::{Live, answer};

/// AMQP reply code: all is well.
const REPLY_SUCCESS: u16 = 200;

/// A consumer that the broker has accepted.
pub(super) struct Started {
    channel: Channel,
    stream: lapin::Consumer,
}

/// Asks the broker for the deliveries of `queue`, at most `prefetch` unacknowledged at a time.
pub(super) async fn start(live: &Live, queue: ShortString, prefetch: u16) -> lapin::Result<Started> {
    let channel = live.channel().await?;
    // 0 would mean without limit.
    answer(channel.basic_qos(prefetch.max(1), BasicQosOptions::default())).await?;
    let options = BasicConsumeOptions::default();
    let stream = answer(channel.basic_consume(queue, ShortString::default(), options, FieldTable::default())).await?;
    Ok(Started { channel, stream })
}

/// The work message that a delivery holds, with the trace of its header.
pub(super) fn read(delivery: &Delivery) -> Result<Message, Undecodable> {
    Ok(Message { trace: trace(delivery), ..Message::decode(&delivery.data)? })
}

/// The trace that a delivery belongs to; whatever else stands in that header is ignored.
pub(super) fn trace(delivery: &Delivery) -> Option<TraceParent> {
    let header = delivery.properties.headers().as_ref()?.inner().get(trace::HEADER)?;
    if let AMQPValue::LongString(text) = header {
        return std::str::from_utf8(text.as_bytes()).ok()?.parse().ok();
    }
    if let AMQPValue::ShortString(text) = header { text.as_str().parse().ok() } else { None }
}

/// Forwards deliveries until the connection is lost, the consumer is stopped or its receiver is dropped.
pub(super) fn forward<T: Send + 'static>(
    started: Started,
    prefetch: u16,
    read: impl Fn(Delivery) -> T + Send + 'static,
) -> (mpsc::Receiver<T>, Arc<dyn Acks>) {
    let Started { channel, mut stream } = started;
    // The broker keeps to the prefetch, so the receiver always has room.
    let (sender, receiver) = mpsc::channel(usize::from(prefetch.max(1)));
    let acks = Arc::new(RabbitAcks::new(channel.clone(), stream.tag()));
    tokio::spawn(async move {
        loop {
            let next = tokio::select! {
                biased;
                () = sender.closed() => None,
                next = stream.next() => next,
            };
            match next {
                Some(Ok(delivery)) => {
                    if sender.send(read(delivery)).await.is_err() {
                        break;
                    }
                }
                Some(Err(error)) => {
                    tracing::warn!(queue = %stream.queue(), %error, "the deliveries of a queue ended");
                    return;
                }
                // Stopped, or cancelled by the broker: what is in hand can still be acknowledged. The channel is
                // closed with the last handle to it.
                None if !sender.is_closed() => return,
                None => break,
            }
        }
        // Nobody takes deliveries any more. The broker hands the unacknowledged ones out again when the channel closes.
        if let Err(error) = answer(channel.close(REPLY_SUCCESS, "OK".into())).await {
            tracing::debug!(%error, "the channel of a dropped consumer was closed already");
        }
    });
    (receiver, acks)
}
