//! Another program that holds a lock.

use std::path::Path;
use std::process::{Child, Command};

/// Another program that holds a file's lock; ended when it is dropped.
#[derive(Debug)]
pub(crate) struct Holder(Child);

impl Holder {
    /// Returns once it holds the lock.
    pub(crate) fn of(file: &Path) -> Self {
        let child = Command::new("flock")
            .args(["--exclusive", "--no-fork"])
            .arg(file)
            .args(["sleep", "1000"])
            .spawn()
            .expect("flock can be started");
        let holder = Self(child);
        let attempt = || {
            let mut attempt = Command::new("flock");
            attempt.arg("--nonblock").arg(file).arg("true");
            attempt.status().expect("flock can be started")
        };
        for _ in 0..1000 {
            if !attempt().success() {
                return holder;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("the lock of {} was not taken", file.display());
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
