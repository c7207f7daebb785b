//! The sample district, compiled in.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

macro_rules! files {
    ($($name:literal),+) => { [$(($name, include_str!(concat!("../../../sample-district/", $name)))),+] };
}

const FILES: [(&str, &str); 7] = files!(
    "manifest.csv",
    "orgs.csv",
    "academicSessions.csv",
    "courses.csv",
    "classes.csv",
    "users.csv",
    "enrollments.csv"
);

/// Writes the roster into the demo's folder, where a curious person can look at it. Answers the roster's folder.
pub(super) fn write(folder: &Path) -> Result<PathBuf> {
    let roster = folder.join("roster");
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&roster)
        .with_context(|| format!("the folder {} cannot be made", roster.display()))?;
    for (name, text) in FILES {
        let path = roster.join(name);
        std::fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(roster)
}
