//! The programs that the demo runs: `asaas` itself, as a person would.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Command;
use tokio::time::timeout;

/// After SIGKILL a process is gone at once, unless the kernel itself is stuck.
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// A program that runs beside the demo. Killed when this is dropped.
#[derive(Debug)]
pub(super) struct Child {
    child: tokio::process::Child,
}

/// What a program has said and how it ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// The variable that every process of a demo has in its environment, its instances' too.
pub(super) const MARK: &str = "DEMO_OF";

fn asaas<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    // This very program, also where its file was replaced by a newer one meanwhile.
    let mut command = Command::new("/proc/self/exe");
    // In a group of its own, so that Ctrl-C reaches the demo alone, which then ends the others in order.
    command
        .arg0("asaas")
        .args(args)
        .stdin(Stdio::null())
        .process_group(0)
        .env_remove("ASAAS_SOCKET")
        .env_remove("ASAAS_CONFIG")
        .kill_on_drop(true);
    command
}

impl Child {
    /// Starts `asaas`, marked, with its output going to files.
    pub(super) fn start(
        mark: &str,
        args: &[OsString],
        stdout: &Path,
        stderr: &Path,
    ) -> io::Result<Self> {
        let child = asaas(args)
            .env(MARK, mark)
            .stdout(File::create(stdout)?)
            .stderr(File::options().create(true).append(true).open(stderr)?)
            .spawn()?;
        Ok(Self { child })
    }

    /// How it has ended; `None` while it runs.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Sends it a signal; nothing where it has ended.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
            // It may end in this very moment.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// Asks it to end, waits so long, and then ends it.
    pub(super) async fn end(mut self, signal: Signal, limit: Duration) -> io::Result<ExitStatus> {
        self.signal(signal);
        if let Ok(status) = timeout(limit, self.child.wait()).await {
            return status;
        }
        self.child.start_kill()?;
        timeout(KILL_LIMIT, self.child.wait())
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

/// Runs `asaas` to its end, or so long at most.
pub(super) async fn run(args: &[OsString], limit: Duration) -> io::Result<Ended> {
    let output = asaas(args).output();
    let output = match timeout(limit, output).await {
        Ok(output) => output?,
        Err(_) => {
            return Ok(Ended {
                status: ExitStatus::from_raw(Signal::SIGKILL as i32),
                stdout: String::new(),
                stderr: format!("it was killed, as it took more than {limit:?}"),
            });
        }
    };
    Ok(Ended {
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Those of them that are `asaas`, and so no instances.
pub(super) fn asaas_with(text: &str) -> Vec<Pid> {
    processes(|process| {
        let program = std::fs::read_link(process.join("exe")).unwrap_or_default();
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("asaas") && has(&process.join("environ"), text)
    })
}

/// Processes that have this text in their environment.
pub(super) fn processes_with(text: &str) -> Vec<Pid> {
    processes(|process| has(&process.join("environ"), text))
}

/// Ends the container whose processes have this text in their environment, as a machine that fails would: its first process is killed
/// from outside, and the kernel ends the others. Answers with what was killed.
pub(super) fn kill_container_with(text: &str) -> Option<Pid> {
    let is_first = |process: &Pid| {
        let status = std::fs::read_to_string(format!("/proc/{process}/status"));
        let numbers = status.unwrap_or_default();
        let numbers = numbers.lines().find_map(|line| line.strip_prefix("NSpid:"));
        let numbers: Vec<&str> = numbers.unwrap_or_default().split_whitespace().collect();
        numbers.len() > 1 && numbers.last() == Some(&"1")
    };
    let first = processes_with(text).into_iter().find(is_first)?;
    kill(first, Signal::SIGKILL).ok()?;
    Some(first)
}

fn has(file: &Path, text: &str) -> bool {
    std::fs::read(file).is_ok_and(|bytes| {
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    })
}

fn processes(is_one: impl Fn(&Path) -> bool) -> Vec<Pid> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter_map(|path| Some((path.file_name()?.to_str()?.parse().ok()?, path)))
        .filter(|(pid, path)| *pid != Pid::this().as_raw() && is_one(path))
        .map(|(pid, _)| Pid::from_raw(pid))
        .collect()
}
