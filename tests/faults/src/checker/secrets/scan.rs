//! One pass over many large files, for many patterns at once, on all cores.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use anyhow::{Context as _, Result};

use super::encodings::Encoding;
use super::{Hits, Places, What};

/// What is read at a time. Chunks overlap by the longest pattern.
pub(super) const CHUNK: usize = 4 << 20;

/// Where something was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    File(PathBuf),
    /// Command lines and environments.
    Processes,
}

impl Place {
    /// For the report: a file's path from its scanned folder on.
    pub(super) fn short(&self, folders: &[PathBuf]) -> String {
        match self {
            Self::File(file) => relative(file, folders).display().to_string(),
            Self::Processes => "a process's command line or environment".to_owned(),
        }
    }
}

/// The path of a file that is below one of the folders, beginning with the folder's name.
fn relative<'a>(file: &'a Path, folders: &[PathBuf]) -> &'a Path {
    let above = folders.iter().filter(|folder| file.starts_with(folder)).find_map(|folder| folder.parent());
    above.and_then(|above| file.strip_prefix(above).ok()).unwrap_or(file)
}

/// What was found, where, and in which encoding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hit {
    pub(super) place: Place,
    pub(super) what: What,
    pub(super) encoding: Encoding,
}

/// What all files together held.
pub(super) struct Seen {
    pub(super) files: u64,
    pub(super) hits: Hits,
    /// What could not be read: silence about it would pass for innocence.
    pub(super) unread: Vec<String>,
}

/// All secrets in all encodings.
pub(super) struct Scanner {
    automaton: AhoCorasick,
    /// What each pattern is.
    kinds: Vec<(What, Encoding)>,
    longest: usize,
}

/// A part of a file.
struct Part<'a> {
    file: &'a Path,
    from: u64,
}

impl Scanner {
    pub(super) fn new(secrets: &[(What, String)]) -> Result<Self> {
        let mut patterns: HashMap<Vec<u8>, (What, Encoding)> = HashMap::with_capacity(secrets.len() * 12);
        for (what, secret) in secrets {
            for encoding in Encoding::ALL {
                // Encodings that write it alike are one pattern, with the name of the simplest.
                patterns.entry(encoding.of(secret)).or_insert_with(|| (what.clone(), encoding));
            }
        }
        let longest = patterns.keys().map(Vec::len).max().unwrap_or_default();
        let (patterns, kinds): (Vec<_>, Vec<_>) = patterns.into_iter().unzip();
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(patterns)
            .context("too many secrets for one pass")?;
        Ok(Self { automaton, kinds, longest })
    }

    /// Everything below these folders but what is spared.
    pub(super) fn files(&self, folders: &[PathBuf], spared: &[PathBuf]) -> Seen {
        let mut unread = Vec::new();
        let mut files: BTreeMap<PathBuf, u64> = BTreeMap::new();
        for folder in folders {
            walk(folder, spared, &mut files, &mut unread);
        }
        let step = CHUNK as u64;
        let parts: Vec<Part<'_>> = files
            .iter()
            .flat_map(|(file, size)| (0..size.div_ceil(step)).map(move |part| Part { file, from: part * step }))
            .collect();
        let next = AtomicUsize::new(0);
        let found: Mutex<(Hits, Vec<String>)> = Mutex::default();
        std::thread::scope(|scope| {
            for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(|| {
                    let mut buffer = Vec::new();
                    while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let outcome = self.part(part, &mut buffer);
                        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                        match outcome {
                            Ok(hits) => hits.into_iter().for_each(|(hit, places)| merge(&mut found.0, hit, places)),
                            Err(error) => {
                                let file = relative(part.file, folders).display();
                                found.1.push(format!("{file} could not be read: {error}"));
                            }
                        }
                    }
                });
            }
        });
        let (hits, errors) = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        unread.extend(errors);
        Seen { files: files.len() as u64, hits, unread }
    }

    /// Everything in these bytes; the place is filled in by the caller.
    pub(super) fn bytes(&self, bytes: &[u8]) -> Hits {
        let mut hits = Hits::new();
        self.search(bytes, 0, &Place::Processes, &mut hits);
        hits
    }

    /// What begins in this part. A server may still write to the file, or delete it: then it holds nothing any more.
    fn part(&self, part: &Part<'_>, buffer: &mut Vec<u8>) -> std::io::Result<Hits> {
        let mut hits = Hits::new();
        let file = match File::open(part.file) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(hits),
            Err(error) => return Err(error),
        };
        buffer.resize(CHUNK + self.longest.saturating_sub(1), 0);
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, part.from + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let place = Place::File(part.file.to_owned());
        self.search(buffer.get(..filled).unwrap_or_default(), part.from, &place, &mut hits);
        Ok(hits)
    }

    fn search(&self, bytes: &[u8], from: u64, place: &Place, hits: &mut Hits) {
        for found in self.automaton.find_iter(bytes) {
            // Nobody else looks at what begins here.
            let begins_in_the_overlap = matches!(place, Place::File(_)) && found.start() >= CHUNK;
            if begins_in_the_overlap {
                continue;
            }
            let Some((what, encoding)) = self.kinds.get(found.pattern().as_usize()) else { continue };
            let at = from + found.start() as u64;
            let hit = Hit { place: place.clone(), what: what.clone(), encoding: *encoding };
            merge(hits, hit, Places { first: at, last: at, count: 1 });
        }
    }
}

fn merge(hits: &mut Hits, hit: Hit, more: Places) {
    hits.entry(hit)
        .and_modify(|known| {
            known.first = known.first.min(more.first);
            known.last = known.last.max(more.last);
            known.count += more.count;
        })
        .or_insert(more);
}

/// Lists the files. Links are not followed: what they lead to is in a folder of its own, or none of ours.
fn walk(place: &Path, spared: &[PathBuf], files: &mut BTreeMap<PathBuf, u64>, unread: &mut Vec<String>) {
    if spared.iter().any(|one| place.starts_with(one)) {
        return;
    }
    let listed = fs::symlink_metadata(place).and_then(|about| {
        if about.is_file() {
            files.insert(place.to_owned(), about.len());
        } else if about.is_dir() {
            for entry in fs::read_dir(place)? {
                walk_entry(&entry?.path(), spared, files, unread);
            }
        }
        Ok(())
    });
    if let Err(error) = listed {
        unread.push(format!("{} could not be read: {error}", place.display()));
    }
}

/// What is within a folder may vanish while it is listed.
fn walk_entry(place: &Path, spared: &[PathBuf], files: &mut BTreeMap<PathBuf, u64>, unread: &mut Vec<String>) {
    if !matches!(fs::symlink_metadata(place), Err(error) if error.kind() == ErrorKind::NotFound) {
        walk(place, spared, files, unread);
    }
}
