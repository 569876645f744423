//! Which instances were terminated: an intent is not made twice, also where a launch comes late, from somebody who slept.
//!
//! ```text
//! <state>/clouds/<cloud>/gone/<hash>-i-…/     empty; written when it was terminated
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::bundle::removed;

/// For so long at least nothing is made for an intent again: whoever slept longer is refused by the record's epoch.
const KEPT: Duration = Duration::from_hours(48);
/// So often those that are older are looked for.
const PRUNE_EVERY: Duration = Duration::from_hours(1);

/// The instances of a cloud that are gone for good.
#[derive(Debug)]
pub(super) struct Tombstones {
    directory: PathBuf,
    pruned: Mutex<Instant>,
}

impl Tombstones {
    /// Those in this directory, which is made where it is missing. Clears what removals that were cut short have left.
    pub(super) fn open(directory: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        prune(&directory, SystemTime::now())?;
        Ok(Self {
            directory,
            pruned: Mutex::new(Instant::now()),
        })
    }

    /// Where the tombstone of an instance is, there or not.
    pub(super) fn of(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Whether this instance was terminated.
    pub(super) fn has(&self, name: &str) -> bool {
        self.of(name).exists()
    }

    /// Says of an instance that has no directory that it was terminated.
    pub(super) fn put(&self, name: &str) -> io::Result<()> {
        match fs::create_dir(self.of(name)) {
            Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => Err(cause),
            _ => self.prune_now_and_then(),
        }
    }

    /// Removes what the instance had on the disk, whose directory is a tombstone now.
    pub(super) fn clear(&self, name: &str) -> io::Result<()> {
        empty(&self.of(name))?;
        self.prune_now_and_then()
    }

    fn prune_now_and_then(&self) -> io::Result<()> {
        let mut pruned = self.pruned.lock().unwrap_or_else(PoisonError::into_inner);
        if pruned.elapsed() < PRUNE_EVERY {
            return Ok(());
        }
        *pruned = Instant::now();
        prune(&self.directory, SystemTime::now())
    }
}

/// Removes those that are old enough, and whatever is in the others.
fn prune(directory: &Path, now: SystemTime) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        let age = now.duration_since(metadata.modified()?);
        if age.is_ok_and(|age| age >= KEPT) {
            removed(fs::remove_dir_all(entry.path()))?;
        } else {
            removed(empty(&entry.path()))?;
        }
    }
    Ok(())
}

fn empty(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            removed(fs::remove_dir_all(entry.path()))?;
        } else {
            removed(fs::remove_file(entry.path()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tombstone_stays_for_a_day_at_least_and_not_for_ever() {
        let directory = tempfile::tempdir().unwrap();
        let tombstones = Tombstones::open(directory.path().to_owned()).unwrap();
        tombstones.put("a").unwrap();
        let after = |hours| SystemTime::now() + Duration::from_hours(hours);

        prune(directory.path(), after(24)).unwrap();
        assert!(tombstones.has("a"));
        prune(directory.path(), after(49)).unwrap();
        assert!(!tombstones.has("a"));
    }

    #[test]
    fn a_removal_that_was_cut_short_is_finished_at_the_next_start() {
        let directory = tempfile::tempdir().unwrap();
        let half = directory.path().join("a");
        fs::create_dir_all(half.join("upper/var")).unwrap();
        fs::write(half.join("log"), "still here").unwrap();

        let tombstones = Tombstones::open(directory.path().to_owned()).unwrap();

        assert!(tombstones.has("a"));
        assert_eq!(fs::read_dir(half).unwrap().count(), 0);
    }
}
