//! Who may change a tenant's network: checked where the change is made, across all processes of this host (I9).
//!
//! ```text
//! /run/asaas/<deployment>/<tenant>     12 4711     the last epoch under which it was changed, and by which process
//! ```
//!
//! Whoever changes a network holds the file's lock from the check to the end of the change, so that nobody who was deposed
//! meanwhile can finish a change after its successor's. A process that dies lets go of the lock; one that is stopped in the
//! middle holds its successor up, and the successor says whom a person has to end.
//!
//! A number stays when its tenant is destroyed: somebody who slept through that would otherwise build the network anew. It
//! goes with the next start of the machine, as do all processes that it could refuse. A state directory that is made anew has
//! another deployment, and so files of its own; one that was restored from an old copy counts too low, and the refusal says so.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use controller::crashpoint;
use controller::id::{Epoch, TenantName};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::name::Names;

/// Where the numbers of all deployments are: a file system that is empty when the machine starts.
const RUN: &str = "/run/asaas";
/// A change takes some milliseconds; whoever waits for one looks this often whether it is done.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// A number and a process, each of ten to twenty digits.
const LINE_LIMIT: usize = 64;

/// The right to change a tenant's network, until it is dropped.
#[derive(Debug)]
pub(crate) struct Passage {
    _lock: Flock<File>,
}

/// The network is not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FenceError {
    /// Somebody else looks after the tenant by now.
    #[error(
        "this service acts under epoch {asked}, and process {by} has changed it under epoch {last}: another service looks \
         after the tenant by now; where none does, because this state was restored from an older copy, remove {path}"
    )]
    Deposed {
        asked: Epoch,
        last: Epoch,
        by: u32,
        path: PathBuf,
    },
    /// A change does not come to its end.
    #[error(
        "process {by} has been changing it for more than {waited:?}; if it is stopped or hangs, let it go on or end it \
         (`kill -CONT {by}`, `kill -KILL {by}`); this is tried again at the next tick"
    )]
    Held { by: u32, waited: Duration },
    /// The number cannot be told, and nothing is changed without it.
    #[error(
        "the epoch of the last change cannot be {operation}: {path}: {cause}; {RUN} must be a directory that this \
         service can write to"
    )]
    Unknown {
        operation: &'static str,
        path: PathBuf,
        cause: io::Error,
    },
}

/// Waits until nobody else changes the tenant's network, `patience` long, and lets whoever acts under this epoch pass.
pub(crate) async fn pass(
    names: &Names,
    tenant: &TenantName,
    epoch: Epoch,
    patience: Duration,
) -> Result<Passage, FenceError> {
    let path = path(names, tenant);
    let unknown = |operation| {
        let path = path.clone();
        move |cause| FenceError::Unknown {
            operation,
            path,
            cause,
        }
    };
    let mut file = open(&path).map_err(unknown("opened"))?;
    let began = Instant::now();
    let lock = loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => break lock,
            Err((back, Errno::EWOULDBLOCK)) if began.elapsed() < patience => file = back,
            Err((back, Errno::EWOULDBLOCK)) => {
                let (_, by) = read(&back).map_err(unknown("read"))?;
                let waited = patience;
                return Err(FenceError::Held { by, waited });
            }
            Err((_, errno)) => return Err(unknown("locked")(errno.into())),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    let (last, by) = read(&lock).map_err(unknown("read"))?;
    if epoch < last {
        let asked = epoch;
        return Err(FenceError::Deposed {
            asked,
            last,
            by,
            path,
        });
    }
    let own = std::process::id();
    if (last, by) != (epoch, own) {
        write(&lock, epoch, own).map_err(unknown("written"))?;
        crashpoint!("fence.raised");
    }
    Ok(Passage { _lock: lock })
}

/// Removes the numbers of a deployment whose state is gone for good, with everybody who has worked with it.
///
/// # Errors
/// Where the folder cannot be removed. `Ok` where there is none.
pub fn lift_fences(deployment: &str) -> io::Result<()> {
    match fs::remove_dir_all(folder(&Names::new(deployment))) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Where a tenant's number is, there or not.
pub(crate) fn path(names: &Names, tenant: &TenantName) -> PathBuf {
    folder(names).join(names.fence(tenant))
}

fn folder(names: &Names) -> PathBuf {
    Path::new(RUN).join(names.fences())
}

fn open(path: &Path) -> io::Result<File> {
    let open = || {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
    };
    match open() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = path.parent().unwrap_or(Path::new(RUN));
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
            open()
        }
        opened => opened,
    }
}

/// The last epoch and the process that changed under it; zeros where nobody has yet.
fn read(file: &File) -> io::Result<(Epoch, u32)> {
    let mut bytes = [0; LINE_LIMIT];
    let length = file.read_at(&mut bytes, 0)?;
    let text = String::from_utf8_lossy(&bytes[..length]);
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Ok((Epoch::default(), 0));
    }
    let numbers = line
        .split_once(' ')
        .and_then(|(epoch, by)| Some((Epoch(epoch.parse().ok()?), by.parse().ok()?)));
    numbers.ok_or_else(|| io::Error::other("it does not hold an epoch and a process"))
}

/// In one write that never makes the file shorter, so that a crash leaves the old line or the new one.
fn write(file: &File, epoch: Epoch, by: u32) -> io::Result<()> {
    let line = format!("{:020} {by:010}\n", epoch.0);
    file.write_all_at(line.as_bytes(), 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(50);

    /// The numbers of a test's own; gone with it.
    struct Deployment(String);

    impl Deployment {
        fn new(test: &str) -> Self {
            Self(format!("fence-{test}-{}", std::process::id()))
        }

        fn names(&self) -> Names {
            Names::new(&self.0)
        }

        async fn pass(&self, tenant: &str, epoch: u64) -> Result<Passage, FenceError> {
            let tenant = tenant.parse().unwrap();
            pass(&self.names(), &tenant, Epoch(epoch), PATIENCE).await
        }
    }

    impl Drop for Deployment {
        fn drop(&mut self) {
            lift_fences(&self.0).unwrap();
        }
    }

    // I9
    #[tokio::test]
    async fn whoever_comes_later_passes_and_whoever_was_before_does_not_any_more() {
        let deployment = Deployment::new("order");

        for epoch in [7, 7, 1 << 40, u64::MAX] {
            assert!(deployment.pass("demo", epoch).await.is_ok(), "{epoch}");
        }
        let refused = deployment.pass("demo", 7).await.unwrap_err();

        assert!(matches!(refused, FenceError::Deposed { .. }), "{refused}");
        assert!(
            deployment.pass("other", 7).await.is_ok(),
            "each tenant has a number of its own"
        );
    }

    #[tokio::test]
    async fn nobody_passes_while_a_change_goes_on_and_the_refusal_names_the_process() {
        let deployment = Deployment::new("held");
        let first = deployment.pass("demo", 7).await.unwrap();

        let refused = deployment.pass("demo", 8).await.unwrap_err().to_string();
        drop(first);

        let held_by = format!("kill -KILL {}", std::process::id());
        assert!(refused.contains(&held_by), "{refused}");
        assert!(deployment.pass("demo", 8).await.is_ok());
    }

    #[tokio::test]
    async fn the_numbers_are_readable_for_their_owner_only() {
        let deployment = Deployment::new("mode");

        deployment.pass("demo", 7).await.unwrap();

        let folder = folder(&deployment.names());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let file = fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
        assert_eq!((mode(&folder), mode(&file.path())), (0o700, 0o600));
    }

    #[tokio::test]
    async fn a_number_that_cannot_be_told_refuses_everybody() {
        let deployment = Deployment::new("torn");
        deployment.pass("demo", 7).await.unwrap();
        let folder = folder(&deployment.names());
        let file = fs::read_dir(folder).unwrap().next().unwrap().unwrap();
        fs::write(file.path(), "seven").unwrap();

        let refused = deployment.pass("demo", 8).await.unwrap_err();

        assert!(matches!(refused, FenceError::Unknown { .. }), "{refused}");
    }
}
