//! `keybell asyncapi`.

use anyhow::Result;
use keybell_shared::asyncapi;

use crate::args::MessageSchema;
use crate::outcome::Exit;
use crate::output::say_json;

pub(crate) fn run(schema: Option<MessageSchema>) -> Result<Exit> {
    say_json(&match schema {
        None => asyncapi::document(),
        Some(MessageSchema::Request) => asyncapi::request_schema(),
        Some(MessageSchema::Event) => asyncapi::event_schema(),
    })?;
    Ok(Exit::Done)
}
