//! Whose turn it is to do something to an instance, or to count the places: among the tasks of this service, and among all
//! services of this machine that share the state directory.
//!
//! ```text
//! <state>/clouds/<cloud>/turns      empty; one byte of it is locked for each thing that is being worked on
//! ```
//!
//! The kernel lets go of a lock when its process ends, however it ends. One that is stopped in the middle keeps it: nobody else
//! touches that one thing meanwhile, since whoever is stopped may go on at any moment.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use controller::ports::CloudErrorKind;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

use super::error::Trouble;

/// Whoever ends an instance may let it have its time to stop; the caller asks again.
const PATIENCE: Duration = Duration::from_secs(20);
/// From one look at whether another service is done to the next.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The turns of one cloud.
#[derive(Debug)]
pub(super) struct Turns {
    file: File,
    /// The tasks of this service wait for each other here: to the kernel they are one.
    own: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Arc<Turns>,
    byte: i64,
    _own: OwnedMutexGuard<()>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        // What cannot be unlocked is unlocked with the process.
        let _ = self.turns.lock(self.byte, libc::F_UNLCK);
    }
}

impl Turns {
    /// The turns that this file holds, which is made where it is missing.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        Ok(Self {
            file,
            own: Mutex::default(),
        })
    }

    /// Waits until nothing else is done to this thing; others wait until the turn is dropped.
    pub(super) async fn take(self: &Arc<Self>, name: &str) -> Result<Turn, Trouble> {
        let own = self.own(name).lock_owned().await;
        let (byte, deadline) = (byte(name), Instant::now() + PATIENCE);
        while !self.try_lock(byte)? {
            if Instant::now() >= deadline {
                let detail = format!(
                    "another service on this machine has been at work on it for {PATIENCE:?}; if it is stopped, let it go on \
                     or end it"
                );
                return Err(Trouble::new(CloudErrorKind::Unreachable, detail));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(self.turn(byte, own))
    }

    /// The same without waiting: `None` while something is done to this thing.
    pub(super) fn take_now(self: &Arc<Self>, name: &str) -> Result<Option<Turn>, Trouble> {
        let Ok(own) = self.own(name).try_lock_owned() else {
            return Ok(None);
        };
        let byte = byte(name);
        let is_ours = self.try_lock(byte)?;
        Ok(is_ours.then(|| self.turn(byte, own)))
    }

    /// Whether another service does something to this thing.
    pub(super) fn is_anothers(&self, name: &str) -> io::Result<bool> {
        let mut lock = lock(byte(name), libc::F_WRLCK);
        fcntl(&self.file, FcntlArg::F_OFD_GETLK(&mut lock))?;
        Ok(i32::from(lock.l_type) != libc::F_UNLCK)
    }

    fn turn(self: &Arc<Self>, byte: i64, own: OwnedMutexGuard<()>) -> Turn {
        Turn {
            turns: Arc::clone(self),
            byte,
            _own: own,
        }
    }

    fn own(&self, name: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever waits for a turn or has it holds another handle on it.
        own.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(own.entry(name.to_owned()).or_default())
    }

    fn try_lock(&self, byte: i64) -> Result<bool, Trouble> {
        match self.lock(byte, libc::F_WRLCK) {
            Ok(()) => Ok(true),
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
            Err(errno) => Err(Trouble::system("taking its turn", &errno.into())),
        }
    }

    fn lock(&self, byte: i64, kind: i32) -> Result<(), Errno> {
        fcntl(&self.file, FcntlArg::F_OFD_SETLK(&lock(byte, kind))).map(drop)
    }
}

/// Which byte stands for a thing: by its name's hash, so that two things share one about never, and then only wait for each
/// other.
fn byte(name: &str) -> i64 {
    let hash = blake3::hash(name.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    // The last byte that a lock may begin at is the second highest number.
    (i64::from_be_bytes(first) & i64::MAX).min(i64::MAX - 1)
}

fn lock(byte: i64, kind: i32) -> libc::flock {
    let small = |number: i32| libc::c_short::try_from(number).expect("these constants are small");
    libc::flock {
        l_type: small(kind),
        l_whence: small(libc::SEEK_SET),
        l_start: byte,
        l_len: 1,
        l_pid: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two services of one machine.
    fn two() -> (tempfile::TempDir, Arc<Turns>, Arc<Turns>) {
        let directory = tempfile::tempdir().unwrap();
        let open = || Arc::new(Turns::open(&directory.path().join("turns")).unwrap());
        let (one, other) = (open(), open());
        (directory, one, other)
    }

    // I24
    #[tokio::test]
    async fn a_thing_is_one_service_s_at_a_time_and_other_things_are_not_touched() {
        let (_directory, one, other) = two();

        let turn = one.take("a").await.unwrap();

        assert!(other.take_now("a").unwrap().is_none());
        assert!(one.take_now("a").unwrap().is_none());
        assert!(other.take_now("b").unwrap().is_some());
        assert_eq!(
            [
                other.is_anothers("a").unwrap(),
                one.is_anothers("a").unwrap()
            ],
            [true, false]
        );
        drop(turn);
        assert!(other.take_now("a").unwrap().is_some());
        assert!(!other.is_anothers("a").unwrap());
    }

    #[tokio::test]
    async fn whoever_waits_is_next() {
        let (_directory, one, other) = two();
        let turn = one.take("a").await.unwrap();

        let waiting = tokio::spawn(async move { other.take("a").await.map(drop) });
        tokio::time::sleep(2 * LOOK_EVERY).await;
        assert!(!waiting.is_finished());
        drop(turn);

        waiting.await.unwrap().unwrap();
    }
}
