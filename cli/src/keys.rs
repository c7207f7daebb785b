//! The key files of sealed passwords.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use keybell_shared::seal::{OpenKey, SealKey, fresh_pair};
use zeroize::Zeroizing;

/// Whose key pair it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyOwner {
    /// New passwords are sealed to the notifiers.
    Notifier,
    /// Shared passwords are sealed to the reset workers.
    Reset,
}

impl KeyOwner {
    const fn name(self) -> &'static str {
        match self {
            Self::Notifier => "notifier",
            Self::Reset => "reset",
        }
    }
}

/// Makes the pairs that are missing. Answers the files that were made.
pub(crate) fn create(folder: &Path) -> Result<Vec<String>> {
    if !folder.exists() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("the key folder {} cannot be made", folder.display()))?;
    }
    let mut made = Vec::new();
    for owner in [KeyOwner::Notifier, KeyOwner::Reset] {
        let (private, public) =
            (folder.join(format!("{}.key", owner.name())), folder.join(format!("{}.pub", owner.name())));
        if private.exists() || public.exists() {
            continue;
        }
        let (open, seal) = fresh_pair();
        write(&private, &open.to_text(), 0o600)?;
        write(&public, &seal.to_text(), 0o644)?;
        made.push(private.display().to_string());
        made.push(public.display().to_string());
    }
    Ok(made)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(mode)
        .open(path)
        .with_context(|| format!("the key file {} cannot be made", path.display()))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| format!("the key file {} cannot be written", path.display()))
}

/// The public half: it seals.
pub(crate) fn seal_key(folder: &Path, owner: KeyOwner) -> Result<Arc<SealKey>> {
    let path = folder.join(format!("{}.pub", owner.name()));
    let text = std::fs::read_to_string(&path).with_context(|| missing(&path))?;
    let key = SealKey::from_text(&text).with_context(|| format!("the key file {}", path.display()))?;
    Ok(Arc::new(key))
}

/// The private half: it opens. A file that others may read is refused.
pub(crate) fn open_key(folder: &Path, owner: KeyOwner) -> Result<Arc<OpenKey>> {
    let path = folder.join(format!("{}.key", owner.name()));
    let text = Zeroizing::new(std::fs::read_to_string(&path).with_context(|| missing(&path))?);
    let mode = std::fs::metadata(&path).with_context(|| missing(&path))?.permissions().mode();
    if mode & 0o077 != 0 {
        bail!("the private key {} can be read by others (mode {:o}); run chmod 600", path.display(), mode & 0o777);
    }
    let key = OpenKey::from_text(&text).with_context(|| format!("the key file {}", path.display()))?;
    let public = seal_key(folder, owner);
    if let Ok(public) = public
        && public.id() != key.id()
    {
        bail!(
            "{0}.key and {0}.pub in {1} are no pair ({2}, {3}); restore the right ones, or every sealed password is lost",
            owner.name(),
            folder.display(),
            key.id(),
            public.id()
        );
    }
    Ok(Arc::new(key))
}

fn missing(path: &Path) -> String {
    format!("the key file {} cannot be read (keys.folder; `keybell keys create` makes missing ones)", path.display())
}
