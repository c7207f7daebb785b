//! `keybell keys`.

use anyhow::Result;

use crate::args::{Keys, Output};
use crate::configuration::keys_folder;
use crate::context::Context;
use crate::outcome::Exit;
use crate::output::{say, say_json};

pub(crate) fn run(context: &Context, arguments: &Keys) -> Result<Exit> {
    let Keys::Create = arguments;
    let folder = keys_folder(&context.config);
    let made = crate::keys::create(&folder)?;
    match context.output {
        Output::Json => say_json(&serde_json::json!({"folder": folder, "made": made}))?,
        Output::Text if made.is_empty() => say(&format!("{} has every key already", folder.display())),
        Output::Text => {
            say(&format!("made {}", made.join(", ")));
            say("Back the folder up, and keep it from everybody who may read the database: together they open every \
                 sealed password.");
        }
    }
    Ok(Exit::Done)
}
