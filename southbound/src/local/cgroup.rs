//! Control groups, of both versions: who runs, how to end them all, and what they use.
//!
//! Whether an instance runs is asked here and not of the runtime: one small file of the kernel's tells it in some 20 µs, for
//! any runtime and at any time, where `runc state` forks and takes 8 ms, and the runtime's own state file differs from
//! runtime to runtime and can be stale.
//!
//! ```text
//! version 1 (also hybrid)                             version 2
//! /sys/fs/cgroup/memory/asaas/<deployment>/<name>/    /sys/fs/cgroup/asaas/<deployment>/<name>/
//! /sys/fs/cgroup/cpu/asaas/<deployment>/<name>/ …
//! ```

mod disk;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::Instant;

pub(super) use disk::Moved;

/// Processes that were killed are gone within milliseconds, unless the kernel itself is stuck.
const END_LIMIT: Duration = Duration::from_secs(5);
/// From one look at whether they are gone to the next.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Somebody removes the common parent while we make a group in it: so often we begin again.
const MAKE_TRIES: usize = 16;

/// Where this machine's hierarchies are mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hierarchies {
    /// Every one in which a container gets a group.
    mounts: Vec<PathBuf>,
    layout: Layout,
}

/// Which files tell what is used.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Layout {
    /// One hierarchy for each controller.
    One {
        cpu: PathBuf,
        cpuacct: PathBuf,
        memory: PathBuf,
        /// Not every kernel has it, and only a metric is missing without.
        blkio: Option<PathBuf>,
    },
    /// One for all.
    Two { unified: PathBuf },
}

impl Hierarchies {
    /// Those of this machine.
    pub(super) fn of_machine() -> Result<Self, String> {
        let mounts = fs::read_to_string("/proc/self/mountinfo")
            .map_err(|cause| format!("reading /proc/self/mountinfo: {cause}"))?;
        Self::parse(&mounts)
    }

    /// See proc(5) for the fields: `id parent major:minor root mount-point options … - type source super-options`.
    fn parse(mountinfo: &str) -> Result<Self, String> {
        let mut by_device: BTreeMap<&str, PathBuf> = BTreeMap::new();
        let mut controllers: BTreeMap<&str, PathBuf> = BTreeMap::new();
        let mut unified = None;
        for line in mountinfo.lines() {
            let Some((place, kind)) = line.split_once(" - ") else {
                continue;
            };
            let place: Vec<&str> = place.split(' ').collect();
            let kind: Vec<&str> = kind.split(' ').collect();
            let (&[_, _, device, "/", at, ..], &[kind, _, options]) = (&place[..], &kind[..])
            else {
                continue;
            };
            if !kind.starts_with("cgroup") || by_device.contains_key(device) {
                continue;
            }
            by_device.insert(device, PathBuf::from(at));
            if kind == "cgroup2" && at == "/sys/fs/cgroup" {
                unified = Some(PathBuf::from(at));
            }
            if kind == "cgroup" {
                controllers.extend(options.split(',').map(|option| (option, PathBuf::from(at))));
            }
        }
        let mounts: Vec<PathBuf> = by_device.into_values().collect();
        if let Some(unified) = unified {
            let layout = Layout::Two { unified };
            return Ok(Self { mounts, layout });
        }
        let blkio = controllers.remove("blkio");
        let mut controller = |name: &str| {
            controllers.remove(name).ok_or_else(|| {
                format!("no controller `{name}`; hint: mount control groups, version 2 or 1")
            })
        };
        let layout = Layout::One {
            cpu: controller("cpu")?,
            cpuacct: controller("cpuacct")?,
            memory: controller("memory")?,
            blkio,
        };
        Ok(Self { mounts, layout })
    }

    /// The one whose list of processes is read.
    fn listing(&self) -> &Path {
        match &self.layout {
            Layout::One { memory, .. } => memory,
            Layout::Two { unified } => unified,
        }
    }

    /// The numbers of the processes in this group, living ones only; none where there is no group.
    pub(super) fn pids(&self, group: &Path) -> io::Result<Vec<i32>> {
        let file = at(self.listing(), group).join("cgroup.procs");
        match fs::read_to_string(&file) {
            Ok(text) => Ok(text.lines().filter_map(|line| line.parse().ok()).collect()),
            Err(cause) if is_gone(&cause) => Ok(Vec::new()),
            Err(cause) => Err(cause),
        }
    }

    /// Makes the group exist in every hierarchy before the runtime does, so that whoever clears away the common parents when
    /// they are empty finds them in use.
    pub(super) fn make(&self, group: &Path) -> io::Result<()> {
        for mount in &self.mounts {
            let directory = at(mount, group);
            let mut tries = 0..MAKE_TRIES;
            loop {
                match fs::create_dir_all(&directory) {
                    Ok(()) => break,
                    Err(cause) if is_gone(&cause) && tries.next().is_some() => {}
                    Err(cause) => return Err(cause),
                }
            }
        }
        Ok(())
    }

    /// Asks the group's first process to end and waits for it, `grace` at most. Where it would not hear it, for it has no
    /// handler and is the first of its namespace, it is not asked.
    pub(super) async fn ask_to_end(
        &self,
        group: &Path,
        first: i32,
        grace: Duration,
    ) -> io::Result<()> {
        if !self.pids(group)?.contains(&first) || !hears_sigterm(first) {
            return Ok(());
        }
        signal(first, Signal::SIGTERM)?;
        let deadline = Instant::now() + grace;
        while Instant::now() < deadline && !self.pids(group)?.is_empty() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Kills everything in the group until nothing is left in it.
    pub(super) async fn kill_all(&self, group: &Path) -> io::Result<()> {
        let deadline = Instant::now() + END_LIMIT;
        loop {
            let pids = self.pids(group)?;
            if pids.is_empty() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(io::Error::other(format!(
                    "processes {pids:?} do not die within {END_LIMIT:?}"
                )));
            }
            for pid in pids {
                signal(pid, Signal::SIGKILL)?;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Removes the group, and its parents where nothing else is in them. `Ok` where it is gone already.
    pub(super) async fn remove(&self, group: &Path) -> io::Result<()> {
        let deadline = Instant::now() + END_LIMIT;
        for mount in &self.mounts {
            loop {
                match fs::remove_dir(at(mount, group)) {
                    Ok(()) => break,
                    Err(cause) if is_gone(&cause) => break,
                    // The last process is dead and not yet buried.
                    Err(cause) if is_busy(&cause) && Instant::now() < deadline => {
                        tokio::time::sleep(LOOK_EVERY).await;
                    }
                    Err(cause) => return Err(cause),
                }
            }
            for parent in group.ancestors().skip(1).take(2) {
                match fs::remove_dir(at(mount, parent)) {
                    Err(cause) if !is_gone(&cause) && !is_busy(&cause) => return Err(cause),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// What the group has used and may use; `None` where any of it cannot be read or has no limit.
    pub(super) fn usage(&self, group: &Path) -> Option<Usage> {
        match &self.layout {
            Layout::One {
                cpu,
                cpuacct,
                memory,
                blkio: _,
            } => {
                let (cpu, memory) = (at(cpu, group), at(memory, group));
                let used = number(&memory.join("memory.usage_in_bytes"))?;
                let cache = field(&memory.join("memory.stat"), "total_inactive_file")?;
                Some(Usage {
                    cpu_ns: number(&at(cpuacct, group).join("cpuacct.usage"))?,
                    quota_us: number(&cpu.join("cpu.cfs_quota_us"))?,
                    period_us: number(&cpu.join("cpu.cfs_period_us"))?,
                    memory: used.saturating_sub(cache),
                    memory_limit: number(&memory.join("memory.limit_in_bytes"))?,
                })
            }
            Layout::Two { unified } => {
                let group = at(unified, group);
                let limit = fs::read_to_string(group.join("cpu.max")).ok()?;
                let (quota, period) = limit.trim().split_once(' ')?;
                let used = number(&group.join("memory.current"))?;
                let cache = field(&group.join("memory.stat"), "inactive_file")?;
                Some(Usage {
                    cpu_ns: field(&group.join("cpu.stat"), "usage_usec")?.checked_mul(1_000)?,
                    quota_us: quota.parse().ok()?,
                    period_us: period.parse().ok()?,
                    memory: used.saturating_sub(cache),
                    memory_limit: number(&group.join("memory.max"))?,
                })
            }
        }
    }

    /// What the group has moved to and from disks.
    pub(super) fn moved(&self, group: &Path, pids: &[i32]) -> Moved {
        match &self.layout {
            Layout::One { blkio, .. } => {
                let group = blkio.as_ref().map(|blkio| at(blkio, group));
                disk::of_version_one(group.as_deref(), pids)
            }
            Layout::Two { unified } => disk::of_version_two(&at(unified, group)),
        }
    }
}

/// What a group has used and may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Usage {
    /// Processor time since it was made.
    pub(super) cpu_ns: u64,
    /// So much of it …
    pub(super) quota_us: u64,
    /// … in so much time is its limit.
    pub(super) period_us: u64,
    /// In bytes, without the cached files that the kernel would give up first.
    pub(super) memory: u64,
    /// In bytes.
    pub(super) memory_limit: u64,
}

/// `group` is absolute, as the runtime wants it.
fn at(mount: &Path, group: &Path) -> PathBuf {
    mount.join(group.strip_prefix("/").unwrap_or(group))
}

/// A group that is going answers `ENODEV`.
fn is_gone(cause: &io::Error) -> bool {
    let errno = cause.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::ENOENT | Errno::ENODEV))
}

fn is_busy(cause: &io::Error) -> bool {
    let errno = cause.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EBUSY | Errno::ENOTEMPTY))
}

/// `Ok` where the process is gone already.
fn signal(pid: i32, signal: Signal) -> io::Result<()> {
    match kill(Pid::from_raw(pid), signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Whether the process has a handler for SIGTERM. The first process of a namespace never gets a signal that it has none for.
fn hears_sigterm(pid: i32) -> bool {
    let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else {
        return false;
    };
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    caught.is_some_and(|mask| mask & 1 << (Signal::SIGTERM as u32 - 1) != 0)
}

/// A file with one number. `max` and `-1`, which stand for no limit, are none.
fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// One line of a file of `name number` lines.
fn field(file: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| {
        let (found, value) = line.split_once(' ')?;
        (found == name).then(|| value.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
95 31 0:32 / /elsewhere/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
42 31 0:39 / / rw,relatime - ext4 /dev/vda rw
";

    #[test]
    fn a_hybrid_machine_is_read_by_its_controllers_and_each_hierarchy_counts_once() {
        let found = Hierarchies::parse(HYBRID).unwrap();

        let both = PathBuf::from("/sys/fs/cgroup/cpu,cpuacct");
        assert_eq!(
            found.layout,
            Layout::One {
                cpu: both.clone(),
                cpuacct: both,
                memory: PathBuf::from("/sys/fs/cgroup/memory"),
                blkio: None,
            }
        );
        assert_eq!(found.mounts.len(), 4);
    }

    #[test]
    fn a_machine_of_version_two_has_one_hierarchy() {
        let line =
            "26 25 0:23 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

        let found = Hierarchies::parse(line).unwrap();

        let unified = PathBuf::from("/sys/fs/cgroup");
        assert_eq!(found.mounts, std::slice::from_ref(&unified));
        assert_eq!(found.layout, Layout::Two { unified });
    }

    #[test]
    fn a_machine_without_the_memory_controller_is_told_so() {
        let line = "32 31 0:29 / /cg rw - cgroup cgroup rw,cpu,cpuacct\n";

        assert!(Hierarchies::parse(line).unwrap_err().contains("`memory`"));
    }

    #[test]
    fn usage_of_version_two_leaves_out_what_is_cached_and_knows_no_limit_as_none() {
        let place = tempfile::tempdir().unwrap();
        let unified = place.path().to_owned();
        let found = Hierarchies {
            mounts: vec![unified.clone()],
            layout: Layout::Two {
                unified: unified.clone(),
            },
        };
        let write = |name: &str, text: &str| fs::write(unified.join("g").join(name), text).unwrap();
        fs::create_dir(unified.join("g")).unwrap();
        write("cpu.stat", "usage_usec 1500\nuser_usec 1000\n");
        write("cpu.max", "10000 20000\n");
        write("memory.current", "1000\n");
        write("memory.stat", "anon 500\ninactive_file 300\n");
        write("memory.max", "4000\n");

        let usage = found.usage(Path::new("/g")).unwrap();
        write("memory.max", "max\n");

        assert_eq!((usage.cpu_ns, usage.quota_us), (1_500_000, 10_000));
        assert_eq!((usage.memory, usage.memory_limit), (700, 4_000));
        assert_eq!(found.usage(Path::new("/g")), None);
        assert_eq!(found.usage(Path::new("/none")), None);
    }
}
