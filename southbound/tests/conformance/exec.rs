//! Programs that the tests run.

use std::ffi::OsStr;
use std::process::{Child, Command, Stdio};

/// Runs a program to its end and fails with its own words where it fails.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|cause| format!("{program}: {cause}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{program} {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    ))
}

/// This very test again, in a process of its own, told by a variable to play the other part.
pub(crate) fn this_test_as(part: &str, value: &OsStr) -> Child {
    let name = std::thread::current().name().unwrap().to_owned();
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &name, "--nocapture"])
        .env(part, value)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
