//! `webhooks.key`: the master key from which the secrets of webhooks are derived.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use keybell_shared::webhook::WebhookKey;
use rand::Rng as _;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

/// The file's name.
const FILE: &str = "webhooks.key";

/// Makes the key if it is missing. Answers the file if it was made.
pub(super) fn create(folder: &Path) -> Result<Option<PathBuf>> {
    let path = folder.join(FILE);
    if path.exists() {
        return Ok(None);
    }
    let mut bytes = Zeroizing::new([0_u8; 32]);
    UnwrapErr(SysRng).fill_bytes(bytes.as_mut());
    super::write(&path, &WebhookKey::from_bytes(bytes).to_text(), 0o600)?;
    Ok(Some(path))
}

/// The key, if it is here. Without it webhooks wait and no new one can be made; a key that cannot be used is logged.
pub(crate) fn webhook_key(folder: &Path) -> Option<Arc<WebhookKey>> {
    match read_webhook_key(folder) {
        Ok(key) => key.map(Arc::new),
        Err(error) => {
            tracing::error!("webhooks wait, and none can be made: {error:#}");
            None
        }
    }
}

/// The key, if it is here. A file that others may read is refused.
pub(crate) fn read_webhook_key(folder: &Path) -> Result<Option<WebhookKey>> {
    let path = folder.join(FILE);
    if !path.exists() {
        return Ok(None);
    }
    let text = super::read_secret(&path)?;
    WebhookKey::from_text(&text).map(Some).with_context(|| format!("the key file {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn it_is_made_once_and_refused_when_others_may_read_it() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path();
        assert!(read_webhook_key(folder).expect("no error").is_none());
        let path = create(folder).expect("made").expect("it was missing");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        let id = read_webhook_key(folder).expect("readable").expect("there").id();
        assert_eq!(create(folder).expect("no error"), None, "it is never replaced");
        assert_eq!(webhook_key(folder).map(|key| key.id()), Some(id));
        set_permissions(&path, Permissions::from_mode(0o640)).expect("set");
        let error = read_webhook_key(folder).expect_err("refused").to_string();
        assert!(error.contains("chmod 600"), "{error}");
        assert!(webhook_key(folder).is_none());
    }
}
