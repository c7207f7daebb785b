//! Changing a pair, and destroying an old private half.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use keybell_shared::seal::fresh_pair;

use super::{KeyOwner, private, public, read_private, seal_key, write};

/// What a rotation did.
#[derive(Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Rotated {
    /// Whose pair it is.
    pub(crate) owner: &'static str,
    /// The name of the pair that seals from now on.
    pub(crate) new: String,
    /// The name of the pair before it, which still opens.
    pub(crate) old: String,
}

/// The private halves of former pairs, by name.
pub(crate) fn older(folder: &Path, owner: KeyOwner) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("the key folder {}", folder.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("the key folder {}", folder.display()))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let id = name.strip_prefix(owner.name()).and_then(|rest| rest.strip_prefix('.')).unwrap_or_default();
        if id.strip_suffix(".key").is_some_and(is_id) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The former private half of this name.
pub(crate) fn find(folder: &Path, id: &str) -> Option<(KeyOwner, PathBuf)> {
    let file = |owner: KeyOwner| (owner, folder.join(format!("{}.{id}.key", owner.name())));
    is_id(id).then(|| KeyOwner::ALL.map(file).into_iter().find(|(_, path)| path.exists())).flatten()
}

/// Makes a new pair; what was sealed to the old one still opens.
///
/// The private halves come first, so that a crash at any moment leaves a folder whose public half can be opened. A
/// rotation that was cut off there is completed by the next one.
pub(crate) fn rotate(folder: &Path, owner: KeyOwner) -> Result<Rotated> {
    let (private, public) = (private(folder, owner), public(folder, owner));
    let current = read_private(&private)?;
    let sealing = seal_key(folder, owner)?;
    let (old, new) = if sealing.id() == current.id() {
        let (open, seal) = fresh_pair();
        let kept = folder.join(format!("{}.{}.key", owner.name(), current.id()));
        if !kept.exists() {
            replace(&kept, &current.to_text(), 0o600)?;
        }
        replace(&private, &open.to_text(), 0o600)?;
        (current.id().to_owned(), seal)
    } else {
        // The last rotation was cut off before the public half.
        let kept = folder.join(format!("{}.{}.key", owner.name(), sealing.id()));
        if !kept.exists() {
            bail!(
                "{0}.key and {0}.pub in {1} are no pair; restore the right ones first",
                owner.name(),
                folder.display()
            );
        }
        (sealing.id().to_owned(), current.seal_key())
    };
    replace(&public, &new.to_text(), 0o644)?;
    Ok(Rotated { owner: owner.name(), new: new.id().to_owned(), old })
}

/// Overwrites a file, and removes it.
pub(crate) fn destroy(path: &Path) -> Result<()> {
    let failed = || format!("the key file {} cannot be destroyed", path.display());
    let length = usize::try_from(fs::metadata(path).with_context(failed)?.len()).unwrap_or_default();
    let mut file = OpenOptions::new().write(true).open(path).with_context(failed)?;
    file.write_all(&vec![0; length]).and_then(|()| file.sync_all()).with_context(failed)?;
    fs::remove_file(path).with_context(failed)?;
    sync(path)
}

/// Puts a whole file in the place of another, or none.
fn replace(path: &Path, text: &str, mode: u32) -> Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".new");
    let aside = PathBuf::from(aside);
    if aside.exists() {
        destroy(&aside)?;
    }
    write(&aside, text, mode)?;
    fs::rename(&aside, path).with_context(|| format!("the key file {} cannot be replaced", path.display()))?;
    sync(path)
}

/// Makes the folder's entries safe on the disk.
fn sync(path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .with_context(|| format!("the key folder {} cannot be synchronised", folder.display()))
}

fn is_id(id: &str) -> bool {
    id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use keybell_shared::ids::{DistrictId, TaskId};
    use keybell_shared::seal::{Binding, SealKey};
    use secrecy::SecretString;

    use super::super::{create, open_keys, open_ring};
    use super::*;

    #[test]
    fn a_rotation_keeps_the_old_half_and_can_be_cut_off_anywhere() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path();
        create(folder).expect("keys");
        let owner = KeyOwner::Notifier;
        let before = seal_key(folder, owner).expect("key");
        let ring = open_ring(folder, owner).expect("ring");
        let done = rotate(folder, owner).expect("rotated");
        assert_eq!(done.old, before.id());
        let after = seal_key(folder, owner).expect("key");
        assert_eq!((after.id() == done.new, after.id() == before.id()), (true, false));
        let binding = Binding::Task(DistrictId::fresh(), TaskId::fresh());
        let sealed = |key: &SealKey| key.seal(&SecretString::from("Otter-lamp-47"), binding).expect("seal");
        let fresh = open_ring(folder, owner).expect("ring");
        for key in [&before, &after] {
            assert!(fresh.open(&sealed(key), binding).is_ok());
            assert!(ring.open(&sealed(key), binding).is_ok(), "a running process finds the new key by itself");
        }
        assert!(rotate(folder, KeyOwner::Reset).is_ok());
        assert_eq!(older(folder, owner).expect("older").len(), 1);

        // Cut off before the public half was replaced.
        let cut = rotate(folder, owner).expect("rotated");
        fs::write(public(folder, owner), after.to_text()).expect("the public half of before");
        assert_eq!(open_keys(folder, owner).expect("it opens").len(), 3);
        let completed = rotate(folder, owner).expect("completed");
        assert_eq!((completed.new, completed.old), (cut.new, cut.old));

        let (found, path) = find(folder, before.id()).expect("the oldest");
        assert_eq!((found, find(folder, &cut_id(folder))), (owner, None));
        destroy(&path).expect("destroyed");
        assert!(!path.exists() && find(folder, before.id()).is_none());
        assert!(open_ring(folder, owner).expect("ring").open(&sealed(&before), binding).is_err());
        assert!(find(folder, "../notifier").is_none());
    }

    /// Today's key is not one that can be retired.
    fn cut_id(folder: &Path) -> String {
        seal_key(folder, KeyOwner::Notifier).expect("key").id().to_owned()
    }
}
