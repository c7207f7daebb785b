//! `keybell producer`.

use anyhow::Result;
use keybell_shared::ports::ledger::IntakeLedger as _;

use super::district;
use crate::args::Producer;
use crate::context::Context;
use crate::outcome::Exit;
use crate::output::say;
use crate::wiring::open;

pub(crate) async fn run(context: Context, arguments: Producer) -> Result<Exit> {
    let Producer::Allow { district: named, name } = arguments;
    let backends = open(&context.config).await?;
    let district = district(&backends, named.district.as_deref()).await?;
    backends.ledger.allow_producer(district.id, &name).await?;
    backends.close().await;
    say(&format!("the broker user `{name}` may publish requests for {}", district.name));
    Ok(Exit::Done)
}
