//! The real program, in a place of its own: configuration, tenants, state, socket and logs in a temporary directory, clouds
//! in memory. What it started is gone when it is dropped, however the test ends.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// What any wait in a test is limited by.
const LIMIT: Duration = Duration::from_secs(20);

pub(crate) struct Place {
    directory: tempfile::TempDir,
    service: Option<Child>,
    /// What the service finds in its environment; paths are from the place's directory.
    pub(crate) environment: Vec<(&'static str, &'static str)>,
}

/// What a command has said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// It must have worked; what it printed.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }

    #[track_caller]
    pub(crate) fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.ok()).unwrap()
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Place {
    /// Two clouds in memory with room for three and four.
    pub(crate) fn new() -> Self {
        Self::with(
            "clouds:\n\
             \x20 - { name: sim-a, kind: sim, capacity: 3, boot: 0s }\n\
             \x20 - { name: sim-b, kind: sim, capacity: 4, boot: 0s }\n",
        )
    }

    /// A place with this at the end of its configuration.
    pub(crate) fn with(configuration: &str) -> Self {
        let place = Self {
            directory: tempfile::tempdir().unwrap(),
            service: None,
            environment: Vec::new(),
        };
        let own = "state: state\nsocket: asaas.sock\ntenants: tenants\nlogs: { directory: logs }\ntick: 1s\n";
        place.write("asaas.yml", &format!("{own}{configuration}"));
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A tenant that is never asked to change by its load.
    pub(crate) fn tenant(&self, name: &str, public_ip: &str, min: u32, max: u32) {
        self.write(
            &format!("tenants/{name}.yml"),
            &format!(
                "version: 1\ntenant: {name}\nnetwork:\n  public_ip: {public_ip}\n  \
                 subnets: [{{ cidr: 19.0.0.0/24 }}]\ninstances: {{ min: {min}, max: {max} }}\npolicy: {{}}\n"
            ),
        );
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_asaas"));
        command
            .args(arguments)
            .current_dir(self.directory.path())
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn asaas(&self, arguments: &[&str]) -> Said {
        self.command(arguments).output().unwrap().into()
    }

    /// Starts a command and leaves it running; its output can be read.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Running {
        let child = self
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Running(Some(child))
    }

    /// Starts the service, and returns when it is ready.
    pub(crate) fn serve(&mut self) {
        let is_ready = self.start().gets_ready();
        assert!(is_ready, "{}", self.service_log());
    }

    /// Starts the service.
    pub(crate) fn start(&mut self) -> Beginning {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.path("serve.log"))
            .unwrap();
        let mut service = self
            .command(&["serve"])
            .envs(self.environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let out = service.stdout.take().unwrap();
        self.service = Some(service);
        Beginning(out)
    }

    /// What the service does.
    pub(crate) fn service_state(&mut self) -> ServiceState {
        let Some(service) = &mut self.service else {
            return ServiceState::Ended;
        };
        if service.try_wait().unwrap().is_some() {
            self.service = None;
            return ServiceState::Ended;
        }
        let stat = fs::read_to_string(format!("/proc/{}/stat", service.id())).unwrap_or_default();
        let state = stat.rsplit(") ").next().unwrap_or_default();
        if state.starts_with('T') {
            ServiceState::Stopped
        } else {
            ServiceState::Runs
        }
    }

    /// SIGCONT.
    pub(crate) fn go_on(&self) {
        if let Some(service) = &self.service {
            signal(service, Signal::SIGCONT);
        }
    }

    pub(crate) fn service_log(&self) -> String {
        fs::read_to_string(self.path("serve.log")).unwrap_or_default()
    }

    /// The id of the service's process.
    pub(crate) fn process(&self) -> u32 {
        self.service.as_ref().expect("the service runs").id()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        if let Some(mut service) = self.service.take() {
            service.kill().unwrap();
            service.wait().unwrap();
        }
    }

    /// SIGTERM; the exit code.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        let mut service = self.service.take().expect("the service runs");
        signal(&service, Signal::SIGTERM);
        ended(&mut service)
    }

    /// Asks until the answer is as it should be; its last form where it never is.
    #[track_caller]
    pub(crate) fn until(&self, arguments: &[&str], is_right: impl Fn(&Said) -> bool) -> Said {
        let began = Instant::now();
        loop {
            let said = self.asaas(arguments);
            if is_right(&said) {
                return said;
            }
            assert!(began.elapsed() < LIMIT, "{said:?}\n{}", self.service_log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The ids of a tenant's instances, sorted.
    pub(crate) fn instances(&self, tenant: &str) -> Vec<String> {
        let report = self.asaas(&["status", tenant, "--json"]).json();
        let instances = report["status"]["instances"].as_array().unwrap();
        let mut ids: Vec<String> = instances
            .iter()
            .map(|shown| shown["instance"]["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What the service does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServiceState {
    Runs,
    Stopped,
    Ended,
}

/// A service that was started.
pub(crate) struct Beginning(ChildStdout);

impl Beginning {
    /// Waits until it answers requests; false where it ends instead.
    pub(crate) fn gets_ready(self) -> bool {
        let mut line = String::new();
        BufReader::new(self.0).read_line(&mut line).unwrap();
        line.starts_with("READY")
    }
}

/// A command that runs.
pub(crate) struct Running(Option<Child>);

impl Running {
    /// Reads one line of its output, then lets go of it.
    pub(crate) fn read_a_line_and_leave(&mut self) -> String {
        let out = self.0.as_mut().unwrap().stdout.take().unwrap();
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).unwrap();
        line
    }

    /// Reads one line of its output.
    pub(crate) fn line(&mut self) -> String {
        let out = self.0.as_mut().unwrap().stdout.as_mut().unwrap();
        let mut line = String::new();
        // One byte at a time: nothing of the next line is taken away.
        BufReader::with_capacity(1, out)
            .read_line(&mut line)
            .unwrap();
        line
    }

    /// Reads one line of what it tells.
    pub(crate) fn error_line(&mut self) -> String {
        let err = self.0.as_mut().unwrap().stderr.as_mut().unwrap();
        let mut line = String::new();
        BufReader::with_capacity(1, err)
            .read_line(&mut line)
            .unwrap();
        line
    }

    pub(crate) fn interrupt(&self) {
        signal(self.0.as_ref().unwrap(), Signal::SIGINT);
    }

    pub(crate) fn end(mut self) -> Said {
        self.0.take().unwrap().wait_with_output().unwrap().into()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn signal(child: &Child, signal: Signal) {
    let id = i32::try_from(child.id()).unwrap();
    kill(Pid::from_raw(id), signal).unwrap();
}

fn ended(child: &mut Child) -> Option<i32> {
    let began = Instant::now();
    while began.elapsed() < LIMIT {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("it does not end");
}

/// What differs from run to run, made equal: ids, times, durations, the place.
pub(crate) fn settled(text: &str, place: &Path) -> String {
    let text = text.replace(&place.display().to_string(), "PLACE");
    let mut lines = Vec::new();
    for line in text.lines() {
        let words: Vec<String> = line.split(' ').map(word).collect();
        lines.push(words.join(" "));
    }
    lines.join("\n") + "\n"
}

fn word(word: &str) -> String {
    let bare = word.trim_end_matches([',', ':', ';', '.']);
    let tail = &word[bare.len()..];
    if bare.len() == 15 && bare.starts_with("i-") {
        return format!("i-0000000000000{tail}");
    }
    if bare.parse::<jiff::Timestamp>().is_ok() {
        return format!("TIME{tail}");
    }
    word.to_owned()
}
