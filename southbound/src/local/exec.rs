//! Runs the runtime's program, and nothing else.
//!
//! Its output goes to a file, never to a pipe: an instance inherits it, and whoever reads the pipe to its end would wait for
//! the instance.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::Command;

/// Runs `program` to its end, `limit` at most; then it is killed, and the error is `TimedOut`.
///
/// In a process group of its own, so that a Ctrl-C on the service's terminal does not reach it; it is not killed when the
/// caller goes away.
pub(super) async fn run(
    program: &Path,
    arguments: &[&OsStr],
    output: File,
    limit: Duration,
) -> io::Result<ExitStatus> {
    let errors = output.try_clone()?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::from(output))
        .stderr(Stdio::from(errors))
        .process_group(0)
        .spawn()?;
    if let Ok(status) = tokio::time::timeout(limit, child.wait()).await {
        return status;
    }
    child.kill().await?;
    Err(io::ErrorKind::TimedOut.into())
}
