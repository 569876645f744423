//! A node: the real program, with a state, a socket and logs of its own, on clouds that it shares with the others.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const END_LIMIT: Duration = Duration::from_secs(20);

/// One node, running or not.
pub(crate) struct Node {
    pub(crate) name: String,
    directory: PathBuf,
    child: Option<Child>,
}

/// What a command has said.
#[derive(Debug)]
#[expect(dead_code, reason = "all of it is shown when a test fails")]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Node {
    /// One that works in this directory, where its `asaas.yml` is.
    pub(crate) fn new(name: &str, directory: &Path) -> Self {
        Self {
            name: name.to_owned(),
            directory: directory.to_owned(),
            child: None,
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_asaas"));
        command
            .args(arguments)
            .current_dir(&self.directory)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null());
        command
    }

    /// Starts it, and returns when it answers.
    pub(crate) fn serve(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log())
            .unwrap();
        let mut child = self
            .command(&["serve", "--log-json", "--log", "info,asaas::fence=debug"])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        self.child = Some(child);
        assert!(line.starts_with("READY"), "{line:?} {}", self.told());
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.join("asaas.sock")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.directory.join("serve.log")
    }

    /// The end of its log.
    pub(crate) fn told(&self) -> String {
        let text = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.contains("asaas::fence"))
            .collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    pub(crate) fn is_running(&self) -> bool {
        self.child.is_some()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = self.child.as_ref().expect("it runs").id();
        kill(Pid::from_raw(i32::try_from(id).unwrap()), signal).unwrap();
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// After SIGTERM: waits until it is gone.
    pub(crate) fn ended(&mut self) {
        let mut child = self.child.take().expect("it runs");
        let began = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if began.elapsed() > END_LIMIT {
                let _ = child.kill();
                let _ = child.wait();
                panic!("{} does not end: {}", self.name, self.told());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Runs a command against it, to its end.
    pub(crate) fn asaas(&self, arguments: &[&str]) -> Said {
        let output = self.command(arguments).output().unwrap();
        Said {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}
