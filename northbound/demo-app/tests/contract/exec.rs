//! The program under test, in a process of its own, on a port that was free.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

/// A running demo app; it is killed when this is dropped.
pub(crate) struct DemoApp {
    child: Child,
    /// Kept open, so that it can go on printing.
    output: BufReader<ChildStdout>,
    pub(crate) port: u16,
}

impl DemoApp {
    /// Starts it on this shared directory, with more settings.
    pub(crate) fn start(shared: &Path, settings: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_demo-app"))
            .env("PORT", "0")
            .env("SHARED", shared)
            .env("ASAAS_INSTANCE", "i-test")
            .env("ASAAS_ADDRESS", "19.0.0.2")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert!(line.starts_with("i-test listens on port "), "{line}");
        let port = line.split([' ', ',']).nth(4).unwrap().parse().unwrap();
        Self {
            child,
            output,
            port,
        }
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        // The end of its output is its end.
        let mut line = String::new();
        while self.output.read_line(&mut line).unwrap() > 0 {}
        self.child.wait().unwrap()
    }
}

impl Drop for DemoApp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
