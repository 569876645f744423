//! Runs tools inside a namespace, as a person would.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs a tool in the namespace at this path, whatever comes of it.
pub(crate) fn attempt(namespace: &Path, program: &str, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new("nsenter")
        .arg(format!("--net={}", namespace.display()))
        .arg(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("nsenter can be started");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin
        .write_all(input.as_bytes())
        .expect("it reads its input");
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

/// Runs a tool that must succeed, and returns what it said.
pub(crate) fn tool(namespace: &Path, program: &str, arguments: &[&str]) -> String {
    let output = attempt(namespace, program, arguments, "");
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {complaint}"
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
