//! The lab's process.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running lab; it ends when it is dropped, and with this process in any case: it reads from a pipe of ours.
pub(crate) struct Process {
    child: Child,
    /// `http://127.0.0.1:…`
    pub(crate) url: String,
}

impl Process {
    /// Starts a lab on a free port, with its files in `state`.
    pub(crate) fn start(state: &Path, options: &[&str]) -> Self {
        let home = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut child = Command::new(home.join("../../target/lab-aws/bin/python"))
            .arg(home.join("lab/server.py"))
            .arg("--state")
            .arg(state)
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the lab could not be started; hint: make lab-aws");
        let mut url = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut url).unwrap();
        assert!(url.starts_with("http"), "the lab did not come up: {url:?}");
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
