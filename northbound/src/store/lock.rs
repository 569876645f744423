//! The state directory, and that only one `asaas serve` works in it. Not for what is in the files: that is the store's.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// A process that was killed lets go of its lock when the kernel has taken it apart, which takes a moment on a busy machine.
const PATIENCE: Duration = Duration::from_secs(2);
const AGAIN: Duration = Duration::from_millis(50);

/// A state directory that is ours alone until this value is dropped or the process dies, however it dies.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    _lock: Flock<File>,
}

/// The state directory could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum StateDirError {
    /// Another service works in it.
    #[error(
        "another `asaas serve`{} works in the state directory {}",
        match process { Some(id) => format!(" (process {id})"), None => String::new() },
        path.display()
    )]
    InUse {
        /// Which directory.
        path: PathBuf,
        /// The other service's process, where it has written it down.
        process: Option<u32>,
    },
    /// It could not be made or opened.
    #[error("could not {operation} {}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: std::io::Error,
    },
}

impl StateDirError {
    /// What a person can do.
    pub fn hint(&self) -> String {
        match self {
            Self::InUse { .. } => {
                "talk to the one that runs, stop it, or give this one a state directory of its own \
                 (`state` in asaas.yml)"
                    .to_owned()
            }
            Self::Io { path, .. } => format!(
                "check that {} is writable for this user, or set `state` in asaas.yml",
                path.display()
            ),
        }
    }
}

impl StateDir {
    /// Makes the directory where it is missing (readable for its owner only) and takes it. One who has just been killed may
    /// hold it for a moment longer; nobody else is waited for.
    pub fn take(path: &Path) -> Result<Self, StateDirError> {
        let io = |operation, path: &Path| {
            let path = path.to_owned();
            move |cause| StateDirError::Io {
                operation,
                path,
                cause,
            }
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(io("make the state directory", path))?;
        let file_path = path.join("lock");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&file_path)
            .map_err(io("open the lock file", &file_path))?;
        let mut lock = match lock_within(file, PATIENCE) {
            Ok(lock) => lock,
            Err((file, Errno::EWOULDBLOCK)) => {
                return Err(StateDirError::InUse {
                    path: path.to_owned(),
                    process: holder(file),
                });
            }
            Err((_, errno)) => return Err(io("lock", &file_path)(errno.into())),
        };
        // Only a courtesy to the one who comes second: on a full disk the lock holds without it.
        let _ = lock
            .set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| writeln!(lock, "{}", std::process::id()));
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The lock, as soon as it is free.
fn lock_within(file: File, patience: Duration) -> Result<Flock<File>, (File, Errno)> {
    let end = Instant::now() + patience;
    let mut file = file;
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Err((back, Errno::EWOULDBLOCK)) if Instant::now() < end => {
                file = back;
                thread::sleep(AGAIN);
            }
            answer => return answer,
        }
    }
}

fn holder(file: File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_let_go_of_in_time_is_taken() {
        let directory = tempfile::tempdir().unwrap();
        let first = StateDir::take(directory.path()).unwrap();
        let letting_go = thread::spawn(move || {
            thread::sleep(4 * AGAIN);
            drop(first);
        });

        assert!(StateDir::take(directory.path()).is_ok());
        letting_go.join().unwrap();
    }

    #[test]
    fn a_state_directory_is_taken_once_and_free_again_when_its_owner_is_gone() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("state");

        let first = StateDir::take(&path).unwrap();
        let second = StateDir::take(&path);
        drop(first);
        let third = StateDir::take(&path);

        let Err(refused @ StateDirError::InUse { .. }) = second else {
            panic!("{second:?}");
        };
        assert!(
            refused
                .to_string()
                .contains(&std::process::id().to_string()),
            "{refused}"
        );
        assert!(third.is_ok(), "{third:?}");
    }
}
