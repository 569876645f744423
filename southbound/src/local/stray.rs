//! Runtimes at work that a service has started which is no more.
//!
//! A runtime does not die with the service, on purpose. For some milliseconds nothing of what it makes can be seen in the
//! instance's control group; then only the runtime itself shows that something is coming.

use std::fs;
use std::io;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::Instant;

use super::bundle::Bundle;

/// A killed runtime is gone within milliseconds.
const END_LIMIT: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// The living processes that were started with this instance's directory as an argument of its own. Looks at every process of
/// the machine, some milliseconds long: for an instance that is half made, not for every listing.
fn pids(bundle: &Bundle) -> io::Result<Vec<i32>> {
    let directory = bundle.directory().as_os_str().as_encoded_bytes();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        // A process that is gone, or dead and not yet buried, has none.
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let mut words = command.split(|&byte| byte == 0);
        if words.any(|word| word == directory) {
            found.push(pid);
        }
    }
    Ok(found)
}

/// Whether a runtime is at work on this instance.
pub(super) fn is_at_work(bundle: &Bundle) -> io::Result<bool> {
    Ok(!pids(bundle)?.is_empty())
}

/// Kills every runtime that is at work on this instance, until none is.
pub(super) async fn kill_all(bundle: &Bundle) -> io::Result<()> {
    let deadline = Instant::now() + END_LIMIT;
    loop {
        let pids = pids(bundle)?;
        if pids.is_empty() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(io::Error::other(format!(
                "runtimes {pids:?} do not die within {END_LIMIT:?}"
            )));
        }
        for pid in pids {
            match kill(Pid::from_raw(pid), Signal::SIGKILL) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
