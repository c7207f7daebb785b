//! Where the keys of sealed passwords lie.

use std::path::PathBuf;

use serde::Deserialize;

/// Two key pairs: the notifiers' (new passwords are sealed to it) and the reset workers' (shared passwords are sealed
/// to it). Each process reads only the files that its stages need.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keys {
    /// The folder with `notifier.pub`, `notifier.key`, `reset.pub`, `reset.key`; empty means `keys` in the data folder.
    pub folder: PathBuf,
}
