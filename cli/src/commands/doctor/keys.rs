//! The keys, as far as this process has them.

use keybell_backends::examine::Seen;
use keybell_shared::config::{Config, RunMode};

use super::Finding;
use crate::configuration::keys_folder;
use crate::keys::{KeyOwner, open_keys, read_webhook_key, seal_key};
use crate::wiring::is_missing;

/// What is said of a key of an embedded folder that was never used.
const LATER: &str = "made together with the ledger";

/// One finding for each owner, and one for the key of webhooks.
pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let named = [(KeyOwner::Notifier, "notifier key"), (KeyOwner::Reset, "reset key")];
    let pairs = named.into_iter().map(|(owner, what)| Finding::new(what, "keys.folder", of(config, owner)));
    pairs.chain([Finding::new("webhooks key", "keys.folder", of_webhooks(config))]).collect()
}

fn of_webhooks(config: &Config) -> Seen {
    match (read_webhook_key(&keys_folder(config)), config.mode) {
        (Ok(Some(key)), _) => Seen::fine(format!("{} signs webhooks", key.id())),
        // Only API and scheduler have it in a cluster, and only if webhooks are used.
        (Ok(None), RunMode::Cluster) => Seen::fine("not here"),
        (Ok(None), RunMode::Embedded) if is_missing(config) => Seen::fine(LATER),
        (Ok(None), RunMode::Embedded) => Seen::wrong("missing; `keybell keys create` makes it"),
        (Err(error), _) => Seen::wrong(format!("{error:#}")),
    }
}

fn of(config: &Config, owner: KeyOwner) -> Seen {
    let folder = keys_folder(config);
    let here = |half: &str| folder.join(format!("{}.{half}", owner.name())).exists();
    let found = match (here("pub"), here("key")) {
        (_, true) => open_keys(&folder, owner).map(|keys| {
            let ids: Vec<&str> = keys.iter().map(keybell_shared::seal::OpenKey::id).collect();
            match ids.as_slice() {
                [] | [_] => format!("{} opens and seals", ids.concat()),
                [today, older @ ..] => format!("{today} opens and seals; {} opens what is older", older.join(" ")),
            }
        }),
        (true, false) => seal_key(&folder, owner).map(|key| format!("{} seals; what opens is not here", key.id())),
        // In a cluster each process has only the keys that its stages need.
        (false, false) if config.mode == RunMode::Cluster => Ok("not here".to_owned()),
        (false, false) if is_missing(config) => Ok(LATER.to_owned()),
        (false, false) => Err(anyhow::anyhow!("missing; `keybell keys create` makes it")),
    };
    found.map_or_else(|error| Seen::wrong(format!("{error:#}")), Seen::fine)
}
