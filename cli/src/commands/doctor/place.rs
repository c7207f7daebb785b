//! The embedded folder: who may read it, and how much room its disk has.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use keybell_backends::examine::Seen;
use tokio::process::Command;

/// With less room than this, in MiB, somebody should look; with a tenth of it, nothing can be written soon.
const ROOM: u64 = 1_024;

/// What stands out about a folder; nothing while it does not exist, since it is made when it is first used.
pub(super) async fn findings(folder: &Path) -> Vec<Seen> {
    let Ok(about) = std::fs::metadata(folder) else { return Vec::new() };
    let mode = about.permissions().mode() & 0o777;
    let place = folder.display();
    let others = mode % 0o100;
    let mut seen = vec![if others == 0 {
        Seen::fine(format!("{place} is open to its owner alone"))
    } else {
        Seen::warning(format!("{place} is open to others (mode {mode:o}); chmod 700"))
    }];
    seen.extend(free(folder).await.map(room));
    seen
}

fn room(free: u64) -> Seen {
    let detail = format!("{free} MiB of disk are free");
    if free < ROOM / 10 {
        Seen::wrong(format!("{detail}; make room, or nothing can be written any more"))
    } else if free < ROOM {
        Seen::warning(format!("{detail}; make room soon"))
    } else {
        Seen::fine(detail)
    }
}

/// The free room in MiB, as `df` (POSIX) says it; nothing where there is none.
async fn free(folder: &Path) -> Option<u64> {
    let asking = Command::new("df").arg("-Pk").arg(folder).kill_on_drop(true).output();
    let said = tokio::time::timeout(Duration::from_secs(2), asking).await.ok()?.ok()?;
    available(&String::from_utf8_lossy(&said.stdout))
}

/// The fourth column of the second line, in KiB.
fn available(table: &str) -> Option<u64> {
    let kib: u64 = table.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    Some(kib / 1_024)
}

#[cfg(test)]
mod tests {
    use keybell_backends::examine::Level;

    use super::*;

    #[test]
    fn the_room_is_read_and_judged() {
        let said = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sda1 41152736 2 10485760 61% /\n";
        assert_eq!(available(said), Some(10_240));
        assert_eq!(available(""), None);
        let level = |free| room(free).level;
        assert_eq!((level(101), level(102), level(1_024)), (Level::Wrong, Level::Warning, Level::Fine));
    }

    #[tokio::test]
    async fn a_folder_that_others_may_read_is_named() {
        let home = tempfile::tempdir().expect("a folder");
        assert!(findings(&home.path().join("none")).await.is_empty());
        std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o755)).expect("chmod");
        let seen = findings(home.path()).await;
        assert!(seen[0].level == Level::Warning && seen[0].detail.contains("755"), "{seen:?}");
        std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o700)).expect("chmod");
        let seen = findings(home.path()).await;
        assert_eq!((seen[0].level, seen.len()), (Level::Fine, 2), "{seen:?}");
    }
}
