//! The key files: of sealed passwords `OWNER.key` and `OWNER.pub` are today's pair, and `OWNER.ID.key` the private halves
//! of pairs before it; `webhooks.key` is the one from which the secrets of webhooks are derived.

mod rotate;
mod webhooks;

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use keybell_shared::seal::{KeyRing, OpenKey, SealKey, fresh_pair};
use zeroize::Zeroizing;

pub(crate) use rotate::{destroy, find, older, rotate};
pub(crate) use webhooks::{read_webhook_key, webhook_key};

/// Whose key pair it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum KeyOwner {
    /// New passwords are sealed to the notifiers.
    Notifier,
    /// Shared passwords are sealed to the reset workers.
    Reset,
}

impl KeyOwner {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Notifier, Self::Reset];

    /// The beginning of its files' names.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Notifier => "notifier",
            Self::Reset => "reset",
        }
    }
}

/// Makes the keys that are missing. Answers the files that were made.
pub(crate) fn create(folder: &Path) -> Result<Vec<String>> {
    if !folder.exists() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("the key folder {} cannot be made", folder.display()))?;
    }
    let mut made = Vec::new();
    for owner in KeyOwner::ALL {
        let (private, public) = (private(folder, owner), public(folder, owner));
        if private.exists() || public.exists() {
            continue;
        }
        let (open, seal) = fresh_pair();
        write(&private, &open.to_text(), 0o600)?;
        write(&public, &seal.to_text(), 0o644)?;
        made.push(private.display().to_string());
        made.push(public.display().to_string());
    }
    if let Some(path) = webhooks::create(folder)? {
        made.push(path.display().to_string());
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

/// Where today's private half lies.
fn private(folder: &Path, owner: KeyOwner) -> PathBuf {
    folder.join(format!("{}.key", owner.name()))
}

/// Where today's public half lies.
fn public(folder: &Path, owner: KeyOwner) -> PathBuf {
    folder.join(format!("{}.pub", owner.name()))
}

/// The public half: it seals.
pub(crate) fn seal_key(folder: &Path, owner: KeyOwner) -> Result<Arc<SealKey>> {
    let path = public(folder, owner);
    let text = std::fs::read_to_string(&path).with_context(|| missing(&path))?;
    let key = SealKey::from_text(&text).with_context(|| format!("the key file {}", path.display()))?;
    Ok(Arc::new(key))
}

/// The private halves: they open. The ring looks into the folder for a key that it does not have, because a rotation may
/// have brought it since.
pub(crate) fn open_ring(folder: &Path, owner: KeyOwner) -> Result<Arc<KeyRing>> {
    let keys = open_keys(folder, owner)?;
    let folder = folder.to_owned();
    let look = move |id: &str| {
        // A key that cannot be read is not here; the caller says which one is missing.
        let here = open_keys(&folder, owner).unwrap_or_default();
        here.into_iter().find(|key| key.id() == id)
    };
    Ok(Arc::new(KeyRing::new(keys).looking(Box::new(look))))
}

/// Every private half, today's first. A file that others may read is refused, and so is a public half that none of them
/// belongs to.
pub(crate) fn open_keys(folder: &Path, owner: KeyOwner) -> Result<Vec<OpenKey>> {
    let mut keys = vec![read_private(&private(folder, owner))?];
    for path in older(folder, owner)? {
        keys.push(read_private(&path)?);
    }
    if let Ok(public) = seal_key(folder, owner)
        && !keys.iter().any(|key| key.id() == public.id())
    {
        bail!(
            "{0}.key and {0}.pub in {1} are no pair ({2}, {3}); restore the right ones, or every sealed password is lost",
            owner.name(),
            folder.display(),
            keys.iter().map(OpenKey::id).collect::<Vec<_>>().join(" "),
            public.id()
        );
    }
    Ok(keys)
}

fn read_private(path: &Path) -> Result<OpenKey> {
    OpenKey::from_text(&read_secret(path)?).with_context(|| format!("the key file {}", path.display()))
}

/// The text of a file that nobody else may read.
fn read_secret(path: &Path) -> Result<Zeroizing<String>> {
    let text = Zeroizing::new(std::fs::read_to_string(path).with_context(|| missing(path))?);
    let about = std::fs::metadata(path).with_context(|| missing(path))?;
    let mode = about.permissions().mode();
    // Kubernetes mounts a secret as root's file, which we read as its group.
    let ours = std::fs::metadata("/proc/self").map_or(true, |process| process.uid() == about.uid());
    if mode & if ours { 0o077 } else { 0o037 } != 0 {
        bail!("the private key {} can be read by others (mode {:o}); run chmod 600", path.display(), mode & 0o777);
    }
    Ok(text)
}

fn missing(path: &Path) -> String {
    format!("the key file {} cannot be read (keys.folder; `keybell keys create` makes missing ones)", path.display())
}
