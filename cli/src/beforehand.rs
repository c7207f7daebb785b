//! What can be seen to be wrong before anything is opened or listened to: a process that takes requests and then ends
//! because of its own configuration would be worse than one that never begins.

use anyhow::{Context as _, Result};
use keybell_shared::config::Config;
use keybell_shared::stage::Stage;
use keybell_worker::notify::{email_sender, sms_sender};

use crate::configuration::{keys_folder, outbox};
use crate::keys::{KeyOwner, open_ring, seal_key};
use crate::outcome::Exit;
use crate::running::Part;

/// The stages that these parts work at.
fn stages(parts: &[Part]) -> Vec<Stage> {
    let of_part = |part: &Part| match part {
        Part::Api | Part::Scheduler => Vec::new(),
        Part::Workers => Stage::ALL.to_vec(),
        Part::Stages(stages) => stages.clone(),
    };
    parts.iter().flat_map(of_part).collect()
}

/// Makes the senders that these parts will use, and lets them go again. Nothing is connected to.
pub(crate) fn senders(config: &Config, parts: &[Part]) -> Result<()> {
    let stages = stages(parts);
    let deadline = config.timing.send_deadline;
    if stages.contains(&Stage::Email) {
        email_sender(&config.email, &outbox(config, &config.email.folder), deadline)
            .map(drop)
            .context(Exit::Configuration)?;
    }
    if stages.contains(&Stage::Sms) {
        sms_sender(&config.sms, &outbox(config, &config.sms.folder), deadline)
            .map(drop)
            .context(Exit::Configuration)?;
    }
    Ok(())
}

/// Reads the keys that these parts will use. In embedded mode the missing ones have been made by then.
pub(crate) fn keys(config: &Config, parts: &[Part]) -> Result<()> {
    let (stages, folder) = (stages(parts), keys_folder(config));
    if stages.contains(&Stage::Reset) {
        open_ring(&folder, KeyOwner::Reset).map(drop).context(Exit::Configuration)?;
        seal_key(&folder, KeyOwner::Notifier).map(drop).context(Exit::Configuration)?;
    }
    if stages.iter().any(|stage| *stage != Stage::Reset) {
        open_ring(&folder, KeyOwner::Notifier).map(drop).context(Exit::Configuration)?;
    }
    Ok(())
}
