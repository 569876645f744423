//! What the demo stands on, and how it is taken away again: a directory, a service, a client's namespace.
//!
//! Taking away goes the way that people take: `asaas destroy`, asked of the service, which is started once more where it is not there.
//! Everything that exists can be found from the directory alone, so that the next demo, or `asaas demo --cleanup`, can finish what a
//! killed one has left.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use controller::id::TenantName;
use netsetup::EdgeClient;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::sys::statfs::{OVERLAYFS_SUPER_MAGIC, statfs};

use super::DemoError;
use super::exec::{self, Child, Ended, MARK};
use crate::api::ServiceReport;
use crate::client::Client;

/// What the directories of demos begin with.
const PREFIX: &str = "asaas-demo-";
/// Where they may be: a container's overlay cannot lie on another overlay.
const PLACES: [&str; 3] = ["/var/tmp", "/run", "/dev/shm"];
/// The client's address, from the range for load tests.
const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 10);
/// A service that has nothing to adopt is ready within milliseconds.
const READY_LIMIT: Duration = Duration::from_secs(20);
/// The service ends its ticks first.
const STOP_LIMIT: Duration = Duration::from_secs(15);
/// Connections are drained first.
const DESTROY_LIMIT: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(50);

/// What the demo stands on.
#[derive(Debug)]
pub(super) struct Stage {
    dir: PathBuf,
    /// Held while this demo lives.
    _lock: Flock<File>,
    service: Option<Child>,
    pub(super) load: Option<Child>,
    client: Option<EdgeClient>,
    /// The salt of all its names in the kernel, once the service has told it.
    deployment: Option<String>,
}

/// What a stage is built for.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    /// The instances' root.
    pub(super) root: &'a Path,
    /// Where the tenants' files are.
    pub(super) tenants: &'a Path,
    /// Where the log files go.
    pub(super) logs: &'a Path,
}

impl Stage {
    /// A new directory, with the operator's configuration in it.
    pub(super) fn build(plan: &Plan<'_>) -> Result<Self, DemoError> {
        let failed = |cause| DemoError::io("make a directory for the demo", cause);
        let place = places().next().ok_or(DemoError::NoPlace)?;
        let dir = place.join(format!("{PREFIX}{}", std::process::id()));
        std::fs::create_dir_all(&dir).map_err(failed)?;
        let stage = Self::open(dir)
            .map_err(failed)?
            .ok_or_else(|| failed(io::Error::other("another demo holds it")))?;
        std::fs::write(stage.config(), configuration(&stage.dir, plan)).map_err(failed)?;
        Ok(stage)
    }

    /// The stages of demos that are not there any more.
    pub(super) fn abandoned() -> Vec<Self> {
        places()
            .filter_map(|place| std::fs::read_dir(place).ok())
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| {
                let name = path.file_name().and_then(|name| name.to_str());
                name.is_some_and(|name| name.starts_with(PREFIX))
            })
            .filter_map(|dir| Self::open(dir).ok()?)
            .collect()
    }

    /// `None` where its demo still lives.
    fn open(dir: PathBuf) -> io::Result<Option<Self>> {
        let file = File::create(dir.join("lock"))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Some(Self {
                dir,
                _lock: lock,
                service: None,
                load: None,
                client: None,
                deployment: None,
            })),
            Err((_, Errno::EWOULDBLOCK)) => Ok(None),
            Err((_, error)) => Err(error.into()),
        }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn api(&self) -> Client {
        Client::new(&self.dir.join("asaas.sock"))
    }

    fn config(&self) -> PathBuf {
        self.dir.join("asaas.yml")
    }

    /// `asaas --config … <words>`
    fn words(&self, words: &[&str]) -> Vec<OsString> {
        let mut all: Vec<OsString> = vec!["--config".into(), self.config().into()];
        all.extend(words.iter().map(Into::into));
        all
    }

    /// Runs one command of `asaas` against this stage's service.
    pub(super) async fn asaas(&self, words: &[&str], limit: Duration) -> Result<Ended, DemoError> {
        exec::run(&self.words(words), limit)
            .await
            .map_err(|cause| DemoError::io("run asaas", cause))
    }

    /// Starts the service and waits until it answers.
    pub(super) async fn serve(&mut self) -> Result<(), DemoError> {
        let log = self.dir.join("serve.log");
        let failed = |cause| DemoError::io("start asaas serve", cause);
        let service = Child::start(
            &mark(&self.dir),
            &self.words(&["serve"]),
            &self.dir.join("serve.out"),
            &log,
        );
        let service = self.service.insert(service.map_err(failed)?);
        let began = Instant::now();
        loop {
            let client = Client::new(&self.dir.join("asaas.sock"));
            if let Ok(report) = client.get::<ServiceReport>("/v1/service").await {
                self.deployment = Some(report.deployment);
                return Ok(());
            }
            if service.ended().is_some() || began.elapsed() > READY_LIMIT {
                return Err(DemoError::Service { said: tail(&log) });
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Joins the client's namespace to the edge; answers with its path.
    pub(super) async fn join(&mut self) -> Result<PathBuf, DemoError> {
        let deployment = self.deployment.as_deref().unwrap_or_default();
        let client = EdgeClient::join(deployment, CLIENT).await?;
        let path = client.path();
        self.client = Some(client);
        Ok(path)
    }

    /// Starts the load generator.
    pub(super) fn send(&mut self, words: &[OsString]) -> Result<(), DemoError> {
        let mut all: Vec<OsString> = vec!["load".into()];
        all.extend_from_slice(words);
        let child = Child::start(
            &mark(&self.dir),
            &all,
            &self.summary(),
            &self.dir.join("load.log"),
        );
        self.load = Some(child.map_err(|cause| DemoError::io("start asaas load", cause))?);
        Ok(())
    }

    /// Where the load generator's summary is.
    pub(super) fn summary(&self) -> PathBuf {
        self.dir.join("load.json")
    }

    /// Takes everything away but the directory. Goes on past errors and answers with all of them, in words.
    pub(super) async fn strike(&mut self, tenant: &TenantName) -> Vec<String> {
        let mut troubles = Vec::new();
        if let Some(load) = self.load.take() {
            drop(load.end(Signal::SIGKILL, STOP_LIMIT).await);
        }
        self.end_strangers();
        if self.dir.join("state").exists() {
            if let Err(error) = self.destroy(tenant).await {
                troubles.push(error.to_string());
            }
            if let Err(error) = self.leave().await {
                troubles.push(error.to_string());
            }
        }
        if let Some(service) = self.service.take()
            && let Err(error) = service.end(Signal::SIGTERM, STOP_LIMIT).await
        {
            troubles.push(format!("the service did not end: {error}"));
        }
        if let Some(deployment) = &self.deployment
            && let Err(error) = netsetup::lift_fences(deployment)
        {
            troubles.push(format!(
                "the epochs of its changes are still there: {error}"
            ));
        }
        troubles.extend(self.remains(tenant));
        troubles
    }

    /// Takes the directory away too, with what may still be mounted in it.
    pub(super) fn remove(self) -> io::Result<()> {
        // The innermost come last in the kernel's list, and go first.
        for mount in mounts_below(&self.dir).iter().rev() {
            umount2(mount, MntFlags::MNT_DETACH)?;
        }
        std::fs::remove_dir_all(&self.dir)
    }

    /// Asks for the tenant's end, of the service that runs, or of one that is started for it.
    async fn destroy(&mut self, tenant: &TenantName) -> Result<(), DemoError> {
        let is_running = self
            .service
            .as_mut()
            .is_some_and(|service| service.ended().is_none());
        if !is_running {
            self.serve().await?;
        }
        let known = format!("/v1/tenants/{tenant}");
        if self.api().get::<serde_json::Value>(&known).await.is_err() {
            return Ok(());
        }
        let words = [
            "destroy",
            tenant.as_str(),
            "--yes",
            "--wait",
            "--timeout",
            "50s",
        ];
        let ended = self.asaas(&words, DESTROY_LIMIT).await?;
        if ended.status.success() {
            Ok(())
        } else {
            Err(DemoError::Command {
                command: words.join(" "),
                said: ended.stderr,
            })
        }
    }

    async fn leave(&mut self) -> Result<(), DemoError> {
        let Some(deployment) = self.deployment.clone() else {
            return Ok(());
        };
        let client = match self.client.take() {
            Some(client) => client,
            // A demo that was killed may have made it: it is found, or made to be removed.
            None => EdgeClient::join(&deployment, CLIENT).await?,
        };
        Ok(client.leave().await?)
    }

    /// Ends what a killed demo has left running: the service, which is started anew, and the load.
    fn end_strangers(&self) {
        if self.service.is_some() {
            return;
        }
        for pid in exec::asaas_with(&marked(&self.dir)) {
            // It may end in this very moment.
            let _ = kill(pid, Signal::SIGKILL);
        }
    }

    /// What is still there although it should not be, in words.
    fn remains(&self, tenant: &TenantName) -> Vec<String> {
        let mut remains: Vec<String> = mounts_below(&self.dir)
            .iter()
            .map(|mount| format!("{} is still mounted", mount.display()))
            .collect();
        for pid in exec::processes_with(&marked(&self.dir)) {
            remains.push(format!("process {pid} still runs"));
        }
        if let Some(deployment) = &self.deployment {
            let groups = control_groups(deployment);
            remains.extend(
                groups
                    .iter()
                    .map(|path| format!("{} is still there", path.display())),
            );
            match netsetup::remains(deployment, std::slice::from_ref(tenant), &[CLIENT]) {
                Ok(names) => {
                    remains.extend(
                        names
                            .iter()
                            .map(|name| format!("namespace {name} is still there")),
                    );
                }
                Err(error) => remains.push(format!("namespaces cannot be listed: {error}")),
            }
        }
        remains
    }
}

/// How the environment of everything that runs in this demo says so.
fn marked(dir: &Path) -> String {
    format!("{MARK}={}\0", mark(dir))
}

fn mark(dir: &Path) -> String {
    dir.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// Directories on which overlays can be made.
fn places() -> impl Iterator<Item = PathBuf> {
    std::iter::once(std::env::temp_dir())
        .chain(PLACES.iter().map(PathBuf::from))
        .filter(|place| {
            statfs(place).is_ok_and(|found| found.filesystem_type() != OVERLAYFS_SUPER_MAGIC)
        })
}

fn configuration(dir: &Path, plan: &Plan<'_>) -> String {
    let quoted = |path: &Path| {
        serde_json::to_string(&path.to_string_lossy()).expect("a text is JSON, which is YAML too")
    };
    format!(
        "state: {state}\n\
         socket: {socket}\n\
         tenants: {tenants}\n\
         logs: {{ directory: {logs} }}\n\
         tick: 1s\n\
         clouds:\n\
         - {{ name: local-a, kind: local, capacity: 3 }}\n\
         - {{ name: local-b, kind: local, capacity: 4 }}\n\
         templates:\n\
         \x20 web:\n\
         \x20   root: {root}\n\
         \x20   command: [/bin/demo-app]\n\
         \x20   cpu: 0.2\n\
         \x20   memory: 64MiB\n\
         \x20   env: {{ {MARK}: {mark} }}\n",
        state = quoted(&dir.join("state")),
        socket = quoted(&dir.join("asaas.sock")),
        tenants = quoted(plan.tenants),
        logs = quoted(plan.logs),
        root = quoted(plan.root),
        mark = quoted(Path::new(&mark(dir))),
    )
}

/// The last lines of a log, for a person.
pub(super) fn tail(path: &Path) -> String {
    const LINES: usize = 12;
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

fn mounts_below(dir: &Path) -> Vec<PathBuf> {
    let table = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    table
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .map(PathBuf::from)
        .filter(|mount| mount.starts_with(dir))
        .collect()
}

/// The control groups of a deployment, whichever version the machine has.
fn control_groups(deployment: &str) -> Vec<PathBuf> {
    let top = Path::new("/sys/fs/cgroup");
    let below = std::fs::read_dir(top).into_iter().flatten();
    below
        .filter_map(|entry| Some(entry.ok()?.path()))
        .chain([top.to_owned()])
        .map(|hierarchy| hierarchy.join("asaas").join(deployment))
        .filter(|group| group.exists())
        .collect()
}
