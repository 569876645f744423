//! The directory of one instance: everything that it has on the disk, and the proof that it exists.
//!
//! ```text
//! <state>/clouds/<cloud>/instances/<hash>-i-…/
//!     config.json   what the runtime was told        rootfs/   where its root is mounted
//!     pid           written once it runs             upper/    what it has written
//!     log           what it printed                  work/     the overlay's own
//!     runtime.log   what the runtime had to say      suspended it is, or is about to be
//! <state>/clouds/<cloud>/gone/<hash>-i-…/      empty: it was terminated, and is not made again
//! ```
//!
//! An instance exists from the moment its directory does, and until that is gone; making a directory is atomic, and its
//! name says whose it is, so that no crash leaves one that cannot be told. Moving it to those that are gone is atomic too, so
//! that there is no moment at which a launch that comes late would find neither.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use controller::crashpoint;
use controller::id::CloudName;
use oci_spec::runtime::Spec;

use super::tombstone::Tombstones;

/// An instance's output is cut back to the half of this when it has grown larger.
const LOG_LIMIT: u64 = 1 << 20;

/// Where the instances of a cloud are, below the state directory of all local clouds.
pub(super) fn instances(state: &Path, cloud: &CloudName) -> PathBuf {
    state.join("clouds").join(cloud.as_str()).join("instances")
}

/// One instance's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bundle {
    directory: PathBuf,
    name: String,
}

impl Bundle {
    pub(super) fn new(instances: &Path, name: &str) -> Self {
        Self {
            directory: instances.join(name),
            name: name.to_owned(),
        }
    }

    /// What the cloud and the runtime call it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn rootfs(&self) -> PathBuf {
        self.directory.join("rootfs")
    }

    pub(super) fn upper(&self) -> PathBuf {
        self.directory.join("upper")
    }

    pub(super) fn work(&self) -> PathBuf {
        self.directory.join("work")
    }

    pub(super) fn pid_file(&self) -> PathBuf {
        self.directory.join("pid")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    pub(super) fn runtime_log(&self) -> PathBuf {
        self.directory.join("runtime.log")
    }

    /// There while it is suspended: written before its processes stand still, removed after they go on.
    pub(super) fn suspended(&self) -> PathBuf {
        self.directory.join("suspended")
    }

    pub(super) fn is_suspended(&self) -> bool {
        self.suspended().exists()
    }

    pub(super) fn exists(&self) -> bool {
        self.directory.exists()
    }

    /// The runtime writes the number of the first process last of all: the instance has been running.
    pub(super) fn has_started(&self) -> bool {
        self.pid_file().exists()
    }

    /// The instance's first process as it was at the start; it may be long gone, and its number someone else's.
    pub(super) fn first_pid(&self) -> Option<i32> {
        fs::read_to_string(self.pid_file())
            .ok()?
            .trim()
            .parse()
            .ok()
    }

    pub(super) fn write_config(&self, spec: &Spec) -> io::Result<()> {
        let mut file = File::create(self.directory.join("config.json"))?;
        serde_json::to_writer(&file, spec)?;
        file.flush()
    }

    /// What the runtime was told, where that was ever written.
    pub(super) fn read_config(&self) -> Option<Spec> {
        Spec::load(self.directory.join("config.json")).ok()
    }

    /// For appending, so that cutting it back does not tear a hole into it.
    pub(super) fn open_log(&self) -> io::Result<File> {
        File::options().create(true).append(true).open(self.log())
    }

    /// Cuts the log back to its newest half, where it is too large. What is printed in the same instant may be lost.
    pub(super) fn trim_log(&self) -> io::Result<()> {
        let log = self.log();
        match fs::metadata(&log) {
            Ok(metadata) if metadata.len() > LOG_LIMIT => {}
            Ok(_) => return Ok(()),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(cause) => return Err(cause),
        }
        let tail = tail(&log, LOG_LIMIT / 2)?;
        let mut file = File::options().append(true).open(&log)?;
        file.set_len(0)?;
        file.write_all(&tail)
    }

    /// The end of what it printed, `limit` bytes at most.
    pub(super) fn log_tail(&self, limit: usize) -> String {
        let bytes = tail(&self.log(), limit as u64).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Out of the listing and among those that are never made again in one step, then from the disk: what a crash in between
    /// leaves, the tombstones' next pruning finds.
    pub(super) fn bury(&self, tombstones: &Tombstones) -> io::Result<()> {
        match fs::rename(&self.directory, tombstones.of(&self.name)) {
            // It was never here, or not any more.
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => tombstones.put(&self.name),
            Err(cause) => Err(cause),
            Ok(()) => {
                crashpoint!("local.removal.buried");
                tombstones.clear(&self.name)
            }
        }
    }

    /// Out of the listing in one step, then from the disk: a crash in between leaves only rubbish, which [`sweep`] finds.
    pub(super) fn remove(&self) -> io::Result<()> {
        let rubbish = self
            .directory
            .with_file_name(format!("{RUBBISH}{}", self.name));
        match fs::rename(&self.directory, &rubbish) {
            Ok(()) => fs::remove_dir_all(&rubbish),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(cause) => Err(cause),
        }
    }
}

/// The names of instances that are being removed from the disk begin with this.
const RUBBISH: &str = ".rm-";

/// Removes what removals that were cut short have left.
pub(super) fn sweep(instances: &Path) -> io::Result<()> {
    for entry in fs::read_dir(instances)? {
        let entry = entry?;
        if entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(RUBBISH.as_bytes())
        {
            removed(fs::remove_dir_all(entry.path()))?;
        }
    }
    Ok(())
}

/// Another service of the machine may have been quicker.
pub(super) fn removed(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// The last `limit` bytes of a file.
fn tail(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(limit)))?;
    let mut bytes = Vec::new();
    // It may grow while it is read.
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle() -> (tempfile::TempDir, Bundle) {
        let directory = tempfile::tempdir().unwrap();
        let bundle = Bundle::new(directory.path(), "b");
        fs::create_dir(bundle.directory()).unwrap();
        (directory, bundle)
    }

    #[test]
    fn a_log_that_grew_too_large_keeps_its_end_and_goes_on_at_its_end() {
        let (_directory, bundle) = bundle();
        let mut writer = bundle.open_log().unwrap();
        let line = vec![b'.'; 1 << 16];
        for _ in 0..=(LOG_LIMIT >> 16) {
            writer.write_all(&line).unwrap();
        }
        writer.write_all(b"before").unwrap();

        bundle.trim_log().unwrap();
        writer.write_all(b" and after").unwrap();

        let length = fs::metadata(bundle.log()).unwrap().len();
        assert!(length <= LOG_LIMIT / 2 + 10, "{length}");
        assert!(bundle.log_tail(20).ends_with("before and after"));
    }

    #[test]
    fn a_removal_that_was_cut_short_is_finished_by_the_sweep() {
        let (directory, bundle) = bundle();
        let rubbish = directory.path().join(".rm-b");
        fs::rename(bundle.directory(), &rubbish).unwrap();

        sweep(directory.path()).unwrap();

        assert!(!rubbish.exists());
    }

    #[test]
    fn what_is_gone_can_be_removed_again() {
        let (_directory, bundle) = bundle();

        bundle.remove().unwrap();
        bundle.remove().unwrap();

        assert!(!bundle.exists());
    }
}
