//! Programs that the tests run.

use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Runs a program to its end and fails with its own words where it fails.
pub(crate) fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|cause| panic!("{program}: {cause}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{program} {}: {said}",
        arguments.join(" ")
    );
}

/// A libvirtd in a process namespace of its own, which ends with whoever asks for it: the thread, not only the process. With it end
/// all guests, since its namespace does.
pub(crate) fn libvirtd(config: &Path, pid_file: &Path) -> Child {
    Command::new("setpriv")
        .args([
            "--pdeathsig",
            "KILL",
            "unshare",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
        ])
        .args(["tini", "--", "/usr/sbin/libvirtd", "--config"])
        .arg(config)
        .arg("--pid-file")
        .arg(pid_file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("setpriv and unshare are part of every Debian")
}
