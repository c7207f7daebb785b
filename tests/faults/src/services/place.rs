//! A server's folder, and the user that it runs as.

use std::fs::{File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

/// The only folders in which programs are looked for, also by the servers.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A folder that belongs to one server.
#[derive(Debug)]
pub(super) struct Place {
    folder: PathBuf,
    /// As root, the user for whom its package made an account; otherwise ourselves.
    owner: Option<Owner>,
}

#[derive(Clone, Copy, Debug)]
struct Owner {
    user: u32,
    group: u32,
}

impl Place {
    /// Makes the folder below this one, for the server of this name.
    pub(super) fn make(parent: &Path, name: &str) -> Result<Self> {
        let owner = if is_root()? { Some(owner(name)?) } else { None };
        let place = Self { folder: parent.join(name), owner };
        if let Some(owner) = owner {
            reachable(parent, name, owner)?;
        }
        place.subfolder("")?;
        Ok(place)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes a folder in it, or finds it there. Answers its path.
    pub(super) fn subfolder(&self, name: &str) -> Result<PathBuf> {
        let path = if name.is_empty() { self.folder.clone() } else { self.folder.join(name) };
        let made = std::fs::create_dir_all(&path);
        made.and_then(|()| self.own(&path, 0o700)).with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(path)
    }

    /// Writes a file in it. Answers its path.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        let written = std::fs::write(&path, text).and_then(|()| self.own(&path, 0o600));
        written.with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(path)
    }

    /// A log in it, which goes on where it was when its server is started again.
    pub(super) fn log(&self, name: &str) -> Result<File> {
        let path = self.folder.join(format!("{name}.log"));
        let log = File::options().create(true).append(true).open(&path);
        log.with_context(|| format!("{} cannot be written", path.display()))
    }

    /// The end of a log, for messages.
    pub(super) fn last_words(&self, name: &str) -> String {
        let path = self.folder.join(format!("{name}.log"));
        let text = std::fs::read(&path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let last = lines.get(lines.len().saturating_sub(15)..).unwrap_or_default();
        format!("the end of {}:\n{}", path.display(), last.join("\n"))
    }

    /// A program that runs as the server's user, in its folder, with an environment in which nobody else has a say, and
    /// that is killed when we end: also when nobody could clean up after us.
    pub(super) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if let Some(Owner { user, group }) = self.owner {
            command.args([format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".to_owned()]);
        }
        command.arg("--").arg(program.as_ref());
        command.env_clear().env("PATH", PATH).env("HOME", &self.folder).env("LANG", "C.UTF-8");
        command.current_dir(&self.folder).process_group(0).kill_on_drop(true);
        command
    }

    fn own(&self, path: &Path, mode: u32) -> std::io::Result<()> {
        std::fs::set_permissions(path, Permissions::from_mode(mode))?;
        self.owner.map_or(Ok(()), |Owner { user, group }| chown(path, Some(user), Some(group)))
    }
}

/// Lets the servers' users get through this folder of ours to their own.
pub(crate) fn open(folder: &Path) -> Result<()> {
    if is_root()? {
        let mode = mode(folder)? | 0o111;
        let opened = std::fs::set_permissions(folder, Permissions::from_mode(mode));
        opened.with_context(|| format!("{} cannot be opened for the servers' users", folder.display()))?;
    }
    Ok(())
}

/// The first of these programs that is there; each is a path, or a name in the usual folders.
pub(super) fn find(programs: &[&str], package: &str) -> Result<PathBuf> {
    let paths = programs.iter().flat_map(|program| PATH.split(':').map(move |folder| Path::new(folder).join(program)));
    let found = paths.into_iter().find(|path| path.is_file());
    found.with_context(|| format!("{} is missing. On Debian: apt-get install {package}", programs.join(" or ")))
}

fn is_root() -> Result<bool> {
    // A process's folder belongs to the user that it runs as.
    Ok(std::fs::metadata("/proc/self").context("/proc is not mounted")?.uid() == 0)
}

fn mode(folder: &Path) -> Result<u32> {
    let found = std::fs::metadata(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    Ok(found.permissions().mode())
}

fn owner(name: &str) -> Result<Owner> {
    let users = std::fs::read_to_string("/etc/passwd").context("/etc/passwd cannot be read")?;
    let found = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let matches = fields.next() == Some(name);
        let (user, group) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        matches.then_some(Owner { user, group })
    });
    let missing =
        || format!("there is no user {name}, and as root the server must not run; install its Debian package");
    found.with_context(missing)
}

fn reachable(folder: &Path, name: &str, owner: Owner) -> Result<()> {
    for folder in folder.ancestors() {
        let found = std::fs::metadata(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
        let needed = if found.uid() == owner.user {
            0o100
        } else if found.gid() == owner.group {
            0o010
        } else {
            0o001
        };
        if found.mode() & needed == 0 {
            let folder = folder.display();
            bail!("the user {name} cannot get through {folder}; choose a folder elsewhere, such as one in /tmp");
        }
    }
    Ok(())
}
