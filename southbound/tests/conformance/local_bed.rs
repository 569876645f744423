//! The local cloud for real: containers in plain namespaces, on a root with nothing but busybox in it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use controller::id::{CloudName, InstanceId, ProviderId, TemplateName, TenantName};
use controller::ports::{CloudState, InstanceSeen, Launch, Southbound};
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::statfs::{NSFS_MAGIC, statfs};
use southbound::local::{Cable, CableError, CableRequest, LocalCloud, LocalSettings, Template};

use crate::exec;
use southbound::conformance::{Bed, CAPACITY, launch, tenant};

/// Anything on this machine takes less than this, however busy it is.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// Where namespaces that have a name are bound.
const NAMESPACES: &str = "/run/netns";

/// Namespaces with no way out, by name. Made by this very process, as the data plane makes them: a program that is run for it
/// would outlive a killed service, and still be at work when the next one looks.
pub(crate) struct PlainCable {
    prefix: String,
}

impl PlainCable {
    fn path(&self, instance: InstanceId) -> PathBuf {
        Path::new(NAMESPACES).join(format!("{}-{instance}", self.prefix))
    }
}

/// Makes a namespace exist. A file alone, left by a service that was killed between the two steps, is not one.
fn make_namespace(path: &Path) -> io::Result<()> {
    if statfs(path).is_ok_and(|found| found.filesystem_type() == NSFS_MAGIC) {
        return Ok(());
    }
    fs::create_dir_all(NAMESPACES)?;
    File::create(path)?;
    let none = None::<&str>;
    std::thread::scope(|scope| {
        let bind = || {
            unshare(CloneFlags::CLONE_NEWNET)?;
            let own = Some("/proc/thread-self/ns/net");
            mount(own, path, none, MsFlags::MS_BIND, none)
        };
        scope.spawn(bind).join().unwrap()
    })?;
    Ok(())
}

fn delete_namespace(path: &Path) -> io::Result<()> {
    match umount2(path, MntFlags::MNT_DETACH) {
        Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) => {}
        Err(errno) => return Err(errno.into()),
    }
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
        _ => Ok(()),
    }
}

#[async_trait]
impl Cable for PlainCable {
    async fn plug(&self, request: &CableRequest) -> Result<PathBuf, CableError> {
        let path = self.path(request.instance);
        make_namespace(&path).map_err(|cause| CableError {
            instance: request.instance,
            operation: "plugged",
            detail: cause.to_string(),
        })?;
        Ok(path)
    }

    async fn unplug(
        &self,
        _tenant: &TenantName,
        _cloud: &CloudName,
        instance: InstanceId,
    ) -> Result<(), CableError> {
        delete_namespace(&self.path(instance)).map_err(|cause| CableError {
            instance,
            operation: "unplugged",
            detail: cause.to_string(),
        })
    }
}

/// A root file system with busybox, as it would be unpacked from anywhere.
fn busybox_root(at: &Path) {
    for directory in ["bin", "proc", "sys", "dev", "tmp", "etc"] {
        fs::create_dir_all(at.join(directory)).unwrap();
    }
    let hint = "the tests need a static busybox; hint: apt-get install busybox-static";
    fs::copy("/bin/busybox", at.join("bin/busybox")).expect(hint);
    fs::write(at.join("etc/motd"), "from the template\n").unwrap();
}

/// A template that runs busybox.
pub(crate) fn busybox(root: &Path, command: &[&str]) -> Template {
    let words: Vec<&str> = ["/bin/busybox"].iter().chain(command).copied().collect();
    Template::new(root, &words)
}

/// A launch of instance number `number` of tenant `demo` from template `template`.
pub(crate) fn launch_of(bed: &LocalBed, template: &str, number: u8) -> Launch {
    let mut launch = launch(bed, &tenant("demo"), number);
    launch.instance.template = template.parse().unwrap();
    launch
}

/// The tenants whose instances a bed removes.
const TENANTS: [&str; 3] = ["demo", "other", "third"];

/// A deployment of its own with one local cloud.
pub(crate) struct LocalBed {
    /// Everything that is on the disk.
    pub(crate) state: PathBuf,
    /// What salts all names.
    pub(crate) deployment: String,
    /// What its instances can be made from: `web` sleeps; more can be added.
    pub(crate) templates: BTreeMap<TemplateName, Template>,
    /// So many instances at once in each of its clouds.
    pub(crate) capacity: u32,
    /// Whether it removes everything in the end; a second bed on the same state must not.
    is_owner: bool,
}

impl LocalBed {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let deployment = format!("t{}-{number}", std::process::id());
        let state = std::env::temp_dir().join(format!("asaas-{deployment}"));
        fs::create_dir_all(&state).unwrap();
        busybox_root(&state.join("root"));
        Self::at(state, deployment, true)
    }

    fn at(state: PathBuf, deployment: String, is_owner: bool) -> Self {
        let template = busybox(&state.join("root"), &["sleep", "1000"]);
        Self {
            templates: [("web".parse().unwrap(), template)].into(),
            state,
            deployment,
            capacity: CAPACITY,
            is_owner,
        }
    }

    /// The same deployment again, in another process, who leaves it to the first to remove everything.
    pub(crate) fn again(state: PathBuf) -> Self {
        let name = state.file_name().unwrap().to_str().unwrap();
        let deployment = name.strip_prefix("asaas-").unwrap().to_owned();
        Self::at(state, deployment, false)
    }

    /// One more template, called `name`, that runs busybox with this command.
    pub(crate) fn with(mut self, name: &str, command: &[&str]) -> Self {
        let template = busybox(&self.root(), command);
        self.templates.insert(name.parse().unwrap(), template);
        self
    }

    /// The template's root.
    pub(crate) fn root(&self) -> PathBuf {
        self.state.join("root")
    }

    pub(crate) fn cloud(&self) -> LocalCloud {
        self.cloud_named("local-a")
    }

    pub(crate) fn cloud_named(&self, name: &str) -> LocalCloud {
        let cable = PlainCable {
            prefix: format!("asaas-{}", self.deployment),
        };
        self.cloud_on(name, Arc::new(cable))
    }

    pub(crate) fn cloud_on(&self, name: &str, cable: Arc<dyn Cable>) -> LocalCloud {
        let settings = LocalSettings {
            cloud: name.parse().unwrap(),
            deployment: self.deployment.clone(),
            state: self.state.join("state"),
            runtime: "runc".into(),
            capacity: self.capacity,
            templates: self.templates.clone(),
        };
        LocalCloud::new(settings, cable).unwrap()
    }

    /// Where the instances of `local-a` are.
    pub(crate) fn instances(&self) -> PathBuf {
        self.state.join("state/clouds/local-a/instances")
    }

    /// The directory of an instance of `local-a`.
    pub(crate) fn directory(&self, seen: &InstanceSeen) -> PathBuf {
        self.instances().join(&seen.provider.0)
    }

    /// The first process of an instance of `local-a`.
    pub(crate) fn pid(&self, seen: &InstanceSeen) -> i32 {
        let file = self.directory(seen).join("pid");
        fs::read_to_string(file).unwrap().trim().parse().unwrap()
    }

    /// What an instance of this bed has left on the machine outside of its state directory: mounts, control groups,
    /// namespaces and processes, each told.
    pub(crate) fn traces(&self) -> Vec<String> {
        let mut traces = Vec::new();
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let ours = |line: &&str| line.contains(&*self.state.to_string_lossy());
        traces.extend(mounts.lines().filter(ours).map(str::to_owned));
        let group = format!("asaas/{}", self.deployment);
        let hierarchies = fs::read_dir("/sys/fs/cgroup").unwrap();
        let tops = hierarchies.map(|entry| entry.unwrap().path());
        for top in tops.chain([PathBuf::from("/sys/fs/cgroup")]) {
            let group = top.join(&group);
            traces.extend(group.exists().then(|| group.display().to_string()));
        }
        let prefix = format!("asaas-{}-", self.deployment);
        let names = fs::read_dir(NAMESPACES).into_iter().flatten();
        let names = names.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        traces.extend(names.filter(|name| name.starts_with(&prefix)));
        let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let entry = entry.ok()?;
            let file = entry.path().join("cgroup");
            let groups = fs::read_to_string(&file).ok()?;
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let is_ours = groups.contains(&format!("/{group}/")) && !is_dead(pid);
            is_ours.then(|| file.display().to_string())
        });
        traces.extend(processes);
        traces
    }
}

impl Drop for LocalBed {
    /// Also after a failure; and where the code under test cannot clear away, the kernel is told directly.
    fn drop(&mut self) {
        if !self.is_owner {
            return;
        }
        for name in ["local-a", "local-b"] {
            let cloud = self.cloud_named(name);
            let ended = std::thread::spawn(move || {
                let runtime = tokio::runtime::Runtime::new().unwrap();
                runtime.block_on(async {
                    for tenant in TENANTS.map(tenant) {
                        for seen in cloud.list(&tenant).await.unwrap() {
                            cloud.terminate(&tenant, &seen.provider).await.unwrap();
                        }
                    }
                });
            });
            let _ = ended.join();
        }
        let traces = self.traces();
        let removed = fs::remove_dir_all(&self.state);
        if !std::thread::panicking() {
            assert_eq!(traces, Vec::<String>::new(), "left behind");
            removed.unwrap();
        }
    }
}

#[async_trait(?Send)]
impl Bed for LocalBed {
    fn name(&self) -> CloudName {
        "local-a".parse().unwrap()
    }

    fn template(&self) -> TemplateName {
        "web".parse().unwrap()
    }

    fn open(&self) -> Arc<dyn Southbound> {
        Arc::new(self.cloud())
    }

    async fn launch_unheard(&self, launch: &Launch) {
        let cloud = self.cloud();
        // Long enough to have begun, too short to be done: the caller goes away, and what he began goes on.
        let unheard = tokio::time::timeout(Duration::from_millis(5), cloud.launch(launch)).await;
        assert!(unheard.is_err(), "it was too quick: {unheard:?}");
        wait_until("the launch is done", async || {
            let listed = cloud.list(&launch.tenant).await.unwrap();
            listed.iter().any(|seen| seen.state == CloudState::Running)
        })
        .await;
    }

    async fn kill(&self, seen: &InstanceSeen) {
        let pid = self.pid(seen);
        exec::run("kill", &["-9", &pid.to_string()]).unwrap();
        wait_until("the process is gone", async || is_dead(pid)).await;
    }

    async fn wait_for_boot(&self) {}

    /// Another deployment's, in the same directory.
    async fn plant_foreign(&self, tenant: &TenantName) -> Option<ProviderId> {
        let id = InstanceId::new(1, 1);
        let name = southbound::tag::provider("another", &self.name(), tenant, id);
        fs::create_dir(self.instances().join(&name.0)).unwrap();
        Some(name)
    }

    async fn is_foreign_well(&self, planted: &ProviderId) -> bool {
        fs::remove_dir(self.instances().join(&planted.0)).is_ok()
    }
}

/// Whether a process runs no more; buried or not.
pub(crate) fn is_dead(pid: i32) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat
            .rsplit(')')
            .next()
            .unwrap()
            .trim_start()
            .starts_with('Z'),
        Err(_) => true,
    }
}

/// Waits until something holds; fails with it where it does not come to hold.
pub(crate) async fn wait_until(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !holds().await {
        assert!(Instant::now() < deadline, "not within {LIMIT:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
