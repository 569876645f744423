//! Starts monitors, and ends them.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};

/// A process that was started, and its monitor: both end with this.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    is_beside: bool,
    settings: String,
}

impl Running {
    /// A monitor.
    pub(crate) fn alone(settings: &str) -> Self {
        Self::start(settings, &[], false)
    }

    /// An application with a monitor beside it.
    pub(crate) fn beside(settings: &str, application: &[&str]) -> Self {
        let arguments = [&["--"], application].concat();
        Self::start(settings, &arguments, true)
    }

    fn start(settings: &str, arguments: &[&str], is_beside: bool) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_asaas-monitor"))
            .args(arguments)
            .env("ASAAS_MONITOR", settings)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            child,
            is_beside,
            settings: settings.to_owned(),
        }
    }

    /// All that it writes until its end.
    pub(crate) fn said(&mut self) -> String {
        let mut said = String::new();
        let mut stdout = self.child.stdout.take().unwrap();
        stdout.read_to_string(&mut said).unwrap();
        said
    }

    /// How much memory it takes, in KiB.
    pub(crate) fn resident(&self) -> u64 {
        let status = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.unwrap_or(0)
    }

    /// The monitor outlives an application that ends: it is found by the settings that no other process has.
    fn end_monitor(&self) {
        let mark = self.settings.split(",every=").next().unwrap_or_default();
        let mark = format!("ASAAS_MONITOR={mark},");
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
            let environment = String::from_utf8_lossy(&environment).into_owned();
            let is_it = environment
                .split('\0')
                .any(|entry| entry.starts_with(&mark));
            if is_it && let Some(process) = entry.file_name().to_str() {
                // It may have ended meanwhile.
                let _ = Command::new("kill").arg(process).status();
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if self.is_beside && self.settings.contains(',') {
            self.end_monitor();
        }
    }
}
