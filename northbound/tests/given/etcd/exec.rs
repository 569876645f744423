//! One member of an etcd, as a process of the test's own; it is gone when it is dropped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Where a member listens, and what it is called.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    pub(crate) name: String,
    pub(crate) clients: u16,
    pub(crate) peers: u16,
}

impl Seat {
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.clients)
    }

    fn peer_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.peers)
    }
}

pub(crate) struct Member {
    program: PathBuf,
    directory: PathBuf,
    seat: Seat,
    all: Vec<Seat>,
    timing: Timing,
    child: Option<Child>,
}

/// In milliseconds: how often a leader is heard of, and after how long without it another is chosen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    pub(crate) heartbeat: u32,
    pub(crate) election: u32,
}

/// Where `make etcd` unpacks it, beside the program under test; else where the package is installed.
pub(crate) fn program() -> Option<PathBuf> {
    let tested = Path::new(env!("CARGO_BIN_EXE_asaas"));
    let mut beside = tested
        .ancestors()
        .map(|above| above.join("etcd/usr/bin/etcd"));
    let found = beside.find(|program| program.is_file());
    found.or_else(|| Some(PathBuf::from("/usr/bin/etcd")).filter(|path| path.is_file()))
}

impl Member {
    pub(crate) fn new(
        program: PathBuf,
        directory: PathBuf,
        seat: Seat,
        all: Vec<Seat>,
        timing: Timing,
    ) -> Self {
        Self {
            program,
            directory,
            seat,
            all,
            timing,
            child: None,
        }
    }

    pub(crate) fn seat(&self) -> &Seat {
        &self.seat
    }

    /// Starts it where it left off; nothing where it runs.
    pub(crate) fn start(&mut self) {
        if self.child.is_some() {
            return;
        }
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.directory.join(format!("{}.log", self.seat.name)))
            .unwrap();
        let cluster: Vec<String> = self
            .all
            .iter()
            .map(|seat| format!("{}={}", seat.name, seat.peer_url()))
            .collect();
        let flag = |name: &str, value: &str| format!("--{name}={value}");
        let data = self.directory.join(&self.seat.name).display().to_string();
        let child = Command::new(&self.program)
            .args([
                flag("name", &self.seat.name),
                flag("data-dir", &data),
                flag("listen-client-urls", &self.seat.endpoint()),
                flag("advertise-client-urls", &self.seat.endpoint()),
                flag("listen-peer-urls", &self.seat.peer_url()),
                flag("initial-advertise-peer-urls", &self.seat.peer_url()),
                flag("initial-cluster", &cluster.join(",")),
                flag("initial-cluster-state", "new"),
                flag("heartbeat-interval", &self.timing.heartbeat.to_string()),
                flag("election-timeout", &self.timing.election.to_string()),
                flag("logger", "zap"),
                flag("log-level", "warn"),
            ])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    fn signal(&self, signal: Signal) {
        if let Some(child) = &self.child {
            kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
        }
    }

    /// Stops it where it is; it keeps its connections and says nothing.
    pub(crate) fn pause(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// `kill -9`; what it has written to its disk stays.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// What it has logged, for when a test fails.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.join(format!("{}.log", self.seat.name)))
            .unwrap_or_default()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.kill();
    }
}
