//! Runs a program beside the measurement.

use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A program that runs in the background until this is dropped.
#[derive(Debug)]
pub(crate) struct Background(Child);

impl Background {
    /// Starts it in the namespace at this path.
    pub(crate) fn start(namespace: &Path, program: &str, arguments: &[&str]) -> Self {
        let child = Command::new("nsenter")
            .arg(format!("--net={}", namespace.display()))
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .spawn()
            .expect("nsenter can be started");
        Self(child)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
