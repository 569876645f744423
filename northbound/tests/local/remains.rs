//! What a service has made, seen without its help; and how to take it away where it cannot do so itself any more.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use controller::id::InstanceId;
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Every instance of a test has it in its environment, and so has what it runs.
pub(crate) const VARIABLE: &str = "ASAAS_TEST_OF";
/// The client's address, from the range for load tests.
pub(crate) const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 10);
/// The names that tests give to their tenants.
pub(crate) const TENANTS: [&str; 3] = ["demo", "other", "mute"];

/// What tells the things of one test from all others.
#[derive(Clone)]
pub(crate) struct Mark {
    /// Its directory.
    directory: PathBuf,
    /// Its directory's name, which is in the environment of all its processes, or in their command.
    pub(crate) value: String,
    /// What salts the names in the kernel, once it is known.
    pub(crate) deployment: Option<String>,
}

impl Mark {
    pub(crate) fn new(directory: &Path) -> Self {
        let directory = directory.canonicalize().unwrap();
        Self {
            value: directory
                .file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .trim_start_matches('.')
                .to_owned(),
            directory,
            deployment: None,
        }
    }
}

/// An instance that runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Container {
    pub(crate) id: InstanceId,
    /// Its first process.
    pub(crate) pid: i32,
}

impl Container {
    /// Its network namespace.
    pub(crate) fn netns(&self) -> PathBuf {
        format!("/proc/{}/ns/net", self.pid).into()
    }

    /// Ends it as a machine that fails would.
    pub(crate) fn kill(&self) {
        kill(Pid::from_raw(self.pid), Signal::SIGKILL).unwrap();
    }
}

/// Every instance of a tenant that runs, in order of id.
pub(crate) fn containers(mark: &Mark, tenant: &str) -> Vec<Container> {
    let mut found: Vec<Container> = processes()
        .filter(|(_, path)| is_first(path))
        .filter_map(|(pid, path)| {
            let variables = variables(&path);
            let value = |name: &str| {
                let pairs = variables.iter().filter_map(|line| line.split_once('='));
                pairs
                    .into_iter()
                    .find_map(|(key, value)| (key == name).then_some(value))
            };
            let is_ours = value(VARIABLE)? == mark.value && value("ASAAS_TENANT")? == tenant;
            let id = value("ASAAS_INSTANCE")?.parse().unwrap();
            is_ours.then_some(Container { id, pid })
        })
        .collect();
    found.sort();
    found
}

/// The instances that have a directory, by its name.
pub(crate) fn directories(state: &Path) -> Vec<String> {
    let clouds = names(&state.join("local/clouds"));
    let of_cloud = |cloud: String| names(&state.join("local/clouds").join(cloud).join("instances"));
    clouds.into_iter().flat_map(of_cloud).collect()
}

/// Everything of this tenant, where it is the only one.
pub(crate) fn of_tenant(mark: &Mark, state: &Path, tenant: &str) -> Vec<String> {
    let mut told = directories(state);
    told.extend(names(&state.join("local/shared")));
    told.extend(
        mounts(mark)
            .iter()
            .map(|mount| format!("mount {}", mount.display())),
    );
    told.extend(
        groups(mark)
            .iter()
            .map(|group| format!("control group {}", group.display())),
    );
    let wanted = [tenant.parse().unwrap()];
    let deployment = mark.deployment.as_deref().unwrap();
    let namespaces = netsetup::remains(deployment, &wanted, &[CLIENT]).unwrap();
    told.extend(namespaces.iter().map(|name| format!("namespace {name}")));
    let processes = processes().filter(|(_, path)| is_of_instance(mark, path));
    told.extend(processes.map(|(pid, _)| format!("process {pid}")));
    told
}

/// Takes everything away, whatever it is.
pub(crate) fn remove(mark: &Mark) {
    remove_all(mark, &TENANTS);
}

/// The same, of these tenants.
#[expect(clippy::print_stderr, reason = "who cleans up goes on past errors")]
pub(crate) fn remove_all(mark: &Mark, tenants: &[&str]) {
    let note = |what: &str, done: io::Result<()>| {
        if let Err(cause) = done {
            eprintln!("{what} cannot be removed: {cause}");
        }
    };
    for _ in 0..100 {
        let left: Vec<i32> = processes()
            .filter(|(_, path)| is_of_instance(mark, path) || is_runtime(mark, path))
            .map(|(pid, _)| pid)
            .collect();
        if left.is_empty() {
            break;
        }
        for pid in left {
            // It may end in this very moment.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    for mount in mounts(mark).iter().rev() {
        let done = umount2(mount, MntFlags::MNT_DETACH).map_err(io::Error::from);
        note(&mount.display().to_string(), done);
    }
    for group in groups(mark) {
        for name in names(&group) {
            // Only directories are removed like this; the kernel's own files are none.
            let _ = fs::remove_dir(group.join(name));
        }
        note(&group.display().to_string(), fs::remove_dir(&group));
        // The others' parent goes with the last of them.
        let _ = fs::remove_dir(group.parent().unwrap());
    }
    let Some(deployment) = &mark.deployment else {
        return;
    };
    let tenants: Vec<_> = tenants.iter().map(|name| name.parse().unwrap()).collect();
    for name in netsetup::remains(deployment, &tenants, &[CLIENT]).unwrap_or_default() {
        let path = Path::new("/run/netns").join(name.as_str());
        // A file alone, without a namespace, is removed all the same.
        let _ = umount2(&path, MntFlags::MNT_DETACH);
        note(name.as_str(), fs::remove_file(&path));
    }
    note("the epochs", netsetup::lift_fences(deployment));
}

/// What is mounted in the test's directory; the innermost last.
fn mounts(mark: &Mark) -> Vec<PathBuf> {
    let table = fs::read_to_string("/proc/self/mounts").unwrap();
    let points = table.lines().filter_map(|line| line.split(' ').nth(1));
    points
        .map(PathBuf::from)
        .filter(|point| point.starts_with(&mark.directory))
        .collect()
}

/// The control groups of the deployment, whichever version the machine has.
fn groups(mark: &Mark) -> Vec<PathBuf> {
    let Some(deployment) = &mark.deployment else {
        return Vec::new();
    };
    let top = Path::new("/sys/fs/cgroup");
    let hierarchies = names(top).into_iter().map(|name| top.join(name));
    hierarchies
        .chain([top.to_owned()])
        .map(|hierarchy| hierarchy.join("asaas").join(deployment))
        .filter(|group| group.exists())
        .collect()
}

fn processes() -> impl Iterator<Item = (i32, PathBuf)> {
    let entries = fs::read_dir("/proc").unwrap();
    entries.filter_map(|entry| {
        let path = entry.ok()?.path();
        Some((path.file_name()?.to_str()?.parse().ok()?, path))
    })
}

fn is_of_instance(mark: &Mark, process: &Path) -> bool {
    let wanted = format!("{VARIABLE}={}", mark.value);
    variables(process).contains(&wanted)
}

/// A runtime that a killed service has left has a bundle's directory among its arguments.
fn is_runtime(mark: &Mark, process: &Path) -> bool {
    let command = fs::read(process.join("cmdline")).unwrap_or_default();
    let directory = mark.directory.join("state/local");
    command
        .split(|&byte| byte == 0)
        .any(|word| Path::new(&*String::from_utf8_lossy(word)).starts_with(&directory))
}

/// None where the process is gone, also where it is dead and not yet buried.
fn variables(process: &Path) -> Vec<String> {
    let bytes = fs::read(process.join("environ")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    text.split('\0').map(str::to_owned).collect()
}

/// Whether it is the first process of its own namespace.
fn is_first(process: &Path) -> bool {
    let status = fs::read_to_string(process.join("status")).unwrap_or_default();
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    let numbers: Vec<&str> = numbers.unwrap_or_default().split_whitespace().collect();
    numbers.len() > 1 && numbers.last() == Some(&"1")
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
