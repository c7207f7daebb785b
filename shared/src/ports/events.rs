//! Domain events on their way out.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Millis;
use crate::error::QueueError;
use crate::ids::DistrictId;

/// Something that happened and that upstream applications may want to know. Carries ids and codes only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// The ledger's number of the event; ascending, not gapless.
    pub id: i64,
    /// The district it belongs to.
    pub district: DistrictId,
    /// What happened: the word of a [`Fact`](crate::events::Fact), such as `task.completed`.
    pub kind: String,
    /// Its facts, as a JSON object.
    pub body: serde_json::Value,
    /// When, in milliseconds since 1970-01-01 UTC.
    #[schema(value_type = i64)]
    pub at: Millis,
}

/// Which request an event answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerTo<'a> {
    /// The broker user that published it.
    pub producer: &'a str,
    /// The application's own id of the request; empty when it gave none.
    pub message_id: &'a str,
}

impl Event {
    /// Which request it answers, if it is an answer: those are for one producer alone.
    #[must_use]
    pub fn answers(&self) -> Option<AnswerTo<'_>> {
        if !self.kind.starts_with("request.") {
            return None;
        }
        let text = |field| self.body.get(field).and_then(serde_json::Value::as_str);
        Some(AnswerTo { producer: text("producer")?, message_id: text("message_id").unwrap_or_default() })
    }

    /// The routing key on the topic exchange: `<district>.<kind>`, and for an answer `<district>.<kind>.<producer>`, so
    /// that an application can be allowed to listen to its own answers and to nothing else.
    #[must_use]
    pub fn routing_key(&self) -> String {
        let own = self.answers().map_or_else(String::new, |answer| format!(".{}", answer.producer));
        format!("{}.{}{own}", self.district, self.kind)
    }
}

/// Where events go (a topic exchange, or a channel within the process when embedded). At least once.
#[async_trait]
pub trait EventSink: Send + Sync {
    /// Hands events on; answers once they are safe.
    async fn emit(&self, events: &[Event]) -> Result<(), QueueError>;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_goes_to_its_producer_and_everything_else_to_the_district() {
        let event = |kind: &str, body| Event {
            id: 1,
            district: DistrictId::fresh(),
            kind: kind.to_owned(),
            body,
            at: Millis(0),
        };
        let body = json!({"producer": "sis", "message_id": "m-1"});
        let answer = event("request.refused", body.clone());
        assert_eq!(answer.routing_key(), format!("{}.request.refused.sis", answer.district));
        assert_eq!(answer.answers(), Some(AnswerTo { producer: "sis", message_id: "m-1" }));
        let other = event("task.accepted", body);
        assert_eq!(other.routing_key(), format!("{}.task.accepted", other.district));
        assert_eq!(other.answers(), None);
    }
}
