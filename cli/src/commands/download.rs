//! Files that an answer is: written beside their place first, so that a broken download leaves no half file behind.

use std::io::Write;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::desk::Body;

/// Writes an answer into a file; answers how many bytes it has.
pub(super) async fn into_file(body: Body, path: &Path) -> Result<u64> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let place = || format!("{} cannot be written", path.display());
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(place)?;
    let bytes = copy(body, &mut file).await?;
    file.flush().with_context(place)?;
    file.persist(path).map_err(|error| error.error).with_context(place)?;
    Ok(bytes)
}

/// Writes an answer piece by piece.
pub(super) async fn copy(mut body: Body, to: &mut (impl Write + ?Sized)) -> Result<u64> {
    let mut bytes = 0;
    while let Some(piece) = body.piece().await? {
        to.write_all(&piece).context("the file cannot be written")?;
        bytes += piece.len() as u64;
    }
    Ok(bytes)
}

/// `xlsx` for a file that is named so, else `csv`.
pub(super) fn format(path: Option<&Path>) -> &'static str {
    let xlsx = path.and_then(Path::extension).is_some_and(|end| end.eq_ignore_ascii_case("xlsx"));
    if xlsx { "xlsx" } else { "csv" }
}
