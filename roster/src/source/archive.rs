//! A roster in a zip. Nothing is ever unpacked to disk; entries are looked at before one is opened, and read as streams
//! that stop where the zip said they would.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use zip::{CompressionMethod, ZipArchive};

use super::{MAX_ENTRIES, pick};
use crate::error::RosterError;
use crate::recognise::{self, Format};

/// The most bytes that all entries of a roster together may unpack to.
pub(super) const MAX_TOTAL: u64 = 2 * GIB;
const GIB: u64 = 1024 * MIB;
const MIB: u64 = 1024 * 1024;
/// The most bytes that one packed byte may unpack to. Rosters reach about twenty.
const MAX_RATIO: u64 = 200;

/// The files of a zip.
#[derive(Debug)]
pub(crate) struct Archive {
    path: PathBuf,
    pub(super) files: BTreeMap<String, Entry>,
}

/// Where an entry is and how long it may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) index: usize,
    pub(super) size: u64,
}

/// Why a zip cannot be used, before it is known how it is called.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// It is broken; how.
    Unreadable(String),
    /// It is not safe to read; why.
    Unsafe(String),
}

impl Unusable {
    pub(super) fn at(self, path: &Path) -> RosterError {
        match self {
            Self::Unreadable(reason) => RosterError::Unreadable { path: path.to_owned(), reason },
            Self::Unsafe(reason) => RosterError::UnsafeArchive(reason),
        }
    }
}

/// A zip that keeps the bounds, and the files in it.
pub(super) type Surveyed<R> = (ZipArchive<BufReader<R>>, Vec<(String, Entry)>);

/// Looks at every entry before one is opened; all together may unpack to `most` bytes.
pub(super) fn survey<R: Read + Seek>(mut file: R, most: u64) -> Result<Surveyed<R>, Unusable> {
    let unreadable = |error: &dyn std::fmt::Display| Unusable::Unreadable(error.to_string());
    check_announced(&mut file).map_err(|error| unreadable(&error))??;
    let mut zip = ZipArchive::new(BufReader::new(file)).map_err(|error| unreadable(&error))?;
    let mut paths = Vec::new();
    let mut total = 0_u64;
    if zip.len() > MAX_ENTRIES || zip.has_duplicate_names() {
        return Err(Unusable::Unsafe("too many entries, or two of the same name".to_owned()));
    }
    for index in 0..zip.len() {
        let entry = zip.by_index_raw(index).map_err(|error| unreadable(&error))?;
        let name = entry.name().map_or_else(|_| String::new(), std::borrow::Cow::into_owned);
        total = total.saturating_add(entry.size());
        check(&entry, total, most)?;
        if entry.is_file() {
            paths.push((name, Entry { index, size: entry.size() }));
        }
    }
    Ok((zip, paths))
}

impl Archive {
    pub(super) fn open(path: &Path) -> Result<Self, RosterError> {
        let unreadable = |reason: String| RosterError::Unreadable { path: path.to_owned(), reason };
        let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
        let (_, paths) = survey(file, MAX_TOTAL).map_err(|error| error.at(path))?;
        if let Some(format) = recognise::packed(paths.iter().map(|(name, _)| name.as_str())) {
            return Err(RosterError::Unsupported { format });
        }
        let files = pick(paths).map_err(unreadable)?;
        if files.is_empty() {
            return Err(RosterError::Unsupported { format: Format::OtherArchive });
        }
        Ok(Self { path: path.to_owned(), files })
    }

    pub(super) fn read<T>(&self, name: &str, with: impl FnOnce(&mut dyn Read) -> T) -> io::Result<T> {
        let entry = self.files.get(name).ok_or(ErrorKind::NotFound)?;
        let mut zip = ZipArchive::new(BufReader::new(File::open(&self.path)?)).map_err(io::Error::other)?;
        let file = zip.by_index(entry.index).map_err(io::Error::other)?;
        // The file may have been exchanged since it was checked.
        if file.size() != entry.size {
            return Err(io::Error::other("the zip changed while it was read"));
        }
        Ok(with(&mut Bounded { inner: file, left: entry.size }))
    }
}

/// Checks the number of entries that the end of the zip announces, before a directory of any length is read. More than
/// one such end can be found in a crafted file, so all of them must agree with the bound.
fn check_announced(file: &mut (impl Read + Seek)) -> io::Result<Result<(), Unusable>> {
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(66_000)))?;
    let mut tail = Vec::new();
    file.by_ref().take(66_000).read_to_end(&mut tail)?;
    file.seek(SeekFrom::Start(0))?;
    let ends = tail.windows(12).filter(|window| window.starts_with(b"PK\x05\x06"));
    let most = ends.map(|window| match window {
        [.., low, high] => usize::from(u16::from_le_bytes([*low, *high])),
        _ => 0,
    });
    if most.max().is_some_and(|entries| entries > MAX_ENTRIES) {
        return Ok(Err(Unusable::Unsafe(format!("it has more than {MAX_ENTRIES} entries"))));
    }
    Ok(Ok(()))
}

fn check<R: Read>(entry: &zip::read::ZipFile<'_, R>, total: u64, most: u64) -> Result<(), Unusable> {
    let refused = |reason: String| Err(Unusable::Unsafe(reason));
    if entry.encrypted() {
        return refused("it is encrypted".to_owned());
    }
    if ![CompressionMethod::Stored, CompressionMethod::Deflated].contains(&entry.compression()) {
        return refused("an entry is packed with another method than deflate".to_owned());
    }
    if total > most {
        let most = if most < GIB { format!("{} MiB", most / MIB) } else { format!("{} GiB", most / GIB) };
        return refused(format!("its files are larger than {most} in all"));
    }
    if entry.size() > entry.compressed_size().saturating_mul(MAX_RATIO) {
        return refused(format!("an entry unpacks to more than {MAX_RATIO} times its packed size"));
    }
    Ok(())
}

/// Stops an entry that is longer than the zip said.
pub(super) struct Bounded<R> {
    pub(super) inner: R,
    pub(super) left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        self.left = u64::try_from(count)
            .ok()
            .and_then(|count| self.left.checked_sub(count))
            .ok_or_else(|| io::Error::other("the file is longer than the zip says"))?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tempfile::NamedTempFile;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
        for (name, bytes) in files {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn open(bytes: &[u8]) -> Result<Archive, RosterError> {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        Archive::open(file.path())
    }

    #[test]
    fn an_ordinary_zip_is_read() {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(&zip_of(&[("export/users.csv", b"a,b\n"), ("../../etc/cron.csv", b"x")])).unwrap();
        let archive = Archive::open(file.path()).unwrap();
        assert_eq!(archive.files.keys().collect::<Vec<_>>(), ["users.csv"]);
        let text = archive.read("users.csv", |input| io::read_to_string(input).unwrap()).unwrap();
        assert_eq!(text, "a,b\n");
    }

    #[test]
    fn unsafe_zips_are_refused() {
        let bomb = vec![b'a'; 10 * 1024 * 1024];
        let refused = open(&zip_of(&[("users.csv", &bomb)])).unwrap_err().to_string();
        assert!(refused.contains("200 times"), "{refused}");

        let mut encrypted = zip_of(&[("users.csv", b"a,b\n")]);
        let directory = encrypted.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        encrypted[directory + 8] |= 1;
        encrypted[6] |= 1;
        let refused = open(&encrypted).unwrap_err().to_string();
        assert!(refused.contains("encrypted"), "{refused}");

        let mut huge = zip_of(&[("users.csv", b"a,b\n")]);
        let directory = huge.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        huge[directory + 24..directory + 28].copy_from_slice(&0x9000_0000_u32.to_le_bytes());
        let refused = open(&huge).unwrap_err().to_string();
        assert!(refused.contains("2 GiB"), "{refused}");

        let workbook = open(&zip_of(&[("[Content_Types].xml", b"<x/>"), ("xl/workbook.xml", b"<x/>")]));
        assert!(matches!(workbook, Err(RosterError::Unsupported { format: Format::Workbook })));

        let names: Vec<String> = (0..1001).map(|n| format!("f{n}.csv")).collect();
        let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
        let refused = open(&zip_of(&many)).unwrap_err().to_string();
        assert!(refused.contains("1000 entries"), "{refused}");
    }

    #[test]
    fn a_cut_zip_is_refused_and_a_lying_one_stops() {
        let whole = zip_of(&[("users.csv", b"a,b\n1,2\n")]);
        assert!(matches!(open(&whole[..whole.len() - 30]), Err(RosterError::Unreadable { .. })));
        // The directory says that the file is shorter than it is.
        let mut lying = whole.clone();
        let directory = lying.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        lying[directory + 24] -= 1;
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(&lying).unwrap();
        let archive = Archive::open(file.path()).unwrap();
        assert!(archive.read("users.csv", |input| io::read_to_string(input)).unwrap().is_err());
        let mut short = Bounded { inner: &b"12345"[..], left: 4 };
        assert!(io::read_to_string(&mut short).is_err());
    }
}
