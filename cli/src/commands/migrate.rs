//! `keybell migrate`.

use anyhow::Result;

use crate::context::Context;
use crate::outcome::Exit;
use crate::output::say;
use crate::wiring::open;

pub(crate) async fn run(context: Context) -> Result<Exit> {
    // An embedded ledger is migrated whenever it is opened; doing it again changes nothing.
    let backends = open(&context.config).await?;
    backends.ledger.migrate().await?;
    backends.close().await;
    say("the database has every migration of this version");
    Ok(Exit::Done)
}
