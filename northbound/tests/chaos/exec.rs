//! Looks into a namespace with the tools that a person would take.

use std::path::Path;
use std::process::Command;

/// What a tool in the namespace at this path says.
#[track_caller]
pub(crate) fn tool(namespace: &Path, program: &str, arguments: &[&str]) -> String {
    let output = Command::new("nsenter")
        .arg(format!("--net={}", namespace.display()))
        .arg(program)
        .args(arguments)
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {complaint}"
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
