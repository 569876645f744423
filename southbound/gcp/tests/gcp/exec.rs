//! The lab's process.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("lab")
}

/// The lab's own interpreter, with Google's packages.
fn python() -> PathBuf {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/lab-gcp/bin/python");
    assert!(
        python.exists(),
        "the lab is not installed; hint: make lab-gcp"
    );
    python
}

/// A running lab, and where it listens. It is ended when this is dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) url: String,
}

impl Process {
    /// What goes wrong is read from one file, and what there is written to the other.
    pub(crate) fn start(faults: &Path, on_change: &Path) -> Self {
        let mut child = Command::new(python())
            .arg(home().join("gce.py"))
            .arg("--faults")
            .arg(faults)
            .arg("--on-change")
            .arg(on_change)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut url).unwrap();
        assert!(
            url.starts_with("http://127.0.0.1:"),
            "the lab did not start: {url:?}"
        );
        Self {
            child,
            url: url.trim().to_owned(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs one of the lab's scripts to its end.
pub(crate) fn script(name: &str, arguments: &[&str]) -> Output {
    Command::new(python())
        .arg(home().join(name))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}
