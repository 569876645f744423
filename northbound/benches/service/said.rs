//! What is read of the service's own log, and of the kernel's account of it.

use std::fs;
use std::net::Ipv4Addr;

use controller::id::InstanceId;
use jiff::Timestamp;

use crate::host::Host;

/// What the service says while an instance comes.
#[derive(Debug)]
pub(crate) struct Log(String);

impl Log {
    pub(crate) fn of(host: &Host) -> Self {
        Self(fs::read_to_string(host.path("serve.log")).unwrap())
    }

    /// How long the runtime took to run this instance, in milliseconds.
    pub(crate) fn runtime(&self, instance: InstanceId) -> f64 {
        let (id, name) = (format!("instance={instance}"), "instance started");
        let line = self
            .0
            .lines()
            .find(|line| line.contains(name) && has(line, &id));
        let line = line.unwrap_or_else(|| panic!("no `{name}` of {instance} in the service's log"));
        let words = line.split_whitespace();
        let mut took = words.filter_map(|word| word.strip_prefix("run_ms="));
        took.next().unwrap().parse().unwrap()
    }

    /// When who has this address was found to be healthy, within this time.
    pub(crate) fn healthy(
        &self,
        address: Ipv4Addr,
        within: (Timestamp, Timestamp),
    ) -> Option<Timestamp> {
        let start = format!("address={address}:");
        let lines = self.0.lines().filter(|line| {
            line.contains("health changed") && has(line, "health=Healthy") && line.contains(&start)
        });
        lines
            .filter_map(|line| line.split(' ').next()?.parse::<Timestamp>().ok())
            .find(|at| (within.0..=within.1).contains(at))
    }
}

fn has(line: &str, word: &str) -> bool {
    line.split_whitespace().any(|said| said == word)
}

/// What a process has and has used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    /// Resident, in KiB.
    pub(crate) resident: u64,
    /// The part of it that no file backs.
    pub(crate) anonymous: u64,
    /// Ticks of the processor, its ended children's included.
    pub(crate) ticks: u64,
}

impl Account {
    /// Of the service that runs in this host's directory.
    pub(crate) fn of(host: &Host) -> Self {
        let directory = host.path("").canonicalize().unwrap();
        let entries = fs::read_dir("/proc").unwrap();
        let is_it = |path: &std::path::Path| {
            let command = fs::read(path.join("cmdline")).unwrap_or_default();
            command.ends_with(b"asaas\0serve\0")
                && fs::read_link(path.join("cwd")).is_ok_and(|at| at == directory)
        };
        let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let process = paths.find(|path| is_it(path)).expect("the service runs");
        let status = fs::read_to_string(process.join("status")).unwrap();
        let kib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.unwrap().split_whitespace().next().unwrap();
            number.parse().unwrap()
        };
        let stat = fs::read_to_string(process.join("stat")).unwrap();
        // The name in brackets may hold anything; what follows it are numbers. utime, stime, cutime, cstime: proc(5) 14 to 17.
        let (_, numbers) = stat.rsplit_once(')').unwrap();
        let used = numbers.split_whitespace().skip(11).take(4);
        Self {
            resident: kib("VmRSS:"),
            anonymous: kib("RssAnon:"),
            ticks: used.map(|ticks| ticks.parse::<u64>().unwrap()).sum(),
        }
    }
}

/// What else the machine does: whoever reads a figure wants to know.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap();
    let words: Vec<&str> = text.split(' ').take(3).collect();
    words.join(", ")
}
